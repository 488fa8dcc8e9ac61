import type { Transport } from "@connectrpc/connect";
import { createProbeClient } from "./api";
import { equal, ok, type Case } from "./cases";

/** How much more memory may be in use after many requests, in bytes. */
const leeway = 10_000_000;

/** What calls leave behind: nothing that adds up. Node must run by --expose-gc. */
export function memoryCases(transport: Transport): Case[] {
  const probe = createProbeClient(transport);
  return [
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
