import type { DescMessage, DescMethodBiDiStreaming, DescMethodClientStreaming, DescMethodServerStreaming, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { ContextValues, Transport } from "@connectrpc/connect";
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
export declare function unary<I extends DescMessage, O extends DescMessage>(transport: Transport, method: DescMethodUnary<I, O>, request: MessageInitShape<I>, options?: CallOptions): Promise<MessageShape<O>>;
/** Makes a call with one request and a stream of responses. */
export declare function serverStreaming<I extends DescMessage, O extends DescMessage>(transport: Transport, method: DescMethodServerStreaming<I, O>, request: MessageInitShape<I>, options?: CallOptions): Responses<MessageShape<O>>;
/** Makes a call with a stream of requests and one response. */
export declare function clientStreaming<I extends DescMessage, O extends DescMessage>(transport: Transport, method: DescMethodClientStreaming<I, O>, requests: Requests<MessageInitShape<I>>, options?: CallOptions): Promise<MessageShape<O>>;
/** Makes a call with a stream of requests and a stream of responses. */
export declare function bidiStreaming<I extends DescMessage, O extends DescMessage>(transport: Transport, method: DescMethodBiDiStreaming<I, O>, requests: Requests<MessageInitShape<I>>, options?: CallOptions): Responses<MessageShape<O>>;
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
export declare function cancelling<M extends {
    request(...args: never[]): Promise<ResettableStream>;
}>(manager: M): M;
/** What cancelling() needs of a stream of node:http2. */
interface ResettableStream {
    readonly readableEnded: boolean;
    readonly writableEnded: boolean;
    once(event: "aborted" | "end", listener: () => void): unknown;
    end(): unknown;
    close(code?: number, callback?: () => void): void;
    destroy(): unknown;
}
export {};
