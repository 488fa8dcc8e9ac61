export { createGrpcJsTransport } from "./gen/grpcx_grpcjs";
