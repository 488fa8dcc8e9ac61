"use strict";
// Converts messages by generated modules. Each line of standard input has a
// message, and there is a line of output for each.
//
//   node roundtrip.cjs FOLDER < MESSAGES
//
// Input: {"type": NAME, "binary": BASE64, "json": TEXT, "create": whether a new
// message can be written}. Output: {"binary": BASE64
// (read from binary), "json": TEXT (read from binary), "fromJson": BASE64 (read
// from json), "created": BASE64 (of a new message)} or {"error": TEXT}. The
// folder has modules of one kind, and node_modules.
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { createRequire } = require("node:module");
const { pathToFileURL } = require("node:url");

function* modules(dir) {
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const name = path.join(dir, entry.name);
    if (entry.isDirectory()) {
      yield* modules(name);
    } else if (entry.isFile() && name.endsWith("_pb.js")) {
      yield name;
    }
  }
}

async function main(root) {
  const requireThere = createRequire(path.join(root, "_"));
  const commonJS = JSON.parse(fs.readFileSync(path.join(root, "package.json"))).type === "commonjs";
  // Both kinds of modules have a runtime of their own.
  const runtimeOf = (name) => {
    const file = requireThere.resolve(name);
    return commonJS ? require(file) : import(pathToFileURL(file.replace("/dist/cjs/", "/dist/esm/")));
  };
  const runtime = await runtimeOf("@bufbuild/protobuf");
  const wkt = await runtimeOf("@bufbuild/protobuf/wkt");
  const files = [];
  for (const name of modules(root)) {
    const module = commonJS ? require(name) : await import(pathToFileURL(name));
    files.push(...Object.values(module).filter((v) => v.kind === "file"));
  }
  const registry = runtime.createRegistry(...files, ...Object.values(wkt).filter((v) => v && v.kind === "file"));
  const base64 = (schema, message) => Buffer.from(runtime.toBinary(schema, message)).toString("base64");
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { type, binary, json, create } = JSON.parse(line);
    let result;
    try {
      const schema = registry.getMessage(type);
      const message = runtime.fromBinary(schema, Buffer.from(binary, "base64"));
      result = {
        binary: base64(schema, message),
        json: runtime.toJsonString(schema, message, { registry }),
        fromJson: base64(schema, runtime.fromJsonString(schema, json, { registry })),
        created: create ? base64(schema, runtime.create(schema)) : "",
      };
    } catch (e) {
      result = { error: String(e) };
    }
    process.stdout.write(JSON.stringify(result) + "\n");
  }
}

main(path.resolve(process.argv[2]));
