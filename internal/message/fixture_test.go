package message

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// fixtures are the compiled protos of testdata/proto/message_*.proto.
type fixtures struct {
	files *protoregistry.Files
	types *dynamicpb.Types
}

var compileFixtures = sync.OnceValues(func() (*fixtures, error) {
	dir := filepath.Join("..", "..", "testdata", "proto")
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{dir}})}
	linked, err := c.Compile(context.Background(), "message_three.proto", "message_two.proto", "message_edition.proto")
	if err != nil {
		return nil, err
	}
	// Through descriptor protos, to have the descriptors that a server's
	// reflection gives.
	seen := map[string]bool{}
	files := new(protoregistry.Files)
	var add func(fd protoreflect.FileDescriptor) error
	add = func(fd protoreflect.FileDescriptor) error {
		if seen[fd.Path()] {
			return nil
		}
		seen[fd.Path()] = true
		for i := range fd.Imports().Len() {
			if err := add(fd.Imports().Get(i).FileDescriptor); err != nil {
				return err
			}
		}
		built, err := protodesc.NewFile(protodesc.ToFileDescriptorProto(fd), files)
		if err != nil {
			return err
		}
		return files.RegisterFile(built)
	}
	for _, fd := range linked {
		if err := add(fd); err != nil {
			return nil, err
		}
	}
	return &fixtures{files, dynamicpb.NewTypes(files)}, nil
})

func load(t testing.TB) *fixtures {
	t.Helper()
	f, err := compileFixtures()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// message finds a message type by its full name, or its name under grpcx.test.
func (f *fixtures) message(t testing.TB, name string) protoreflect.MessageDescriptor {
	t.Helper()
	d, err := f.files.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		d, err = f.files.FindDescriptorByName(protoreflect.FullName("grpcx.test." + name))
	}
	if err != nil {
		t.Fatal(err)
	}
	return d.(protoreflect.MessageDescriptor)
}

// decodeAll reads every message of input.
func decodeAll(input string, md protoreflect.MessageDescriptor, o DecodeOptions) ([][]byte, error) {
	d := NewDecoder(strings.NewReader(input), md, o)
	var all [][]byte
	for {
		wire, err := d.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, wire)
	}
}

// decodeOne reads input that is one message.
func decodeOne(t testing.TB, input string, md protoreflect.MessageDescriptor, o DecodeOptions) []byte {
	t.Helper()
	all, err := decodeAll(input, md, o)
	if err != nil {
		t.Fatalf("decode %s: %v", input, err)
	}
	if len(all) != 1 {
		t.Fatalf("decode %s: %d messages, want 1", input, len(all))
	}
	return all[0]
}
