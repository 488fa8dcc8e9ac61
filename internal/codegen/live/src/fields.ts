import { clearExtension, create, equals, getExtension, hasExtension, setExtension, toJson, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { anyPack, anyUnpack, timestampFromDate, type Any } from "@bufbuild/protobuf/wkt";
import type { Transport } from "@connectrpc/connect";
import {
  Closed, DetailSchema, EverythingSchema, Grade, ModernSchema, OldSchema, Old_InnerSchema, Spice, createKitchenClient, note, tags,
  type Everything,
} from "./api";
import { equal, ok, type Case } from "./cases";

/** Fields of every kind, sent to a server that tells what it understood. */
export function fieldCases(transport: Transport): Case[] {
  const kitchen = createKitchenClient(transport);
  const cook = async (message: Everything): Promise<Everything> => {
    const { json, request } = await kitchen.cook(message);
    ok(request, "nothing came back");
    same(EverythingSchema, request, message, json);
    return request;
  };
  return [
    ["fields: none is set", async () => {
      await cook(create(EverythingSchema));
    }],
    ["fields: numbers, text, bytes", async () => {
      await cook(create(EverythingSchema, {
        fDouble: 1 / 3, fFloat: 0.5, fInt32: -1, fInt64: -2n, fUint32: 3, fUint64: 4n, fSint32: -5, fSint64: -6n,
        fFixed32: 7, fFixed64: 8n, fSfixed32: -9, fSfixed64: -10n, fBool: true, fString: "ä\u0000 👩‍💻", fBytes: new Uint8Array([0, 255]),
        fEnum: Spice.PEPPER, fMessage: { name: "n", children: [{ name: "c" }, {}] }, fSelf: { fInt32: 1, fSelf: { fBool: true } },
      }));
    }],
    ["fields: the least and the most", async () => {
      await cook(create(EverythingSchema, {
        fDouble: Number.MAX_VALUE, fInt32: -(2 ** 31), fInt64: -(2n ** 63n), fUint32: 2 ** 32 - 1, fUint64: 2n ** 64n - 1n,
        fSint32: 2 ** 31 - 1, fSint64: 2n ** 63n - 1n, fFixed32: 2 ** 32 - 1, fFixed64: 2n ** 64n - 1n, fSfixed32: -(2 ** 31), fSfixed64: -(2n ** 63n),
        rDouble: [Number.MIN_VALUE, -0, Infinity, -Infinity], rInt64: [2n ** 53n + 1n], fBytes: new Uint8Array(10_000),
      }));
    }],
    ["fields: what is no number", async () => {
      const { json, request } = await kitchen.cook({ fDouble: NaN, rDouble: [NaN, -0], fFloat: NaN });
      ok(Number.isNaN(request?.fDouble) && Number.isNaN(request?.fFloat) && Number.isNaN(request?.rDouble[0]), json);
      ok(Object.is(request?.rDouble[1], -0), "-0 became 0");
    }],
    ["fields: optional ones that are set to nothing", async () => {
      const got = await cook(create(EverythingSchema, { oInt32: 0, oInt64: 0n, oBool: false, oString: "", oBytes: new Uint8Array(), oEnum: 0 }));
      equal([got.oInt32, got.oInt64, got.oBool, got.oString, got.oEnum], [0, 0n, false, "", 0]);
      equal([got.oBytes?.length, got.oUnset], [0, undefined]);
    }],
    ["fields: lists", async () => {
      await cook(create(EverythingSchema, {
        rInt32: [1, -1, 0], rUint64: [0n, 2n ** 64n - 1n], rBool: [true, false], rString: ["", "x"], rBytes: [new Uint8Array(), new Uint8Array([1])],
        rEnum: [Spice.SALT, 77 as Spice, Spice.PEPPER], rMessage: [{}, { name: "x" }], rUnpacked: [-1, 2],
      }));
    }],
    ["fields: maps", async () => {
      const got = await cook(create(EverythingSchema, {
        mString: { a: "b", "": "", __proto: "p" }, mInt32: { [-1]: 2n ** 60n, 0: 0n }, mInt64: { "-9007199254740993": new Uint8Array([9]) },
        mBool: { true: Spice.SALT, false: Spice.UNSPECIFIED }, mUint64: { "18446744073709551615": { name: "big" } }, mDouble: { x: 0.1 },
      }));
      equal(got.mUint64["18446744073709551615"]?.name, "big");
      equal(got.mInt32[-1], 2n ** 60n);
    }],
    ["fields: each choice of a oneof", async () => {
      const choices: Everything["choice"][] = [
        { case: "cString", value: "" }, { case: "cInt64", value: 0n }, { case: "cMessage", value: create(EverythingSchema.field.cMessage.message!) as never },
        { case: "cBool", value: false }, { case: "cEmpty", value: { $typeName: "google.protobuf.Empty" } }, { case: undefined },
      ];
      for (const choice of choices) {
        equal((await cook(create(EverythingSchema, { choice }))).choice.case, choice.case);
      }
    }],
    ["fields: integers as strings", async () => {
      const got = await cook(create(EverythingSchema, { jString: "9007199254740993", jStrings: ["0", "18446744073709551615"], jNumber: 5n }));
      equal([got.jString, got.jStrings, got.jNumber], ["9007199254740993", ["0", "18446744073709551615"], 5n]);
    }],
    ["fields: well-known types", async () => {
      const detail = create(DetailSchema, { reason: "packed", number: 1n });
      const message = create(EverythingSchema, {
        wTimestamp: { seconds: 1_700_000_000n, nanos: 123_456_789 }, wDuration: { seconds: -1n, nanos: -5 },
        wStruct: { text: "t", number: 1.5, list: [1, null, { deep: true }] }, wValue: { kind: { case: "nullValue", value: 0 } },
        wList: { values: [{ kind: { case: "stringValue", value: "s" } }, { kind: { case: "structValue", value: { fields: { a: { kind: { case: "boolValue", value: true } } } } } }] },
        wAny: anyPack(DetailSchema, detail), wMask: { paths: ["a", "b.c"] }, wEmpty: {}, wInt64: 0n, wString: "", wBool: false, wBytes: new Uint8Array(),
        wTimestamps: [timestampFromDate(new Date(0)), { nanos: 1 }],
      });
      const { request: got } = await kitchen.cook(message);
      ok(got && equals(EverythingSchema, got, message), "what came back is not what was sent");
      equal([got.wTimestamp?.nanos, got.wInt64, got.wString, got.wBool, got.wBytes?.length, got.wUnset], [123_456_789, 0n, "", false, 0, undefined]);
      equal(sorted(got.wStruct), sorted({ text: "t", number: 1.5, list: [1, null, { deep: true }] }));
      equal(anyUnpack(got.wAny as Any, DetailSchema)?.number, 1n);
    }],
    ["fields: names that JavaScript has a use for", async () => {
      const got = await cook(create(EverythingSchema, { constructor$: "a", toString$: "b", class: "c", renamed: "d", Proto: "e" }));
      equal([got.constructor$, got.toString$, got.class, got.renamed, got.Proto], ["a", "b", "c", "d", "e"]);
    }],
    ["fields: proto2", async () => {
      const message = create(OldSchema, { name: "n", inner: { big: 2n ** 40n, words: ["a"] }, row: [{ cell: 1 }, {}], packed: [1, 2] });
      equal([message.answer, message.greeting, message.huge, message.grade], [42, 'say "hello"\n', Infinity, Grade.B]);
      setExtension(message, note, "extended");
      setExtension(message, tags, [1n, 2n]);
      const { json, request } = await kitchen.cookOld(message);
      ok(request && hasExtension(request, note), "no extension came back");
      equal([getExtension(request, note), getExtension(request, tags), request.inner?.big], ["extended", [1n, 2n], 2n ** 40n]);
      ok(json.includes('"[old.note]":"extended"') || json.includes('"[old.note]": "extended"'), json);
      clearExtension(request, note);
      ok(!hasExtension(request, note), "the extension is still there");
      ok(create(Old_InnerSchema).big === 0n, "a group has no message of its own");
    }],
    ["fields: editions", async () => {
      const message = create(ModernSchema, { explicit: 0, implicit: 0, required: "r", delimited: { text: "d" }, expanded: [1, 2], closed: Closed.TWO });
      const { json, request } = await kitchen.cookEdition(message);
      ok(request, "nothing came back");
      same(ModernSchema, request, message, json);
    }],
  ];
}

/** Fails unless got is what was sent, and the server understood it as JSON shows it. */
function same<Desc extends DescMessage>(schema: Desc, got: MessageShape<Desc>, sent: MessageShape<Desc>, json: string): void {
  ok(equals(schema, got, sent), "what came back is not what was sent");
  equal(sorted(JSON.parse(json)), sorted(toJson(schema, sent)), "as JSON");
}

/** Sorts the keys of objects. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, v]) => [key, sorted(v)]);
}
