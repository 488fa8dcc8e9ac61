package suite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/grpcx/grpcx/internal/describe"
)

// Target is a server that a suite calls, and where its schema comes from: server
// reflection, unless files are named. Paths are fit to be opened: those of a suite
// file are relative to it.
type Target struct {
	Address                        string
	Plaintext, Insecure            bool
	CACert, Cert, Key              string // paths of PEM files
	Authority, ServerName          string
	Protos, ImportPaths, Protosets []string
	UseReflection                  bool // besides the files
	// Metadata goes with reflection and with every call.
	Metadata []Header
}

// MD is the metadata as gRPC has it. Values of "-bin" keys that are not base64 are
// left out.
func (t *Target) MD() metadata.MD {
	md := metadata.MD{}
	for _, h := range t.Metadata {
		key := strings.ToLower(h.Name)
		if value, err := headerValue(key, h.Value); err == nil {
			md.Append(key, value)
		}
	}
	return md
}

// Headers is metadata as files write it, sorted by name.
func Headers(md metadata.MD) []Header {
	var headers []Header
	for _, name := range slices.Sorted(maps.Keys(md)) {
		for _, value := range md[name] {
			if strings.HasSuffix(name, "-bin") {
				value = encodeBase64(value)
			}
			headers = append(headers, Header{name, value})
		}
	}
	return headers
}

// FromFiles reports whether the schema needs no server.
func (t *Target) FromFiles() bool {
	return !t.UseReflection && len(t.Protos)+len(t.Protosets) > 0
}

// key tells targets apart.
func (t *Target) key() string { return fmt.Sprintf("%q", []any{*t}) }

// Conn is a connection to a target. Whoever asked for it calls Close once.
type Conn struct {
	CC grpc.ClientConnInterface
	// Dial makes CC where it is nil, once the suite has been found without mistakes:
	// a schema from files needs no connection. It may be nil for a suite that is
	// checked and not run.
	Dial   func(context.Context) (grpc.ClientConnInterface, error)
	Source describe.Source
	Close  func()
	Target Target // what was connected to: the target asked for, and what flags add
	// Metadata goes with every call, unless a step has other values for a key.
	// Values of "-bin" keys are raw bytes.
	Metadata metadata.MD
	// ReflectionMetadata goes with reflection, which Source asks. It is here to be
	// kept secret, and for the commands that repeat a call.
	ReflectionMetadata metadata.MD
}

// Connect connects to a target and opens its schema. ctx bounds the connecting;
// the schema must outlive it.
type Connect func(ctx context.Context, t Target) (Conn, error)
