import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { TestService } from "./gen/grpc/testing/test_pb";
import { equal, ok, type Case } from "./cases";

/** Calls without any library: Connect's unary JSON is plain HTTP. */
export function fetchCases(server: string): Case[] {
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`${server}/${path}`, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
  return [
    ["the page is of another origin", async () => {
      ok(new URL(server).origin !== location.origin, `both are ${location.origin}`);
    }],
    ["a call", async () => {
      const response = await post("grpc.testing.TestService/UnaryCall", '{"responseSize":3}');
      equal(response.status, 200);
      equal(response.headers.get("content-type"), "application/json");
      equal(await response.json(), { payload: { body: "AAAA" } });
    }],
    ["an error", async () => {
      const response = await post("userservice.UserService/GetUser", '{"userId":"nobody"}');
      equal(response.status, 404);
      const error = await response.json();
      equal(error.code, "not_found");
      ok(error.message, "no message");
      equal(error.details[0].type, "google.rpc.ResourceInfo");
    }],
    ["JSON that is none", async () => {
      const response = await post("userservice.UserService/GetUser", "{");
      equal(response.status, 400);
      equal((await response.json()).code, "invalid_argument");
    }],
    ["a field that is not there", async () => {
      const response = await post("userservice.UserService/GetUser", '{"nobody":1}');
      equal(response.status, 400);
    }],
    ["a deadline", async () => {
      const response = await post("grpc.testing.TestService/EmptyCall", "{}", { "connect-timeout-ms": "10000", "connect-protocol-version": "1" });
      equal(response.status, 200);
    }],
    ["a method that is not there", async () => {
      const response = await post("userservice.UserService/Nothing", "{}");
      equal((await response.json()).code, "unimplemented");
    }],
    ["a content type that is none", async () => {
      const response = await fetch(`${server}/userservice.UserService/GetUser`, { method: "POST", headers: { "content-type": "text/x-nothing" }, body: "x" });
      equal(response.status, 415);
    }],
    ["a path that is not there", async () => {
      const response = await fetch(`${server}/favicon.ico`);
      equal(response.status, 404);
    }],
  ];
}

/** What holds when the server does not know the origin of the page. */
export function refusedCases(transport: Transport, server: string): Case[] {
  return [
    ["a call is refused", async () => {
      const test = createClient(TestService, transport);
      const error = await test.emptyCall({}).then(() => undefined, (failure: unknown) => failure);
      ok(error, "the call succeeded");
      equal(Code[ConnectError.from(error).code], Code[Code.Unknown]);
      ok(ConnectError.from(error).message.includes("Failed to fetch"), String(error));
    }],
    ["the page sees no answer", async () => {
      const response = await fetch(`${server}/`).then(() => "answered", (failure: unknown) => String(failure));
      equal(response, "TypeError: Failed to fetch");
    }],
  ];
}
