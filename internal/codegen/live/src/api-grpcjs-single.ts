export { createGrpcJsTransport } from "./gen/client";
