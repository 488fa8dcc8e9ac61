'use strict';

// A chat room as a Node program uses it, with the schema inside the program.
//
//   node chat.js ADDRESS

const assert = require('node:assert/strict');
const grpc = require('@grpc/grpc-js');
const { run } = require('./cases.js');
const { unary, collect, kept, next, cancel, rejects, within } = require('./calls.js');
const { parse } = require('./schema.js');

const { status } = grpc;
const { chat } = parse(`
syntax = "proto3";
package chat;

service ChatService {
  rpc JoinRoom(JoinRoomRequest) returns (stream ChatMessage);
  rpc SendMessage(SendMessageRequest) returns (SendMessageResponse);
  rpc LeaveRoom(LeaveRoomRequest) returns (LeaveRoomResponse);
  rpc GetRoomHistory(GetRoomHistoryRequest) returns (GetRoomHistoryResponse);
  rpc CreateRoom(CreateRoomRequest) returns (Room);
  rpc ListRooms(ListRoomsRequest) returns (ListRoomsResponse);
}

message ChatMessage {
  string message_id = 1;
  string room_id = 2;
  string user_id = 3;
  string username = 4;
  string content = 5;
  int64 timestamp = 6;
  MessageType type = 7;
}

enum MessageType {
  USER_MESSAGE = 0;
  SYSTEM_MESSAGE = 1;
  USER_JOINED = 2;
  USER_LEFT = 3;
}

message JoinRoomRequest {
  string room_id = 1;
  string user_id = 2;
  string username = 3;
}

message SendMessageRequest {
  string room_id = 1;
  string user_id = 2;
  string content = 3;
}

message SendMessageResponse {
  string message_id = 1;
  bool success = 2;
  string error = 3;
}

message LeaveRoomRequest {
  string room_id = 1;
  string user_id = 2;
}

message LeaveRoomResponse {
  bool success = 1;
}

message GetRoomHistoryRequest {
  string room_id = 1;
  int32 limit = 2;
  string before_message_id = 3;
}

message GetRoomHistoryResponse {
  repeated ChatMessage messages = 1;
  bool has_more = 2;
}

message CreateRoomRequest {
  string name = 1;
  string description = 2;
  string created_by = 3;
}

message Room {
  string room_id = 1;
  string name = 2;
  string description = 3;
  string created_by = 4;
  int64 created_at = 5;
  int32 member_count = 6;
}

message ListRoomsRequest {
  int32 limit = 1;
  int32 offset = 2;
}

message ListRoomsResponse {
  repeated Room rooms = 1;
  int32 total_count = 2;
}
`, { keepCase: true, longs: Number, defaults: true });

const said = 0;
const joined = 2;
const left = 3;

const client = new chat.ChatService(process.argv[2], grpc.credentials.createInsecure());
let room;

const send = (user_id, content) => unary(client, 'sendMessage', { room_id: room.room_id, user_id, content });
const leave = (user_id) => unary(client, 'leaveRoom', { room_id: room.room_id, user_id });
const history = (request) => unary(client, 'getRoomHistory', { room_id: room.room_id, ...request });

/** A member of the room: what it hears, and the stream that it hears by. */
class Member {
  constructor(user_id, username) {
    this.call = kept(client.joinRoom({ room_id: room.room_id, user_id, username }, within(30_000)));
  }

  /** Resolves to the next message that fits, passing over others. */
  async hear(type, pattern = /./) {
    for (;;) {
      const message = await next(this.call);
      if (message.type === type && pattern.test(message.content)) return message;
    }
  }
}

const members = {};

/** Joins the room, and waits until its member hears of it. */
async function join(user_id, username) {
  const member = new Member(user_id, username);
  await Promise.all([...Object.values(members), member].map((m) => m.hear(joined, new RegExp(`^${username} joined the room$`))));
  members[user_id] = member;
  return member;
}

run([
  ['create a room', async () => {
    room = await unary(client, 'createRoom', { name: 'Demo Room', description: 'for trying out', created_by: 'user_ann' });
    assert.ok(room.room_id);
    assert.equal(room.name, 'Demo Room');
    assert.equal(room.description, 'for trying out');
    assert.equal(room.created_by, 'user_ann');
    assert.equal(room.member_count, 0);
    assert.ok(Math.abs(room.created_at - Date.now()) < 300_000, String(room.created_at));
  }],
  ['create a room without a name', async () => {
    await rejects(status.INVALID_ARGUMENT, unary(client, 'createRoom', { created_by: 'user_ann' }));
  }],
  ['list rooms', async () => {
    const { rooms, total_count } = await unary(client, 'listRooms', { limit: 10, offset: 0 });
    assert.equal(total_count, 1);
    assert.deepEqual(rooms, [room]);
  }],
  ['join a room that is not there', async () => {
    const { messages, error } = await collect(client.joinRoom({ room_id: 'nowhere', user_id: 'user_ann', username: 'Ann' }));
    assert.deepEqual(messages, []);
    assert.equal(error?.code, status.NOT_FOUND);
  }],
  ['send without having joined', async () => {
    const response = await send('user_ann', 'Hello?');
    assert.equal(response.success, false);
    assert.ok(response.error);
    assert.equal(response.message_id, '');
  }],
  ['join', async () => { await join('user_ann', 'Ann'); }],
  ['others hear who joins', async () => {
    await join('user_ben', 'Ben');
    const { rooms } = await unary(client, 'listRooms', { limit: 10 });
    assert.equal(rooms[0].member_count, 2);
  }],
  ['send: every member hears each message once, in one order', async () => {
    const texts = ['Hello everyone!', 'This is a chat over gRPC', 'grüß dich 👋'];
    const ids = [];
    for (const text of texts) {
      const response = await send('user_ann', text);
      assert.equal(response.success, true, response.error);
      assert.equal(response.error, '');
      ids.push(response.message_id);
    }
    for (const member of Object.values(members)) {
      for (const [i, text] of texts.entries()) {
        const heard = await member.hear(said);
        assert.equal(heard.content, text);
        assert.equal(heard.message_id, ids[i]);
        assert.equal(heard.room_id, room.room_id);
        assert.equal(heard.user_id, 'user_ann');
        assert.equal(heard.username, 'Ann');
        assert.ok(Math.abs(heard.timestamp - Date.now()) < 300_000, String(heard.timestamp));
      }
    }
  }],
  ['send nothing', async () => {
    const response = await send('user_ann', '').catch((error) => error);
    assert.ok(response.code === status.INVALID_ARGUMENT || response.success === false, JSON.stringify(response));
  }],
  ['many members speak at once, all hear the same', async () => {
    const senders = ['user_ann', 'user_ben'];
    await Promise.all(Array.from({ length: 20 }, (_, i) => send(senders[i % 2], `at once ${i}`)));
    const heard = {};
    for (const [id, member] of Object.entries(members)) {
      heard[id] = [];
      for (let i = 0; i < 20; i++) heard[id].push((await member.hear(said, /^at once/)).content);
    }
    assert.equal(new Set(heard.user_ann).size, 20);
    assert.deepEqual(heard.user_ann, heard.user_ben);
  }],
  ['history: the last messages', async () => {
    const { messages, has_more } = await history({ limit: 20 });
    assert.equal(messages.length, 20);
    assert.ok(messages.every((message) => message.content.startsWith('at once')));
    assert.equal(has_more, true);
  }],
  ['history: page by page to the beginning', async () => {
    const { messages: all, has_more } = await history({ limit: 1000 });
    assert.equal(has_more, false);
    const paged = [];
    for (let before = '', more = true; more;) {
      const page = await history({ limit: 7, before_message_id: before });
      paged.unshift(...page.messages);
      before = page.messages[0].message_id;
      more = page.has_more;
    }
    assert.deepEqual(paged, all);
    assert.equal(all.filter((message) => message.type === said).length, 23);
    const ids = all.map((message) => message.message_id);
    assert.deepEqual(ids, ids.toSorted());
  }],
  ['history of a room that is not there', async () => {
    await rejects(status.NOT_FOUND, unary(client, 'getRoomHistory', { room_id: 'nowhere', limit: 1 }));
  }],
  ['who joins hears the last 20 messages first', async () => {
    const before = (await history({ limit: 20 })).messages;
    const cleo = new Member('user_cleo', 'Cleo');
    for (const message of before) assert.deepEqual(await next(cleo.call), message);
    for (const member of [cleo, members.user_ann, members.user_ben]) await member.hear(joined, /^Cleo joined the room$/);
    members.user_cleo = cleo;
  }],
  ['a member whose stream breaks has left', async () => {
    const { user_cleo: cleo, ...others } = members;
    delete members.user_cleo;
    await cancel(cleo.call);
    for (const member of Object.values(others)) await member.hear(left, /^Cleo left the room$/);
    const { rooms } = await unary(client, 'listRooms', { limit: 10 });
    assert.equal(rooms[0].member_count, 2);
  }],
  ['leave: the stream ends, others hear of it', async () => {
    const rest = collect(members.user_ben.call);
    assert.equal((await leave('user_ben')).success, true);
    assert.equal((await rest).error, null);
    await members.user_ann.hear(left, /^Ben left the room$/);
    delete members.user_ben;
  }],
  ['send after leaving', async () => {
    const response = await send('user_ben', 'still here?');
    assert.equal(response.success, false);
  }],
  ['leave again', async () => {
    assert.equal((await leave('user_ben')).success, false);
  }],
]).finally(() => {
  for (const member of Object.values(members)) member.call.cancel();
  client.close();
});
