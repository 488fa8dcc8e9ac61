package response

import (
	"strings"
	"testing"

	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/testserver/proto/userservice"
)

// loud is a type whose enum has a value with an enormous name.
func loud(t testing.TB) protoreflect.MessageDescriptor {
	t.Helper()
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("loud.proto"), Package: proto.String("loud"), Syntax: proto.String("proto3"),
		EnumType: []*descriptorpb.EnumDescriptorProto{{
			Name:  proto.String("E"),
			Value: []*descriptorpb.EnumValueDescriptorProto{{Name: proto.String(strings.Repeat("X", 60_000)), Number: proto.Int32(0)}},
		}},
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("M"),
			Field: []*descriptorpb.FieldDescriptorProto{{
				Name: proto.String("e"), Number: proto.Int32(1), Type: descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum(),
				TypeName: proto.String(".loud.E"), Label: descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum(),
			}},
		}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Messages().Get(0)
}

func asJSON(t testing.TB, md protoreflect.MessageDescriptor, types message.Resolver, wire []byte) string {
	t.Helper()
	text, err := message.NewEncoder(md, message.EncodeOptions{Types: types}).Append(nil, wire)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestExcerpt(t *testing.T) {
	responses := (&testpb.SimpleResponse{}).ProtoReflect().Descriptor()
	t.Run("what fits is left as it is", func(t *testing.T) {
		wire := append(encode(t, &testpb.SimpleResponse{Username: "ada"}), 0xf8, 0x7f, 1) // and an unknown field
		part, cut := excerptOf(responses, nil, wire, 1000, 1000)
		if cut || string(part) != string(wire) {
			t.Errorf("%x, cut %v", part, cut)
		}
	})
	t.Run("what is no message is left as it is", func(t *testing.T) {
		for _, wire := range []string{"\xff", "\x0a\x7fabc", "\x0a\x02\x12\x7f"} {
			if part, cut := excerptOf(responses, nil, []byte(wire), 1000, 1000); cut || string(part) != wire {
				t.Errorf("%x: %x, cut %v", wire, part, cut)
			}
		}
	})
	t.Run("a large field is cut, those after it are not", func(t *testing.T) {
		wire := encode(t, &testpb.SimpleResponse{
			Payload: &testpb.Payload{Body: make([]byte, 4<<20)}, Username: strings.Repeat("ä", 3000), OauthScope: "scope",
		})
		part, cut := excerptOf(responses, nil, wire, 10_000, 101)
		text := asJSON(t, responses, nil, part)
		if !cut || len(part) > 400 || !strings.Contains(text, `ää…"`) || !strings.Contains(text, `"oauthScope":"scope"`) {
			t.Errorf("cut %v: %s", cut, text)
		}
	})
	t.Run("many fields", func(t *testing.T) {
		md := (&userservice.ListUsersResponse{}).ProtoReflect().Descriptor()
		many := &userservice.ListUsersResponse{}
		for n := range 10_000 {
			many.Users = append(many.Users, ada(n))
		}
		part, cut := excerptOf(md, nil, encode(t, many), 1000, 1000)
		if text := asJSON(t, md, nil, part); !cut || len(text) > 1000 || len(text) < 400 {
			t.Errorf("%d characters, cut %v", len(text), cut)
		}
	})
	t.Run("names that are longer than what they name", func(t *testing.T) {
		md := loud(t)
		wire := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), make([]byte, 1<<20))
		part, cut := excerptOf(md, nil, wire, 1<<20, 1<<20)
		if text := asJSON(t, md, nil, part); !cut || len(text) > 2<<20 || len(text) < 1<<19 {
			t.Errorf("%d characters, cut %v", len(text), cut)
		}
		// The same behind an Any.
		types := new(protoregistry.Types)
		if err := types.RegisterMessage(dynamicpb.NewMessageType(md)); err != nil {
			t.Fatal(err)
		}
		hidden := encode(t, &anypb.Any{TypeUrl: "x/loud.M", Value: wire})
		anyType := (&anypb.Any{}).ProtoReflect().Descriptor()
		part, cut = excerptOf(anyType, types, hidden, 1<<20, 1<<20)
		if text := asJSON(t, anyType, types, part); !cut || len(text) > 2<<20 || !strings.Contains(text, "XXX") {
			t.Errorf("in an Any: %d characters, cut %v", len(text), cut)
		}
	})
	t.Run("deep nesting", func(t *testing.T) {
		md := (&structpb.ListValue{}).ProtoReflect().Descriptor()
		var wire []byte
		for range 5000 {
			value := protowire.AppendBytes([]byte{0x32}, wire)
			wire = protowire.AppendBytes([]byte{0x0a}, value)
		}
		part, cut := excerptOf(md, nil, wire, 100<<20, 1<<20)
		if text := asJSON(t, md, nil, part); !cut || strings.Count(text, "[") < 400 {
			t.Errorf("cut %v: %s", cut, text)
		}
	})
}
