package message

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// bloated is a message type in which few bytes on the wire are much text:
//
//	enum E { 6 kB of a name = 0; }
//	message M { repeated E e = 1; map<int32, E> by = 2; repeated M 6_kB_of_a_name = 3; repeated int32 n = 4; M m = 5; }
func bloated(t *testing.T) protoreflect.MessageDescriptor {
	t.Helper()
	long := strings.Repeat("A", 6<<10)
	field := func(name string, n int32, kind descriptorpb.FieldDescriptorProto_Type, of string) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{
			Name: &name, Number: &n, Type: kind.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum(),
		}
		if of != "" {
			f.TypeName = &of
		}
		return f
	}
	const (
		number = descriptorpb.FieldDescriptorProto_TYPE_INT32
		enum   = descriptorpb.FieldDescriptorProto_TYPE_ENUM
		inner  = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
	)
	key, value := field("key", 1, number, ""), field("value", 2, enum, ".E")
	one := field("m", 5, inner, ".M")
	for _, f := range []*descriptorpb.FieldDescriptorProto{key, value, one} {
		f.Label = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("bloated.proto"), Syntax: proto.String("proto3"),
		EnumType: []*descriptorpb.EnumDescriptorProto{{
			Name: proto.String("E"), Value: []*descriptorpb.EnumValueDescriptorProto{{Name: &long, Number: proto.Int32(0)}},
		}},
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("M"),
			Field: []*descriptorpb.FieldDescriptorProto{
				field("e", 1, enum, ".E"), field("by", 2, inner, ".M.ByEntry"), field(long, 3, inner, ".M"), field("n", 4, number, ""), one,
			},
			NestedType: []*descriptorpb.DescriptorProto{{
				Name: proto.String("ByEntry"), Field: []*descriptorpb.FieldDescriptorProto{key, value},
				Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
			}},
		}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Messages().ByName("M")
}

// bombs are messages of the type of bloated whose texts are some hundred MiB.
func bombs() map[string][]byte {
	packed := func(number protowire.Number, n int) []byte {
		b := protowire.AppendTag(nil, number, protowire.BytesType)
		return protowire.AppendBytes(b, make([]byte, n))
	}
	var entries, messages []byte
	for i := range 40_000 {
		entry := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(i))
		entries = protowire.AppendBytes(protowire.AppendTag(entries, 2, protowire.BytesType), entry)
		holder := protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), nil)
		messages = protowire.AppendBytes(protowire.AppendTag(messages, 3, protowire.BytesType), holder)
	}
	return map[string][]byte{
		"enum values": packed(1, 40_000), "entries of a map": entries, "messages": messages,
	}
}

func TestTextOfFewBytesIsBounded(t *testing.T) {
	md := bloated(t)
	for what, wire := range bombs() {
		for _, format := range []Format{JSON, Pretty, YAML, Text} {
			t.Run(fmt.Sprintf("%s as %s", what, format), func(t *testing.T) { checkBounded(t, md, format, wire, nil) })
		}
	}
}

func checkBounded(t *testing.T, md protoreflect.MessageDescriptor, format Format, wire []byte, types Resolver) {
	t.Helper()
	const limit = 1 << 20
	e := NewEncoder(md, EncodeOptions{Format: format, Types: types, MaxBytes: limit})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out, err := e.Append([]byte("kept"), wire)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrTooLong) || !strings.HasSuffix(err.Error(), "more than 1048576 bytes") || string(out) != "kept" {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 100<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
	if _, err := e.Append(nil, nil); err != nil {
		t.Errorf("the next message: %v", err)
	}
}

func TestIndentationIsBounded(t *testing.T) {
	md := bloated(t)
	wire := protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), make([]byte, 100_000))
	for range 35 {
		wire = protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), wire)
	}
	for _, format := range []Format{Pretty, YAML, Text} {
		t.Run(string(format), func(t *testing.T) { checkBounded(t, md, format, wire, nil) })
	}
	if _, err := NewEncoder(md, EncodeOptions{MaxBytes: 1 << 20}).Append(nil, wire); err != nil {
		t.Errorf("without indentation: %v", err)
	}
}

func TestContentOfAnAnyIsBounded(t *testing.T) {
	md := bloated(t)
	types := new(protoregistry.Types)
	if err := types.RegisterMessage(dynamicpb.NewMessageType(md)); err != nil {
		t.Fatal(err)
	}
	holder := load(t).message(t, "google.protobuf.Any")
	wire := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "type.googleapis.com/M")
	wire = protowire.AppendBytes(protowire.AppendTag(wire, 2, protowire.BytesType), bombs()["enum values"])
	for _, format := range []Format{JSON, Pretty, YAML, Text} {
		t.Run(string(format), func(t *testing.T) { checkBounded(t, holder, format, wire, types) })
	}
}

func TestTextUpToTheLimitIsWritten(t *testing.T) {
	md := bloated(t)
	wire := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), make([]byte, 100))
	for _, format := range []Format{JSON, Pretty, YAML, Text} {
		if _, err := NewEncoder(md, EncodeOptions{Format: format, MaxBytes: 1 << 20}).Append(make([]byte, 1<<20), wire); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
	if _, err := NewEncoder(md, EncodeOptions{MaxBytes: int(^uint(0) >> 1)}).Append([]byte("x"), wire); err != nil {
		t.Errorf("the highest limit: %v", err)
	}
}
