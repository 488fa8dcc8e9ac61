import { Code, ConnectError, encodeBinaryHeader, type Transport } from "@connectrpc/connect";
import { DetailSchema, createProbeClient, type CallOptions, type Order, type ProbeClient, type Requests } from "./api";
import { collect, endless, equal, failed, ok, rejection, rejects, Turns, unique, Watched, type Case } from "./cases";

type Orders = Requests<Partial<Omit<Order, "$typeName" | "$unknown">>>;

/** What calls of all kinds do alike: make one that hangs, with these options. */
type Hanging = (call: string, options: CallOptions) => Promise<unknown>;

/** For calls that the cases need to go on. */
export const patience: CallOptions = { timeoutMs: 60_000 };

/** What some transports do that calls do not expect. */
export interface Quirks {
  /** A server sees a stream of requests end before it is cancelled. */
  endsFirst?: boolean;
  /** Responses are lost if an error comes right behind them (grpc/grpc-node#2764). */
  dropsLast?: boolean;
  /** Requests wait out of sight: one that is sent behind the end fails the call. */
  queues?: boolean;
}

/** How calls end, as both sides see it. */
export function probeCases(transport: Transport, quirks: Quirks = {}): Case[] {
  const probe: Probe = { ...createProbeClient(transport), ...quirks };
  const kinds: [string, Hanging][] = [
    ["a call", (call, options) => probe.unary({ call, hang: true }, options)],
    ["a stream", (call, options) => throwing(probe.down({ call, hang: true, results: 2 }, options))],
  ];
  return [...kinds.flatMap((kind) => hangingCases(probe, ...kind)), ...metadataCases(probe), ...streamCases(probe), ...stillbornCases(probe)];
}

/** Those with streams of requests, which browsers cannot send. */
export function probeRequestCases(transport: Transport, quirks: Quirks = {}): Case[] {
  const probe: Probe = { ...createProbeClient(transport), ...quirks };
  const kinds: [string, Hanging][] = [
    ["a stream of requests", (call, options) => closing(endless({ call }, { hang: true }), (orders) => probe.up(orders, options))],
    ["a stream both ways", (call, options) => closing(endless({ call, results: 1 }, {}), (orders) => throwing(probe.both(orders, options)))],
  ];
  return [...kinds.flatMap((kind) => hangingCases(probe, ...kind)), ...requestCases(probe), ...iteratorCases(probe), ...bidiCases(probe)];
}

/** Reads all of a stream, and throws what ended it. */
async function throwing(responses: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of responses) {
    // What comes does not matter.
  }
}

/** Makes a call with requests, which must have been closed when it has failed. */
async function closing<T>(requests: AsyncIterable<T>, call: (requests: AsyncIterable<T>) => Promise<unknown>): Promise<unknown> {
  const watched = new Watched(requests);
  try {
    return await call(watched);
  } finally {
    await watched.closed;
  }
}

/** The client, and what to expect of its transport. */
type Probe = ProbeClient & Quirks;

/** Does something to a call when the server has it, or cannot say so. */
export function onceBegun(probe: ProbeClient, call: string, act: () => void): void {
  void probe.begun({ call }, patience).then(act, act);
}

async function cancelled(probe: Probe, call: string): Promise<void> {
  const { cancelled } = await probe.ended({ call }, patience);
  ok(cancelled || probe.endsFirst, "to the server the call was complete");
}

function hangingCases(probe: Probe, kind: string, hanging: Hanging): Case[] {
  return [
    [`${kind} at its deadline`, async () => {
      const call = unique("deadline");
      const error = await rejects(Code.DeadlineExceeded, hanging(call, { timeoutMs: 300 }));
      equal(error.findDetails(DetailSchema).length, 0);
    }],
    [`${kind} with nothing left of its time`, async () => {
      await rejects(Code.DeadlineExceeded, hanging(unique("late"), { timeoutMs: 0 }));
      await rejects(Code.DeadlineExceeded, hanging(unique("late"), { timeoutMs: -1 }));
    }],
    [`${kind} that is aborted`, async () => {
      const controller = new AbortController();
      const call = unique("aborted");
      const reason = new Error("enough of it");
      onceBegun(probe, call, () => controller.abort(reason));
      const error = await rejects(Code.Canceled, hanging(call, { signal: controller.signal }));
      ok(error.cause === reason, `the reason is lost: ${String(error.cause)}`);
      await cancelled(probe, call);
    }],
    [`${kind} that is aborted before it began`, async () => {
      await rejects(Code.Canceled, hanging(unique("stillborn"), { signal: AbortSignal.abort() }));
    }],
    [`${kind} whose signal times out`, async () => {
      const call = unique("timed out");
      await rejects(Code.DeadlineExceeded, hanging(call, { signal: AbortSignal.timeout(300) }));
    }],
  ];
}

function metadataCases(probe: Probe): Case[] {
  const binary = encodeBinaryHeader(new Uint8Array([0, 1, 254, 255]));
  const headers = { "header-text": "h", "header-data-bin": binary, "trailer-text": "t", "trailer-data-bin": binary };
  /** Calls with an order and keeps what onHeader and onTrailer get, in that order. */
  const told = async (call: (options: CallOptions) => Promise<unknown>): Promise<[string, Headers][]> => {
    const seen: [string, Headers][] = [];
    await call({ headers, onHeader: (h) => seen.push(["header", h]), onTrailer: (h) => seen.push(["trailer", h]) }).catch((error: unknown) => failed(Code.Aborted, error));
    equal(seen.map(([what]) => what), ["header", "trailer"]);
    return seen;
  };
  const unpadded = (value: string | null | undefined) => value?.replace(/=+$/, "");
  const holds = (seen: [string, Headers][]) => {
    const [header, trailer] = seen.map(([, metadata]) => metadata);
    equal([header?.get("header-text"), unpadded(header?.get("header-data-bin"))], ["h", unpadded(binary)], "header");
    equal([trailer?.get("trailer-text"), unpadded(trailer?.get("trailer-data-bin"))], ["t", unpadded(binary)], "trailer");
  };
  const order = { code: Code.Aborted, message: "as told", details: true };
  return [
    ["metadata of a call", async () => holds(await told((o) => probe.unary({}, o)))],
    ["metadata of a call that fails", async () => holds(await told((o) => probe.unary(order, o)))],
    ["metadata of a stream", async () => {
      const seen = await told((o) => throwing(probe.down({ results: 1 }, o)));
      holds(seen);
      equal([seen[0]?.[1].get("trailer-text"), seen[1]?.[1].get("header-text")], [null, null]);
    }],
    ["metadata of a stream without a response", async () => holds(await told((o) => throwing(probe.down({}, o))))],
    ["metadata of a stream that fails", async () => {
      const seen = await told((o) => throwing(probe.down({ ...order, results: 1 }, o)));
      holds(seen);
      equal([seen[0]?.[1].get("trailer-text"), seen[1]?.[1].get("header-text")], [null, null]);
    }],
    ["metadata of a stream that fails at once", async () => holds(await told((o) => throwing(probe.down(order, o))))],
    ["metadata that cannot be sent", async () => {
      await rejects(Code.InvalidArgument, probe.unary({}, { headers: { "a name": "with a space" } }));
    }],
    ["details of an error", async () => {
      for (const call of [() => probe.unary(order), () => throwing(probe.down({ ...order, results: 3 }))]) {
        const error = await rejects(Code.Aborted, call());
        equal(error.rawMessage, "as told");
        equal(error.findDetails(DetailSchema).map((d) => [d.reason, d.number]), [["reason 1", 2n ** 60n], ["reason 2", 2n ** 60n + 1n]]);
      }
    }],
    ["onHeader throws", async () => {
      const mine = new Error("mine");
      const onHeader = () => {
        throw mine;
      };
      ok(await rejection(probe.unary({}, { onHeader })) === mine, "another error");
      const call = unique("onHeader");
      ok(await rejection(throwing(probe.down({ call, results: 1, hang: true }, { onHeader }))) === mine, "another error");
      await cancelled(probe, call);
    }],
    ["onTrailer throws", async () => {
      const mine = new Error("mine");
      const onTrailer = () => {
        throw mine;
      };
      ok(await rejection(probe.unary({}, { onTrailer })) === mine, "another error");
      ok(await rejection(probe.unary(order, { onTrailer })) === mine, "another error");
      ok(await rejection(throwing(probe.down({ results: 1 }, { onTrailer }))) === mine, "another error");
    }],
  ];
}

function streamCases(probe: Probe): Case[] {
  return [
    ["leave a loop", async () => {
      const call = unique("left");
      for await (const { number } of probe.down({ call, results: 3, hang: true })) {
        if (number === 2) {
          break;
        }
      }
      await cancelled(probe, call);
    }],
    ["leave a loop by an error", async () => {
      const call = unique("thrown");
      const mine = new Error("mine");
      const loop = async () => {
        for await (const _ of probe.down({ call, results: 1, hang: true })) {
          throw mine;
        }
      };
      ok(await rejection(loop()) === mine, "another error");
      await cancelled(probe, call);
    }],
    ["a loop after the loop", async () => {
      const responses = probe.down({ results: 5 });
      for await (const { number } of responses) {
        equal(number, 1);
        break;
      }
      equal(await collect(responses), { messages: [] });
    }],
    ["cancel() while a response is waited for", async () => {
      const call = unique("cancelled");
      const responses = probe.down({ call, results: 1, hang: true });
      let received = 0;
      const loop = async () => {
        for await (const _ of responses) {
          received++;
          setTimeout(() => responses.cancel(), 20);
        }
      };
      await rejects(Code.Canceled, loop());
      equal(received, 1);
      await cancelled(probe, call);
      equal(await collect(responses), { messages: [] }, "after the error");
    }],
    ["cancel() before a response is asked for", async () => {
      const responses = probe.down({ results: 1, hang: true });
      responses.cancel();
      responses.cancel();
      failed(Code.Canceled, (await collect(responses)).error);
    }],
    ["cancel() after the end", async () => {
      const responses = probe.down({ results: 1 });
      equal((await collect(responses)).messages.length, 1);
      responses.cancel();
      equal(await collect(responses), { messages: [] });
    }],
    ["return() while a response is waited for", async () => {
      const call = unique("returned");
      const iterator = probe.down({ call, results: 1, hang: true })[Symbol.asyncIterator]();
      await iterator.next();
      const next = iterator.next();
      equal(await iterator.return?.(), { done: true });
      equal(await next, { done: true });
      await cancelled(probe, call);
    }],
    ["several next() at once", async () => {
      const iterator = probe.down({ results: 3 })[Symbol.asyncIterator]();
      const results = await Promise.all([1, 2, 3, 4, 5].map(() => iterator.next()));
      equal(results.map((r) => (r.done ? "done" : (r.value as { number: number }).number)), [1, 2, 3, "done", "done"]);
    }],
    ["a slow reader gets everything", async () => {
      let received = 0;
      for await (const { number, payload } of probe.down({ results: 300, size: 20_000 })) {
        equal([number, payload.length], [++received, 20_000]);
        if (received % 100 === 0) {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
      equal(received, 300);
    }],
    ["responses before an error all come", async () => {
      const { messages, error } = await collect(probe.down({ results: 10, code: Code.DataLoss, message: "lost" }));
      failed(Code.DataLoss, error);
      equal(messages.map(({ number }) => number), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].slice(0, probe.dropsLast ? messages.length : 10));
    }],
    ["what the server cancels is cancelled", async () => {
      const error = await rejects(Code.Canceled, probe.unary({ code: Code.Canceled, message: "by the server" }, patience));
      equal(error.rawMessage, "by the server");
    }],
  ];
}

function stillbornCases(probe: Probe): Case[] {
  return [
    ["the server knows the deadline", async () => {
      const { timeout } = await probe.unary({}, { timeoutMs: 59_999.5 });
      ok(timeout > 30_000n && timeout <= 60_000n, `${timeout} ms are left`);
    }],
    ["deadlines that no header can tell", async () => {
      for (const timeoutMs of [2 * 86_400_000, 2 ** 31, Number.MAX_VALUE, Infinity]) {
        equal((await probe.unary({}, { timeoutMs })).number, 1);
      }
    }],
    ["a request that cannot be encoded", async () => {
      await rejects(Code.Internal, probe.unary({ results: 2 ** 40 }));
      await rejects(Code.Internal, throwing(probe.down({ results: 2 ** 40 })));
    }],
    ["responses that nobody reads, of a call that fails", async () => {
      const unread = probe.down({ code: Code.Aborted });
      probe.down({}, { signal: AbortSignal.abort() });
      probe.down({ hang: true }, { timeoutMs: 50 });
      // Time for what would be unhandled.
      await rejects(Code.DeadlineExceeded, probe.unary({ hang: true }, { timeoutMs: 300 }));
      unread.cancel();
    }],
  ];
}

function requestCases(probe: Probe): Case[] {
  const orders = [{}, {}, {}];
  return [
    ["requests from whatever can be iterated", async () => {
      function* generator() {
        yield* orders;
      }
      async function* asynchronous() {
        yield* orders;
      }
      const stream = new ReadableStream<object>({
        start(controller) {
          orders.forEach((order) => controller.enqueue(order));
          controller.close();
        },
      });
      const all = [orders, new Set(orders), generator(), asynchronous(), stream as unknown as AsyncIterable<object>];
      for (const requests of all) {
        equal((await probe.up(requests)).orders, 3);
        equal((await collect(probe.both(orders.map(() => ({ results: 1 }))))).messages.map((m) => m.orders), [1, 2, 3]);
      }
    }],
    ["requests that cannot be iterated", async () => {
      for (const requests of [{}, null, 1, undefined]) {
        const error = await rejection(probe.up(requests as unknown as Orders));
        ok(error instanceof TypeError, String(error));
      }
    }],
    ["an answer before the requests end", async () => {
      await closing(endless({}, { enough: true }), async (requests) => {
        equal((await probe.up(requests)).orders, 2);
      });
    }],
    ["an error before the requests end", async () => {
      await closing(endless({}, { code: Code.DataLoss, details: true }), async (requests) => {
        const error = await rejects(Code.DataLoss, probe.up(requests));
        equal(error.findDetails(DetailSchema).length, 2);
      });
    }],
    ["a request in the midst that cannot be encoded", async () => {
      const call = unique("bad");
      await closing(endless({ call }, { results: 2 ** 40 }), async (requests) => {
        await rejects(Code.Internal, probe.up(requests));
      });
    }],
  ];
}

function iteratorCases(probe: Probe): Case[] {
  const mine = new Error("mine");
  const calls: [string, (requests: Orders) => Promise<unknown>][] = [
    ["a stream of requests", (requests) => probe.up(requests)],
    ["a stream both ways", (requests) => throwing(probe.both(requests))],
  ];
  return calls.flatMap(([kind, make]): Case[] => [
    [`${kind}: the iterator throws at once`, async () => {
      function* requests(): Generator<object> {
        throw mine;
      }
      ok(await rejection(make(requests())) === mine, "another error");
    }],
    [`${kind}: the iterator throws later`, async () => {
      const call = unique("thrown");
      async function* requests() {
        yield { call, results: 1 };
        await probe.begun({ call }, patience);
        throw mine;
      }
      ok(await rejection(make(requests())) === mine, "another error");
      await cancelled(probe, call);
    }],
    [`${kind}: the iterator cannot be made`, async () => {
      const requests = {
        [Symbol.asyncIterator]() {
          throw mine;
        },
      };
      ok(await rejection(make(requests as unknown as Orders)) === mine, "another error");
    }],
    [`${kind}: the iterator throws something that is no error`, async () => {
      async function* requests(): AsyncGenerator<object> {
        throw undefined;
      }
      ok(await make(requests()).then(() => false, (error) => error === undefined), "another error");
    }],
    [`${kind}: the iterator throws when it is closed`, async () => {
      async function* requests() {
        try {
          for (;;) {
            yield { enough: true };
          }
        } finally {
          throw mine;
        }
      }
      await make(requests());
    }],
    [`${kind}: the server has enough, again and again`, async () => {
      async function* requests() {
        for (;;) {
          yield { enough: true };
        }
      }
      for (let i = 0; i < 200; i++) {
        await make(requests());
      }
    }],
  ]);
}

function bidiCases(probe: Probe): Case[] {
  return [
    ["leave a loop with requests under way", async () => {
      const call = unique("left");
      await closing(endless({ call, results: 2 }), async (requests) => {
        for await (const { number } of probe.both(requests)) {
          equal(number, 1);
          break;
        }
      });
      await cancelled(probe, call);
    }],
    ["cancel() with requests under way", async () => {
      const call = unique("cancelled");
      await closing(endless({ call, results: 1 }), async (requests) => {
        const responses = probe.both(requests);
        onceBegun(probe, call, () => responses.cancel());
        failed(Code.Canceled, (await collect(responses)).error);
      });
      await cancelled(probe, call);
    }],
    ["a generator is closed", async () => {
      let close = () => {};
      const closed = new Promise<void>((resolve) => (close = resolve));
      async function* requests() {
        try {
          for (;;) {
            yield { results: 1 };
          }
        } finally {
          close();
        }
      }
      for await (const { number } of probe.both(requests())) {
        if (number === 3) {
          break;
        }
      }
      await closed;
    }],
    ["responses that end before the requests", async () => {
      await closing(endless({ results: 2, enough: true }), async (requests) => {
        equal((await collect(probe.both(requests))).messages.map((m) => m.number), [1, 2]);
      });
    }],
    ["a request right behind the last response, again and again", async () => {
      for (let i = 0; i < 200; i++) {
        const turns = new Turns();
        async function* requests() {
          for (;;) {
            await turns.take();
            yield { results: 1, enough: true };
          }
        }
        for await (const { number } of probe.both(requests())) {
          equal(number, 1);
          turns.give();
        }
      }
    }],
    ["an error while requests are waited for", async () => {
      await closing(endless({ results: 1, code: Code.Aborted, details: true }), async (requests) => {
        const { messages, error } = await collect(probe.both(requests));
        equal(messages.length, 1);
        equal(failed(Code.Aborted, error).findDetails(DetailSchema).length, 2);
      });
    }],
    ["many requests and responses", async () => {
      const { messages, error } = await collect(probe.both(Array.from({ length: 500 }, () => ({ results: 2, size: 1000 }))));
      equal(error, undefined);
      equal(messages.length, 1000);
    }],
    ["200 deadlines", async () => {
      const options = { timeoutMs: 100 };
      const make = [
        () => probe.unary({ hang: true }, options),
        () => throwing(probe.down({ hang: true, results: 1 }, options)),
        () => probe.up(endless({ hang: true }), options),
        () => throwing(probe.both(endless({ results: 1 }), options)),
      ];
      const ends = await Promise.all(Array.from({ length: 200 }, (_, i) => rejection(make[i % 4]!())));
      equal(ends.filter((error) => error instanceof ConnectError && error.code === Code.DeadlineExceeded).length, 200,
        String(ends.find((error) => !(error instanceof ConnectError && error.code === Code.DeadlineExceeded))));
    }],
  ];
}
