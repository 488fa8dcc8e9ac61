import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createProbeClient } from "./api";
import { equal, ok, rejects, unique, type Case } from "./cases";
import { onceBegun, patience, type Quirks } from "./probing";

/** How much more memory may be in use after many requests, in bytes. */
const leeway = 10_000_000;

/** What calls leave behind: nothing that adds up. Node must run by --expose-gc. */
export function memoryCases(transport: Transport, quirks: Quirks): Case[] {
  const probe = createProbeClient(transport);
  return [
    ["large requests, each cancelled on its way", async () => {
      const message = "x".repeat(20_000_000); // more than any window of HTTP/2
      for (let i = 0; i < 5; i++) {
        const call = unique("large");
        const controller = new AbortController();
        async function* requests() {
          yield { call, hang: true };
          onceBegun(probe, call, () => controller.abort());
          yield { message };
        }
        await rejects(Code.Canceled, probe.up(requests(), { signal: controller.signal }));
      }
      equal((await probe.unary({}, patience)).number, 1);
    }],
    ["large requests, each after the answer", async () => {
      const message = "x".repeat(1_000_000);
      async function* requests() {
        for (;;) {
          yield { message, enough: true };
        }
      }
      for (let i = 0; i < 40; i++) {
        try {
          equal((await probe.up(requests(), patience)).orders, 1);
        } catch (error) {
          ok(quirks.queues && error instanceof ConnectError && error.rawMessage.startsWith("Write error: "), String(error));
        }
      }
      equal((await probe.unary({}, patience)).number, 1);
    }],
    ["many requests of a call", async () => {
      const [most, step] = [100_000, 10_000];
      const heap: number[] = [];
      async function* requests() {
        for (let i = 0; i < most; i++) {
          if (i % step === 0) {
            ok(globalThis.gc, "node runs without --expose-gc");
            globalThis.gc();
            heap.push(process.memoryUsage().heapUsed);
          }
          yield {};
        }
      }
      equal((await probe.up(requests())).orders, most);
      // What is about to be freed may still be in some of the figures.
      const [early = 0, late = 0] = [heap.slice(0, heap.length / 2), heap.slice(heap.length / 2)].map((half) => Math.min(...half));
      ok(late - early < leeway, `the heap has grown by ${late - early} bytes: ${heap.join(", ")}`);
    }],
  ];
}
