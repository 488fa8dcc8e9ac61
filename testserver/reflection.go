package testserver

import (
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	protos "github.com/grpcx/grpcx/testserver/proto"
)

// registerReflection serves reflection v1 and v1alpha for the services of g.
func registerReflection(g reflection.GRPCServer) {
	opts := reflection.ServerOptions{
		Services:           g,
		DescriptorResolver: commented{files: sync.OnceValues(commentedFiles)},
	}
	reflectionv1.RegisterServerReflectionServer(g, reflection.NewServerV1(opts))
	reflectionv1alpha.RegisterServerReflectionServer(g, reflection.NewServer(opts))
}

// commented finds descriptors in the embedded set, which keeps the comments that
// generated code lacks, and then among the generated ones. The set is parsed
// when first asked for.
type commented struct {
	files func() (*protoregistry.Files, error)
}

func commentedFiles() (*protoregistry.Files, error) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(protos.Descriptors, &set); err != nil {
		return nil, fmt.Errorf("read embedded descriptors: %w", err)
	}
	return protodesc.NewFiles(&set)
}

func (c commented) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	files, err := c.files()
	if err != nil {
		return nil, err
	}
	fd, err := files.FindFileByPath(path)
	if errors.Is(err, protoregistry.NotFound) {
		return protoregistry.GlobalFiles.FindFileByPath(path)
	}
	return fd, err
}

func (c commented) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	files, err := c.files()
	if err != nil {
		return nil, err
	}
	d, err := files.FindDescriptorByName(name)
	if errors.Is(err, protoregistry.NotFound) {
		return protoregistry.GlobalFiles.FindDescriptorByName(name)
	}
	return d, err
}
