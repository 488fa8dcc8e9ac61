// Package message turns what people write (JSON, the protobuf text format,
// YAML, length-delimited binary) into the wire bytes of one message type, and
// wire bytes back into what people read.
//
// JSON follows the protobuf JSON mapping, with these additions in both
// directions:
//
//   - An Any whose type is not known, or whose bytes do not parse as that type,
//     is written {"@type": URL, "@value": BASE64} and read back to the same
//     bytes. The form is read for known types too.
//   - A well-known value outside the range of its special form (a Timestamp in
//     the year 20000) is written as the plain object of its fields. It is not
//     read in that form.
//
// Every character that could move a cursor, change a colour or reorder text is
// written as an escape, in every readable format, so that what a server sends
// can be shown on a terminal as it is.
package message

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Resolver finds the types of Any messages and of extensions. Its methods
// return protoregistry.NotFound for what it does not know.
type Resolver interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// Format is a representation of messages.
type Format string

// JSON, Text, YAML and Binary are read and written; Pretty and JSONL are
// written only.
const (
	JSON   Format = "json"   // one line a message when written
	Text   Format = "text"   // messages are separated by the ASCII record separator, 0x1E
	YAML   Format = "yaml"   // one document a message
	Binary Format = "binary" // each message is preceded by its length as a varint
	Pretty Format = "pretty" // JSON, indented
	JSONL  Format = "jsonl"  // the same as JSON
)

// DefaultMaxOutput bounds the text of a message that an Encoder writes, in bytes.
// Few bytes on the wire may be many: the names of enum values are the schema's.
const DefaultMaxOutput = 256 << 20

const (
	defaultMaxBytes = 64 << 20
	defaultMaxDepth = 1000
)

// DecodeOptions says how a Decoder reads. Its zero value reads JSON.
type DecodeOptions struct {
	Format       Format   // JSON (default), Text, YAML or Binary
	Types        Resolver // nil: no Any type and no extension is known
	AllowUnknown bool     // skip unknown fields and unknown names of enum values
	Array        bool     // a top-level JSON array or YAML sequence is a stream of its elements
	Name         string   // of the source, for errors: "-d", "stdin", "users.json"
	MaxBytes     int      // of one message's text; 0: 64 MiB. YAML: 4 MiB at most
	MaxDepth     int      // of nested messages; 0: 1000
}

// EncodeOptions says how an Encoder writes. Its zero value writes JSON.
type EncodeOptions struct {
	Format       Format   // JSON (default), Pretty, JSONL, Text, YAML or Binary
	Types        Resolver // nil: no Any type and no extension is known
	ProtoNames   bool     // user_id, not userId (JSON and YAML)
	EmitDefaults bool     // also fields that are unset and in no oneof: zero, "", [], {}, null (JSON and YAML)
	Color        bool     // ANSI colours (Pretty)
	MaxBytes     int      // of one message's text, but for the last value in it; 0: DefaultMaxOutput (not Binary)
	MaxDepth     int      // of nested messages; 0: 1000
}

// Loss counts what a message has that its readable form does not say.
type Loss struct {
	Unknown int // fields that the type does not have: left out
	Strings int // strings of invalid UTF-8: shown with U+FFFD
	Opaque  int // Any messages of unknown type or with unreadable content: shown as base64
	Odd     int // well-known values outside the range of their special form
}

// noTypes stands for an absent Resolver: protobuf-go would take its global
// registry for nil.
func noTypes(r Resolver) Resolver {
	if r == nil {
		return new(protoregistry.Types)
	}
	return r
}

func orDefault(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// checkType refuses the types that no format can carry.
func checkType(md protoreflect.MessageDescriptor) error {
	switch {
	case md.IsPlaceholder():
		return fmt.Errorf("message type %s: its definition is missing from the schema", md.FullName())
	case isMessageSet(md):
		return fmt.Errorf("message type %s: message_set_wire_format is not supported", md.FullName())
	}
	return nil
}

// isMessageSet reports whether md has the wire format of proto1's message sets,
// which protobuf-go does not read.
func isMessageSet(md protoreflect.MessageDescriptor) bool {
	o, ok := md.Options().(*descriptorpb.MessageOptions)
	return ok && o.GetMessageSetWireFormat()
}
