'use strict';

const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

/** Returns the clients and types of a .proto that is given as text. */
function parse(text, options) {
  const { root } = protobuf.parse(text, { keepCase: true });
  return grpc.loadPackageDefinition(protoLoader.fromJSON(root.toJSON(), options));
}

module.exports = { parse };
