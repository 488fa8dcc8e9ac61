'use strict';

// What is told to many: the room in which people talk over one stream each, and
// notifications by topic.
//
//   node conversation.js ADDRESS

const assert = require('node:assert/strict');
const grpc = require('@grpc/grpc-js');
const { run } = require('./cases.js');
const { unary, collect, kept, next, cancel, ended, within } = require('./calls.js');
const { parse } = require('./schema.js');

const options = { keepCase: true, longs: Number, enums: String, defaults: true };

const { chat } = parse(`
syntax = "proto3";
package chat;

import "google/protobuf/timestamp.proto";

service ChatService {
  rpc Chat(stream ChatEvent) returns (stream ChatEvent);
}

message ChatEvent {
  enum Type {
    TYPE_UNSPECIFIED = 0;
    JOIN = 1;
    MESSAGE = 2;
    LEAVE = 3;
    TYPING = 4;
    SYSTEM = 5;
  }
  Type type = 1;
  string room_id = 2;
  string user_id = 3;
  string user_name = 4;
  string content = 5;
  string id = 6;
  google.protobuf.Timestamp timestamp = 7;
  int32 user_count = 8;
}
`, options);

const { notification } = parse(`
syntax = "proto3";
package notification;

import "google/protobuf/timestamp.proto";

service NotificationService {
  rpc Subscribe(SubscribeRequest) returns (stream Notification);
  rpc Publish(PublishRequest) returns (PublishResponse);
}

message SubscribeRequest {
  string user_id = 1;
  repeated string topics = 2;
}

message Notification {
  string id = 1;
  string type = 2;
  google.protobuf.Timestamp timestamp = 3;
  string user_id = 4;
  string message = 5;
  map<string, string> data = 6;
  string topic = 7;
}

message PublishRequest {
  string topic = 1;
  string type = 2;
  string message = 3;
  map<string, string> data = 4;
}

message PublishResponse {
  string id = 1;
  int32 delivered = 2;
}
`, options);

const credentials = grpc.credentials.createInsecure();
const rooms = new chat.ChatService(process.argv[2], credentials);
const notifications = new notification.NotificationService(process.argv[2], credentials);

/** One person and their stream. */
class Person {
  constructor(user_id, user_name) {
    this.who = { user_id, user_name };
    this.call = kept(rooms.chat(within(30_000)));
  }

  say(type, content = '') {
    this.call.write({ type, room_id: 'lobby', ...this.who, content });
  }

  /** Resolves to the next event that fits, passing over others. */
  async hear(fits) {
    for (;;) {
      const event = await next(this.call);
      if (fits(event)) return event;
    }
  }
}

const is = (type, user_id) => (event) => event.type === type && event.user_id === user_id;
const ann = new Person('ann', 'Ann');
const ben = new Person('ben', 'Ben');

const subscribe = (user_id, topics) => kept(notifications.subscribe({ user_id, topics }, within(30_000)));
const publish = (request) => unary(notifications, 'publish', request);
let toAnn;
let toBen;

run([
  ['room: who joins is told of it', async () => {
    ann.say('JOIN');
    const event = await next(ann.call);
    assert.equal(event.room_id, 'lobby');
    assert.equal(event.user_count, 1);
  }],
  ['room: the others are told who joins', async () => {
    ben.say('JOIN');
    const event = await ann.hear(is('JOIN', 'ben'));
    assert.equal(event.user_name, 'Ben');
    assert.equal(event.user_count, 2);
  }],
  ['room: all hear a message', async () => {
    ann.say('MESSAGE', 'Hello, Ben');
    const [atAnn, atBen] = await Promise.all([ann, ben].map((person) => person.hear(is('MESSAGE', 'ann'))));
    assert.equal(atBen.content, 'Hello, Ben');
    assert.equal(atBen.user_name, 'Ann');
    assert.ok(atBen.id);
    assert.ok(atBen.timestamp);
    assert.equal(atAnn.id, atBen.id);
  }],
  ['room: the others see who types', async () => {
    ann.say('TYPING');
    ann.say('MESSAGE', 'typed');
    await ben.hear(is('TYPING', 'ann'));
    const event = await next(ann.call);
    assert.equal(event.content, 'typed', `heard ${event.type}`);
  }],
  ['room: a conversation in one order', async () => {
    const texts = Array.from({ length: 50 }, (_, i) => `line ${i}`);
    texts.forEach((text, i) => (i % 2 ? ann : ben).say('MESSAGE', text));
    const heard = [[], []];
    for (const [i, person] of [ann, ben].entries()) {
      while (heard[i].length < texts.length) heard[i].push((await person.hear((event) => event.content.startsWith('line '))).content);
    }
    assert.deepEqual(heard[0], heard[1]);
    assert.deepEqual([...heard[0]].sort(), [...texts].sort());
  }],
  ['room: the others are told who leaves', async () => {
    ben.say('LEAVE');
    const event = await ann.hear(is('LEAVE', 'ben'));
    assert.equal(event.user_count, 1);
    const rest = collect(ben.call);
    ben.call.end();
    assert.equal((await rest).error, null);
  }],
  ['room: the last one ends the stream', async () => {
    const rest = collect(ann.call);
    ann.call.end();
    assert.equal((await rest).error, null);
  }],
  ['notifications: a subscription is confirmed', async () => {
    toAnn = subscribe('ann', ['orders']);
    toBen = subscribe('ben', []);
    for (const [call, user_id] of [[toAnn, 'ann'], [toBen, 'ben']]) {
      const first = await next(call);
      assert.equal(first.type, 'SUBSCRIPTION');
      assert.equal(first.user_id, user_id);
    }
  }],
  ['notifications: by topic', async () => {
    const other = await publish({ topic: 'weather', type: 'INFO', message: 'rain' });
    assert.equal(other.delivered, 1);
    const { id, delivered } = await publish({ topic: 'orders', type: 'BROADCAST', message: 'order 1 shipped', data: { order: '1' } });
    assert.equal(delivered, 2);
    const got = await next(toAnn);
    assert.equal(got.id, id);
    assert.equal(got.type, 'BROADCAST');
    assert.equal(got.message, 'order 1 shipped');
    assert.deepEqual(got.data, { order: '1' });
    assert.equal(got.topic, 'orders');
    assert.equal(got.user_id, 'ann');
    assert.deepEqual([(await next(toBen)).message, (await next(toBen)).message], ['rain', 'order 1 shipped']);
  }],
  ['notifications: unsubscribe', async () => {
    for (const call of [toAnn, toBen]) ended(grpc.status.CANCELLED, await cancel(call));
  }],
  ['notifications: without a topic', async () => {
    const error = await publish({ message: 'to nobody' }).then(() => null, (failure) => failure);
    ended(grpc.status.INVALID_ARGUMENT, error);
  }],
]).finally(() => {
  for (const call of [ann.call, ben.call, toAnn, toBen]) call?.cancel();
  rooms.close();
  notifications.close();
});
