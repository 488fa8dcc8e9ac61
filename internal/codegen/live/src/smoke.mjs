// Calls by generated JavaScript, which Node loads as it is:
//
//   node smoke.mjs import|require multi|single SERVER-URL
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";

const [how, layout, baseUrl] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const load = (name) => (how === "require" ? require(name) : import(name.startsWith(".") ? pathToFileURL(resolve(name)) : name));

const single = layout === "single" ? await load("./gen/client.js") : undefined;
const { createUserServiceClient } = single ?? (await load("./gen/userservice/userservice_client.js"));
const { createTestServiceClient } = single ?? (await load("./gen/grpc/testing/test_client.js"));
const { BadRequestSchema } = single ?? (await load("./gen/google/rpc/error_details_pb.js"));
const { cancelling } = single ?? (await load("./gen/grpcx_runtime.js"));
const { createGrpcJsTransport } = single ?? (await load("./gen/grpcx_grpcjs.js"));
const { createGrpcTransport, Http2SessionManager } = await load("@connectrpc/connect-node");
const { ConnectError } = await load("@connectrpc/connect");
const { credentials } = await load("@grpc/grpc-js");

let cases = 0;
async function check(name, run) {
  const line = { case: name };
  try {
    await run();
  } catch (error) {
    line.error = String(error?.stack ?? error);
  }
  cases++;
  console.log(JSON.stringify(line));
}

function equal(got, want) {
  if (JSON.stringify(got) !== JSON.stringify(want)) {
    throw new Error(`got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
  }
}

const transports = {
  connect: createGrpcTransport({ baseUrl, sessionManager: cancelling(new Http2SessionManager(baseUrl)) }),
  "grpc-js": createGrpcJsTransport(new URL(baseUrl).host, credentials.createInsecure()),
};
for (const [name, transport] of Object.entries(transports)) {
  const users = createUserServiceClient(transport);
  const test = createTestServiceClient(transport);
  await check(`${name}: a call`, async () => {
    const { user } = await users.createUser({ name: "Ada", email: `${crypto.randomUUID()}@example.com` });
    equal([user.name, typeof user.createdAt.seconds], ["Ada", "bigint"]);
  });
  await check(`${name}: a stream that is left`, async () => {
    for await (const { eventType } of users.watchUser({ userId: (await users.createUser({ name: "Bob", email: `${crypto.randomUUID()}@example.com` })).user.id })) {
      equal(eventType, "initial");
      break;
    }
  });
  await check(`${name}: a stream of requests`, async () => {
    equal((await test.streamingInputCall([1, 2].map((size) => ({ payload: { body: new Uint8Array(size) } })))).aggregatedPayloadSize, 3);
  });
  await check(`${name}: a stream both ways`, async () => {
    const sizes = [];
    for await (const { payload } of test.fullDuplexCall([{ responseParameters: [{ size: 3 }] }])) {
      sizes.push(payload.body.length);
    }
    equal(sizes, [3]);
  });
  await check(`${name}: details of an error`, async () => {
    const error = await users.createUser({}).catch((e) => e);
    equal([error instanceof ConnectError, error.findDetails(BadRequestSchema)[0].fieldViolations.length], [true, 2]);
  });
}
console.log(JSON.stringify({ cases }));
