// How fields of all kinds are used, and what the compiler must refuse.
import { create, getExtension, hasExtension, setExtension, type JsonObject } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { JstypeSchema, OneofsSchema, Open, OptionalSchema, RepeatedSchema, ScalarsSchema, type Jstype, type Scalars } from "./three_pb";
import { Closed, DefaultsSchema, ExtendedSchema, ext_int64, ext_message, ext_string } from "./two_pb";
import { KeysSchema, ValuesSchema } from "./maps_pb";
import { ChosenSchema, SingularSchema } from "./wkt_pb";

const scalars = create(ScalarsSchema, {
  doubleField: 1.5,
  int32Field: 1,
  int64Field: 1n,
  boolField: true,
  stringField: "text",
  bytesField: new Uint8Array([1]),
  enumField: Open.ONE,
  messageField: { stringField: "nested" },
});
scalars.int64Field satisfies bigint;
scalars.messageField?.stringField satisfies string | undefined;

// @ts-expect-error a number for an int64
create(ScalarsSchema, { int64Field: 1 });
// @ts-expect-error a string for an int64
create(ScalarsSchema, { int64Field: "1" });
// @ts-expect-error a bigint for an int32
create(ScalarsSchema, { int32Field: 1n });
// @ts-expect-error a number for a uint64
create(ScalarsSchema, { uint64Field: 1 });
// @ts-expect-error a number for a sfixed64
create(ScalarsSchema, { sfixed64Field: 1 });
// @ts-expect-error a string for bytes
create(ScalarsSchema, { bytesField: "text" });
// @ts-expect-error a number for a string
create(ScalarsSchema, { stringField: 1 });
// @ts-expect-error no such field
create(ScalarsSchema, { noSuchField: 1 });
// @ts-expect-error the name of the .proto file
create(ScalarsSchema, { string_field: "text" });
// @ts-expect-error a field of another type in a nested message
create(ScalarsSchema, { messageField: { int64Field: 1 } });
// @ts-expect-error no such value
scalars.enumField = Open.TWO;
// @ts-expect-error the value of another enum
create(ScalarsSchema, { enumField: Closed.ONE });
// @ts-expect-error the message may be missing
scalars.messageField.stringField;
// @ts-expect-error a number where a bigint is read
scalars.int64Field satisfies number;
// @ts-expect-error a message of another type
({ $typeName: "fixture.three.v1.Optional" }) satisfies Pick<Scalars, "$typeName">;

const strings = create(JstypeSchema, { text: "1", normal: 1n, number: 1n, texts: ["1"], map: { "1": 1n } });
strings.text satisfies string;
strings satisfies Jstype;
// @ts-expect-error a bigint for an int64 that is a string
create(JstypeSchema, { text: 1n });
// @ts-expect-error a string for an int64 that is a bigint
create(JstypeSchema, { normal: "1" });

const optional = create(OptionalSchema, { stringField: "" });
optional.stringField satisfies string | undefined;
optional.wrapper satisfies string | undefined;
// @ts-expect-error it may be missing
optional.stringField.length;

const repeated = create(RepeatedSchema, { int64Field: [1n, 2n], messageField: [{ int32Field: 1 }] });
repeated.int64Field[0] satisfies bigint | undefined;
// @ts-expect-error one value for a list
create(RepeatedSchema, { stringField: "text" });
// @ts-expect-error numbers in a list of int64
create(RepeatedSchema, { int64Field: [1, 2] });

const choice = create(OneofsSchema, { first: { case: "text", value: "text" } });
if (choice.first.case === "number") {
  choice.first.value satisfies string;
}
switch (choice.withAll.case) {
  case "uint64Field":
    choice.withAll.value satisfies bigint;
    break;
  case "messageField":
    choice.withAll.value.before satisfies string;
    break;
  case undefined:
    choice.withAll.value satisfies undefined;
}
// @ts-expect-error no such case
create(OneofsSchema, { first: { case: "missing", value: "text" } });
// @ts-expect-error the value of another case
create(OneofsSchema, { withAll: { case: "boolField", value: "text" } });
// @ts-expect-error a case as a field
create(OneofsSchema, { text: "text" });
// @ts-expect-error the value is not known before the case is
choice.first.value.length;

const maps = create(ValuesSchema, { int64Value: { a: 1n }, messageValue: { a: { boolValue: { b: true } } } });
maps.int64Value["a"] satisfies bigint | undefined;
create(KeysSchema, { int64Key: { "1": "one" }, int32Key: { 1: "one" }, boolKey: { true: "yes" } });
// @ts-expect-error a number for an int64 in a map
create(ValuesSchema, { int64Value: { a: 1 } });
// @ts-expect-error an entry may be missing
maps.int64Value["a"].toString();

const known = create(SingularSchema, {
  timestamp: timestampFromMs(0),
  int64Value: 1n,
  boolValue: false,
  struct: { a: [1, null, { b: "c" }] },
});
known.int64Value satisfies bigint | undefined;
known.struct satisfies JsonObject | undefined;
known.timestamp?.seconds satisfies bigint | undefined;
// @ts-expect-error a Date for a timestamp
create(SingularSchema, { timestamp: new Date() });
// @ts-expect-error a number for a wrapped int64
create(SingularSchema, { int64Value: 1 });
// @ts-expect-error a wrapper for what is not wrapped
create(SingularSchema, { int64Value: { value: 1n } });
// @ts-expect-error what JSON does not have
create(SingularSchema, { struct: { a: 1n } });
// @ts-expect-error wrapped in a oneof, where it stays a message
create(ChosenSchema, { choice: { case: "int64Value", value: 1n } });

const extended = create(ExtendedSchema);
setExtension(extended, ext_int64, 1n);
getExtension(extended, ext_string) satisfies string;
getExtension(extended, ext_message).name satisfies string;
// @ts-expect-error a number for an int64
setExtension(extended, ext_int64, 1);
// @ts-expect-error an extension of another message
hasExtension(create(DefaultsSchema), ext_int64);
