"use strict";
// Runs protoc-gen-es on each CodeGeneratorRequest of standard input and writes a
// CodeGeneratorResponse for each. All have their length before them, as four
// bytes, big-endian.
//
//   node oracle.cjs NODE_MODULES
const path = require("node:path");
const packages = path.resolve(process.argv[2], "@bufbuild");
const { protocGenEs } = require(path.join(packages, "protoc-gen-es/dist/cjs/src/protoc-gen-es-plugin.js"));
const { create, fromBinary, toBinary } = require(path.join(packages, "protobuf/dist/cjs/index.js"));
const { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema } = require(path.join(packages, "protobuf/dist/cjs/wkt/index.js"));

function respond(request) {
  try {
    return protocGenEs.run(fromBinary(CodeGeneratorRequestSchema, request));
  } catch (e) {
    return create(CodeGeneratorResponseSchema, { error: String(e) });
  }
}

async function main() {
  let pending = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE(0)) {
      const end = 4 + pending.readUInt32BE(0);
      const response = toBinary(CodeGeneratorResponseSchema, respond(pending.subarray(4, end)));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(response.length);
      process.stdout.write(length);
      process.stdout.write(response);
      pending = pending.subarray(end);
    }
  }
}

main();
