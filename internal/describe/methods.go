package describe

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// MethodInfo is a method as its service's own file tells of it.
type MethodInfo struct {
	Name                             protoreflect.Name
	Input, Output                    protoreflect.FullName
	ClientStreaming, ServerStreaming bool
	Deprecated                       bool
}

// Methods returns the methods of a service, in the order of their declaration.
// It needs the one file that declares the service, and no imports. A service
// that the source does not know is a [*NameError].
func Methods(ctx context.Context, source Source, service protoreflect.FullName) ([]MethodInfo, error) {
	files, err := catalogOf(source).serviceFiles(ctx, []protoreflect.FullName{service})
	if err != nil {
		return nil, err
	}
	return methodsOf(service, files)
}

// servicesAtOnce is how many services EachMethods asks a source about before another
// lookup has its turn: a server answers so many questions in two round trips.
const servicesAtOnce = 32

// EachMethods tells what Methods returns of each service, in their order and while
// others are still asked for. It asks about many of them at once; a service that
// fails is told of alone. It returns when all are told of, soon after the end of ctx.
func EachMethods(ctx context.Context, source Source, services []protoreflect.FullName, tell func(protoreflect.FullName, []MethodInfo, error)) {
	for some := range slices.Chunk(services, servicesAtOnce) {
		files, err := catalogOf(source).serviceFiles(ctx, some)
		for _, service := range some {
			switch {
			case err == nil:
				methods, err := methodsOf(service, files)
				tell(service, methods, err)
			case len(some) == 1:
				tell(service, nil, err)
			default: // what was answered before the error is not asked again
				methods, err := Methods(ctx, source, service)
				tell(service, methods, err)
			}
		}
	}
}

func methodsOf(service protoreflect.FullName, files []*descriptorpb.FileDescriptorProto) ([]MethodInfo, error) {
	for _, file := range files {
		for _, sd := range file.GetService() {
			if join(protoreflect.FullName(file.GetPackage()), sd.GetName()) == service {
				return methodInfos(file, sd), nil
			}
		}
	}
	return nil, &NameError{Name: string(service), Kind: "service"}
}

func methodInfos(file *descriptorpb.FileDescriptorProto, sd *descriptorpb.ServiceDescriptorProto) []MethodInfo {
	infos := make([]MethodInfo, 0, len(sd.GetMethod()))
	for _, md := range sd.GetMethod() {
		if !protoreflect.Name(md.GetName()).IsValid() {
			continue
		}
		infos = append(infos, MethodInfo{
			Name:            protoreflect.Name(md.GetName()),
			Input:           rawTypeName(file, md.GetInputType()),
			Output:          rawTypeName(file, md.GetOutputType()),
			ClientStreaming: md.GetClientStreaming(),
			ServerStreaming: md.GetServerStreaming(),
			Deprecated:      md.GetOptions().GetDeprecated(),
		})
	}
	return infos
}

// rawTypeName returns the full name that a reference means. Compilers write
// full names, with a leading dot; another one is taken to be in the package.
func rawTypeName(file *descriptorpb.FileDescriptorProto, ref string) protoreflect.FullName {
	if full, ok := strings.CutPrefix(ref, "."); ok {
		return protoreflect.FullName(full)
	}
	return join(protoreflect.FullName(file.GetPackage()), ref)
}
