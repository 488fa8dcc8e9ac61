import type { Transport } from "@connectrpc/connect";
import type { ChannelCredentials, ClientOptions } from "@grpc/grpc-js";
/** A transport over a channel of @grpc/grpc-js. */
export interface GrpcJsTransport extends Transport {
    /** Closes the channel when the calls that go on have ended. */
    close(): void;
}
/**
 * Returns a transport over @grpc/grpc-js, with its addresses ("dns:///host:port",
 * "unix:/path"), credentials and options: load balancing, retries, keepalive,
 * compression, proxies, limits and interceptors.
 */
export declare function createGrpcJsTransport(address: string, credentials: ChannelCredentials, options?: ClientOptions): GrpcJsTransport;
