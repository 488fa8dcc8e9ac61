package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// deviations are the inputs that are read otherwise than by protojson, on
// purpose. The differential tests and the fuzz target allow these and no other.
var deviations = []struct {
	name, why string
	applies   func(input string) bool
	message   string // that the example is of
	example   string
}{
	{"raw any", `protojson has no form for an Any of unknown type; ours is {"@type": URL, "@value": BASE64}`,
		matches(`@value|\\u00(40|[67])`), "google.protobuf.Any", `{"@type":"x/y.Z","@value":"AQ=="}`},
	{"byte order mark", "some editors put one before UTF-8; protojson refuses it",
		func(s string) bool { return strings.HasPrefix(s, "\ufeff") }, "three.Scalars", "\ufeff{}"},
	{"exponent without digits", "protojson reads 1e as 1 where a delimiter follows; RFC 8259 wants digits",
		matches(`[0-9][eE][+-]?([^0-9+-]|$)`), "three.Scalars", `{"int32":1e}`},
	{"duration of nothing", "protojson reads .s as 0s",
		matches(`"[-+]?\.s"`), "google.protobuf.Duration", `".s"`},
	{"timestamp digits", "time.Parse, and so protojson, takes one digit of an hour and a comma before the fraction; RFC 3339 does not",
		matches(`T[0-9]:|[0-9],[0-9]`), "google.protobuf.Timestamp", `"2024-01-02T3:04:05Z"`},
	{"long numbers", "protojson refuses integers that are written with more than 20 digits or a huge exponent, even 0e9999999999",
		matches(`[0-9.]{18}|[eE][+-]?[0-9]{2}`), "three.Scalars", `{"int32":0.0000000000000000000001e22}`},
}

func matches(expr string) func(string) bool {
	return func(s string) bool { return regexp.MustCompile(expr).MatchString(s) }
}

// deviation names the deviation that applies to input, "" for none.
func deviation(input string) string {
	for _, d := range deviations {
		if d.applies(input) {
			return d.name
		}
	}
	return ""
}

// compareDecode checks that input is read as protojson reads it.
func compareDecode(t *testing.T, f *fixtures, md protoreflect.MessageDescriptor, input string, discard bool) []byte {
	t.Helper()
	all, err := decodeAll(input, md, DecodeOptions{Types: f.types, AllowUnknown: discard})
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%d messages", len(all))
	}
	want := dynamicpb.NewMessage(md)
	wantErr := protojson.UnmarshalOptions{Resolver: f.types, RecursionLimit: defaultMaxDepth, DiscardUnknown: discard}.Unmarshal([]byte(input), want)
	if (err == nil) != (wantErr == nil) {
		if deviation(input) == "" {
			t.Errorf("%s %.300q (discard %v): got error %v, protojson %v", md.FullName(), input, discard, err, wantErr)
		}
		return nil
	}
	if err != nil {
		return nil
	}
	wantWire, err := proto.MarshalOptions{Deterministic: true}.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(all[0], wantWire) && deviation(input) == "" {
		t.Fatalf("%s %q: got %x, protojson %x", md.FullName(), input, all[0], wantWire)
	}
	return all[0]
}

// compareEncode checks that wire is written as protojson writes it, but for
// white space and escapes.
func compareEncode(t *testing.T, f *fixtures, md protoreflect.MessageDescriptor, wire []byte) {
	t.Helper()
	m := dynamicpb.NewMessage(md)
	if err := (proto.UnmarshalOptions{AllowPartial: true, Resolver: f.types}).Unmarshal(wire, m); err != nil {
		return
	}
	for _, o := range []EncodeOptions{{}, {ProtoNames: true}, {EmitDefaults: true}, {Format: Pretty}, {Format: Pretty, ProtoNames: true, EmitDefaults: true}} {
		o.Types = f.types
		want, wantErr := protojson.MarshalOptions{
			AllowPartial: true, UseProtoNames: o.ProtoNames, EmitUnpopulated: o.EmitDefaults, Resolver: f.types,
		}.Marshal(m)
		e := NewEncoder(md, o)
		got, err := e.Append(nil, wire)
		if err != nil {
			t.Fatalf("%s %x: %v", md.FullName(), wire, err)
		}
		loss := e.Loss()
		loss.Unknown = 0
		if wantErr != nil {
			if loss == (Loss{}) {
				t.Fatalf("%s %x: protojson refuses (%v), ours writes %s and counts no loss", md.FullName(), wire, wantErr, got)
			}
			continue
		}
		if loss != (Loss{}) {
			continue
		}
		if g, w := tokens(t, got), tokens(t, want); g != w {
			t.Fatalf("%s %x %+v:\n got %s\nwant %s", md.FullName(), wire, o, g, w)
		}
	}
}

// tokens gives the tokens of a JSON text.
func tokens(t *testing.T, text []byte) string {
	t.Helper()
	var b strings.Builder
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		fmt.Fprintf(&b, "%T %q\n", tok, fmt.Sprint(tok))
	}
}

// values are JSON values, valid and not, that every field is tried with.
var values = strings.Split(`null
true
false
"true"
0
-0
"-0"
1
"1"
-1
"-1"
1.0
"1.0"
1.5
"1.5"
1e3
"1e3"
1E+3
10e-1
1e-1
0e5
-0.0
00
01
-01
"01"
+1
.5
1.
" 1"
"1 "
"+1"
"0x10"
""
127
2147483647
2147483648
-2147483648
-2147483649
4294967295
4294967296
9223372036854775807
"9223372036854775807"
9223372036854775808
-9223372036854775808
"-9223372036854775809"
18446744073709551615
"18446744073709551615"
18446744073709551616
1e19
1e20
1e400
-1e400
3.4028235e38
3.4028236e38
3.5e38
-3.5e38
1e-50
5e-324
0.1
123456789.123456789
NaN
"NaN"
"nan"
"Infinity"
"-Infinity"
"+Infinity"
Infinity
-Infinity
"abc"
"\u00e9\ud83d\ude00\n\/"
"\ud83d"
"\ud83d\u0041"
"\ude00\ud83d"
"\ud83dx"
"\u12g4"
"\x41"
"tab	in"
"aGk="
"aGk"
"aGk=="
"a-_b"
"a+/b"
"a+_b"
"aGk=\n"
"=aGk"
"a"
"ACTIVE"
"STATUS_UNSPECIFIED"
"active"
"SUSPENDED"
"GREEN"
"VERDE"
"NULL_VALUE"
[]
[1]
[1,]
[,1]
[1 2]
[null]
["a","b"]
[[]]
[{}]
[true,false]
["ACTIVE",1]
["NaN",1.5]
[null,1]
{}
{"a":1}
{"1":"a"}
{"1":"a","1":"b"}
{"1":"a","01":"b"}
{"true":"a","false":"b"}
{"-1":"x"}
{"9223372036854775807":"x"}
{"":"x"}
{"a":"x"}
{"a":null}
{"a":{}}
{"a":{"int32":1}}
{"a":"ACTIVE"}
{"a":"NOPE"}
{"a":1.5}
{"a":[1,{"b":null}]}
{"int32":1}
{"fields":{}}
{"value":1}
{,}
{"a":1,}
{"a"}
{"a":}
{"a" 1}
{a:1}
{'a':1}
'a'
"2024-01-02T03:04:05Z"
"2024-01-02T03:04:05.5Z"
"2024-01-02T03:04:05.123456789Z"
"2024-01-02T03:04:05.1234567891Z"
"2024-01-02T03:04:05+01:00"
"2024-01-02T03:04:05.5-23:59"
"2024-01-02T03:04:05"
"2024-01-02t03:04:05z"
"2024-01-02 03:04:05Z"
"2024-02-30T03:04:05Z"
"2024-01-02T24:00:00Z"
"2024-01-02T03:04:60Z"
"0001-01-01T00:00:00Z"
"0001-01-01T00:00:00+01:00"
"9999-12-31T23:59:59.999999999Z"
"9999-12-31T23:59:59-01:00"
"10000-01-01T00:00:00Z"
"1970-01-01T00:00:00Z"
"1969-12-31T23:59:59.5Z"
"1s"
"1.5s"
"-1.5s"
"+1.5s"
"0s"
"-0s"
"-0.5s"
".5s"
"-.5s"
"1.s"
"01s"
"1.1234567890s"
"1.123456789s"
"315576000000s"
"315576000001s"
"-315576000000.999999999s"
"1"
"s"
"1 s"
"1S"
"a,b"
"a.bC,dE"
"a_b"
"a,,b"
" a,b "
"a, b"
"A"
"a.b."
"a1B"
"*"
{"@type":"type.googleapis.com/grpcx.test.three.Scalars"}
{"@type":"type.googleapis.com/grpcx.test.three.Scalars","int32":1}
{"int32":1,"@type":"type.googleapis.com/grpcx.test.three.Scalars","string":"x"}
{"@type":"type.googleapis.com/grpcx.test.three.Scalars","@type":"type.googleapis.com/grpcx.test.three.Scalars"}
{"@type":"grpcx.test.three.Scalars"}
{"@type":"https://example.com/a/grpcx.test.three.Scalars","int32":1,"int32":1}
{"@type":"type.googleapis.com/grpcx.test.three.Scalars","nope":1}
{"@type":"type.googleapis.com/nope.Nope"}
{"@type":"type.googleapis.com/nope.Nope","a":1}
{"@type":""}
{"@type":null}
{"@type":1}
{"type_url":"x"}
{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}
{"value":"1s","@type":"type.googleapis.com/google.protobuf.Duration"}
{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s","value":"1s"}
{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s","x":1}
{"@type":"type.googleapis.com/google.protobuf.Duration"}
{"@type":"type.googleapis.com/google.protobuf.Duration","value":null}
{"@type":"type.googleapis.com/google.protobuf.Value","value":null}
{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"a":[1,"b",null,{"c":true}]}}
{"@type":"type.googleapis.com/google.protobuf.Empty"}
{"@type":"type.googleapis.com/google.protobuf.Empty","value":{}}
{"@type":"type.googleapis.com/google.protobuf.Empty","value":{"x":1}}
{"@type":"type.googleapis.com/google.protobuf.Empty","x":1}
{"@type":"type.googleapis.com/google.protobuf.Int64Value","value":"12"}
{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":"type.googleapis.com/google.protobuf.FieldMask","value":"a.b"}}
{"@type":"type.googleapis.com/google.protobuf.Any","value":{}}
{"@type":"type.googleapis.com/grpcx.test.two.Legacy","count":1}
{"@type":"type.googleapis.com/grpcx.test.two.Legacy","[grpcx.test.two.extension_message]":{}}
{"@type":"type.googleapis.com/grpcx.test.three.Known","any":{"@type":"type.googleapis.com/grpcx.test.three.User","id":"1"}}
/*c*/1
1//c
#`, "\n")

// messages are whole JSON messages, by type.
var messages = map[string][]string{
	"three.Scalars": {
		`{}`, ` { } `, "\ufeff{}", `[]`, `null`, `1`, ``, ` `, `{`, `}`, `{}}`, `{}{}`, `{} {}`, `{},`, "{}\x00", "\x00{}",
		`{"optionalInt32":0}`, `{"optional_int32":0}`, `{"optionalInt32":null}`, `{"optionalInt32":1,"optional_int32":1}`,
		`{"optionalInt32":null,"optional_int32":1}`, `{"int32":1,"int32":1}`, `{"int32":null,"int32":1}`, `{"nope":1}`, `{"nope":{"a":[1,2,{"b":"c"}]},"int32":1}`,
		`{"nope":[}`, `{"\u0069nt32":5}`, "{\"string\":\"\xff\"}", "{\"string\":\"a\xc3\"}", "{\"\xff\":1}", "{\"string\":\"\xed\xa0\x80\"}", `{"string":"\u0000"}`, "{\"string\":\"a\nb\"}",
		`{"[a.b]":1}`, `{"[grpcx.test.two.extension_string]":"x"}`, `{"[]":1}`, `{"[":1}`, `{"Int32":1}`, `{"status":-3}`, `{"status":99}`, `{"status":1.0}`, `{"status":1e0}`, `{"status":"1"}`,
		`{"string":"` + strings.Repeat("x", 5000) + `\u00e9"}`, strings.Repeat(" ", 9000) + `{"int32": 7}`,
	},
	"three.Choice": {
		`{"text":"a","number":1}`, `{"text":"a","number":null}`, `{"text":null,"number":1}`, `{"nothing":null}`, `{"nothing":null,"text":"a"}`, `{"nothing":"NULL_VALUE"}`, `{"nothing":0}`, `{"nothing":1}`,
		`{"value":null}`, `{"value":null,"text":"a"}`, `{"message":{},"text":"a"}`, `{"text":"","left":true}`, `{"left":true,"right":false}`, `{"left":null,"right":false}`, `{"status":"NOPE"}`, `{"status":"NOPE","text":"a"}`, `{"text":"a","text":"a"}`,
	},
	"three.User": {
		`{"manager":{"manager":{"reports":[{},{"id":"x","roles":[]}]}}}`, `{"reports":[null]}`, `{"metadata":{"a":"b","a":"c"}}`, `{"metadata":{"a":null}}`, `{"displayName":"a","display_name":"b"}`,
	},
	"three.Hostile": {
		`{"\u001b[31m\" \u202e":"x"}`, `{"a_b":"x"}`, `{"@type":"x"}`, `{"type":"x"}`, `{"_":"u"}`, `{"__proto__":"p"}`, `{"Proto":"p"}`, `{"plain":"x","bracket":"y"}`, `{"UPPERCase":"x"}`, `{"UPPER_Case":"x"}`, `{"":"x"}`,
	},
	"two.Legacy": {
		`{}`, `{"id":"a"}`, `{"id":null}`, `{"id":""}`, `{"id":"a","count":0}`, `{"id":"a","result":{}}`, `{"id":"a","result":{"url":"u"}}`, `{"id":"a","Result":{"url":"u"}}`, `{"id":"a","item":[{"n":1},{}]}`, `{"id":"a","Item":[{"n":1}]}`,
		`{"id":"a","child":{}}`, `{"id":"a","child":{"id":"b"}}`, `{"id":"a","children":{"k":{}}}`, `{"id":"a","children":{"k":{"n":1}}}`, `{"id":"a","list":[{"n":1},{}]}`, `{"id":"a","picked":{"x":1}}`, `{"id":"a","Picked":{"x":1},"y":2}`,
		`{"id":"a","color":"RED"}`, `{"id":"a","color":7}`, `{"id":"a","color":"VERDE"}`, `{"id":"a","any":{"@type":"x/grpcx.test.two.Legacy"}}`,
		`{"id":"a","[grpcx.test.two.extension_string]":"x"}`, `{"id":"a","[grpcx.test.two.extension_string]":null}`, `{"id":"a","[grpcx.test.two.extension_string]":"x","[grpcx.test.two.extension_string]":"x"}`,
		`{"id":"a","[grpcx.test.two.extension_numbers]":[1,2]}`, `{"id":"a","[grpcx.test.two.extension_message]":{}}`, `{"id":"a","[grpcx.test.two.extension_message]":{"n":3}}`, `{"id":"a","[grpcx.test.two.extension_color]":"RED"}`,
		`{"id":"a","[grpcx.test.two.extensiongroup]":{"n":3}}`, `{"id":"a","[grpcx.test.two.ExtensionGroup]":{"n":3}}`, `{"id":"a","[grpcx.test.two.other_extension]":1}`, `{"id":"a","[grpcx.test.two.nope]":1}`, `{"id":"a","[grpcx.test.two.Legacy.Child.nested_extension]":{"n":1}}`,
		`{"id":"a","extension_string":"x"}`, `{"id":"a","data":"","ratio":"-Infinity","note":""}`,
	},
	"two.Tree": {
		`{"children":[{"children":[{"name":"x"}]}],"leaf":{"tree":{"weight":"-5"}},"byNumber":{"-3":{},"2":{"f":1e38}}}`,
	},
	"edition.Featured": {
		`{}`, `{"required":"r"}`, `{"required":"r","explicit":"","implicit":""}`, `{"required":"r","delimited":{"n":1,"back":{"required":"q"}},"prefixed":{"back":{}}}`, `{"required":"r","Inner":{"n":1}}`, `{"required":"r","delimitedList":[{"n":0},{"n":1}]}`,
		`{"required":"r","packed":[1,2],"expanded":[3,4],"open":9,"closed":9}`, `{"required":"r","closed":"CLOSED_TWO"}`, `{"required":"r","inners":{"1":{"n":1}}}`, `{"required":"r","a":1,"b":{}}`, `{"required":"r","b":{"n":2}}`,
		`{"required":"r","[grpcx.test.edition.inner_extension]":{"n":1},"[grpcx.test.edition.strings_extension]":["a"]}`,
	},
	"google.protobuf.Value":      {`null`, `1`, `"x"`, `[1,[2,[3]]]`, `{"a":{"b":{}}}`, `tru`, `nul`, `1 2`, `-`, `"a`, `[`, strings.Repeat("[", 500) + strings.Repeat("]", 500), strings.Repeat("[", 1100) + strings.Repeat("]", 1100)},
	"google.protobuf.ListValue":  {`[]`, `[[],{},null,1,"x",true]`, `{}`, `null`, `[1,2`, `[1]]`},
	"google.protobuf.Timestamp":  {`"2024-01-02T03:04:05Z"`, `"`, `null`},
	"google.protobuf.Any":        {`{}`, `{"@type":"x/google.protobuf.Any","value":{"@type":"x/google.protobuf.Any","value":{}}}`, `{ "a" : 1 }`, `[]`},
	"google.protobuf.Int32Value": {`1`, `1.`, `1 `, ` -3`, `"4"`, `null`},
	"google.protobuf.Empty":      {`{}`, `{"a":1}`, `null`},
}

// corpus gives every JSON text of this file with the type that it is tried as.
func corpus(t testing.TB, f *fixtures, use func(md protoreflect.MessageDescriptor, input string)) {
	t.Helper()
	for name, inputs := range messages {
		for _, input := range inputs {
			use(f.message(t, name), input)
		}
	}
	for _, name := range []string{"three.Scalars", "three.Repeated", "three.Maps", "three.Choice", "three.Known"} {
		md := f.message(t, name)
		for i := range md.Fields().Len() {
			for _, v := range values {
				use(md, `{"`+md.Fields().Get(i).JSONName()+`":`+v+`}`)
			}
		}
	}
}

func TestDeviationsAreReal(t *testing.T) {
	f := load(t)
	for _, d := range deviations {
		t.Run(d.name, func(t *testing.T) {
			md := f.message(t, d.message)
			_, err := decodeAll(d.example, md, DecodeOptions{Types: f.types})
			theirs := protojson.UnmarshalOptions{Resolver: f.types}.Unmarshal([]byte(d.example), dynamicpb.NewMessage(md))
			if (err == nil) == (theirs == nil) {
				t.Errorf("%s: ours %v and protojson %v agree", d.example, err, theirs)
			}
			if !d.applies(d.example) {
				t.Errorf("the deviation does not apply to its own example %s", d.example)
			}
		})
	}
}

func TestJSONAgreesWithProtojson(t *testing.T) {
	f := load(t)
	n, accepted := 0, 0
	corpus(t, f, func(md protoreflect.MessageDescriptor, input string) {
		n++
		if wire := compareDecode(t, f, md, input, false); wire != nil {
			accepted++
			compareEncode(t, f, md, wire)
		}
		compareDecode(t, f, md, input, true)
	})
	t.Logf("%d inputs, %d accepted", n, accepted)
	if n < 10000 || accepted < 1000 {
		t.Errorf("%d inputs and %d accepted: the corpus is not read", n, accepted)
	}
}
