'use strict';

const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

/** Returns the clients and types of a .proto that is given as text. It may import Google's own types. */
function parse(text, options) {
  const { root, imports = [] } = protobuf.parse(text, { keepCase: true });
  for (const name of imports) root.addJSON(protobuf.common.get(name).nested);
  return grpc.loadPackageDefinition(protoLoader.fromJSON(root.toJSON(), options));
}

module.exports = { parse };
