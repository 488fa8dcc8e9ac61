import { Code, ConnectError } from "@connectrpc/connect";

/** A case and what must hold. What check returns is a note for the report. */
export type Case = [name: string, check: () => Promise<string | void>];

declare global {
  interface Window {
    /** Set by drive.js: takes a line of the report. */
    report(line: object): Promise<void>;
  }
}

/** How long a case may take, in milliseconds. */
const patience = 60_000;

/** Runs cases in their order and reports them; a failed one does not stop the others. */
export async function run(cases: Case[]): Promise<void> {
  for (const [name, check] of cases) {
    const line: { case: string; note?: string; error?: string } = { case: name };
    try {
      line.note = (await Promise.race([check(), late()])) ?? undefined;
    } catch (error) {
      line.error = error instanceof Error ? (error.stack ?? String(error)) : String(error);
    }
    await window.report(line);
  }
  await window.report({ cases: cases.length });
}

function late(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`not done after ${patience / 1000} s`)), patience);
  });
}

/** Fails unless got and want are the same, as JSON shows them. */
export function equal(got: unknown, want: unknown, what = ""): void {
  const [g, w] = [got, want].map((value) =>
    JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}` : v instanceof Uint8Array ? [...v] : v)),
  );
  if (g !== w) throw new Error(`${what}${what && ": "}got ${g}, want ${w}`);
}

export function ok(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** Fails unless the call fails with code, and returns its error. */
export async function rejects(code: Code, call: Promise<unknown>): Promise<ConnectError> {
  let error: unknown;
  try {
    await call;
  } catch (failure) {
    error = failure;
  }
  ok(error, `want ${Code[code]}, the call succeeded`);
  ok(error instanceof ConnectError, `want ${Code[code]}, got ${error}`);
  equal(Code[error.code], Code[code], error.message);
  return error;
}

/** What came of a stream: the messages before its end, and the error that ended it. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<{ messages: T[]; error?: unknown }> {
  const messages: T[] = [];
  try {
    for await (const message of stream) messages.push(message);
  } catch (error) {
    return { messages, error };
  }
  return { messages };
}
