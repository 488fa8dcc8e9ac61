// Calls by grpc-js: node grpcjs.mjs REFERENCE PROBE VICTIM CONTROL [CA], as of
// node.ts; the first three are host:port.
import { readFileSync } from "node:fs";
import { credentials } from "@grpc/grpc-js";
import { createGrpcJsTransport } from "./api-grpcjs";
import { main } from "./main";

const [reference = "", probe = "", victim = "", control = "", ca = ""] = process.argv.slice(2);
const channel = ca ? credentials.createSsl(readFileSync(ca)) : credentials.createInsecure();
await main((address) => createGrpcJsTransport(address, channel, { "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }) }), reference, probe, victim, control, { endsFirst: true, dropsLast: true, queues: true });
