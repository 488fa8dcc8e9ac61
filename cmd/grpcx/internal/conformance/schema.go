package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// schema is the suite's own, compiled from its sources: its Go packages are
// internal to it.
type schema struct {
	files    protoregistry.Files
	set      descriptorpb.FileDescriptorSet // imports before their importers
	types    *dynamicpb.Types
	request  protoreflect.MessageType
	response protoreflect.MessageType
}

// loadSchema compiles the suite's .proto files in the folder protos.
func loadSchema(ctx context.Context, protos string) (*schema, error) {
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{protos}}),
	}
	compiled, err := compiler.Compile(ctx, "connectrpc/conformance/v1/client_compat.proto")
	if err != nil {
		return nil, fmt.Errorf("compile the suite's schema: %w", err)
	}
	s := &schema{}
	for _, file := range compiled {
		if err := s.add(file); err != nil {
			return nil, fmt.Errorf("load the suite's schema: %w", err)
		}
	}
	s.types = dynamicpb.NewTypes(&s.files)
	for name, t := range map[protoreflect.FullName]*protoreflect.MessageType{
		"connectrpc.conformance.v1.ClientCompatRequest":  &s.request,
		"connectrpc.conformance.v1.ClientCompatResponse": &s.response,
	} {
		if *t, err = s.types.FindMessageByName(name); err != nil {
			return nil, fmt.Errorf("load the suite's schema: %s: %w", name, err)
		}
	}
	return s, nil
}

// add registers file after all that it imports.
func (s *schema) add(file protoreflect.FileDescriptor) error {
	if _, err := s.files.FindFileByPath(file.Path()); err == nil {
		return nil
	}
	imports := file.Imports()
	for i := range imports.Len() {
		if err := s.add(imports.Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	s.set.File = append(s.set.File, protodesc.ToFileDescriptorProto(file))
	return s.files.RegisterFile(file)
}

// writeSet writes the schema as a descriptor set, for --protoset.
func (s *schema) writeSet(path string) error {
	wire, err := proto.Marshal(&s.set)
	if err != nil {
		return fmt.Errorf("encode descriptor set: %w", err)
	}
	return os.WriteFile(path, wire, 0o600)
}

// decode reads a ClientCompatRequest.
func (s *schema) decode(wire []byte) (*testCase, error) {
	m := s.request.New().Interface()
	if err := (proto.UnmarshalOptions{Resolver: s.types}).Unmarshal(wire, m); err != nil {
		return nil, fmt.Errorf("decode request: %w", err)
	}
	text, err := protojson.MarshalOptions{Resolver: s.types}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("decode request: %w", err)
	}
	t := &testCase{}
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("decode request: %w", err)
	}
	return t, nil
}

// encode writes a ClientCompatResponse.
func (s *schema) encode(a answer) ([]byte, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("encode response of %s: %w", a.TestName, err)
	}
	m := s.response.New().Interface()
	if err := (protojson.UnmarshalOptions{Resolver: s.types}).Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("encode response of %s: %w", a.TestName, err)
	}
	wire, err := proto.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode response of %s: %w", a.TestName, err)
	}
	return wire, nil
}
