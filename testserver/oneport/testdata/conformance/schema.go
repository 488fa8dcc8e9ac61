package main

import (
	"context"
	"fmt"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// loadSchema compiles the suite's .proto files in the folder protos (its Go
// packages are internal to it), registers them as generated code would do, and
// returns its service.
func loadSchema(ctx context.Context, protos string) (protoreflect.ServiceDescriptor, error) {
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{protos}}),
	}
	compiled, err := compiler.Compile(ctx, "connectrpc/conformance/v1/service.proto", "connectrpc/conformance/v1/server_compat.proto")
	if err != nil {
		return nil, fmt.Errorf("compile the suite's schema: %w", err)
	}
	for _, file := range compiled {
		if err := register(file); err != nil {
			return nil, fmt.Errorf("load the suite's schema: %w", err)
		}
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName("connectrpc.conformance.v1.ConformanceService")
	if err != nil {
		return nil, fmt.Errorf("load the suite's schema: %w", err)
	}
	return d.(protoreflect.ServiceDescriptor), nil
}

// register registers file after all that it imports.
func register(file protoreflect.FileDescriptor) error {
	if _, err := protoregistry.GlobalFiles.FindFileByPath(file.Path()); err == nil {
		return nil
	}
	imports := file.Imports()
	for i := range imports.Len() {
		if err := register(imports.Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	if err := protoregistry.GlobalFiles.RegisterFile(file); err != nil {
		return err
	}
	return registerTypes(file.Messages())
}

func registerTypes(messages protoreflect.MessageDescriptors) error {
	for i := range messages.Len() {
		md := messages.Get(i)
		if md.IsMapEntry() {
			continue
		}
		if err := protoregistry.GlobalTypes.RegisterMessage(dynamicpb.NewMessageType(md)); err != nil {
			return err
		}
		if err := registerTypes(md.Messages()); err != nil {
			return err
		}
	}
	return nil
}

func newMessage(name protoreflect.FullName) (proto.Message, error) {
	t, err := protoregistry.GlobalTypes.FindMessageByName(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t.New().Interface(), nil
}
