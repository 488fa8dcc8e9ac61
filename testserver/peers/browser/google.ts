import { create, fromBinary, toBinary, type DescMessage, type DescMethod, type MessageShape } from "@bufbuild/protobuf";
import { GrpcWebClientBase, MethodDescriptor, StatusCode, type Metadata, type RpcError, type Status } from "grpc-web";
import { TestService } from "./gen/grpc/testing/test_pb";
import { UserService } from "./gen/userservice/userservice_pb";
import { equal, ok, type Case } from "./cases";

/** What came of a call by grpc-web, Google's own client. */
interface Outcome {
  messages: any[];
  header: Metadata;
  status?: Status;
  error?: RpcError;
}

const responseSizes = [31415, 9, 2653, 58979];

/** The same calls by grpc-web, in its binary or its base64 format. */
export function googleCases(server: string, format: "binary" | "text"): Case[] {
  const base = new GrpcWebClientBase({ format });

  const path = (method: DescMethod) => `/${method.parent.typeName}/${method.name}`;

  const descriptor = (method: DescMethod) => {
    const type = method.methodKind === "unary" ? "unary" : "server_streaming";
    // The types are never made: messages come from the functions below.
    return new MethodDescriptor<any, any>(
      path(method), type, Object as any, Object as any,
      (message: MessageShape<DescMessage>) => toBinary(method.input, message),
      (bytes: Uint8Array) => fromBinary(method.output, bytes));
  };

  /** Begins a call; the message of a unary one comes by a callback of its own. */
  const start = (method: DescMethod, request: Record<string, unknown>, metadata: Metadata, onMessage: (message: any) => void) => {
    const args = [server + path(method), create(method.input, request), metadata, descriptor(method)] as const;
    return method.methodKind === "unary"
      ? base.rpcCall(...args, (_, message) => { if (message) onMessage(message); })
      : base.serverStreaming(...args).on("data", onMessage);
  };

  /** Makes a call and resolves when it has ended. */
  const call = (method: DescMethod, request: Record<string, unknown>, metadata: Metadata = {}) =>
    new Promise<Outcome>((resolve) => {
      const outcome: Outcome = { messages: [], header: {} };
      start(method, request, metadata, (message) => outcome.messages.push(message))
        .on("metadata", (header) => { outcome.header = header; })
        .on("status", (status) => { outcome.status = status; })
        .on("end", () => resolve(outcome))
        .on("error", (error) => { outcome.error = error; resolve(outcome); });
    });

  // In the binary format, messages come when the stream is over.
  const live: Case = ["messages come while the stream goes on", async () => {
    const email = `google-${crypto.randomUUID()}@example.com`;
    const { messages: [{ user }] } = await call(UserService.method.createUser, { name: "Watched", email });
    const seen: string[] = [];
    await new Promise<void>((resolve, reject) => {
      start(UserService.method.watchUser, { userId: user.id }, {}, (event) => {
        seen.push(event.eventType);
        if (event.eventType === "initial") void call(UserService.method.deleteUser, { userId: user.id });
      }).on("end", () => resolve())
        .on("error", reject);
    });
    equal(seen, ["initial", "deleted"]);
  }];

  return [
    ["an empty call", async () => {
      const { messages, error } = await call(TestService.method.emptyCall, {});
      equal([messages.length, error?.message], [1, undefined]);
    }],
    ["a large call", async () => {
      const { messages, error } = await call(TestService.method.unaryCall, { responseSize: 314159, payload: { body: new Uint8Array(271828) } });
      equal(error?.message, undefined);
      equal(messages[0].payload.body.length, 314159);
    }],
    ["a stream", async () => {
      const { messages, error } = await call(TestService.method.streamingOutputCall, { responseParameters: responseSizes.map((size) => ({ size })) });
      equal(error?.message, undefined);
      equal(messages.map((message) => message.payload.body.length), responseSizes);
    }],
    ...(format === "text" ? [live] : []),
    ["a status", async () => {
      const { error } = await call(TestService.method.unaryCall, { responseStatus: { code: 10, message: "schade ☺" } });
      equal([error?.code, error?.message], [StatusCode.ABORTED, "schade ☺"]);
    }],
    ["details of an error", async () => {
      const { error } = await call(UserService.method.getUser, { userId: "nobody" });
      equal(error?.code, StatusCode.NOT_FOUND);
      ok(error?.metadata["grpc-status-details-bin"], `no details in ${JSON.stringify(error?.metadata)}`);
    }],
    ["an error in the place of the first message", async () => {
      const { messages, error } = await call(UserService.method.watchUser, { userId: "nobody" });
      equal([messages.length, error?.code], [0, StatusCode.NOT_FOUND]);
    }],
    ["an error after messages", async () => {
      const { messages, error } = await call(TestService.method.streamingOutputCall, { responseParameters: [{ size: 31415 }, { size: 5 * 1024 * 1024 }] });
      equal(messages.map((message) => message.payload.body.length), [31415]);
      equal(error?.code, StatusCode.INVALID_ARGUMENT);
    }],
    ["metadata", async () => {
      const { header, status } = await call(TestService.method.unaryCall, { responseSize: 1 }, {
        "x-grpc-test-echo-initial": "test_initial_metadata_value", "x-grpc-test-echo-trailing-bin": "q6ur",
      });
      equal(header["x-grpc-test-echo-initial"], "test_initial_metadata_value");
      equal(status?.metadata?.["x-grpc-test-echo-trailing-bin"]?.replace(/=+$/, ""), "q6ur");
    }],
    ["a deadline", async () => {
      const { error } = await call(TestService.method.streamingOutputCall, { responseParameters: [{ size: 1, intervalUs: 60_000_000 }] }, {
        deadline: `${Date.now() + 500}`,
      });
      equal(error?.code, StatusCode.DEADLINE_EXCEEDED);
    }],
    ["an unknown method", async () => {
      const { error } = await call(TestService.method.unimplementedCall, {});
      equal(error?.code, StatusCode.UNIMPLEMENTED);
    }],
  ];
}
