package oneport

import (
	"bytes"
	"errors"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// envelope takes a message through connect-go, which makes requests before it is
// known of what type the handler wants them: a request is kept encoded until
// then. A response is in message.
type envelope struct {
	codec   *codec
	encoded []byte
	message any
}

// decode reads the request into message.
func (e *envelope) decode(message any) error {
	if e.codec == nil {
		return nil // empty
	}
	return e.codec.Unmarshal(e.encoded, message)
}

// codec is how messages are encoded; it takes messages of protobuf and *envelope.
type codec struct {
	name   string
	append func(b []byte, m proto.Message) ([]byte, error)
	decode func(b []byte, m proto.Message) error
}

// codecs are those of Connect. JSON is protobuf's, with the types of the program
// for google.protobuf.Any; unknown fields are passed over, as in binary.
func codecs() []connect.HandlerOption {
	binary := &codec{name: "proto", append: proto.MarshalOptions{}.MarshalAppend, decode: proto.Unmarshal}
	text := codec{name: "json", append: protojson.MarshalOptions{}.MarshalAppend, decode: decodeJSON}
	utf8 := text
	utf8.name = "json; charset=utf-8"
	return []connect.HandlerOption{connect.WithCodec(binary), connect.WithCodec(&text), connect.WithCodec(&utf8)}
}

func decodeJSON(b []byte, m proto.Message) error {
	if len(b) == 0 {
		return errors.New("no bytes are no JSON object")
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, m)
}

func (c *codec) Name() string { return c.name }

func (c *codec) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

// MarshalAppend is found by connect-go, which then reuses its buffers.
func (c *codec) MarshalAppend(b []byte, message any) ([]byte, error) {
	if e, ok := message.(*envelope); ok {
		message = e.message
	}
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("encode %T: not a message of protobuf", message)
	}
	return c.append(b, m)
}

func (c *codec) Unmarshal(b []byte, message any) error {
	if e, ok := message.(*envelope); ok {
		e.codec, e.encoded = c, bytes.Clone(b) // connect-go reuses b
		return nil
	}
	m, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("decode %T: not a message of protobuf", message)
	}
	return c.decode(b, m)
}
