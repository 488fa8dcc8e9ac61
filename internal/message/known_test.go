package message

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
)

// A schema comes from a server, which may call anything by a well-known name.
func TestFalseWellKnownTypes(t *testing.T) {
	source := `syntax = "proto3"; package google.protobuf;
		message Any { repeated string type_url = 1; Value value = 2; }
		message Timestamp { string seconds = 1; }
		message Duration { int64 seconds = 1; map<int32, int32> nanos = 2; }
		message FieldMask { string paths = 1; }
		message Struct { repeated Value fields = 1; }
		message ListValue { map<string, Value> values = 1; }
		message Value { int32 a = 7; Struct b = 8; NullValue c = 9; }
		enum NullValue { ZERO = 0; ONE = 1; }
		message Empty { int32 a = 1; }
		message Int32Value { repeated string other = 2; int32 value = 1; }
		message StringValue { Value value = 1; }
		message BytesValue {}
		message All { Any a = 1; Timestamp b = 2; Duration c = 3; FieldMask d = 4; Struct e = 5; ListValue f = 6; Value g = 7; Empty h = 8; Int32Value i = 9; StringValue j = 10; BytesValue k = 11; NullValue l = 12; }`
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{"f.proto": source})}}
	files, err := c.Compile(t.Context(), "f.proto")
	if err != nil {
		t.Fatal(err)
	}
	all := files[0].Messages().ByName("All")
	input := `{"a":{"typeUrl":["x"],"value":{"a":1,"b":{"fields":[{}]}}},"b":{"seconds":"s"},"c":{"seconds":"1","nanos":{"1":2}},"d":{"paths":"p"},"e":{"fields":[{"a":2}]},` +
		`"f":{"values":{"k":{"a":3}}},"h":{"a":4},"i":{"other":["o"],"value":5},"j":{"value":{"a":6}},"k":{},"l":null}`
	wire := decodeOne(t, input, all, DecodeOptions{})
	for _, format := range []Format{JSON, YAML} {
		out, err := NewEncoder(all, EncodeOptions{Format: format}).Append(nil, wire)
		if err != nil {
			t.Fatal(err)
		}
		if back := decodeOne(t, string(out), all, DecodeOptions{Format: format}); !bytes.Equal(back, wire) {
			t.Errorf("%s reads back as %x, want %x:\n%s", format, back, wire, out)
		}
	}
	t.Run("text of a false any", func(t *testing.T) {
		source := `syntax = "proto3"; package google.protobuf; message Any {} message Has { Any any = 1; }`
		c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{"g.proto": source})}}
		files, err := c.Compile(t.Context(), "g.proto")
		if err != nil {
			t.Fatal(err)
		}
		has := files[0].Messages().ByName("Has")
		const want = "false google.protobuf.Any"
		if _, err := NewEncoder(has, EncodeOptions{Format: Text}).Append(nil, []byte{0x0a, 0}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("write: %v", err)
		}
		if _, err := decodeAll("any { type_url: 'x' }", has, DecodeOptions{Format: Text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("read: %v", err)
		}
	})
	for i := range all.Fields().Len() {
		for _, v := range values { // nothing but an error or a message
			_, _ = decodeAll(`{"`+all.Fields().Get(i).JSONName()+`":`+v+`}`, all, DecodeOptions{})
		}
	}
}
