import { Code, type Transport } from "@connectrpc/connect";
import { createTestServiceClient, createUserServiceClient } from "./api";
import { endless, rejects, Watched, type Case } from "./cases";

/**
 * Calls of a server that kill() kills. It answers GetUser never.
 */
export function killedCases(transport: Transport, kill: () => Promise<void>): Case[] {
  const test = createTestServiceClient(transport);
  const users = createUserServiceClient(transport);
  const requests = new Watched(endless({ payload: { body: new Uint8Array(10) } }));
  /** Makes the calls, and kills the server when those that give responses have begun. */
  const calls = async () => {
    let down = () => {};
    let both = () => {};
    const begun = Promise.all([new Promise<void>((resolve) => (down = resolve)), new Promise<void>((resolve) => (both = resolve))]);
    const each = async (responses: AsyncIterable<unknown>, first: () => void) => {
      for await (const _ of responses) {
        first();
      }
    };
    const all = {
      unary: users.getUser({ userId: "nobody" }),
      down: each(test.streamingOutputCall({ responseParameters: [{ size: 1 }, { size: 1, intervalUs: 100_000_000 }] }), down),
      up: test.streamingInputCall(requests),
      both: each(test.fullDuplexCall(endless({ responseParameters: [{ size: 1 }] })), both),
    };
    // They fail whenever it may be.
    Object.values(all).forEach((call) => call.catch(() => {}));
    await begun;
    await kill();
    return all;
  };
  let made: ReturnType<typeof calls> | undefined;
  const once = () => (made ??= calls());
  return [
    ["killed: a call", async () => void (await rejects(Code.Unavailable, (await once()).unary))],
    ["killed: a stream", async () => void (await rejects(Code.Unavailable, (await once()).down))],
    ["killed: a stream of requests", async () => {
      await rejects(Code.Unavailable, (await once()).up);
      await requests.closed;
    }],
    ["killed: a stream both ways", async () => void (await rejects(Code.Unavailable, (await once()).both))],
    ["killed: calls after that", async () => {
      await rejects(Code.Unavailable, test.emptyCall({}));
      await rejects(Code.Unavailable, test.emptyCall({}, { timeoutMs: 60_000 }));
    }],
  ];
}
