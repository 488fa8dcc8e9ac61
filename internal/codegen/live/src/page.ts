// The page that drive.js opens in Chromium. Its address says what it calls:
//
//   ?transport=NAME    connect-json, connect-binary or grpc-web
//   &reference=URL &probe=URL &victim=URL &control=URL   as of node.ts
import { Code, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { createProbeClient, createTestServiceClient, createUserServiceClient } from "./api";
import { collect, endless, equal, failed, ok, rejection, rejects, run, Watched, type Case } from "./cases";
import { fieldCases } from "./fields";
import { nameCases } from "./names";
import { probeCases } from "./probing";
import { referenceCases } from "./reference";

declare global {
  interface Window {
    /** Set by drive.js: takes a line of the report. */
    report(line: object): Promise<void>;
  }
}

const query = new URLSearchParams(location.search);
const server = (name: string): Transport => {
  const baseUrl = query.get(name) ?? "";
  const kind = query.get("transport");
  return kind === "grpc-web" ? createGrpcWebTransport({ baseUrl }) : createConnectTransport({ baseUrl, useBinaryFormat: kind === "connect-binary" });
};

/** Streams of requests, which fetch() cannot send. */
function refusedCases(transport: Transport): Case[] {
  const probe = createProbeClient(transport);
  const refused = async (requests: Watched<object>, call: Promise<unknown>) => {
    const error = await rejects(Code.Unimplemented, call);
    ok(error.rawMessage.includes("takes a stream of requests") && error.rawMessage.includes("browsers"), error.rawMessage);
    equal(requests.asked, 0, "requests that were asked for");
    await requests.closed;
  };
  return [
    ["a stream of requests is refused at once", async () => {
      const requests = new Watched(endless({}));
      await refused(requests, probe.up(requests));
    }],
    ["a stream both ways is refused at once", async () => {
      const requests = new Watched(endless({}));
      await refused(requests, collect(probe.both(requests)).then(({ error }) => Promise.reject(error)));
    }],
  ];
}

function deadlineCases(transport: Transport): Case[] {
  const probe = createProbeClient(transport);
  return [["200 deadlines", async () => {
    const ends = await Promise.all(Array.from({ length: 200 }, (_, i) =>
      rejection(i % 2 ? probe.unary({ hang: true }, { timeoutMs: 100 }) : collect(probe.down({ hang: true }, { timeoutMs: 100 })).then(({ error }) => Promise.reject(error)))));
    ends.forEach((error) => failed(Code.DeadlineExceeded, error));
  }]];
}

/** Calls of a server that is killed. */
function killedCases(transport: Transport): Case[] {
  return [["killed", async () => {
    const unary = rejects(Code.Unavailable, createUserServiceClient(transport).getUser({ userId: "nobody" }));
    const { messages, error } = await collect((async function* () {
      for await (const response of createTestServiceClient(transport).streamingOutputCall({ responseParameters: [{ size: 1 }, { size: 1, intervalUs: 100_000_000 }] })) {
        await fetch(query.get("control") ?? "", { method: "POST" });
        yield response;
      }
    })());
    equal(messages.length, 1);
    failed(Code.Unavailable, error);
    await unary;
    await rejects(Code.Unavailable, createTestServiceClient(transport).emptyCall({}));
  }]];
}

const unhandled: unknown[] = [];
window.addEventListener("unhandledrejection", ({ reason }) => unhandled.push(reason));
const [reference, probe] = [server("reference"), server("probe")];
// JSON takes any number, has no -0, and needs a registry for extensions.
const binary = query.get("transport") !== "connect-json";
const cases: Case[] = [
  ...referenceCases(reference),
  ...(binary ? fieldCases(probe) : []),
  ...probeCases(probe).filter(([name]) => binary || name !== "a request that cannot be encoded"),
  ...nameCases(probe), ...refusedCases(probe), ...deadlineCases(probe), ...killedCases(server("victim")),
  ["nothing was rejected that nobody handled", async () => equal(unhandled.map(String), [])],
];
void run(cases, (line) => window.report(line));
