import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { ContextValues, StreamResponse, Transport } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";

/** Options of a call. */
export interface CallOptions {
  /** Metadata to send. A name that ends in "-bin" takes what encodeBinaryHeader() returns. */
  headers?: ConstructorParameters<typeof Headers>[0] | undefined;
  /**
   * How long the call may take, in milliseconds. Then it fails with
   * Code.DeadlineExceeded; if nothing is left, at once. Infinity lifts the
   * timeout of the transport.
   */
  timeoutMs?: number | undefined;
  /**
   * Cancels the call, which fails with Code.Canceled, or with
   * Code.DeadlineExceeded if the signal is one of AbortSignal.timeout().
   */
  signal?: AbortSignal | undefined;
  /** Is called with the metadata that comes before the first response, or with an error in its place. */
  onHeader?: ((header: Headers) => void) | undefined;
  /** Is called with the metadata that comes with the end of the call, be it an error or not. */
  onTrailer?: ((trailer: Headers) => void) | undefined;
  /** Values for the interceptors of the transport. */
  contextValues?: ContextValues | undefined;
}

/** A stream of requests: whatever `for await` takes, such as an async generator or an array. */
export type Requests<T> = AsyncIterable<T> | Iterable<T>;

/**
 * The responses of a call that has begun. They can be read once, by `for await`;
 * to leave the loop is to cancel the call. Who reads none must call cancel().
 */
export interface Responses<T> extends AsyncIterable<T> {
  /** Cancels the call: who waits for a response gets an error with Code.Canceled. */
  cancel(): void;
}

/** Makes a call with one request and one response. */
export async function unary<I extends DescMessage, O extends DescMessage>(
  transport: Transport,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  options?: CallOptions,
): Promise<MessageShape<O>> {
  const call = new Call(options);
  try {
    const response = await call.wait(
      call.start((o) => transport.unary(method, call.signal, call.timeoutMs, o.headers, request, o.contextValues)),
    );
    call.header(response.header);
    call.trailer(response.trailer);
    call.end();
    return response.message;
  } catch (reason) {
    throw call.failed(reason, method);
  }
}

/** Makes a call with one request and a stream of responses. */
export function serverStreaming<I extends DescMessage, O extends DescMessage>(
  transport: Transport,
  method: DescMethodServerStreaming<I, O>,
  request: MessageInitShape<I>,
  options?: CallOptions,
): Responses<MessageShape<O>> {
  return new ResponseStream<I, O>(transport, method, [request], options);
}

/** Makes a call with a stream of requests and one response. */
export async function clientStreaming<I extends DescMessage, O extends DescMessage>(
  transport: Transport,
  method: DescMethodClientStreaming<I, O>,
  requests: Requests<MessageInitShape<I>>,
  options?: CallOptions,
): Promise<MessageShape<O>> {
  const responses = new ResponseStream<I, O>(transport, method, requests, options);
  const response = await responses.next();
  if (response.done) {
    throw new ConnectError("protocol error: no response", Code.Unimplemented);
  }
  if (!(await responses.next()).done) {
    responses.cancel();
    throw new ConnectError("protocol error: more than one response", Code.Unimplemented);
  }
  return response.value;
}

/** Makes a call with a stream of requests and a stream of responses. */
export function bidiStreaming<I extends DescMessage, O extends DescMessage>(
  transport: Transport,
  method: DescMethodBiDiStreaming<I, O>,
  requests: Requests<MessageInitShape<I>>,
  options?: CallOptions,
): Responses<MessageShape<O>> {
  return new ResponseStream<I, O>(transport, method, requests, options);
}

/**
 * Makes a session manager of @connectrpc/connect-node reset the stream of a call
 * that is cancelled. By itself Node ends the request first, so that a server may
 * take a stream of requests that was broken off for a whole one, and it keeps the
 * stream, and with it the process, until all responses were read. It may also keep
 * that of a call that the server ended while a request was being written:
 *
 *     const manager = new Http2SessionManager(baseUrl, {}, { maxSessionMemory: Number.MAX_SAFE_INTEGER });
 *     createGrpcTransport({ baseUrl, sessionManager: cancelling(manager) })
 *
 * Without that limit, a connection takes no more calls when it has broken off 10 MB
 * of requests: Node counts them as memory in use until the connection is closed.
 */
export function cancelling<M extends { request(...args: never[]): Promise<ResettableStream> }>(manager: M): M {
  const request: (...args: never[]) => Promise<ResettableStream> = manager.request.bind(manager);
  return Object.assign(manager, {
    request: async (...args: never[]) => {
      const stream = await request(...args);
      const close = stream.close.bind(stream);
      stream.close = (code, callback) => {
        if (!stream.writableEnded) {
          stream.end = () => stream; // which close() calls
        }
        close(code, callback);
        stream.destroy();
      };
      // The server has ended the call before the requests: once its responses are
      // read, nothing is left to wait for but a write that is never done.
      stream.once("aborted", () => (stream.readableEnded ? stream.destroy() : stream.once("end", () => stream.destroy())));
      return stream;
    },
  });
}

/** What cancelling() needs of a stream of node:http2. */
interface ResettableStream {
  readonly readableEnded: boolean;
  readonly writableEnded: boolean;
  once(event: "aborted" | "end", listener: () => void): unknown;
  end(): unknown;
  close(code?: number, callback?: () => void): void;
  destroy(): unknown;
}

/** The most milliseconds that setTimeout takes. */
const longestTimer = 2 ** 31 - 1;

/** The most milliseconds that the header grpc-timeout has digits for. */
const longestTimeout = 99_999_999;

/** How many milliseconds before a deadline a server may take it for passed. */
const clockSkew = 10;

const ignore = () => {};

/** What calls of all kinds have in common: how they end. */
class Call {
  private readonly options: CallOptions;
  private readonly controller = new AbortController();
  private readonly deadline: number = Infinity;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private headerSeen: Headers | undefined;
  private trailerSeen = false;
  private over = false;
  /** Why the call failed. */
  private failure: { reason: unknown } | undefined;
  /** Rejects what wait() waits for. */
  private interrupt: (reason: unknown) => void = ignore;
  private closeRequests: () => void = ignore;

  constructor(options: CallOptions = {}) {
    this.options = options;
    try {
      this.options = { ...options, headers: new Headers(options.headers) };
    } catch (reason) {
      this.fail(new ConnectError(messageOf(reason), Code.InvalidArgument, undefined, undefined, reason));
    }
    const { signal, timeoutMs } = options;
    if (signal?.aborted) {
      this.onAbort();
    }
    if (timeoutMs !== undefined) {
      this.deadline = performance.now() + timeoutMs;
      if (!(timeoutMs > 0)) {
        this.fail(deadlineExceeded());
      } else if (timeoutMs <= longestTimer && !this.over) {
        this.timer = setTimeout(() => this.fail(deadlineExceeded()), timeoutMs);
      }
    }
    if (!this.over) {
      signal?.addEventListener("abort", this.onAbort);
    }
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The timeout to tell the transport, to which 0 is none. */
  get timeoutMs(): number | undefined {
    const ms = this.options.timeoutMs;
    return ms === undefined ? undefined : ms <= longestTimeout ? Math.ceil(ms) : 0;
  }

  private readonly onAbort = () => {
    const reason: unknown = this.options.signal?.reason;
    const late = reason instanceof Error && reason.name === "TimeoutError";
    this.fail(new ConnectError(messageOf(reason), late ? Code.DeadlineExceeded : Code.Canceled, undefined, undefined, reason));
  };

  /** Begins the call by what begin does, unless it has failed already. */
  async start<T>(begin: (options: CallOptions) => Promise<T>): Promise<T> {
    if (this.failure) {
      throw this.failure.reason;
    }
    return begin(this.options);
  }

  /** Waits for a part of the call, but no longer than the call goes on. One wait at a time. */
  wait<T>(part: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      part.then(resolve, reject);
      this.interrupt = reject;
      if (this.failure) {
        reject(this.failure.reason);
      }
    });
  }

  /** Fails the call, which ends it everywhere, unless it has ended. */
  fail(reason: unknown): void {
    if (this.over) {
      return;
    }
    this.failure = { reason };
    this.controller.abort(
      reason instanceof ConnectError ? reason : new ConnectError(messageOf(reason), Code.Canceled, undefined, undefined, reason),
    );
    this.interrupt(reason);
    this.end();
  }

  /** Lets go of all that the call holds. */
  end(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.options.signal?.removeEventListener("abort", this.onAbort);
    this.closeRequests();
  }

  header(header: Headers): void {
    if (!this.headerSeen) {
      this.headerSeen = header;
      this.tell(this.options.onHeader, header);
    }
  }

  trailer(trailer: Headers): void {
    if (!this.trailerSeen) {
      this.trailerSeen = true;
      this.tell(this.options.onTrailer, trailer);
    }
  }

  private tell(callback: ((metadata: Headers) => void) | undefined, metadata: Headers): void {
    try {
      callback?.(metadata);
    } catch (reason) {
      this.fail(reason);
      throw reason;
    }
  }

  /** Ends the call for the reason that a part of it gave, and returns why it failed. */
  failed(reason: unknown, method: DescMethodUnary | DescMethodStreaming): unknown {
    try {
      this.fail(this.explain(reason, method));
    } catch (thrown) {
      return thrown; // by a callback
    }
    return this.failure?.reason ?? reason;
  }

  private explain(reason: unknown, method: DescMethodUnary | DescMethodStreaming): unknown {
    if (this.failure) {
      return this.failure.reason;
    }
    const error = ConnectError.from(reason);
    // Only a status of the server comes with metadata, in one place: what came
    // before it and what came with it.
    let answered = false;
    const { headerSeen } = this;
    const trailer = new Headers();
    error.metadata.forEach((value, name) => {
      answered = true;
      if (headerSeen?.get(name) !== value) {
        trailer.append(name, value);
      }
    });
    if (answered) {
      this.header(error.metadata);
      this.trailer(trailer);
    }
    if (performance.now() >= this.deadline - clockSkew && (error.code === Code.Canceled || !answered)) {
      return deadlineExceeded(error);
    }
    if (answered) {
      return error;
    }
    if (error.rawMessage === "The fetch API does not support streaming request bodies") {
      return new ConnectError(
        `${method.parent.typeName}.${method.name} takes a stream of requests, which this transport cannot send: fetch(), all that browsers have, sends the whole body first`,
        Code.Unimplemented, undefined, undefined, error,
      );
    }
    return isBroken(error) ? new ConnectError(error.rawMessage, Code.Unavailable, undefined, undefined, error.cause ?? error) : error;
  }

  /** Takes the requests of the call, to be read once. They are closed when it ends. */
  requests<T>(requests: Requests<T>): AsyncIterable<T> {
    let iterator: AsyncIterator<T> | Iterator<T> | undefined;
    let done = false;
    const open = () => (iterator ??= Symbol.asyncIterator in requests ? requests[Symbol.asyncIterator]() : requests[Symbol.iterator]());
    const close = async () => {
      if (!done) {
        done = true;
        await open().return?.();
      }
    };
    this.closeRequests = () => void close().catch(ignore);
    const next = async (): Promise<IteratorResult<T, undefined>> => {
      try {
        const result = done ? undefined : await open().next();
        if (result && !result.done) {
          return { done: false, value: result.value };
        }
        done = true;
        return { done: true, value: undefined };
      } catch (reason) {
        done = true;
        this.fail(reason);
        throw reason;
      }
    };
    if (this.over) {
      this.closeRequests();
    }
    // The transports of Connect call throw() when they cannot go on.
    const toss = async (reason: unknown): Promise<never> => {
      this.closeRequests();
      throw reason;
    };
    return { [Symbol.asyncIterator]: () => ({ next, throw: toss }) };
  }
}

class ResponseStream<I extends DescMessage, O extends DescMessage> implements Responses<MessageShape<O>>, AsyncIterator<MessageShape<O>, undefined> {
  private readonly method: DescMethodStreaming<I, O>;
  private readonly call: Call;
  private readonly response: Promise<StreamResponse<I, O>>;
  private messages: AsyncIterator<MessageShape<O>> | undefined;
  private left = false;
  private done = false;
  private last: Promise<unknown> = Promise.resolve();

  constructor(transport: Transport, method: DescMethodStreaming<I, O>, requests: Requests<MessageInitShape<I>>, options: CallOptions | undefined) {
    const call = new Call(options);
    const source = call.requests(requests);
    this.method = method;
    this.call = call;
    this.response = call.start(async (o) => {
      const response = await transport.stream(method, call.signal, call.timeoutMs, o.headers, source, o.contextValues);
      call.header(response.header);
      return response;
    });
    // It may be that nobody asks for it.
    this.response.catch(ignore);
    // The transport keeps the timer of a cancelled call until it is asked for the next response.
    call.signal.addEventListener("abort", () => void this.receive().catch(ignore));
  }

  private async receive(): Promise<IteratorResult<MessageShape<O>, unknown>> {
    const response = await this.response;
    this.messages ??= response.message[Symbol.asyncIterator]();
    return this.messages.next();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<MessageShape<O>, undefined>> {
    const next = this.last.then(() => this.step());
    this.last = next.catch(ignore);
    return next;
  }

  private async step(): Promise<IteratorResult<MessageShape<O>, undefined>> {
    if (!this.done) {
      try {
        const result = await this.call.wait(this.receive());
        if (result.done !== true) { // without strict, TypeScript narrows by nothing less
          return { done: false, value: result.value };
        }
        this.done = true;
        this.call.trailer((await this.response).trailer);
        this.call.end();
      } catch (reason) {
        this.done = true;
        const failure = this.call.failed(reason, this.method);
        if (!this.left) {
          throw failure;
        }
      }
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<MessageShape<O>, undefined>> {
    this.left = true;
    this.done = true;
    this.cancel();
    return { done: true, value: undefined };
  }

  cancel(): void {
    this.call.fail(new ConnectError("the call was cancelled", Code.Canceled));
  }
}

function deadlineExceeded(cause?: unknown): ConnectError {
  return new ConnectError("the deadline has passed", Code.DeadlineExceeded, undefined, undefined, cause);
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

/**
 * Tells whether it is the connection that failed. Transports have many words for
 * it, some of which blame the caller.
 */
function isBroken({ code, cause }: ConnectError): boolean {
  if (code === Code.Canceled || code === Code.Aborted) {
    return true; // by nobody here
  }
  if (cause instanceof TypeError) {
    return /fetch|network|load failed|terminated|body stream|connection/i.test(cause.message);
  }
  if (!(cause instanceof Error) || !("code" in cause) || typeof cause.code !== "string") {
    return false;
  }
  // What Node says of sockets, TLS and sessions, but not of a single stream or of arguments.
  return !/^ERR_(HTTP2_STREAM_ERROR|HTTP2_HEADER|HTTP2_INVALID_[^S]|INVALID_|OUT_OF)/.test(cause.code);
}
