import type { Transport } from "@connectrpc/connect";
import { run, type Case } from "./cases";
import { fieldCases } from "./fields";
import { killedCases } from "./killed";
import { memoryCases } from "./memory";
import { nameCases, nameRequestCases } from "./names";
import { probeCases, probeRequestCases, type Quirks } from "./probing";
import { referenceCases, requestStreamCases } from "./reference";

/** Runs all cases in Node, which then has nothing left to do and ends. */
export async function main(connect: (address: string) => Transport, reference: string, probe: string, victim: string, control: string, quirks: Quirks = {}): Promise<void> {
  const unhandled: unknown[] = [];
  process.on("unhandledRejection", (reason) => unhandled.push(reason));
  const [toReference, toProbe] = [connect(reference), connect(probe)];
  const kill = async () => {
    const response = await fetch(control, { method: "POST" });
    if (!response.ok) {
      throw new Error(`kill: ${await response.text()}`);
    }
  };
  const cases: Case[] = [
    ...referenceCases(toReference),
    ...requestStreamCases(toReference),
    ...fieldCases(toProbe),
    ...probeCases(toProbe, quirks),
    ...probeRequestCases(toProbe, quirks),
    ...memoryCases(toProbe, quirks),
    ...nameCases(toProbe),
    ...nameRequestCases(toProbe),
    ...killedCases(connect(victim), kill),
    ["nothing was rejected that nobody handled", async () => {
      if (unhandled.length > 0) {
        throw new AggregateError(unhandled, unhandled.map((reason) => (reason instanceof Error ? reason.stack : String(reason))).join("\n"));
      }
    }],
  ];
  await run(cases, (line) => console.log(JSON.stringify(line)));
}
