import { Code, type Transport } from "@connectrpc/connect";
import { equals } from "@bufbuild/protobuf";
import {
  BadRequestSchema, ResourceInfoSchema, UserSchema, User_Status,
  createAuthServiceClient, createHealthClient, createTestServiceClient, createUnimplementedServiceClient, createUserServiceClient,
  type AuthServiceClient, type CallOptions, type TestServiceClient, type UserServiceClient,
} from "./api";
import { collect, endless, equal, failed, ok, rejects, Turns, unique, Watched, type Case } from "./cases";

const sizes = [31415, 9, 2653, 58979];
const payload = (size: number) => ({ body: new Uint8Array(size) });
const patience: CallOptions = { timeoutMs: 60_000 };
const person = (name: string) => ({ name, email: `${unique("someone")}@example.com` });

/** Calls of the reference server that any transport can make. */
export function referenceCases(transport: Transport): Case[] {
  const test = createTestServiceClient(transport);
  const users = createUserServiceClient(transport);
  const auth = createAuthServiceClient(transport);
  return [...unaryCases(test, users), ...streamCases(test, users), ...errorCases(test, users), ...metadataCases(test, users, auth),
    ["an unknown service", async () => {
      await rejects(Code.Unimplemented, createUnimplementedServiceClient(transport).unimplementedCall({}));
    }],
    ["health", async () => {
      const health = createHealthClient(transport);
      equal((await health.check({})).status, 1);
      for await (const { status } of health.watch({ service: "userservice.UserService" }, patience)) {
        equal(status, 1);
        break;
      }
    }],
  ];
}

function unaryCases(test: TestServiceClient, users: UserServiceClient): Case[] {
  return [
    ["an empty call", async () => {
      await test.emptyCall({});
    }],
    ["a large call", async () => {
      const response = await test.unaryCall({ responseSize: 314159, payload: payload(271828) });
      equal(response.payload?.body.length, 314159);
    }],
    ["a request above 4 MiB", async () => {
      await rejects(Code.ResourceExhausted, test.unaryCall({ payload: payload(4 * 1024 * 1024 + 1) }));
    }],
    ["100 calls at once", async () => {
      const responses = await Promise.all(
        Array.from({ length: 100 }, (_, i) => test.unaryCall({ responseSize: i, payload: payload(i) }, patience)));
      responses.forEach((response, i) => equal(response.payload?.body.length ?? 0, i));
    }],
    ["a user with all its fields", async () => {
      const ada = { ...person("Ada Lövelace 👩‍💻"), age: 36, roles: ["user", "admin"], metadata: { "a key": "a value", empty: "" } };
      const created = await users.createUser(ada);
      const { user } = await users.getUser({ userId: created.user?.id ?? "" });
      ok(user && created.user && equals(UserSchema, user, created.user), "what was got is not what was created");
      equal([user.name, user.email, user.age, user.roles], [ada.name, ada.email, ada.age, ada.roles]);
      equal(Object.entries(user.metadata).sort(), [["a key", "a value"], ["empty", ""]]);
      equal(user.status, User_Status.ACTIVE);
      ok(typeof user.createdAt?.seconds === "bigint" && user.createdAt.seconds > 1_700_000_000n, "no time of creation");
    }],
  ];
}

function streamCases(test: TestServiceClient, users: UserServiceClient): Case[] {
  return [
    ["a stream", async () => {
      const { messages, error } = await collect(test.streamingOutputCall({ responseParameters: sizes.map((size) => ({ size })) }));
      equal(error, undefined);
      equal(messages.map((message) => message.payload?.body.length), sizes);
    }],
    ["a stream without a message", async () => {
      equal(await collect(test.streamingOutputCall({})), { messages: [] });
    }],
    ["a stream of 2,000 messages", async () => {
      const responseParameters = Array.from({ length: 2000 }, (_, i) => ({ size: i % 30 }));
      let received = 0;
      for await (const message of test.streamingOutputCall({ responseParameters })) {
        equal(message.payload?.body.length ?? 0, received % 30);
        received++;
      }
      equal(received, 2000);
    }],
    ["responses come while the call goes on", async () => {
      const { user } = await users.createUser(person("Watched"));
      const userId = user?.id ?? "";
      const seen: string[] = [];
      for await (const event of users.watchUser({ userId }, patience)) {
        seen.push(`${event.eventType} ${event.user?.age}`);
        // Each change is made when the response before it has come.
        if (event.eventType === "initial") {
          await users.updateUser({ userId, user: { age: 7 } });
        }
        if (event.eventType === "updated") {
          await users.deleteUser({ userId });
        }
      }
      equal(seen, ["initial 0", "updated 7", "deleted 7"]);
    }],
  ];
}

/** Calls with streams of requests, which browsers cannot make. */
export function requestStreamCases(transport: Transport): Case[] {
  const test = createTestServiceClient(transport);
  const users = createUserServiceClient(transport);
  return [
    ["requests from an array", async () => {
      const response = await test.streamingInputCall([27182, 8, 1828, 45904].map((size) => ({ payload: payload(size) })));
      equal(response.aggregatedPayloadSize, 74922);
    }],
    ["no requests", async () => {
      equal((await test.streamingInputCall([])).aggregatedPayloadSize, 0);
    }],
    ["requests from a generator", async () => {
      async function* requests() {
        for (let i = 0; i < 5; i++) {
          yield person(`Many ${i}`);
        }
      }
      const response = await users.createMultipleUsers(requests());
      equal([response.createdCount, response.userIds.length, response.errors], [5, 5, []]);
    }],
    ["ping-pong: a request only after the response before it", async () => {
      const turns = new Turns();
      const log: string[] = [];
      async function* requests() {
        for (const size of sizes) {
          await turns.take();
          log.push(`request ${size}`);
          yield { responseParameters: [{ size }], payload: payload(8) };
        }
      }
      for await (const message of test.fullDuplexCall(requests(), patience)) {
        log.push(`response ${message.payload?.body.length}`);
        turns.give();
      }
      equal(log, sizes.flatMap((size) => [`request ${size}`, `response ${size}`]));
    }],
    ["a stream both ways without a request", async () => {
      equal(await collect(test.fullDuplexCall([])), { messages: [] });
    }],
    ["a stream both ways from an array", async () => {
      const { messages, error } = await collect(test.fullDuplexCall(sizes.map((size) => ({ responseParameters: [{ size }] }))));
      equal(error, undefined);
      equal(messages.map((message) => message.payload?.body.length), sizes);
    }],
    ["an early error closes the requests", async () => {
      const requests = new Watched(endless(person("Good"), { name: "", email: "nowhere" }));
      const error = await rejects(Code.InvalidArgument, users.batchCreateUsers(requests));
      ok(error.findDetails(BadRequestSchema)[0]?.fieldViolations.length, "no details");
      await requests.closed;
    }],
    ["an error in a stream both ways", async () => {
      const { user } = await users.createUser(person("Streamed"));
      const requests = new Watched(endless({ userId: user?.id ?? "" }, { userId: "nobody" }));
      const { messages, error } = await collect(users.streamUsers(requests));
      equal(messages.map((message) => message.user?.name), ["Streamed"]);
      equal(failed(Code.NotFound, error).findDetails(ResourceInfoSchema)[0]?.resourceName, "nobody");
      await requests.closed;
    }],
  ];
}

function errorCases(test: TestServiceClient, users: UserServiceClient): Case[] {
  const codes = Object.values(Code).filter((code): code is Code => typeof code === "number");
  return [
    ["every status", async () => {
      for (const code of codes) {
        const error = await rejects(code, test.unaryCall({ responseStatus: { code, message: `as ${Code[code]}` } }));
        equal(error.rawMessage, `as ${Code[code]}`);
      }
    }],
    ["a status message of any characters", async () => {
      const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
      const error = await rejects(Code.Unknown, test.unaryCall({ responseStatus: { code: Code.Unknown, message } }));
      equal(error.rawMessage, message);
    }],
    ["details: every bad field", async () => {
      const error = await rejects(Code.InvalidArgument, users.createUser({ email: "nowhere" }));
      const [detail] = error.findDetails(BadRequestSchema);
      equal(detail?.fieldViolations.map((violation) => violation.field).sort(), ["email", "name"]);
    }],
    ["an error in the place of the first response", async () => {
      const { messages, error } = await collect(users.watchUser({ userId: "nobody" }));
      equal(messages.length, 0);
      equal(failed(Code.NotFound, error).findDetails(ResourceInfoSchema)[0]?.resourceName, "nobody");
    }],
    ["an error after responses", async () => {
      const responseParameters = [{ size: 31415 }, { size: 5 * 1024 * 1024 }];
      const { messages, error } = await collect(test.streamingOutputCall({ responseParameters }));
      equal(messages.map((message) => message.payload?.body.length), [31415]);
      failed(Code.InvalidArgument, error);
    }],
    ["an unknown method", async () => {
      await rejects(Code.Unimplemented, test.unimplementedCall({}));
    }],
  ];
}

function metadataCases(test: TestServiceClient, users: UserServiceClient, auth: AuthServiceClient): Case[] {
  const initial = "x-grpc-test-echo-initial";
  const trailing = "x-grpc-test-echo-trailing-bin";
  const headers = { [initial]: "test_initial_metadata_value", [trailing]: "q6ur", "request-id": "req_1" };
  return [
    ["metadata there and back", async () => {
      for (const call of [
        (options: CallOptions) => test.unaryCall({ responseSize: 1 }, options),
        (options: CallOptions) => collect(test.streamingOutputCall({ responseParameters: [{ size: 1 }] }, options)),
      ]) {
        const seen: { header?: Headers; trailer?: Headers } = {};
        await call({ headers, onHeader: (header) => void (seen.header = header), onTrailer: (trailer) => void (seen.trailer = trailer) });
        equal(seen.header?.get(initial), "test_initial_metadata_value", initial);
        equal(seen.header?.get("request-id"), "req_1", "request-id");
        // Binary metadata may come padded.
        equal(seen.trailer?.get(trailing)?.replace(/=+$/, ""), "q6ur", trailing);
      }
    }],
    ["log in, and call with the token", async () => {
      await rejects(Code.Unauthenticated, auth.login({ username: "admin", password: "wrong" }));
      const { accessToken } = await auth.login({ username: "admin", password: "password" });
      const { valid, userId } = await auth.validateToken({ token: accessToken });
      equal([valid, userId], [true, "admin"]);
      const { error } = await collect(users.listUsers({ page: 1, limit: 1 }, { headers: { authorization: `Bearer ${accessToken}` } }));
      equal(error, undefined);
    }],
    ["a token that is none", async () => {
      const { error } = await collect(users.listUsers({ page: 1, limit: 1 }, { headers: { authorization: "Bearer nonsense" } }));
      failed(Code.Unauthenticated, error);
    }],
  ];
}
