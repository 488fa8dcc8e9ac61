package describe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcx/grpcx/internal/termtext"
)

func printed(t testing.TB, o PrintOptions, d ...protoreflect.Descriptor) string {
	t.Helper()
	var out bytes.Buffer
	if err := Print(&out, o, d...); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// checkPrinted prints a file and all that is in it, and checks that the text
// is safe and that nothing but its own lines of comment begins with "//".
func checkPrinted(t testing.TB, fd protoreflect.FileDescriptor) {
	text := printed(t, PrintOptions{}, fd)
	for i := range min(fd.Messages().Len(), 8) {
		text += printed(t, PrintOptions{Recursive: true}, fd.Messages().Get(i))
	}
	if termtext.Text(text) != text {
		t.Errorf("printed text is not safe: %q", text)
	}
}

func TestPrintLoneElements(t *testing.T) {
	source := compiled(t)
	tests := []struct {
		name protoreflect.FullName
		want string
	}{
		{"shop.v1.Catalog.List", "rpc List(shop.v1.ListRequest) returns (stream shop.v1.Item); // a page at a time"},
		{"shop.v1.Item.price", "oneof price {\n  option (shop.v1.exclusive) = true;\n  // In cents.\n  int64 cents = 6;\n  double free_form = 7;\n  shop.v1.Item.Part swap = 8;\n}"},
		{"shop.v1.Item.kinds", "map<int64, shop.v1.Item.Part.Kind> kinds = 5;"},
		{"shop.v1.Item.note", "optional string note = 9;"},
		{"shop.v1.SIZE_SMALL", "// Small.\nSIZE_SMALL = 1;"},
		{"shop.v1.note", "extend shop.v1.Legacy {\n  optional string note = 100 [(shop.v1.secret) = true];\n}"},
		{"shop.v1.Legacy.result", "optional group Result = 1 {\n  required string url = 2;\n\n  repeated group Inner = 3 {\n    optional int32 x = 1;\n  }\n}"},
		{"shop.v1.Legacy.f", "optional float f = 7 [default = 1e-30];"},
		{"shop.v1.Legacy.text", `optional string text = 5 [default = "a \"quoted\"\n\t\\ é text"];`},
		{"shop.v1.edition.Modern.explicit", `string explicit = 2 [default = "d", features.field_presence = EXPLICIT];`},
		{"shop.v1.edition.Modern.Open", "enum Open {\n  option features.enum_type = OPEN;\n\n  ZERO = 0;\n}"},
		{"shop.v1.Item.Part.Leaf", "message Leaf {\n  shop.v1.Part outer = 1;\n}"},
	}
	for _, tt := range tests {
		t.Run(string(tt.name), func(t *testing.T) {
			d := find[protoreflect.Descriptor](t, source, tt.name)
			want := fmt.Sprintf("// %s in %s\n\n%s\n", tt.name, d.ParentFile().Path(), tt.want)
			if diff := cmp.Diff(want, printed(t, PrintOptions{}, d)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestPrintRecursiveShowsEachTypeOnce(t *testing.T) {
	source := compiled(t)
	text := printed(t, PrintOptions{Recursive: true}, find[protoreflect.Descriptor](t, source, "shop.v1.Catalog"), find[protoreflect.Descriptor](t, source, "shop.v1.Item"))
	for _, want := range []string{"service Catalog {", "\nmessage Item {", "message GetRequest {", "\nenum Size {", "\nmessage Part {", "  message Part {", "message Timestamp {", "enum NullValue {"} {
		if n := strings.Count(text, want); n != 1 {
			t.Errorf("%q stands there %d times", want, n)
		}
	}
}

func TestPrintIsSafe(t *testing.T) {
	p := newPool()
	evil := "x\x1b[2J\u202e\u2066\u0085\x7f\r\x00*/\nmessage Forged {}\u2028option y = 1;\n\tkept"
	f := file(t, `name: "e\033.proto" package: "p" syntax: "proto3"
		message_type { name: "M" field { name: "f" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL json_name: "\033]0;x" } }
		options { go_package: "\033[31m\342\200\256\n\"" }`)
	var locations []*descriptorpb.SourceCodeInfo_Location
	for _, path := range [][]int32{{12}, {2}, {4, 0}, {4, 0, 2, 0}, {8, 11}} {
		locations = append(locations, &descriptorpb.SourceCodeInfo_Location{
			Path: path, Span: []int32{1, 1, 1},
			LeadingComments: proto.String(evil), TrailingComments: proto.String("\n\n" + evil), LeadingDetachedComments: []string{evil, "", "\n"},
		})
	}
	f.SourceCodeInfo = &descriptorpb.SourceCodeInfo{Location: locations}
	if err := p.add(f); err != nil {
		t.Fatal(err)
	}
	fd, err := p.findFile(f.GetName())
	if err != nil {
		t.Fatal(err)
	}
	checkPrinted(t, fd)
	for _, text := range []string{printed(t, PrintOptions{}, fd), printed(t, PrintOptions{}, fd.Messages().Get(0))} {
		for line := range strings.Lines(text) {
			if strings.Contains(line, "Forged") && !strings.HasPrefix(strings.TrimSpace(line), "//") {
				t.Errorf("a comment became proto text: %q", line)
			}
		}
	}
	raw, err := json.Marshal(Describe(fd.Messages().Get(0)))
	if err != nil {
		t.Fatal(err)
	}
	if safe := string(termtext.JSON(raw)); termtext.Text(safe) != safe {
		t.Errorf("description is not safe: %q", safe)
	}
	if text := string(Template(fd.Messages().Get(0))); termtext.Text(text) != text {
		t.Errorf("template is not safe: %q", text)
	}
}

func TestPrintTellsOfOptionsThatItDoesNotKnow(t *testing.T) {
	p := newPool()
	f := file(t, `name: "a.proto" message_type { name: "M" options { uninterpreted_option { name { name_part: "x\n}" is_extension: false } aggregate_value: "} message Forged {" } } }`)
	f.MessageType[0].Options.ProtoReflect().SetUnknown([]byte{0x8a, 0xb5, 0x18, 1, 0x1b})
	if err := p.add(f); err != nil {
		t.Fatal(err)
	}
	d, err := p.find("M")
	if err != nil {
		t.Fatal(err)
	}
	want := "// M in a.proto\n\nmessage M {\n  // an option that was never interpreted\n  // option 50001 is not in the schema\n}\n"
	if diff := cmp.Diff(want, printed(t, PrintOptions{}, d)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPrintReportsWriteErrors(t *testing.T) {
	d := find[protoreflect.Descriptor](t, compiled(t), "shop.v1.Item")
	if err := Print(closedWriter{}, PrintOptions{}, d); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

type closedWriter struct{}

func (closedWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestTemplatesAreValidRequests(t *testing.T) {
	source := compiled(t)
	n := 0
	var check func(protoreflect.MessageDescriptors)
	check = func(list protoreflect.MessageDescriptors) {
		for i := range list.Len() {
			md := list.Get(i)
			check(md.Messages())
			if md.IsMapEntry() {
				continue
			}
			n++
			text := Template(md)
			m := dynamicpb.NewMessage(md)
			if err := (protojson.UnmarshalOptions{Resolver: source.Types()}).Unmarshal(text, m); err != nil {
				t.Errorf("%s: %v\n%s", md.FullName(), err, text)
			}
		}
	}
	set, err := Closure(t.Context(), source, []protoreflect.FullName{"shop.v1.Catalog", "shop.v1.edition.Modern", "google.rpc.BadRequest", "google.protobuf.Type"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range set.File {
		fd, err := source.(*static).pool.findFile(f.GetName())
		if err != nil {
			t.Fatal(err)
		}
		check(fd.Messages())
	}
	if n < 60 {
		t.Errorf("only %d messages", n)
	}
}

func TestTemplate(t *testing.T) {
	source := compiled(t)
	want := `{
  "implicit": "",
  "explicit": "d",
  "needed": 0,
  "self": null,
  "expanded": [
    0
  ],
  "all": {},
`
	got := string(Template(find[protoreflect.MessageDescriptor](t, source, "shop.v1.edition.Modern")))
	if !strings.HasPrefix(got, want) {
		t.Errorf("template\n%s\nwant it to begin\n%s", got, want)
	}
	got = string(Template(find[protoreflect.MessageDescriptor](t, source, "shop.v1.Item")))
	for _, part := range []string{`"title": ""`, `"cents": "0"`, `"created": "1970-01-01T00:00:00Z"`, `"parent": {}`, `"children": []`, `"extra": {
    "@type": "type.googleapis.com/google.protobuf.Empty",
    "value": {}
  }`, `"kinds": {
    "0": "KIND_UNKNOWN"
  }`} {
		if !strings.Contains(got, part) {
			t.Errorf("%s is not in\n%s", part, got)
		}
	}
	if strings.Contains(got, "freeForm") {
		t.Error("two members of a oneof are set")
	}
}

func TestTemplateOfHugeSchemaEnds(t *testing.T) {
	p := newPool()
	f := &descriptorpb.FileDescriptorProto{Name: proto.String("a.proto"), Syntax: proto.String("proto3")}
	for i := range 30 {
		m := &descriptorpb.DescriptorProto{Name: proto.String(fmt.Sprintf("M%d", i))}
		for j := range 10 {
			m.Field = append(m.Field, &descriptorpb.FieldDescriptorProto{
				Name: proto.String(fmt.Sprintf("f%d", j)), Number: proto.Int32(int32(j + 1)), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
				Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), TypeName: proto.String(fmt.Sprintf(".M%d", min(i+1, 29))),
			})
		}
		f.MessageType = append(f.MessageType, m)
	}
	if err := p.add(f); err != nil {
		t.Fatal(err)
	}
	d, err := p.find("M0")
	if err != nil {
		t.Fatal(err)
	}
	text := Template(d.(protoreflect.MessageDescriptor))
	if len(text) > 4<<20 {
		t.Errorf("%d bytes", len(text))
	}
	if err := protojson.Unmarshal(text, dynamicpb.NewMessage(d.(protoreflect.MessageDescriptor))); err != nil {
		t.Error(err)
	}
}

func TestDescribeKeys(t *testing.T) {
	source := compiled(t)
	tests := []struct {
		name protoreflect.FullName
		want string
	}{
		{"shop.v1.Catalog.Talk", `{"kind":"method","name":"shop.v1.Catalog.Talk","file":"shop/v1/shop.proto","package":"shop.v1","syntax":"proto3","comment":"Talk is a conversation.","deprecated":true,"method":{"name":"Talk","path":"shop.v1.Catalog/Talk","input":"shop.v1.Item","output":"shop.v1.Item","client_streaming":true,"server_streaming":true,"deprecated":true,"comment":"Talk is a conversation."}}`},
		{"shop.v1.GetRequest", `{"kind":"message","name":"shop.v1.GetRequest","file":"shop/v1/shop.proto","package":"shop.v1","syntax":"proto3","fields":[{"name":"id","json_name":"id","number":1,"type":"string","kind":"string","presence":false,"comment":"the item's id"}]}`},
		{"shop.v1.note", `{"kind":"extension","name":"shop.v1.note","file":"shop/v1/legacy.proto","package":"shop.v1","syntax":"proto2","field":{"name":"note","json_name":"[shop.v1.note]","number":100,"type":"string","kind":"string","label":"optional","presence":true,"extends":"shop.v1.Legacy"}}`},
		{"shop.v1.Item.price", `{"kind":"oneof","name":"shop.v1.Item.price","file":"shop/v1/shop.proto","package":"shop.v1","syntax":"proto3","fields":[{"name":"cents","json_name":"cents","number":6,"type":"int64","kind":"int64","presence":true,"oneof":"price","comment":"In cents."},{"name":"free_form","json_name":"freeForm","number":7,"type":"double","kind":"double","presence":true,"oneof":"price"},{"name":"swap","json_name":"swap","number":8,"type":"shop.v1.Item.Part","kind":"message","presence":true,"oneof":"price"}]}`},
		{"shop.v1.SIZE_SMALL", `{"kind":"enum_value","name":"shop.v1.SIZE_SMALL","file":"shop/v1/shop.proto","package":"shop.v1","syntax":"proto3","comment":"Small.","value":{"name":"SIZE_SMALL","number":1,"comment":"Small."}}`},
		{"shop.v1.Item.parts", `{"kind":"field","name":"shop.v1.Item.parts","file":"shop/v1/shop.proto","package":"shop.v1","syntax":"proto3","field":{"name":"parts","json_name":"parts","number":4,"type":"map\u003cstring, shop.v1.Item.Part\u003e","kind":"map","presence":false}}`},
	}
	for _, tt := range tests {
		t.Run(string(tt.name), func(t *testing.T) {
			raw, err := json.Marshal(Describe(find[protoreflect.Descriptor](t, source, tt.name)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(raw)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func BenchmarkPrintFile(b *testing.B) {
	fd := find[protoreflect.Descriptor](b, compiled(b), "shop.v1.Item").ParentFile()
	b.ReportAllocs()
	for b.Loop() {
		if err := Print(&bytes.Buffer{}, PrintOptions{}, fd); err != nil {
			b.Fatal(err)
		}
	}
}
