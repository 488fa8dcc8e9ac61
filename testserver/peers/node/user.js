'use strict';

// The users, login and health of the reference system, as a Node program uses
// them that knows no more of the server than the .proto beside it.
//
//   node user.js ADDRESS

const assert = require('node:assert/strict');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');
const { run } = require('./cases.js');
const { single, unary, collect, next, cancel, rejects, ended, expired, within } = require('./calls.js');

const { status } = grpc;
const { userservice } = grpc.loadPackageDefinition(
  protoLoader.loadSync(path.join(__dirname, 'user.proto'), {
    keepCase: true, longs: String, enums: String, defaults: true, oneofs: true,
  }),
);

const address = process.argv[2];
const credentials = grpc.credentials.createInsecure();
const users = new userservice.UserService(address, credentials);
const auth = new userservice.AuthService(address, credentials);
const health = new userservice.HealthCheck(address, credentials);

const john = { name: 'John Doe', email: 'john@example.com', age: 30, roles: ['user', 'developer'] };
let johnsID;
let tokens;

/** Creates the users of a stream. */
const batch = (requests) => single(users, 'batchCreateUsers', undefined, { requests });

/** Asks for users by id over one stream, all at once. */
function stream(ids) {
  const call = users.streamUsers(within(20_000));
  const collected = collect(call);
  for (const user_id of ids) call.write({ user_id });
  call.end();
  return collected;
}

/** One page of users: {users, total}. */
async function list(page, limit, filter) {
  const { messages, error } = await collect(users.listUsers({ page, limit, filter }));
  assert.equal(error, null);
  return { users: messages.flatMap((message) => message.users), total: messages.at(-1).total };
}

const healthCases = [
  ['health: check', async () => {
    assert.deepEqual(await unary(health, 'check', {}), { status: 'SERVING' });
  }],
  ...['', 'userservice.UserService', 'userservice.AuthService'].map((service) => [
    `health: watch ${service || 'the server'}`, async () => {
      const call = health.watch({ service });
      assert.deepEqual(await next(call), { status: 'SERVING' });
      ended(status.CANCELLED, await cancel(call));
    },
  ]),
  ['health: watch a service that is not there', async () => {
    const call = health.watch({ service: 'nobody.Knows' });
    assert.deepEqual(await next(call), { status: 'SERVICE_UNKNOWN' });
    ended(status.CANCELLED, await cancel(call));
  }],
  ['health: a watch ends with its deadline', async () => {
    const { messages, error } = await collect(health.watch({ service: '' }, within(300)));
    assert.deepEqual(messages, [{ status: 'SERVING' }]);
    expired(error);
  }],
];

const authCases = [
  ['auth: login', async () => {
    tokens = await unary(auth, 'login', { username: 'admin', password: 'password' });
    assert.ok(tokens.access_token);
    assert.ok(tokens.refresh_token);
    assert.ok(Number(tokens.expires_in) > 0, tokens.expires_in);
  }],
  ['auth: login with a wrong password', async () => {
    await rejects(status.UNAUTHENTICATED, unary(auth, 'login', { username: 'admin', password: 'wrong' }));
  }],
  ['auth: login of nobody', async () => {
    await rejects(status.UNAUTHENTICATED, unary(auth, 'login', { username: 'nobody', password: 'password' }));
  }],
  ['auth: validate the token', async () => {
    const token = await unary(auth, 'validateToken', { token: tokens.access_token });
    assert.equal(token.valid, true);
    assert.equal(token.user_id, 'admin');
    assert.deepEqual([...token.roles].sort(), ['admin', 'user']);
  }],
  ['auth: validate a token that is none', async () => {
    await rejects(status.UNAUTHENTICATED, unary(auth, 'validateToken', { token: 'mock-access-token' }));
  }],
  ['auth: validate an empty token', async () => {
    await rejects(status.UNAUTHENTICATED, unary(auth, 'validateToken', {}));
  }],
  ['auth: a refresh token is no access token', async () => {
    await rejects(status.UNAUTHENTICATED, unary(auth, 'validateToken', { token: tokens.refresh_token }));
  }],
  ['auth: refresh', async () => {
    const token = await unary(auth, 'refreshToken', { token: tokens.refresh_token });
    assert.equal(token.valid, true);
    assert.equal(token.user_id, 'admin');
  }],
  ['auth: a refresh token works once', async () => {
    await rejects(status.UNAUTHENTICATED, unary(auth, 'refreshToken', { token: tokens.refresh_token }));
  }],
  ['auth: login again', async () => {
    tokens = await unary(auth, 'login', { username: 'admin', password: 'password' });
  }],
  ['auth: a call with the token', async () => {
    const metadata = new grpc.Metadata();
    metadata.set('authorization', `Bearer ${tokens.access_token}`);
    const { messages, error } = await collect(users.listUsers({ page: 1, limit: 1 }, metadata));
    assert.equal(error, null);
    assert.equal(messages.length, 1);
  }],
  ['auth: a call with a token that is none', async () => {
    const metadata = new grpc.Metadata();
    metadata.set('authorization', 'Bearer mock-access-token');
    const { messages, error } = await collect(users.listUsers({ page: 1, limit: 1 }, metadata));
    assert.deepEqual(messages, []);
    ended(status.UNAUTHENTICATED, error);
  }],
];

const userCases = [
  ['users: create', async () => {
    const { user, message } = await unary(users, 'createUser', john);
    johnsID = user.id;
    assert.ok(johnsID);
    assert.ok(message);
    const { name, email, age, roles } = user;
    assert.deepEqual({ name, email, age, roles }, john);
    assert.equal(user.active, true);
    assert.equal(user.status, 'ACTIVE');
    assert.ok(Math.abs(Number(user.created_at.seconds) - Date.now() / 1000) < 300, user.created_at.seconds);
  }],
  ['users: create without roles', async () => {
    const { user } = await unary(users, 'createUser', { name: 'Plain', email: 'plain@example.com' });
    assert.deepEqual(user.roles, ['user']);
    assert.equal(user.age, 0);
  }],
  ['users: create without an email', async () => {
    await rejects(status.INVALID_ARGUMENT, unary(users, 'createUser', { name: 'John Doe' }));
  }],
  ['users: create without a name', async () => {
    await rejects(status.INVALID_ARGUMENT, unary(users, 'createUser', { email: 'nameless@example.com' }));
  }],
  ['users: create with an email in use', async () => {
    await rejects(status.ALREADY_EXISTS, unary(users, 'createUser', { name: 'Johnny', email: 'JOHN@example.com' }));
  }],
  ['users: get', async () => {
    const { user } = await unary(users, 'getUser', { user_id: johnsID });
    assert.equal(user.name, 'John Doe');
    assert.equal(user.id, johnsID);
  }],
  ['users: get one that is not there', async () => {
    const error = await rejects(status.NOT_FOUND, unary(users, 'getUser', { user_id: '999' }));
    assert.match(error.details, /not found/);
  }],
  ['users: get without an id', async () => {
    await rejects(status.INVALID_ARGUMENT, unary(users, 'getUser', {}));
  }],
  ['users: update the fields that are set', async () => {
    const { user } = await unary(users, 'updateUser', { user_id: johnsID, user: { name: 'John Smith', age: 31 } });
    assert.equal(user.name, 'John Smith');
    assert.equal(user.age, 31);
    assert.equal(user.email, 'john@example.com');
    assert.deepEqual(user.roles, ['user', 'developer']);
    assert.equal(user.active, true);
  }],
  ['users: an update keeps the id', async () => {
    const { user } = await unary(users, 'updateUser', { user_id: johnsID, user: { id: 'other', age: 32 } });
    assert.equal(user.id, johnsID);
  }],
  ['users: update one that is not there', async () => {
    await rejects(status.NOT_FOUND, unary(users, 'updateUser', { user_id: '999', user: { name: 'Nobody' } }));
  }],
  ['users: list', async () => {
    const found = await list(1, 10, '');
    assert.equal(found.total, 2);
    assert.deepEqual(found.users.map((user) => user.name), ['John Smith', 'Plain']);
  }],
  ['users: batch', async () => {
    const { response } = await batch([
      { name: 'Alice Johnson', email: 'alice@example.com', age: 25, roles: ['user'] },
      { name: 'Bob Wilson', email: 'bob@example.com', age: 28, roles: ['user'] },
      { name: 'Charlie Brown', email: 'charlie@example.com', age: 32, roles: ['user'] },
    ]);
    assert.equal(response.message, 'Batch created 3 users successfully');
    assert.equal(response.user.name, 'Charlie Brown');
  }],
  ['users: a batch with a bad entry stores nothing', async () => {
    const error = await rejects(status.INVALID_ARGUMENT, batch([
      { name: 'Dora', email: 'dora@example.com' },
      { name: 'Nobody' },
    ]));
    assert.match(error.details, /1/);
    assert.equal((await list(1, 10, 'dora')).total, 0);
  }],
  ['users: list by a part of the email, in any case', async () => {
    const found = await list(1, 10, 'ALICE@');
    assert.deepEqual(found.users.map((user) => user.name), ['Alice Johnson']);
    assert.equal(found.total, 1);
  }],
  ['users: list page by page', async () => {
    const names = [];
    for (let page = 1; page <= 3; page++) {
      const found = await list(page, 2, '');
      assert.equal(found.total, 5);
      names.push(...found.users.map((user) => user.name));
    }
    assert.deepEqual(names, ['John Smith', 'Plain', 'Alice Johnson', 'Bob Wilson', 'Charlie Brown']);
  }],
  ['users: stream, in the order of the requests', async () => {
    const known = (await list(1, 10, '')).users.map((user) => user.id).reverse();
    const { messages, error } = await stream(known);
    assert.equal(error, null);
    assert.deepEqual(messages.map((message) => message.user.id), known);
  }],
  ['users: stream, each answer before the next request', async () => {
    const call = users.streamUsers(within(20_000));
    for (let i = 0; i < 3; i++) {
      const answer = next(call);
      call.write({ user_id: johnsID });
      assert.equal((await answer).user.id, johnsID);
    }
    const rest = collect(call);
    call.end();
    const { messages, error } = await rest;
    assert.deepEqual(messages, []);
    assert.equal(error, null);
  }],
  ['users: a stream ends at an id that is not there', async () => {
    const { messages, error } = await stream([johnsID, '999', '888']);
    assert.deepEqual(messages.map((message) => message.user.name), ['John Smith']);
    ended(status.NOT_FOUND, error);
    assert.match(error.details, /999/);
  }],
  ['users: delete', async () => {
    const { success, message } = await unary(users, 'deleteUser', { user_id: johnsID });
    assert.equal(success, true);
    assert.ok(message);
  }],
  ['users: delete again', async () => {
    await rejects(status.NOT_FOUND, unary(users, 'deleteUser', { user_id: johnsID }));
  }],
];

const metadataCases = [
  ['metadata: the server answers with its own and the request id', async () => {
    const metadata = new grpc.Metadata();
    metadata.set('client-id', 'client_1');
    metadata.set('api-version', '2.0');
    metadata.set('request-id', 'req_1700000000000');
    const { header, trailer } = await single(users, 'createUser', { name: 'Erin', email: 'erin@example.com' }, { metadata });
    assert.ok(header.get('server-version')[0]);
    assert.deepEqual(header.get('request-id'), ['req_1700000000000']);
    assert.ok(trailer.get('response-time')[0]);
  }],
  ['metadata: a request id is made up', async () => {
    const { header } = await single(health, 'check', {});
    assert.ok(header.get('request-id')[0]);
  }],
  ['metadata: with an error', async () => {
    const error = await rejects(status.NOT_FOUND, single(users, 'getUser', { user_id: '999' }));
    const all = { ...error.header.getMap(), ...error.trailer.getMap() };
    assert.ok(all['request-id'], JSON.stringify(all));
    assert.ok(all['server-version'], JSON.stringify(all));
  }],
  ['deadline: in time', async () => {
    await unary(health, 'check', {}, { options: { deadline: new Date(Date.now() + 5000) } });
  }],
  ['deadline: already past', async () => {
    await rejects(status.DEADLINE_EXCEEDED, unary(health, 'check', {}, { options: { deadline: new Date(Date.now() - 1000) } }));
  }],
  ['cancel: a call under way', async () => {
    const call = users.streamUsers(within(20_000));
    const answer = next(call);
    call.write({ user_id: (await list(1, 1, '')).users[0].id });
    await answer;
    ended(status.CANCELLED, await cancel(call));
  }],
];

run([...healthCases, ...authCases, ...userCases, ...metadataCases])
  .finally(() => { for (const client of [users, auth, health]) client.close(); });
