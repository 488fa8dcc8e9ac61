// Package describe finds schema and shows it. A [Source] answers for the
// schema of one server or one set of files: by server reflection
// ([NewReflection]), from .proto files ([Compile]) or descriptor sets
// ([NewSet]), or several of them together ([Merge]). [FindMethod] and
// [FindSymbol] resolve the short names that people type. [Print], [Template]
// and [Describe] show what was found; [Closure] and [WriteProtos] export it.
//
// What a server or a file says is not trusted: its size, its nesting and its
// references are checked before use, and printed text is escaped.
package describe

import (
	"context"
	"errors"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// A Resolver finds message types and extensions by name, URL or number, for
// google.protobuf.Any and for unknown fields. What it does not know, or could
// not get, is [protoregistry.NotFound].
type Resolver interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// A Source knows the schema of a server or of some files. All methods may be
// called at once. One name gives the same descriptor every time.
type Source interface {
	// Services returns the names of all services, sorted.
	Services(ctx context.Context) ([]protoreflect.FullName, error)
	// Find returns what has this full name: a service, method, message, field,
	// oneof, enum, enum value or extension. errors.Is(err,
	// protoregistry.NotFound) tells that the source knows no such name.
	Find(ctx context.Context, name protoreflect.FullName) (protoreflect.Descriptor, error)
	// Types resolves through the source, and through the types of
	// google.protobuf and google.rpc that are built in.
	Types() Resolver
}

// ErrNoReflection is in the chain of an error when the server answers, but not
// to server reflection; the schema must come from files then.
var ErrNoReflection = errors.New("server does not support reflection")
