'use strict';

const assert = require('node:assert/strict');
const grpc = require('@grpc/grpc-js');

/** What is left of a call's deadline when nothing else bounds it. */
const patience = 20_000;

/** Returns call options that end the call in ms milliseconds. */
const within = (ms) => ({ deadline: Date.now() + ms });

/**
 * Makes a call with one response, unary or with a stream of requests, and
 * resolves to {response, header, trailer}. The error that it rejects with has
 * the same header and trailer.
 *
 * @param {object[]} [requests] the stream; undefined for a unary call.
 */
function single(client, method, request, { metadata = new grpc.Metadata(), options = within(patience), requests } = {}) {
  return new Promise((resolve, reject) => {
    const seen = { header: new grpc.Metadata(), trailer: new grpc.Metadata() };
    let outcome;
    const settle = () => {
      if (outcome.error) {
        reject(Object.assign(outcome.error, seen));
      } else {
        resolve({ response: outcome.response, ...seen });
      }
    };
    const done = (error, response) => {
      outcome = { error, response };
      if (seen.status) settle();
    };
    const call = requests === undefined
      ? client[method](request, metadata, options, done)
      : client[method](metadata, options, done);
    call.on('metadata', (header) => { seen.header = header; });
    call.on('status', (status) => {
      seen.status = status;
      seen.trailer = status.metadata;
      if (outcome) settle();
    });
    for (const message of requests ?? []) call.write(message);
    if (requests !== undefined) call.end();
  });
}

/** Makes a unary call and resolves to its response. */
const unary = async (client, method, request, extra) => (await single(client, method, request, extra)).response;

/**
 * Collects a stream of responses. It resolves to {messages, header, trailer,
 * error}: an error that ends the stream does not lose what came before it.
 */
function collect(call, onMessage = () => {}) {
  return new Promise((resolve) => {
    const seen = { messages: [], header: new grpc.Metadata(), trailer: new grpc.Metadata(), error: null };
    call.on('metadata', (header) => { seen.header = header; });
    call.on('data', (message) => {
      seen.messages.push(message);
      onMessage(message, seen.messages);
    });
    let status = false;
    let over = false;
    const settle = () => { if (status && over) resolve(seen); };
    call.on('error', (error) => { seen.error = error; over = true; settle(); });
    call.on('end', () => { over = true; settle(); });
    call.on('status', ({ metadata }) => { seen.trailer = metadata; status = true; settle(); });
    call.resume();
  });
}

/** Returns call, whose error next reports even if it came while nobody asked. */
function kept(call) {
  return call.on('error', (error) => { call.failure = error; });
}

/** Resolves to the next message of call; rejects if the call ends before it. */
function next(call) {
  return new Promise((resolve, reject) => {
    if (call.failure) {
      reject(call.failure);
      return;
    }
    const settled = (settle) => (value) => {
      call.off('data', onData);
      call.off('error', onError);
      call.off('end', onEnd);
      call.pause();
      settle(value);
    };
    const onData = settled(resolve);
    const onError = settled(reject);
    const onEnd = settled(() => reject(new Error('the stream ended before the message')));
    call.on('data', onData);
    call.on('error', onError);
    call.on('end', onEnd);
    call.resume();
  });
}

/** Cancels call and resolves to the error that ends it. */
async function cancel(call) {
  const ended = collect(call);
  call.cancel();
  return (await ended).error;
}

/** Asserts that the promise of a call rejects with code, and returns the error. */
async function rejects(code, promise) {
  let failure;
  try {
    await promise;
  } catch (error) {
    failure = error;
  }
  ended(code, failure);
  return failure;
}

/** Asserts that a call ended with code. */
function ended(code, error) {
  assert.ok(error, `want ${grpc.status[code]}, the call succeeded`);
  assert.equal(grpc.status[error.code], grpc.status[code], error.stack);
}

/**
 * Asserts that error is what a deadline left of a call. A server on grpc-go
 * resets a stream at its deadline; grpc-js says CANCELLED of that, if the reset
 * comes before its own timer ends the call with DEADLINE_EXCEEDED.
 */
function expired(error) {
  assert.ok(error, 'the call outlived its deadline');
  assert.ok([grpc.status.DEADLINE_EXCEEDED, grpc.status.CANCELLED].includes(error.code), error.stack);
}

module.exports = { single, unary, collect, kept, next, cancel, rejects, ended, expired, within };
