package suite

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcx/grpcx/internal/message"
)

// decodeJSON gives the wire bytes of the one message that text is.
func decodeJSON(text []byte, md protoreflect.MessageDescriptor, resolver message.Resolver) ([]byte, error) {
	wire, err := message.NewDecoder(bytes.NewReader(text), md, message.DecodeOptions{Types: resolver}).Next()
	if err == io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	return wire, err
}

// encodeJSON writes an object as JSON.
func encodeJSON(dst []byte, o *object) ([]byte, error) {
	wire, err := proto.MarshalOptions{AllowPartial: true}.Marshal(o.message.Interface())
	if err != nil {
		return dst, err
	}
	out, err := message.NewEncoder(o.message.Descriptor(), message.EncodeOptions{Types: o.schema.resolver}).Append(dst, wire)
	return bytes.TrimSuffix(out, []byte("\n")), err
}

// decodeWire reads a message that a server has sent.
func (s *schema) decodeWire(md protoreflect.MessageDescriptor, wire []byte) (protoreflect.Message, error) {
	m := dynamicpb.NewMessage(md)
	err := proto.UnmarshalOptions{AllowPartial: true, Resolver: s.resolver, RecursionLimit: 1000}.Unmarshal(wire, m)
	return m, err
}

// received is a message that a server has sent as a value.
func (s *schema) received(md protoreflect.MessageDescriptor, wire []byte) ref.Val {
	m, err := s.decodeWire(md, wire)
	if err != nil {
		return types.NewErr("the response is not a %s", md.FullName())
	}
	return s.message(m)
}

// indented is a message that a server has sent as indented JSON.
func (s *schema) indented(md protoreflect.MessageDescriptor, wire []byte) string {
	e := message.NewEncoder(md, message.EncodeOptions{Format: message.Pretty, Types: s.resolver, ProtoNames: true})
	out, err := e.Append(nil, wire)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(out), "\n")
}

// decodeBase64 takes the standard and the URL alphabet, padded or not.
func decodeBase64(s string) (string, error) {
	s = strings.TrimRight(s, "=")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		encoding = base64.RawURLEncoding
	}
	raw, err := encoding.DecodeString(s)
	return string(raw), err
}

func encodeBase64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
