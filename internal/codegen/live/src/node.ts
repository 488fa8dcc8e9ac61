// Calls by a transport of Connect:
//
//   node node.mjs TRANSPORT REFERENCE PROBE VICTIM CONTROL [CA]
//
// TRANSPORT is grpc, grpc-web or connect; the addresses are URLs, of the
// reference server, the server of testdata/proto, one that may be killed, and one
// that kills it when it is asked. CA is a file.
import { readFileSync } from "node:fs";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { cancelling } from "./api";
import { main } from "./main";

const [kind = "", reference = "", probe = "", victim = "", control = "", ca = ""] = process.argv.slice(2);
const transport = (baseUrl: string) => {
  const sessionManager = cancelling(new Http2SessionManager(baseUrl, {}, { maxSessionMemory: Number.MAX_SAFE_INTEGER, ...(ca ? { ca: readFileSync(ca) } : {}) }));
  const options = { baseUrl, sessionManager };
  switch (kind) {
    case "grpc":
      return createGrpcTransport(options);
    case "grpc-web":
      return createGrpcWebTransport({ ...options, httpVersion: "2" });
    case "connect":
      return createConnectTransport({ ...options, httpVersion: "2" });
  }
  throw new Error(`transport ${kind}`);
};
await main(transport, reference, probe, victim, control);
