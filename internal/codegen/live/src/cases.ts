import { Code, ConnectError } from "@connectrpc/connect";

/** A case and what must hold. */
export type Case = [name: string, check: () => Promise<void>];

/** How long a case may take on a busy machine, in milliseconds. */
const patience = 120_000;

/** Runs cases in their order, reports each, and in the end how many there were. */
export async function run(cases: Case[], report: (line: object) => void | Promise<void>): Promise<void> {
  for (const [name, check] of cases) {
    const line: { case: string; error?: string } = { case: name };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done after ${patience / 1000} s`)), patience);
    });
    try {
      await Promise.race([check(), late]);
    } catch (error) {
      line.error = error instanceof Error ? (error.stack ?? String(error)) : String(error);
    }
    clearTimeout(timer);
    await report(line);
  }
  await report({ cases: cases.length });
}

/** Fails unless got and want are the same, as JSON shows them. */
export function equal(got: unknown, want: unknown, what = ""): void {
  const [g, w] = [got, want].map((value) =>
    JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? `${v}n` : v instanceof Uint8Array ? [...v] : v)),
  );
  if (g !== w) {
    throw new Error(`${what}${what && ": "}got ${g}, want ${w}`);
  }
}

export function ok(condition: unknown, what: string): asserts condition {
  if (!condition) {
    throw new Error(what);
  }
}

/** Returns what a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("the call succeeded");
}

/** Fails unless the call fails with code, and returns its error. */
export async function rejects(code: Code, promise: Promise<unknown>): Promise<ConnectError> {
  return failed(code, await rejection(promise));
}

/** Fails unless error has that code, and returns it. */
export function failed(code: Code, error: unknown): ConnectError {
  ok(error instanceof ConnectError, `want ${Code[code]}, got ${error instanceof Error ? error.stack : String(error)}`);
  equal(Code[error.code], Code[code], `${error.message} (${String(error.cause)})`);
  return error;
}

/** What came of a stream: the messages before its end, and the error that ended it. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<{ messages: T[]; error?: unknown }> {
  const messages: T[] = [];
  try {
    for await (const message of stream) {
      messages.push(message);
    }
  } catch (error) {
    return { messages, error };
  }
  return { messages };
}

/** Requests that can be watched: whether they were asked for, and whether they were closed. */
export class Watched<T> implements AsyncIterable<T> {
  asked = 0;
  /** Resolves when return() is called. */
  readonly closed: Promise<void>;
  private close: () => void = () => {};
  private readonly source: AsyncIterator<T>;

  constructor(source: AsyncIterable<T>) {
    this.source = source[Symbol.asyncIterator]();
    this.closed = new Promise((resolve) => (this.close = resolve));
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return {
      next: () => {
        this.asked++;
        return this.source.next();
      },
      return: () => {
        this.close();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}

/** Gives the requests and then none, without an end. */
export async function* endless<T>(...requests: T[]): AsyncGenerator<T> {
  yield* requests;
  await new Promise(() => {});
}

let names = 0;

/** A name that no other call of any program has. */
export const unique = (what: string): string => `${what}-${names++}-${crypto.randomUUID()}`;

/** Lets two sides take turns; the first one may begin. */
export class Turns {
  private free = 1;
  private waiting: (() => void) | undefined;

  async take(): Promise<void> {
    if (this.free === 0) {
      await new Promise<void>((resolve) => (this.waiting = resolve));
    }
    this.free--;
  }

  give(): void {
    this.free++;
    this.waiting?.();
    this.waiting = undefined;
  }
}
