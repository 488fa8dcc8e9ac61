package describe

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// file parses a file descriptor in text format; proto2 unless it says another.
func file(t testing.TB, text string) *descriptorpb.FileDescriptorProto {
	t.Helper()
	f := new(descriptorpb.FileDescriptorProto)
	if err := prototext.Unmarshal([]byte(text), f); err != nil {
		t.Fatal(err)
	}
	return f
}

func add(t testing.TB, p *pool, text string) {
	t.Helper()
	if err := p.add(file(t, text)); err != nil {
		t.Fatal(err)
	}
}

func TestSetTakesFilesInAnyOrder(t *testing.T) {
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		file(t, `name: "b.proto" package: "b" dependency: "a.proto" message_type { name: "B" field { name: "a" number: 1 type: TYPE_MESSAGE type_name: ".a.A" label: LABEL_OPTIONAL } }`),
		file(t, `name: "a.proto" package: "a" dependency: "google/protobuf/any.proto" message_type { name: "A" }`),
		file(t, `name: "a.proto" package: "a" dependency: "google/protobuf/any.proto" message_type { name: "A" }`),
	}}
	source, err := NewSet(set, set)
	if err != nil {
		t.Fatal(err)
	}
	a, b := find[protoreflect.MessageDescriptor](t, source, "a.A"), find[protoreflect.MessageDescriptor](t, source, "b.B")
	if b.Fields().ByName("a").Message() != a {
		t.Error("one name has two descriptors")
	}
}

func TestBadSets(t *testing.T) {
	tests := []struct {
		name  string
		files []string
		want  string
	}{
		{"missing import", []string{`name: "a.proto" dependency: "gone.proto"`}, `"a.proto" imports "gone.proto", which is not in it`},
		{"conflicting duplicate", []string{`name: "a.proto"`, `name: "a.proto" package: "x"`}, `file "a.proto" came twice with different contents`},
		{"no name", []string{`package: "x"`}, "file without a name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set := new(descriptorpb.FileDescriptorSet)
			for _, text := range tt.files {
				set.File = append(set.File, file(t, text))
			}
			if _, err := NewSet(set); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestReadSet(t *testing.T) {
	raw, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{{Name: proto.String("a.proto")}}})
	if err != nil {
		t.Fatal(err)
	}
	if set, err := ReadSet("a.pb", strings.NewReader(string(raw))); err != nil || len(set.File) != 1 {
		t.Errorf("ReadSet = %v, %v", set, err)
	}
	for _, bad := range []string{"", `syntax = "proto3";`} {
		if _, err := ReadSet("a.pb", strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), "a.pb") {
			t.Errorf("%q: error %v does not name the source", bad, err)
		}
	}
}

func TestBrokenFiles(t *testing.T) {
	deep := &descriptorpb.DescriptorProto{Name: proto.String("M")}
	for range 10_000 {
		deep = &descriptorpb.DescriptorProto{Name: proto.String("M"), NestedType: []*descriptorpb.DescriptorProto{deep}}
	}
	if err := newPool().add(&descriptorpb.FileDescriptorProto{Name: proto.String("deep.proto"), MessageType: []*descriptorpb.DescriptorProto{deep}}); err == nil {
		t.Error("10,000 nested messages are taken")
	}
	tests := []struct {
		name, find string
		files      []string
		want       string
	}{
		{"import cycle", "A", []string{`name: "a.proto" dependency: "b.proto" message_type { name: "A" }`, `name: "b.proto" dependency: "a.proto"`}, "import cycle"},
		{"self-import", "A", []string{`name: "a.proto" dependency: "a.proto" message_type { name: "A" }`}, "import cycle"},
		{"invalid name", "A", []string{`name: "a.proto" message_type { name: "A" } message_type { name: "B\033[2J" }`}, `file "a.proto"`},
		{"unknown edition", "A", []string{`name: "a.proto" syntax: "editions" edition: EDITION_99999_TEST_ONLY message_type { name: "A" }`}, `file "a.proto"`},
		{"two files with one name", "B", []string{`name: "a.proto" message_type { name: "A" } message_type { name: "B" }`, `name: "b.proto" dependency: "a.proto" message_type { name: "A" } message_type { name: "C" }`}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPool()
			for _, text := range tt.files {
				add(t, p, text)
			}
			_, err := p.find(protoreflect.FullName(tt.find))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("error %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, protoregistry.NotFound)):
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestPublicImportsThatFanOutEnd(t *testing.T) {
	p := newPool()
	add(t, p, `name: "0.proto"`)
	add(t, p, `name: "1.proto"`)
	for i := 2; i < 200; i++ {
		add(t, p, fmt.Sprintf(`name: "%d.proto" dependency: "%d.proto" dependency: "%d.proto" public_dependency: 0 public_dependency: 1 message_type { name: "M%d" }`, i, i-1, i-2, i))
	}
	if _, err := p.find("M199"); err != nil {
		t.Errorf("a file behind one that is refused: %v", err)
	}
	if _, err := p.find("M24"); err == nil || !strings.Contains(err.Error(), "public imports") {
		t.Errorf("the first file with too many: %v", err)
	}
	if _, err := p.find("M10"); err != nil {
		t.Errorf("a harmless file: %v", err)
	}
}

func TestMissingImportsStopOnlyWhoNeedsThem(t *testing.T) {
	p := newPool()
	add(t, p, `name: "a.proto" package: "a" dependency: "gone.proto" message_type { name: "A" field { name: "x" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL } }
		service { name: "S" method { name: "Good" input_type: ".a.A" output_type: ".a.A" } method { name: "Bad" input_type: ".a.A" output_type: ".gone.Reply" } }`)
	source := newStatic(p)
	if _, err := FindMethod(t.Context(), source, "a.S/Good"); err != nil {
		t.Errorf("a method that needs nothing of it: %v", err)
	}
	_, err := FindMethod(t.Context(), source, "a.S/Bad")
	if err == nil || !strings.Contains(err.Error(), "gone.Reply") || !strings.Contains(err.Error(), "gone.proto") {
		t.Errorf("error %v does not name what is missing", err)
	}
}

func TestBuiltinTypesAreThere(t *testing.T) {
	source, err := NewSet(&descriptorpb.FileDescriptorSet{})
	if err != nil {
		t.Fatal(err)
	}
	types := source.Types()
	for _, url := range []string{"type.googleapis.com/google.rpc.BadRequest", "x/y/google.protobuf.Timestamp", "google.rpc.Status"} {
		if _, err := types.FindMessageByURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"", "/", "google.protobuf.Nothing", "google.protobuf.Any.type_url", "\xff"} {
		if _, err := types.FindMessageByURL(url); !errors.Is(err, protoregistry.NotFound) {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := types.FindMessageByName("grpc.reflection.v1.ServerReflectionRequest"); !errors.Is(err, protoregistry.NotFound) {
		t.Error("a type that happens to be linked in is taken for the target's")
	}
}

func TestExtensionsResolve(t *testing.T) {
	types := compiled(t).Types()
	x, err := types.FindExtensionByNumber("shop.v1.Legacy", 100)
	if err != nil || x.TypeDescriptor().FullName() != "shop.v1.note" {
		t.Fatalf("extension 100 is %v, %v", x, err)
	}
	if same, err := types.FindExtensionByName("shop.v1.note"); err != nil || same != x {
		t.Errorf("by name: %v, %v", same, err)
	}
	if x, err := types.FindExtensionByNumber("shop.v1.Legacy", 150); err != nil || x.TypeDescriptor().FullName() != "shop.v1.Legacy.nested" {
		t.Errorf("nested: %v, %v", x, err)
	}
	for _, number := range []protoreflect.FieldNumber{101, 0, -1, 199} {
		x, err := types.FindExtensionByNumber("shop.v1.Legacy", number)
		if (err == nil) != (number == 101) {
			t.Errorf("extension %d: %v, %v", number, x, err)
		}
	}
}
