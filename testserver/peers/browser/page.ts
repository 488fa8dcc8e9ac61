// The page that `make peers` opens. Its address says what it does:
//
//   ?server=URL      the server, which is of another origin than the page
//   &client=NAME     connect-json, connect-binary, grpc-web, google-binary,
//                    google-text, fetch, or refused
//   &file=ID         a file on the server, of 200,000 bytes

import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { run, type Case } from "./cases";
import { connectCases } from "./connect";
import { fetchCases, refusedCases } from "./fetch";
import { googleCases } from "./google";

const query = new URLSearchParams(location.search);
const server = query.get("server") ?? "";
const file = query.get("file") ?? "";

const clients: Record<string, () => Case[]> = {
  "connect-json": () => connectCases(createConnectTransport({ baseUrl: server }), file),
  "connect-binary": () => connectCases(createConnectTransport({ baseUrl: server, useBinaryFormat: true }), file),
  "grpc-web": () => connectCases(createGrpcWebTransport({ baseUrl: server }), file),
  "google-binary": () => googleCases(server, "binary"),
  "google-text": () => googleCases(server, "text"),
  fetch: () => fetchCases(server),
  refused: () => refusedCases(createConnectTransport({ baseUrl: server }), server),
};

const client = query.get("client") ?? "";
void run(clients[client]?.() ?? [[`client ${client}`, () => Promise.reject(new Error("unknown client"))]]);
