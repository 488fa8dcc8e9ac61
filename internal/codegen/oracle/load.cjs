"use strict";
// Loads every JavaScript module below a folder, and writes how many there are
// and the errors of those that do not load.
//
//   node load.cjs FOLDER
const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

function* modules(dir) {
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const name = path.join(dir, entry.name);
    if (entry.isDirectory()) {
      yield* modules(name);
    } else if (entry.isFile() && name.endsWith(".js")) {
      yield name;
    }
  }
}

async function main(root) {
  const errors = {};
  let loaded = 0;
  for (const name of modules(root)) {
    try {
      await import(pathToFileURL(name));
      loaded++;
    } catch (e) {
      errors[path.relative(root, name)] = String(e);
    }
  }
  process.stdout.write(JSON.stringify({ loaded, errors }));
}

main(process.argv[2]);
