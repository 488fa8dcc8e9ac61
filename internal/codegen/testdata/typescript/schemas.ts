// What services, JSON types and types of valid messages promise.
import { create, fromJson, toJson, type MessageJsonType, type MessageShape, type MessageValidType } from "@bufbuild/protobuf";
import { AllKinds, Names, RequestSchema, ResponseSchema } from "./services_pb";
import { ScalarsSchema, type OneofsJson, type OpenJson, type ScalarsJson } from "./three_pb";
import { RequiredSchema, type Required, type RequiredValid } from "./two_pb";
import { IgnoredSchema, RequiredSchema as ValidatedSchema, type RequiredValid as ValidatedValid } from "./validate_pb";
import type { NamedJson } from "./json_enum_pb";

AllKinds.method.unary.methodKind satisfies "unary";
AllKinds.method.clientStream.methodKind satisfies "client_streaming";
AllKinds.method.serverStream.methodKind satisfies "server_streaming";
AllKinds.method.bidi.methodKind satisfies "bidi_streaming";
AllKinds.method.unary.input satisfies typeof RequestSchema;
AllKinds.method.unary.output satisfies typeof ResponseSchema;
Names.method.constructor$.methodKind satisfies "unary";
Names.method.then.methodKind satisfies "unary";
// @ts-expect-error no such method
AllKinds.method.missing;
// @ts-expect-error another kind
AllKinds.method.bidi.methodKind satisfies "unary";
// @ts-expect-error the type of another message
AllKinds.method.unary.input satisfies typeof ScalarsSchema;

const json: ScalarsJson = { int64Field: "1", doubleField: "NaN", bytesField: "AQ==", enumField: "OPEN_ONE" };
fromJson(ScalarsSchema, json) satisfies MessageShape<typeof ScalarsSchema>;
toJson(ScalarsSchema, create(ScalarsSchema)) satisfies ScalarsJson;
json satisfies MessageJsonType<typeof ScalarsSchema>;
"OPEN_ONE" satisfies OpenJson;
"one" satisfies NamedJson;
({ text: "a", number: "1" }) satisfies OneofsJson;
// @ts-expect-error an int64 is a string in JSON
json.int64Field = 1;
// @ts-expect-error not a name of the enum
json.enumField = "OPEN_TWO";
// @ts-expect-error the enum value has a JSON name of its own
"NAMED_ONE" satisfies NamedJson;
// @ts-expect-error the name in messages, which that in JSON is not
({ string_field: "a" }) satisfies ScalarsJson;

declare const valid: RequiredValid;
declare const message: Required;
valid.messageField.name satisfies string;
valid satisfies MessageValidType<typeof RequiredSchema>;
// @ts-expect-error it may be missing in a message that was not validated
message.messageField.name;
declare const validated: ValidatedValid;
validated.message.text satisfies string;
validated satisfies MessageValidType<typeof ValidatedSchema>;
// @ts-expect-error the option does not require it
validated.optional.text;
declare const ignored: MessageValidType<typeof IgnoredSchema>;
ignored.ifZero.message.text satisfies string;
// @ts-expect-error its rules are ignored
ignored.always.message.text;
