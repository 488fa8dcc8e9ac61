import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import { Client, Metadata } from "@grpc/grpc-js";
/**
 * Returns a transport over @grpc/grpc-js, with its addresses ("dns:///host:port",
 * "unix:/path"), credentials and options: load balancing, retries, keepalive,
 * compression, proxies, limits and interceptors.
 */
export function createGrpcJsTransport(address, credentials, options) {
    const client = new Client(address, credentials, options);
    return {
        async unary(method, signal, timeoutMs, header, message) {
            const call = new GrpcJsCall(client, method, signal, timeoutMs, header, one(message));
            const head = await call.header;
            const response = await call.next();
            if (response.done) {
                throw new ConnectError("protocol error: no response", Code.Unimplemented, head);
            }
            if (!(await call.next()).done) {
                call.cancel();
                throw new ConnectError("protocol error: more than one response", Code.Unimplemented, head);
            }
            return { stream: false, service: method.parent, method, header: head, message: response.value, trailer: call.trailer };
        },
        async stream(method, signal, timeoutMs, header, input) {
            const call = new GrpcJsCall(client, method, signal, timeoutMs, header, input);
            const message = { [Symbol.asyncIterator]: () => call };
            return { stream: true, service: method.parent, method, header: await call.header, message, trailer: call.trailer };
        },
        close: () => client.close(),
    };
}
async function* one(message) {
    yield message;
}
/** A call; it is the iterator of its responses. */
class GrpcJsCall {
    /** Rejects if there is a status in its place. */
    header;
    trailer = new Headers();
    method;
    stream;
    signal;
    head = new Headers();
    status;
    cancelled = false;
    /** Why it was cancelled, if there is a reason to tell. */
    failure;
    /** Ends what next() waits for, and release() what send() does. */
    wake = () => { };
    release = () => { };
    constructor(client, method, signal, timeoutMs, header, requests) {
        this.method = method;
        this.signal = signal;
        const stream = client.makeBidiStreamRequest(`/${method.parent.typeName}/${method.name}`, (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), (bytes) => bytes, toMetadata(new Headers(header)), timeoutMs !== undefined && timeoutMs > 0 ? { deadline: Date.now() + timeoutMs } : {});
        this.stream = stream;
        stream.on("error", () => { }); // the status says it
        stream.on("readable", () => this.wake());
        this.header = new Promise((resolve, reject) => {
            stream.on("metadata", (received) => {
                append(this.head, received);
                resolve(this.head);
            });
            stream.on("status", (status) => (status.code === 0 ? resolve(this.head) : reject(this.error(status))));
        });
        stream.on("status", (status) => {
            this.status = status;
            append(this.trailer, status.metadata);
            signal?.removeEventListener("abort", this.onAbort);
            this.wake();
            this.release();
        });
        if (signal?.aborted) {
            this.onAbort();
        }
        signal?.addEventListener("abort", this.onAbort);
        void this.send(requests[Symbol.asyncIterator]());
    }
    onAbort = () => this.cancel(ConnectError.from(this.signal?.reason, Code.Canceled));
    cancel(failure) {
        this.cancelled = true;
        this.failure ??= failure;
        this.stream.cancel();
        // Of a call that has just begun, grpc-js opens the stream nevertheless, in a moment.
        setImmediate(() => this.stream.cancel());
    }
    async send(requests) {
        try {
            while (!this.status && !this.cancelled) {
                const request = await requests.next();
                // What has been received goes first: a write to a call that has just ended
                // would fail it in the place of its status. Writes alone may never let it.
                await new Promise((resolve) => setImmediate(resolve));
                if (this.status || this.cancelled) {
                    return; // with no end: the requests are not complete
                }
                if (request.done) {
                    this.stream.end();
                    return;
                }
                const bytes = toBinary(this.method.input, create(this.method.input, request.value));
                await new Promise((resolve) => {
                    this.release = resolve;
                    this.stream.write(bytes, () => resolve());
                });
            }
        }
        catch (reason) {
            this.cancel(ConnectError.from(reason, Code.Internal));
        }
    }
    async next() {
        for (;;) {
            const bytes = this.stream.read();
            if (bytes) {
                return { done: false, value: this.parse(bytes) };
            }
            if (this.status) {
                break;
            }
            await new Promise((resolve) => (this.wake = resolve));
        }
        if (this.status.code !== 0) {
            throw this.error(this.status);
        }
        return { done: true, value: undefined };
    }
    parse(bytes) {
        try {
            return fromBinary(this.method.output, bytes);
        }
        catch (reason) {
            const failure = ConnectError.from(reason, Code.Internal);
            this.cancel(failure);
            throw failure;
        }
    }
    error(status) {
        if (this.failure) {
            return this.failure;
        }
        const received = new Headers(this.head);
        append(received, status.metadata);
        const error = new ConnectError(status.details, status.code, received);
        const [details] = status.metadata.get("grpc-status-details-bin");
        if (details instanceof Uint8Array) {
            error.details = parseDetails(details);
        }
        return error;
    }
}
function toMetadata(header) {
    const result = new Metadata();
    header.forEach((value, name) => {
        if (name.endsWith("-bin")) {
            value.split(",").forEach((part) => result.add(name, Buffer.from(part, "base64")));
        }
        else {
            result.add(name, value);
        }
    });
    return result;
}
function append(header, received) {
    for (const name of Object.keys(received.getMap())) {
        for (const value of received.get(name)) {
            header.append(name, typeof value === "string" ? value : value.toString("base64"));
        }
    }
}
/** Returns the details in a google.rpc.Status. */
function parseDetails(status) {
    const details = [];
    try {
        each(status, (field, reader) => {
            if (field !== 3) {
                return false;
            }
            const detail = { type: "", value: new Uint8Array() };
            each(reader.bytes(), (part, any) => {
                if (part === 1) {
                    detail.type = any.string().split("/").pop() ?? "";
                }
                else if (part === 2) {
                    detail.value = any.bytes();
                }
                else {
                    return false;
                }
                return true;
            });
            details.push(detail);
            return true;
        });
    }
    catch {
        // What cannot be read tells nothing.
    }
    return details;
}
/** Calls read with each field of a message; it returns false to skip the field. */
function each(bytes, read) {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
        const [field, wireType] = reader.tag();
        if (!read(field, reader)) {
            reader.skip(wireType, field);
        }
    }
}
