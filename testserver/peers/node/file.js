'use strict';

// Files that go up and down in chunks, with the schema inside the program.
//
//   node file.js ADDRESS

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const { run } = require('./cases.js');
const { single, unary, collect, rejects, ended, within } = require('./calls.js');
const { parse } = require('./schema.js');

const { status } = grpc;
const { file } = parse(`
syntax = "proto3";
package file;

service FileService {
  rpc UploadFile(stream FileChunk) returns (UploadResponse);
  rpc DownloadFile(DownloadRequest) returns (stream FileChunk);
  rpc ListFiles(ListFilesRequest) returns (ListFilesResponse);
  rpc DeleteFile(DeleteFileRequest) returns (DeleteFileResponse);
  rpc GetFileInfo(GetFileInfoRequest) returns (FileInfo);
}

message FileChunk {
  string file_id = 1;
  string filename = 2;
  bytes data = 3;
  int64 chunk_number = 4;
  int64 total_chunks = 5;
  string checksum = 6;
}

message UploadResponse {
  string file_id = 1;
  bool success = 2;
  string message = 3;
  int64 total_size = 4;
  string checksum = 5;
}

message DownloadRequest {
  string file_id = 1;
}

message ListFilesRequest {
  string user_id = 1;
  int32 limit = 2;
  int32 offset = 3;
}

message ListFilesResponse {
  repeated FileInfo files = 1;
  int32 total_count = 2;
}

message DeleteFileRequest {
  string file_id = 1;
  string user_id = 2;
}

message DeleteFileResponse {
  bool success = 1;
  string message = 2;
}

message GetFileInfoRequest {
  string file_id = 1;
}

message FileInfo {
  string file_id = 1;
  string filename = 2;
  int64 size = 3;
  string content_type = 4;
  string checksum = 5;
  int64 uploaded_at = 6;
  string uploaded_by = 7;
}
`, { keepCase: true, longs: Number, defaults: true });

const chunkSize = 64 * 1024;
const client = new file.FileService(process.argv[2], grpc.credentials.createInsecure());
const owner = `user_${crypto.randomUUID()}`;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'grpcx-file-'));
const source = path.join(folder, 'test-file.txt');
fs.writeFileSync(source, 'A line of a file that goes up and comes down.\n'.repeat(5000));
const content = fs.readFileSync(source);

let uploaded;

const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

const by = (user) => {
  const metadata = new grpc.Metadata();
  metadata.set('user-id', user);
  return metadata;
};

/** The chunks of an upload, as a client sends them that knows the whole file. */
function chunks(filename, bytes, checksum = sha256(bytes)) {
  const file_id = `file_${crypto.randomUUID()}`;
  const total_chunks = Math.ceil(bytes.length / chunkSize);
  return Array.from({ length: total_chunks }, (_, i) => ({
    file_id,
    filename,
    data: bytes.subarray(i * chunkSize, (i + 1) * chunkSize),
    chunk_number: i + 1,
    total_chunks,
    checksum: i + 1 === total_chunks ? checksum : '',
  }));
}

const upload = async (requests, user = owner) =>
  (await single(client, 'uploadFile', undefined, { requests, metadata: by(user) })).response;
const list = (request) => unary(client, 'listFiles', { limit: 20, offset: 0, user_id: owner, ...request });

/** Puts a download together and holds it against what its chunks say. */
async function download(file_id) {
  const { messages, error } = await collect(client.downloadFile({ file_id }, within(30_000)));
  if (error) throw error;
  const parts = new Map(messages.map((chunk) => [chunk.chunk_number, chunk.data]));
  assert.equal(parts.size, messages.length);
  assert.equal(parts.size, messages[0].total_chunks);
  const bytes = Buffer.concat(messages.map((_, i) => parts.get(i + 1)));
  assert.equal(messages.at(-1).checksum, sha256(bytes));
  return { bytes, filename: messages[0].filename, messages };
}

run([
  ['upload', async () => {
    uploaded = await upload(chunks(path.basename(source), content));
    assert.equal(uploaded.success, true);
    assert.ok(uploaded.file_id);
    assert.ok(uploaded.message);
    assert.equal(uploaded.total_size, content.length);
    assert.equal(uploaded.checksum, sha256(content));
  }],
  ['list the files of a user', async () => {
    const { files, total_count } = await list();
    assert.equal(total_count, 1);
    assert.equal(files[0].file_id, uploaded.file_id);
    assert.equal(files[0].uploaded_by, owner);
    assert.deepEqual(await list({ user_id: 'somebody-else' }), { files: [], total_count: 0 });
  }],
  ['info', async () => {
    const info = await unary(client, 'getFileInfo', { file_id: uploaded.file_id });
    assert.equal(info.filename, 'test-file.txt');
    assert.equal(info.size, content.length);
    assert.equal(info.checksum, sha256(content));
    assert.match(info.content_type, /^text\/plain/);
    assert.ok(Math.abs(info.uploaded_at - Date.now()) < 300_000, String(info.uploaded_at));
  }],
  ['download what was uploaded', async () => {
    const { bytes, filename, messages } = await download(uploaded.file_id);
    assert.equal(filename, 'test-file.txt');
    assert.ok(bytes.equals(content));
    assert.ok(messages.every((chunk) => chunk.data.length <= chunkSize && chunk.file_id === uploaded.file_id));
  }],
  ['upload a picture', async () => {
    const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), crypto.randomBytes(200_000)]);
    const { file_id } = await upload(chunks('dot.png', png));
    assert.ok((await download(file_id)).bytes.equals(png));
    assert.equal((await unary(client, 'getFileInfo', { file_id })).content_type, 'image/png');
    await unary(client, 'deleteFile', { file_id, user_id: owner });
  }],
  ['upload with a wrong checksum', async () => {
    await rejects(status.DATA_LOSS, upload(chunks('damaged.txt', content, sha256('other'))));
    assert.equal((await list()).total_count, 1);
  }],
  ['upload with a chunk missing', async () => {
    const [first, , ...rest] = chunks('gap.txt', content);
    await rejects(status.INVALID_ARGUMENT, upload([first, ...rest]));
    assert.equal((await list()).total_count, 1);
  }],
  ['upload with the last chunk missing', async () => {
    await rejects(status.INVALID_ARGUMENT, upload(chunks('short.txt', content).slice(0, -1)));
    assert.equal((await list()).total_count, 1);
  }],
  ['a cancelled upload leaves nothing', async () => {
    await new Promise((resolve) => {
      const call = client.uploadFile(by(owner), resolve);
      call.write(chunks('cancelled.txt', content)[0], () => call.cancel());
    }).then((error) => ended(status.CANCELLED, error));
    assert.equal((await list()).total_count, 1);
  }],
  ['info about a file that is not there', async () => {
    await rejects(status.NOT_FOUND, unary(client, 'getFileInfo', { file_id: 'nothing' }));
  }],
  ['download a file that is not there', async () => {
    await rejects(status.NOT_FOUND, download('nothing'));
  }],
  ['delete the file of another', async () => {
    await rejects(status.PERMISSION_DENIED, unary(client, 'deleteFile', { file_id: uploaded.file_id, user_id: 'somebody-else' }));
  }],
  ['delete', async () => {
    const { success, message } = await unary(client, 'deleteFile', { file_id: uploaded.file_id, user_id: owner });
    assert.equal(success, true);
    assert.ok(message);
    assert.deepEqual(await list(), { files: [], total_count: 0 });
  }],
  ['delete again', async () => {
    await rejects(status.NOT_FOUND, unary(client, 'deleteFile', { file_id: uploaded.file_id, user_id: owner }));
  }],
]).finally(() => {
  client.close();
  fs.rmSync(folder, { recursive: true });
});
