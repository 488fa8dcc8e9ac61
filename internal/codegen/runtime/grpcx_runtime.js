import { Code, ConnectError } from "@connectrpc/connect";
/** Makes a call with one request and one response. */
export async function unary(transport, method, request, options) {
    const call = new Call(options);
    try {
        const response = await call.wait(call.start((o) => transport.unary(method, call.signal, call.timeoutMs, o.headers, request, o.contextValues)));
        call.header(response.header);
        call.trailer(response.trailer);
        call.end();
        return response.message;
    }
    catch (reason) {
        throw call.failed(reason, method);
    }
}
/** Makes a call with one request and a stream of responses. */
export function serverStreaming(transport, method, request, options) {
    return new ResponseStream(transport, method, [request], options);
}
/** Makes a call with a stream of requests and one response. */
export async function clientStreaming(transport, method, requests, options) {
    const responses = new ResponseStream(transport, method, requests, options);
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
export function bidiStreaming(transport, method, requests, options) {
    return new ResponseStream(transport, method, requests, options);
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
export function cancelling(manager) {
    const request = manager.request.bind(manager);
    return Object.assign(manager, {
        request: async (...args) => {
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
/** The most milliseconds that setTimeout takes. */
const longestTimer = 2 ** 31 - 1;
/** The most milliseconds that the header grpc-timeout has digits for. */
const longestTimeout = 99_999_999;
/** How many milliseconds before a deadline a server may take it for passed. */
const clockSkew = 10;
const ignore = () => { };
/** What calls of all kinds have in common: how they end. */
class Call {
    options;
    controller = new AbortController();
    deadline = Infinity;
    timer;
    headerSeen;
    trailerSeen = false;
    over = false;
    /** Why the call failed. */
    failure;
    /** Rejects what wait() waits for. */
    interrupt = ignore;
    closeRequests = ignore;
    constructor(options = {}) {
        this.options = options;
        try {
            this.options = { ...options, headers: new Headers(options.headers) };
        }
        catch (reason) {
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
            }
            else if (timeoutMs <= longestTimer && !this.over) {
                this.timer = setTimeout(() => this.fail(deadlineExceeded()), timeoutMs);
            }
        }
        if (!this.over) {
            signal?.addEventListener("abort", this.onAbort);
        }
    }
    get signal() {
        return this.controller.signal;
    }
    /** The timeout to tell the transport, to which 0 is none. */
    get timeoutMs() {
        const ms = this.options.timeoutMs;
        return ms === undefined ? undefined : ms <= longestTimeout ? Math.ceil(ms) : 0;
    }
    onAbort = () => {
        const reason = this.options.signal?.reason;
        const late = reason instanceof Error && reason.name === "TimeoutError";
        this.fail(new ConnectError(messageOf(reason), late ? Code.DeadlineExceeded : Code.Canceled, undefined, undefined, reason));
    };
    /** Begins the call by what begin does, unless it has failed already. */
    async start(begin) {
        if (this.failure) {
            throw this.failure.reason;
        }
        return begin(this.options);
    }
    /** Waits for a part of the call, but no longer than the call goes on. One wait at a time. */
    wait(part) {
        return new Promise((resolve, reject) => {
            part.then(resolve, reject);
            this.interrupt = reject;
            if (this.failure) {
                reject(this.failure.reason);
            }
        });
    }
    /** Fails the call, which ends it everywhere, unless it has ended. */
    fail(reason) {
        if (this.over) {
            return;
        }
        this.failure = { reason };
        this.controller.abort(reason instanceof ConnectError ? reason : new ConnectError(messageOf(reason), Code.Canceled, undefined, undefined, reason));
        this.interrupt(reason);
        this.end();
    }
    /** Lets go of all that the call holds. */
    end() {
        this.over = true;
        clearTimeout(this.timer);
        this.options.signal?.removeEventListener("abort", this.onAbort);
        this.closeRequests();
    }
    header(header) {
        if (!this.headerSeen) {
            this.headerSeen = header;
            this.tell(this.options.onHeader, header);
        }
    }
    trailer(trailer) {
        if (!this.trailerSeen) {
            this.trailerSeen = true;
            this.tell(this.options.onTrailer, trailer);
        }
    }
    tell(callback, metadata) {
        try {
            callback?.(metadata);
        }
        catch (reason) {
            this.fail(reason);
            throw reason;
        }
    }
    /** Ends the call for the reason that a part of it gave, and returns why it failed. */
    failed(reason, method) {
        try {
            this.fail(this.explain(reason, method));
        }
        catch (thrown) {
            return thrown; // by a callback
        }
        return this.failure?.reason ?? reason;
    }
    explain(reason, method) {
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
            return new ConnectError(`${method.parent.typeName}.${method.name} takes a stream of requests, which this transport cannot send: fetch(), all that browsers have, sends the whole body first`, Code.Unimplemented, undefined, undefined, error);
        }
        return isBroken(error) ? new ConnectError(error.rawMessage, Code.Unavailable, undefined, undefined, error.cause ?? error) : error;
    }
    /** Takes the requests of the call, to be read once. They are closed when it ends. */
    requests(requests) {
        let iterator;
        let done = false;
        const open = () => (iterator ??= Symbol.asyncIterator in requests ? requests[Symbol.asyncIterator]() : requests[Symbol.iterator]());
        const close = async () => {
            if (!done) {
                done = true;
                await open().return?.();
            }
        };
        this.closeRequests = () => void close().catch(ignore);
        const next = async () => {
            try {
                const result = done ? undefined : await open().next();
                if (result && !result.done) {
                    return { done: false, value: result.value };
                }
                done = true;
                return { done: true, value: undefined };
            }
            catch (reason) {
                done = true;
                this.fail(reason);
                throw reason;
            }
        };
        if (this.over) {
            this.closeRequests();
        }
        // The transports of Connect call throw() when they cannot go on.
        const toss = async (reason) => {
            this.closeRequests();
            throw reason;
        };
        return { [Symbol.asyncIterator]: () => ({ next, throw: toss }) };
    }
}
class ResponseStream {
    method;
    call;
    response;
    messages;
    left = false;
    done = false;
    last = Promise.resolve();
    constructor(transport, method, requests, options) {
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
    async receive() {
        const response = await this.response;
        this.messages ??= response.message[Symbol.asyncIterator]();
        return this.messages.next();
    }
    [Symbol.asyncIterator]() {
        return this;
    }
    next() {
        const next = this.last.then(() => this.step());
        this.last = next.catch(ignore);
        return next;
    }
    async step() {
        if (!this.done) {
            try {
                const result = await this.call.wait(this.receive());
                if (result.done !== true) { // without strict, TypeScript narrows by nothing less
                    return { done: false, value: result.value };
                }
                this.done = true;
                this.call.trailer((await this.response).trailer);
                this.call.end();
            }
            catch (reason) {
                this.done = true;
                const failure = this.call.failed(reason, this.method);
                if (!this.left) {
                    throw failure;
                }
            }
        }
        return { done: true, value: undefined };
    }
    async return() {
        this.left = true;
        this.done = true;
        this.cancel();
        return { done: true, value: undefined };
    }
    cancel() {
        this.call.fail(new ConnectError("the call was cancelled", Code.Canceled));
    }
}
function deadlineExceeded(cause) {
    return new ConnectError("the deadline has passed", Code.DeadlineExceeded, undefined, undefined, cause);
}
function messageOf(reason) {
    return reason instanceof Error ? reason.message : String(reason);
}
/**
 * Tells whether it is the connection that failed. Transports have many words for
 * it, some of which blame the caller.
 */
function isBroken({ code, cause }) {
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
