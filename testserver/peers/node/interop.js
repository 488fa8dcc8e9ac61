'use strict';

// grpc-js against everything that a gRPC server does: the four kinds of call,
// metadata, statuses and their details, deadlines, cancelling, compression, big
// messages, limits. The names of the official cases are the first word:
// https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
//
//   node interop.js ADDRESS DESCRIPTOR-SET [CA [CERT KEY]]

const assert = require('node:assert/strict');
const fs = require('node:fs');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');
const { run } = require('./cases.js');
const { single, unary, collect, next, cancel, rejects, ended, expired, within } = require('./calls.js');

const { status } = grpc;
const [address, set, ca, cert, key] = process.argv.slice(2);
const read = (file) => file && fs.readFileSync(file);
const credentials = ca
  ? grpc.credentials.createSsl(read(ca), read(key), read(cert))
  : grpc.credentials.createInsecure();

const schema = grpc.loadPackageDefinition(
  protoLoader.loadFileDescriptorSetFromBuffer(fs.readFileSync(set), { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true }),
);
const { TestService, UnimplementedService } = schema.grpc.testing;
const test = new TestService(address, credentials);
const users = new schema.userservice.UserService(address, credentials);
const clients = [test, users];

/** A channel of its own for a client with other options. */
function dial(Service, options, creds = credentials) {
  const client = new Service(address, creds, { 'grpc.use_local_subchannel_pool': 1, ...options });
  clients.push(client);
  return client;
}

const requestSizes = [27182, 8, 1828, 45904];
const responseSizes = [31415, 9, 2653, 58979];
const payload = (size) => ({ body: Buffer.alloc(size) });
const sizes = (messages) => messages.map((message) => message.payload.body.length);
const response_parameters = responseSizes.map((size) => ({ size }));

const details = protobuf.parse(`
  syntax = "proto3";
  package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message FieldViolation { string field = 1; string description = 2; }
  message BadRequest { repeated FieldViolation field_violations = 1; }
  message ResourceInfo { string resource_type = 1; string resource_name = 2; string owner = 3; string description = 4; }
`, { keepCase: true }).root;

/** The details of an error, decoded; their types by short name. */
function detailsOf(error) {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  assert.ok(bytes, 'the error has no details');
  const decoded = details.lookupType('google.rpc.Status').decode(bytes);
  assert.equal(decoded.code, error.code);
  assert.equal(decoded.message, error.details);
  return decoded.details.map(({ type_url, value }) => {
    const name = type_url.replace('type.googleapis.com/google.rpc.', '');
    return { name, ...details.lookupType(`google.rpc.${name}`).decode(value).toJSON() };
  });
}

const initial = 'x-grpc-test-echo-initial';
const trailing = 'x-grpc-test-echo-trailing-bin';
function echoed() {
  const metadata = new grpc.Metadata();
  metadata.set(initial, 'test_initial_metadata_value');
  metadata.set(trailing, Buffer.from([0xab, 0xab, 0xab]));
  return metadata;
}
function isEchoed({ header, trailer }) {
  assert.deepEqual(header.get(initial), ['test_initial_metadata_value']);
  assert.deepEqual(trailer.get(trailing), [Buffer.from([0xab, 0xab, 0xab])]);
}

const official = [
  ['empty_unary', async () => {
    assert.deepEqual(await unary(test, 'emptyCall', {}), {});
  }],
  ['large_unary', async () => {
    const response = await unary(test, 'unaryCall', { response_size: 314159, payload: payload(271828) });
    assert.equal(response.payload.body.length, 314159);
  }],
  ['client_streaming', async () => {
    const requests = requestSizes.map((size) => ({ payload: payload(size) }));
    const { response } = await single(test, 'streamingInputCall', undefined, { requests });
    assert.equal(response.aggregated_payload_size, 74922);
  }],
  ['server_streaming', async () => {
    const { messages, error } = await collect(test.streamingOutputCall({ response_parameters }));
    assert.equal(error, null);
    assert.deepEqual(sizes(messages), responseSizes);
  }],
  ['ping_pong', async () => {
    const call = test.fullDuplexCall(within(20_000));
    for (const [i, size] of responseSizes.entries()) {
      const answer = next(call);
      call.write({ response_parameters: [{ size }], payload: payload(requestSizes[i]) });
      assert.deepEqual(sizes([await answer]), [size]);
    }
    const rest = collect(call);
    call.end();
    assert.equal((await rest).error, null);
  }],
  ['half_duplex', async () => {
    const call = test.halfDuplexCall(within(20_000));
    const all = collect(call);
    for (const parameters of response_parameters) call.write({ response_parameters: [parameters] });
    call.end();
    const { messages, error } = await all;
    assert.equal(error, null);
    assert.deepEqual(sizes(messages), responseSizes);
  }],
  ['empty_stream', async () => {
    const call = test.fullDuplexCall(within(20_000));
    const all = collect(call);
    call.end();
    const { messages, error } = await all;
    assert.deepEqual([messages, error], [[], null]);
  }],
  ['cancel_after_begin', async () => {
    const outcome = new Promise((resolve) => {
      const call = test.streamingInputCall(new grpc.Metadata(), within(20_000), resolve);
      // grpc-js never lets go of a call that is cancelled in the turn that it begins in.
      setImmediate(() => call.cancel());
    });
    ended(status.CANCELLED, await outcome);
  }],
  ['cancel_after_first_response', async () => {
    const call = test.fullDuplexCall(within(20_000));
    const answer = next(call);
    call.write({ response_parameters: [{ size: 31415 }], payload: payload(27182) });
    await answer;
    ended(status.CANCELLED, await cancel(call));
  }],
  ['timeout_on_sleeping_server', async () => {
    const call = test.fullDuplexCall(within(100));
    call.write({ response_parameters: [{ size: 1, interval_us: 10_000_000 }], payload: payload(27182) });
    expired((await collect(call)).error);
  }],
  ['custom_metadata unary', async () => {
    isEchoed(await single(test, 'unaryCall', { response_size: 1, payload: payload(1) }, { metadata: echoed() }));
  }],
  ['custom_metadata duplex', async () => {
    const call = test.fullDuplexCall(echoed(), within(20_000));
    const all = collect(call);
    call.write({ response_parameters: [{ size: 1 }], payload: payload(1) });
    call.end();
    const seen = await all;
    assert.equal(seen.error, null);
    isEchoed(seen);
  }],
  ['status_code_and_message unary', async () => {
    const error = await rejects(status.UNKNOWN, unary(test, 'unaryCall', { response_status: { code: 2, message: 'test status message' } }));
    assert.equal(error.details, 'test status message');
  }],
  ['status_code_and_message duplex', async () => {
    const call = test.fullDuplexCall(within(20_000));
    const all = collect(call);
    call.write({ response_status: { code: 2, message: 'test status message' } });
    call.end();
    const { error } = await all;
    ended(status.UNKNOWN, error);
    assert.equal(error.details, 'test status message');
  }],
  ['special_status_message', async () => {
    const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
    const error = await rejects(status.UNKNOWN, unary(test, 'unaryCall', { response_status: { code: 2, message } }));
    assert.equal(error.details, message);
  }],
  ['unimplemented_method', async () => {
    await rejects(status.UNIMPLEMENTED, unary(test, 'unimplementedCall', {}));
  }],
  ['unimplemented_service', async () => {
    const definition = UnimplementedService ?? grpc.makeGenericClientConstructor({
      unimplementedCall: { ...TestService.service.EmptyCall, path: '/grpc.testing.UnimplementedService/UnimplementedCall' },
    });
    await rejects(status.UNIMPLEMENTED, unary(dial(definition), 'unimplementedCall', {}));
  }],
];

const statuses = Object.entries(status)
  .filter(([name, code]) => Number.isNaN(Number(name)) && code !== status.OK)
  .map(([name, code]) => [`status ${name}`, async () => {
    const error = await rejects(code, unary(test, 'unaryCall', { response_status: { code, message: `as ${name}` } }));
    assert.equal(error.details, `as ${name}`);
  }]);

const errors = [
  ['details: every bad field', async () => {
    const error = await rejects(status.INVALID_ARGUMENT, unary(users, 'createUser', { name: '', email: 'nowhere' }));
    const [{ name, field_violations }] = detailsOf(error);
    assert.equal(name, 'BadRequest');
    assert.deepEqual(field_violations.map((violation) => violation.field).sort(), ['email', 'name']);
  }],
  ['details: the resource', async () => {
    const error = await rejects(status.NOT_FOUND, unary(users, 'getUser', { user_id: 'nobody' }));
    const [{ name, resource_type, resource_name }] = detailsOf(error);
    assert.deepEqual([name, resource_type, resource_name], ['ResourceInfo', 'User', 'nobody']);
  }],
  ['an error before the first response', async () => {
    const { messages, error } = await collect(users.watchUser({ user_id: 'nobody' }));
    assert.deepEqual(messages, []);
    ended(status.NOT_FOUND, error);
    assert.equal(detailsOf(error)[0].name, 'ResourceInfo');
  }],
  ['an error after responses', async () => {
    const call = test.fullDuplexCall(within(20_000));
    const all = collect(call);
    call.write({ response_parameters });
    call.write({ response_status: { code: status.DATA_LOSS, message: 'late' } });
    const { messages, error } = await all;
    assert.deepEqual(sizes(messages), responseSizes);
    ended(status.DATA_LOSS, error);
  }],
  ['an error while the client still sends', async () => {
    const requests = Array.from({ length: 200 }, (_, i) => ({ name: i === 3 ? '' : `N${i}`, email: `n${i}@example.com` }));
    const error = await rejects(status.INVALID_ARGUMENT, single(users, 'batchCreateUsers', undefined, { requests }));
    assert.match(error.details, /3/);
  }],
  ['header and trailer come with an error', async () => {
    const error = await rejects(status.ABORTED, single(test, 'unaryCall', { response_status: { code: status.ABORTED } }, { metadata: echoed() }));
    const both = { ...error.header.getMap(), ...error.trailer.getMap() };
    assert.equal(both[initial], 'test_initial_metadata_value');
    assert.deepEqual(both[trailing], Buffer.from([0xab, 0xab, 0xab]));
  }],
];

const loads = [
  ['gzip: requests and responses', async () => {
    const gzip = dial(TestService, { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip });
    const { response } = await single(gzip, 'unaryCall', { response_size: 1_000_000, payload: payload(1_000_000) });
    assert.equal(response.payload.body.length, 1_000_000);
    const { messages, error } = await collect(gzip.streamingOutputCall({ response_parameters }));
    assert.equal(error, null);
    assert.deepEqual(sizes(messages), responseSizes);
  }],
  ['deflate is refused by name', async () => {
    const deflate = dial(TestService, { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.deflate });
    const error = await rejects(status.UNIMPLEMENTED, unary(deflate, 'unaryCall', { payload: payload(100) }));
    assert.match(error.details, /deflate/);
  }],
  ['a request just below 4 MiB', async () => {
    await unary(test, 'unaryCall', { response_size: 1, payload: payload(4 * 1024 * 1024 - 100) });
  }],
  ['a request above 4 MiB', async () => {
    await rejects(status.RESOURCE_EXHAUSTED, unary(test, 'unaryCall', { response_size: 1, payload: payload(4 * 1024 * 1024) }));
  }],
  ['a gzip bomb is above 4 MiB', async () => {
    const gzip = dial(TestService, { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip });
    await rejects(status.RESOURCE_EXHAUSTED, unary(gzip, 'unaryCall', { payload: payload(64 * 1024 * 1024) }));
  }],
  ['a response above the limit of the client', async () => {
    const small = dial(TestService, { 'grpc.max_receive_message_length': 1000 });
    await rejects(status.RESOURCE_EXHAUSTED, unary(small, 'unaryCall', { response_size: 1001 }));
    await unary(small, 'unaryCall', { response_size: 900 });
  }],
  ['headers above 16 KiB', async () => {
    const metadata = new grpc.Metadata();
    metadata.set('x-long', 'x'.repeat(20_000));
    const error = await unary(dial(TestService), 'emptyCall', {}, { metadata }).then(() => null, (failure) => failure);
    assert.ok(error);
    assert.notEqual(error.code, status.DEADLINE_EXCEEDED);
    await unary(test, 'emptyCall', {});
  }],
  ['300 calls at once on a connection', async () => {
    const responses = await Promise.all(Array.from({ length: 300 }, () => unary(test, 'unaryCall', { response_size: 1000, payload: payload(1000) })));
    assert.ok(responses.every((response) => response.payload.body.length === 1000));
  }],
  ['90 streams at once on a connection', async () => {
    const calls = Array.from({ length: 90 }, () => test.fullDuplexCall(within(20_000)));
    await Promise.all(calls.map((call, i) => {
      const answer = next(call);
      call.write({ response_parameters: [{ size: i }] });
      return answer.then((message) => assert.deepEqual(sizes([message]), [i]));
    }));
    const rests = calls.map((call) => collect(call));
    for (const call of calls) call.end();
    for (const rest of rests) assert.equal((await rest).error, null);
  }],
  ['20,000 responses on a stream', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ({ size: i % 50 }));
    let received = 0;
    const call = test.streamingOutputCall({ response_parameters: many }, within(20_000));
    call.on('data', (message) => {
      assert.equal(message.payload?.body.length ?? 0, received % 50);
      received++;
    });
    const { error } = await collect(call);
    assert.equal(error, null);
    assert.equal(received, 20_000);
  }],
  ['a deadline while requests are sent', async () => {
    const error = await new Promise((resolve) => {
      const call = test.streamingInputCall(new grpc.Metadata(), within(200), resolve);
      call.write({ payload: payload(1) });
    });
    expired(error);
  }],
  ['wait for ready', async () => {
    const late = dial(TestService);
    await new Promise((resolve, reject) => {
      late.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve()));
    });
    await unary(late, 'emptyCall', {});
  }],
];

const secure = [
  ['TLS: a client without the authority', async () => {
    const error = await rejects(status.UNAVAILABLE, unary(dial(TestService, {}, grpc.credentials.createSsl()), 'emptyCall', {}));
    assert.match(error.details, /certificate|issuer|self-signed/);
  }],
  ['TLS: a client in plaintext', async () => {
    await rejects(status.UNAVAILABLE, unary(dial(TestService, {}, grpc.credentials.createInsecure()), 'emptyCall', {}));
  }],
];

const mutual = [
  ['mTLS: a client without a certificate', async () => {
    await rejects(status.UNAVAILABLE, unary(dial(TestService, {}, grpc.credentials.createSsl(read(ca))), 'emptyCall', {}));
  }],
];

run([...official, ...statuses, ...errors, ...loads, ...(ca ? secure : []), ...(cert ? mutual : [])])
  .finally(() => { for (const client of clients) client.close(); });
