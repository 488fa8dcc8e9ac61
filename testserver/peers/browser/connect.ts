import { createClient, Code, ConnectError, type Client, type Transport } from "@connectrpc/connect";
import { equals, type DescService } from "@bufbuild/protobuf";
import { Health, HealthCheckResponse_ServingStatus as Serving } from "./gen/grpc/health/v1/health_pb";
import { TestService, UnimplementedService } from "./gen/grpc/testing/test_pb";
import { BadRequestSchema, ResourceInfoSchema } from "./gen/google/rpc/error_details_pb";
import { AuthService, HealthCheck, UserSchema, UserService, User_Status } from "./gen/userservice/userservice_pb";
import { ChatService, MessageType } from "./gen/chat/chat_pb";
import { FileService } from "./gen/file/file_pb";
import { collect, equal, ok, rejects, type Case } from "./cases";

const responseSizes = [31415, 9, 2653, 58979];
const payload = (size: number) => ({ body: new Uint8Array(size) });
const initial = "x-grpc-test-echo-initial";
const trailing = "x-grpc-test-echo-trailing-bin";
const patience = { timeoutMs: 30_000 };

/** An email that no other run uses. */
const email = (name: string) => `${name}-${crypto.randomUUID()}@example.com`;

/** Both places in which metadata may come with an error. */
const all = (error: unknown): Headers => ConnectError.from(error).metadata;

/** What a browser can do over Connect and over gRPC-Web: unary calls and streams of responses. */
export function connectCases(transport: Transport, file: string): Case[] {
  const client = <T extends DescService>(service: T): Client<T> => createClient(service, transport);
  return [
    ...unaryCases(client(TestService), client(UserService)),
    ...streamCases(client(TestService), client(UserService)),
    ...errorCases(client(TestService), client(UserService)),
    ...metadataCases(client(TestService), client(UserService), client(AuthService)),
    ...endCases(client(TestService), client(UserService)),
    ...healthCases(client(Health), client(HealthCheck)),
    ...chatCases(client(ChatService)),
    ...fileCases(client(FileService), file),
    ["an unknown service", async () => {
      await rejects(Code.Unimplemented, client(UnimplementedService).unimplementedCall({}));
    }],
  ];
}

function unaryCases(test: Client<typeof TestService>, users: Client<typeof UserService>): Case[] {
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
      const address = email("ada");
      const created = await users.createUser({
        name: "Ada Lövelace 👩‍💻", email: address, age: 36, roles: ["user", "admin"], metadata: { "a key": "a value", empty: "" },
      });
      const { user } = await users.getUser({ userId: created.user?.id });
      ok(user && created.user && equals(UserSchema, user, created.user), "what was got is not what was created");
      equal([user.name, user.email, user.age, user.roles], ["Ada Lövelace 👩‍💻", address, 36, ["user", "admin"]]);
      equal(Object.entries(user.metadata).sort(), [["a key", "a value"], ["empty", ""]]);
      equal(user.status, User_Status.ACTIVE);
      ok(Math.abs(Number(user.createdAt?.seconds) - Date.now() / 1000) < 300, `created at ${user.createdAt?.seconds}`);
    }],
  ];
}

function streamCases(test: Client<typeof TestService>, users: Client<typeof UserService>): Case[] {
  return [
    ["a stream", async () => {
      const { messages, error } = await collect(test.streamingOutputCall({ responseParameters: responseSizes.map((size) => ({ size })) }));
      equal(error, undefined);
      equal(messages.map((message) => message.payload?.body.length), responseSizes);
    }],
    ["a stream without a message", async () => {
      const { messages, error } = await collect(test.streamingOutputCall({}));
      equal([messages.length, error], [0, undefined]);
    }],
    ["a stream of 5,000 messages", async () => {
      const responseParameters = Array.from({ length: 5000 }, (_, i) => ({ size: i % 30 }));
      let received = 0;
      for await (const message of test.streamingOutputCall({ responseParameters })) {
        equal(message.payload?.body.length ?? 0, received % 30);
        received++;
      }
      equal(received, 5000);
    }],
    ["messages come while the stream goes on", async () => {
      const { user } = await users.createUser({ name: "Watched", email: email("watched") });
      const seen: string[] = [];
      for await (const event of users.watchUser({ userId: user?.id }, patience)) {
        seen.push(`${event.eventType} ${event.user?.age}`);
        // Each change is made when the message before it has come.
        if (event.eventType === "initial") await users.updateUser({ userId: user?.id, user: { age: 7 } });
        if (event.eventType === "updated") await users.deleteUser({ userId: user?.id });
      }
      equal(seen, ["initial 0", "updated 7", "deleted 7"]);
    }],
  ];
}

function errorCases(test: Client<typeof TestService>, users: Client<typeof UserService>): Case[] {
  const codes = Object.values(Code).filter((code): code is Code => typeof code === "number");
  return [
    ...codes.map((code): Case => [`status ${Code[code]}`, async () => {
      const error = await rejects(code, test.unaryCall({ responseStatus: { code, message: `as ${Code[code]}` } }));
      equal(error.rawMessage, `as ${Code[code]}`);
    }]),
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
    ["details: the resource", async () => {
      const error = await rejects(Code.NotFound, users.getUser({ userId: "nobody" }));
      const [detail] = error.findDetails(ResourceInfoSchema);
      equal([detail?.resourceType, detail?.resourceName], ["User", "nobody"]);
    }],
    ["an error in the place of the first message", async () => {
      const { messages, error } = await collect(users.watchUser({ userId: "nobody" }));
      equal(messages.length, 0);
      equal(ConnectError.from(error).code, Code.NotFound);
      equal(ConnectError.from(error).findDetails(ResourceInfoSchema)[0]?.resourceName, "nobody");
    }],
    ["an error after messages", async () => {
      const responseParameters = [{ size: 31415 }, { size: 5 * 1024 * 1024 }];
      const { messages, error } = await collect(test.streamingOutputCall({ responseParameters }));
      equal(messages.map((message) => message.payload?.body.length), [31415]);
      equal(ConnectError.from(error).code, Code.InvalidArgument);
    }],
    ["an unknown method", async () => {
      await rejects(Code.Unimplemented, test.unimplementedCall({}));
    }],
  ];
}

function metadataCases(test: Client<typeof TestService>, users: Client<typeof UserService>, auth: Client<typeof AuthService>): Case[] {
  const headers = { [initial]: "test_initial_metadata_value", [trailing]: "q6ur", "request-id": "req_1" };
  /** Options that keep what the server sends, by the same names as seen. */
  const keep = () => {
    const seen: { header?: Headers; trailer?: Headers } = {};
    const options = {
      headers,
      onHeader: (header: Headers) => { seen.header = header; },
      onTrailer: (trailer: Headers) => { seen.trailer = trailer; },
    };
    return { seen, options };
  };
  const holds = ({ header, trailer }: { header?: Headers; trailer?: Headers }) => {
    equal(header?.get(initial), "test_initial_metadata_value", initial);
    equal(header?.get("request-id"), "req_1", "request-id");
    ok(header?.get("server-version"), "no server-version");
    // Binary metadata may come padded.
    equal(trailer?.get(trailing)?.replace(/=+$/, ""), "q6ur", trailing);
    ok(trailer?.get("response-time"), "no response-time");
  };
  return [
    ["metadata of a call", async () => {
      const { seen, options } = keep();
      await test.unaryCall({ responseSize: 1 }, options);
      holds(seen);
    }],
    ["metadata of a stream", async () => {
      const { seen, options } = keep();
      await collect(test.streamingOutputCall({ responseParameters: [{ size: 1 }] }, options));
      holds(seen);
    }],
    ["metadata with an error", async () => {
      const error = await rejects(Code.Aborted, test.unaryCall({ responseStatus: { code: Code.Aborted } }, { headers }));
      const metadata = all(error);
      equal(metadata.get(initial), "test_initial_metadata_value", initial);
      ok(metadata.get("request-id"), "no request-id");
    }],
    ["log in, and call with the token", async () => {
      const { accessToken } = await auth.login({ username: "admin", password: "password" });
      const { valid, userId } = await auth.validateToken({ token: accessToken });
      equal([valid, userId], [true, "admin"]);
      const { messages, error } = await collect(users.listUsers({ page: 1, limit: 1 }, { headers: { authorization: `Bearer ${accessToken}` } }));
      equal([messages.length, error], [1, undefined]);
    }],
    ["a wrong password", async () => {
      await rejects(Code.Unauthenticated, auth.login({ username: "admin", password: "wrong" }));
    }],
    ["a token that is none", async () => {
      const headers = { authorization: "Bearer nonsense" };
      const { error } = await collect(users.listUsers({ page: 1, limit: 1 }, { headers }));
      equal(Code[ConnectError.from(error).code], Code[Code.Unauthenticated]);
    }],
  ];
}

/** Calls that end before they are answered. */
function endCases(test: Client<typeof TestService>, users: Client<typeof UserService>): Case[] {
  const slow = { responseParameters: [{ size: 1 }, { size: 1, intervalUs: 60_000_000 }] };
  return [
    ["a deadline in time", async () => {
      await test.emptyCall({}, patience);
    }],
    ["a deadline during a stream", async () => {
      const { messages, error } = await collect(test.streamingOutputCall(slow, { timeoutMs: 500 }));
      equal(messages.length, 1);
      equal(Code[ConnectError.from(error).code], Code[Code.DeadlineExceeded]);
    }],
    ["abort a stream", async () => {
      const controller = new AbortController();
      let messages = 0;
      let error: unknown;
      try {
        for await (const _ of test.streamingOutputCall(slow, { signal: controller.signal })) {
          messages++;
          controller.abort();
        }
      } catch (failure) {
        error = failure;
      }
      equal(messages, 1);
      equal(Code[ConnectError.from(error).code], Code[Code.Canceled]);
    }],
    ["leave a stream", async () => {
      for await (const message of test.streamingOutputCall(slow, patience)) {
        equal(message.payload?.body.length, 1);
        break;
      }
    }],
    ["abort before the call", async () => {
      await rejects(Code.Canceled, test.emptyCall({}, { signal: AbortSignal.abort() }));
    }],
    ["aborted streams are gone", async () => {
      // More than a connection may have at once, if any were left.
      for (let i = 0; i < 150; i++) {
        const controller = new AbortController();
        const stream = users.watchUser({}, { signal: controller.signal })[Symbol.asyncIterator]();
        const first = stream.next();
        if (i % 2 === 0) await first; // every other one is aborted before its first message
        controller.abort();
        await first.catch(() => {});
      }
      await test.emptyCall({}, patience);
    }],
  ];
}

function healthCases(health: Client<typeof Health>, legacy: Client<typeof HealthCheck>): Case[] {
  return [
    ["health: check", async () => {
      equal((await health.check({})).status, Serving.SERVING);
      equal(Number((await legacy.check({})).status), Number(Serving.SERVING));
    }],
    ["health: watch", async () => {
      for await (const { status } of health.watch({ service: "userservice.UserService" }, patience)) {
        equal(status, Serving.SERVING);
        break;
      }
    }],
    ["health: check a service that is not there", async () => {
      await rejects(Code.NotFound, health.check({ service: "nobody.Knows" }));
    }],
  ];
}

function chatCases(chat: Client<typeof ChatService>): Case[] {
  return [
    ["chat: join, speak, hear, leave", async () => {
      const { roomId } = await chat.createRoom({ name: "Page", createdBy: "ann" });
      const heard: string[] = [];
      for await (const message of chat.joinRoom({ roomId, userId: "ann", username: "Ann" }, patience)) {
        if (message.type === MessageType.USER_JOINED) {
          const sent = await chat.sendMessage({ roomId, userId: "ann", content: "Hello from a page" });
          ok(sent.success, sent.error);
        }
        if (message.type === MessageType.USER_MESSAGE) {
          heard.push(message.content);
          ok((await chat.leaveRoom({ roomId, userId: "ann" })).success, "not left");
        }
      }
      equal(heard, ["Hello from a page"]);
      const { messages } = await chat.getRoomHistory({ roomId });
      equal(messages.filter((message) => message.type === MessageType.USER_MESSAGE).map((message) => message.content), heard);
    }],
  ];
}

function fileCases(files: Client<typeof FileService>, fileId: string): Case[] {
  return [
    ["file: download", async () => {
      const { messages, error } = await collect(files.downloadFile({ fileId }));
      equal(error, undefined);
      const bytes = new Uint8Array(await new Blob(messages.map((chunk) => chunk.data.slice())).arrayBuffer());
      equal(bytes.length, 200_000);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      equal([...digest].map((byte) => byte.toString(16).padStart(2, "0")).join(""), messages.at(-1)?.checksum);
      equal((await files.getFileInfo({ fileId })).checksum, messages.at(-1)?.checksum);
    }],
  ];
}
