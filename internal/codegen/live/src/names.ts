import type { Transport } from "@connectrpc/connect";
import { createFunctionClient, createoptionsClient, createrequestClient, createtransportClient } from "./api";
import { collect, equal, ok, type Case } from "./cases";

/** Calls of methods whose names JavaScript has a use for. */
export function nameCases(transport: Transport): Case[] {
  const client = createrequestClient(transport);
  const value = "v";
  return [
    ["names: a client is no promise", async () => {
      ok((await client) === client, "await does not give the client");
      equal((await client.then$({ value })).value, value);
      equal((await client.then_({ value })).value, value);
    }],
    ["names: methods of objects and promises", async () => {
      equal((await client.catch({ value })).message, value);
      equal((await client.close({ items: [] })).length, 0);
      equal((await client.constructor$({ length: 0 })).items, []);
      equal((await client.hasOwnProperty({ value })).value, value);
      equal((await client.__proto__({ value })).value, value);
      equal((await collect(client.toString$({ value }))).messages.map((m) => m.value), [value]);
      equal(typeof client.toString(), "string");
    }],
    ["names: methods that differ in case alone", async () => {
      equal((await client.get$({ value })).value, value);
      equal((await collect(client.get({ value }))).messages.map((m) => m.value), [value]);
    }],
    ["names: services and methods called as parameters and packages are", async () => {
      await client.transport({});
      await client.options({});
      await createoptionsClient(transport).request({});
      await createtransportClient(transport).requests({});
      await createFunctionClient(transport).call({});
    }],
    ["names: methods taken out of their client", async () => {
      const { catch: caught } = client;
      equal((await caught({ value })).message, value);
    }],
  ];
}

export function nameRequestCases(transport: Transport): Case[] {
  const client = createrequestClient(transport);
  return [
    ["names: reserved words", async () => {
      equal((await client.delete([{ value: "v" }])).value, "v");
      equal((await collect(client.new([{ value: "v" }]))).messages.map((m) => m.value), ["v"]);
    }],
  ];
}
