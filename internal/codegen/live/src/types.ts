// What must not compile. Nothing here runs.
import { ConnectError, type Transport } from "@connectrpc/connect";
import { create } from "@bufbuild/protobuf";
import {
  BadRequestSchema, EverythingSchema, createKitchenClient, createProbeClient, createUserServiceClient, createrequestClient,
  type CallOptions, type Requests, type Responses, type Result,
} from "./api";

declare const transport: Transport;
const users = createUserServiceClient(transport);
const kitchen = createKitchenClient(transport);
const probe = createProbeClient(transport);

export async function requests(): Promise<void> {
  await kitchen.cook({ fInt64: 1n, jString: "1", choice: { case: "cInt64", value: 1n }, mUint64: { "1": { name: "x" } } });
  // @ts-expect-error a number is no int64
  await kitchen.cook({ fInt64: 1 });
  // @ts-expect-error nor is a string, without jstype
  await kitchen.cook({ fInt64: "1" });
  // @ts-expect-error with it, nothing else will do
  await kitchen.cook({ jString: 1n });
  // @ts-expect-error the case has values of another type
  await kitchen.cook({ choice: { case: "cInt64", value: "1" } });
  // @ts-expect-error there is no such case
  await kitchen.cook({ choice: { case: "cFloat", value: 1 } });
  // @ts-expect-error there is no such field
  await kitchen.cook({ fInt65: 1n });
  // @ts-expect-error a field of another message
  await kitchen.cook({ fMessage: { title: "x" } });
  // @ts-expect-error a timestamp is no Date
  await kitchen.cook({ wTimestamp: new Date() });
  // @ts-expect-error a struct is JSON
  await kitchen.cook({ wStruct: { value: () => 1 } });
  // @ts-expect-error an optional field takes undefined only by being left out
  await kitchen.cook({ oInt32: undefined } satisfies { oInt32: number });
  // @ts-expect-error a request is wanted
  await users.getUser();
  // @ts-expect-error of this type
  await users.getUser("id");
  // @ts-expect-error and of this message
  await users.getUser(create(BadRequestSchema));
}

export async function streams(): Promise<Result> {
  const many: Requests<{ call?: string }> = [{ call: "x" }];
  await probe.up(many);
  await probe.up(new Set([{}]));
  // @ts-expect-error one request is no stream of them
  await probe.up({});
  // @ts-expect-error of these requests
  await probe.up([{ calls: 1 }]);
  // @ts-expect-error a stream is no request
  await probe.unary([{}]);
  const responses: Responses<Result> = probe.both([]);
  responses.cancel();
  // @ts-expect-error responses are no promise
  responses.then(() => {});
  // @ts-expect-error they come asynchronously
  for (const _ of responses) {
    throw new Error();
  }
  // @ts-expect-error a promise cannot be cancelled
  probe.unary({}).cancel();
  // @ts-expect-error nor iterated
  for await (const _ of probe.up([])) {
    throw new Error();
  }
  return await probe.unary({});
}

export async function options(): Promise<void> {
  const signal: AbortSignal | undefined = undefined as AbortSignal | undefined;
  const all: CallOptions = { signal, timeoutMs: undefined, headers: [["a", "b"]], onHeader: undefined };
  await users.getUser({}, all);
  await users.getUser({}, { headers: new Headers(), onTrailer: (trailer) => trailer.get("x") });
  // @ts-expect-error a timeout is a number of milliseconds
  await users.getUser({}, { timeoutMs: "1s" });
  // @ts-expect-error there is no such option
  await users.getUser({}, { timeout: 1 });
  // @ts-expect-error metadata is text
  await users.getUser({}, { headers: { a: new Uint8Array() } });
  // @ts-expect-error a controller is no signal
  await users.getUser({}, { signal: new AbortController() });
}

export async function results(): Promise<void> {
  const { user } = await users.getUser({ userId: "x" });
  // @ts-expect-error there may be none
  user.name;
  const id: string = user?.id ?? "";
  // @ts-expect-error a string is no number
  const age: number = id;
  const { request } = await kitchen.cook({});
  const long: bigint | undefined = request?.fInt64;
  // @ts-expect-error an int64 is no number
  const short: number | undefined = request?.fInt64;
  if (request?.choice.case === "cString") {
    const text: string = request.choice.value;
    // @ts-expect-error in this case it is text
    const flag: boolean = request.choice.value;
    console.log(text, flag);
  }
  // @ts-expect-error an entry of a map may be missing
  request?.mUint64["1"].name;
  console.log(age, long, short, create(EverythingSchema));
}

export function errors(error: ConnectError): void {
  for (const detail of error.findDetails(BadRequestSchema)) {
    detail.fieldViolations.map((violation) => violation.field);
    // @ts-expect-error there is no such field
    detail.violations;
  }
}

export async function names(): Promise<void> {
  const client = createrequestClient(transport);
  const same: typeof client = await client;
  // @ts-expect-error it would be a promise
  client.then({});
  await same.then$({ value: "x" });
  // @ts-expect-error not a transport
  createrequestClient({});
}
