package describe

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Merge returns the sources as one: the first that knows a name answers for
// it, and the services are those of all. An error of one source, other than
// not knowing a name, ends the search.
func Merge(sources ...Source) Source {
	if len(sources) == 1 {
		return sources[0]
	}
	return merged(sources)
}

type merged []Source

func (m merged) Services(ctx context.Context) ([]protoreflect.FullName, error) {
	var all []protoreflect.FullName
	for _, s := range m {
		names, err := s.Services(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	return sorted(all), nil
}

func (m merged) Find(ctx context.Context, name protoreflect.FullName) (protoreflect.Descriptor, error) {
	for _, s := range m {
		d, err := s.Find(ctx, name)
		if err == nil || !errors.Is(err, protoregistry.NotFound) {
			return d, err
		}
	}
	return nil, protoregistry.NotFound
}

func (m merged) Types() Resolver {
	all := make(mergedTypes, len(m))
	for i, s := range m {
		all[i] = s.Types()
	}
	return all
}

func (m merged) serviceFiles(ctx context.Context, services []protoreflect.FullName) ([]*descriptorpb.FileDescriptorProto, error) {
	return m.union(func(s Source) ([]*descriptorpb.FileDescriptorProto, error) {
		return catalogOf(s).serviceFiles(ctx, services)
	})
}

func (m merged) allFiles(ctx context.Context) ([]*descriptorpb.FileDescriptorProto, error) {
	return m.union(func(s Source) ([]*descriptorpb.FileDescriptorProto, error) {
		return catalogOf(s).allFiles(ctx)
	})
}

// union collects files, the first of each path.
func (m merged) union(of func(Source) ([]*descriptorpb.FileDescriptorProto, error)) ([]*descriptorpb.FileDescriptorProto, error) {
	var all []*descriptorpb.FileDescriptorProto
	seen := map[string]bool{}
	for _, s := range m {
		files, err := of(s)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if !seen[file.GetName()] {
				seen[file.GetName()] = true
				all = append(all, file)
			}
		}
	}
	return all, nil
}

type mergedTypes []Resolver

func (m mergedTypes) FindMessageByName(name protoreflect.FullName) (protoreflect.MessageType, error) {
	return firstFound(m, func(r Resolver) (protoreflect.MessageType, error) { return r.FindMessageByName(name) })
}

func (m mergedTypes) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	return m.FindMessageByName(urlName(url))
}

func (m mergedTypes) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	return firstFound(m, func(r Resolver) (protoreflect.ExtensionType, error) { return r.FindExtensionByName(name) })
}

func (m mergedTypes) FindExtensionByNumber(message protoreflect.FullName, number protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	return firstFound(m, func(r Resolver) (protoreflect.ExtensionType, error) {
		return r.FindExtensionByNumber(message, number)
	})
}

func firstFound[T any](resolvers []Resolver, find func(Resolver) (T, error)) (T, error) {
	for _, r := range resolvers {
		if found, err := find(r); err == nil {
			return found, nil
		}
	}
	var none T
	return none, protoregistry.NotFound
}

func urlName(url string) protoreflect.FullName {
	return protoreflect.FullName(url[strings.LastIndexByte(url, '/')+1:])
}

func messageType(d protoreflect.Descriptor) (protoreflect.MessageType, error) {
	md, ok := d.(protoreflect.MessageDescriptor)
	if !ok {
		return nil, protoregistry.NotFound
	}
	return dynamicpb.NewMessageType(md), nil
}

// A catalog gives files as they came, before any descriptor is built: names
// are resolved and listed from them without loading what nobody asks for.
type catalog interface {
	// serviceFiles returns the files that declare these services; a service
	// that the source cannot find is left out.
	serviceFiles(ctx context.Context, services []protoreflect.FullName) ([]*descriptorpb.FileDescriptorProto, error)
	// allFiles returns the files of all services and all that they import,
	// built-in files excepted.
	allFiles(ctx context.Context) ([]*descriptorpb.FileDescriptorProto, error)
}

func catalogOf(s Source) catalog {
	if c, ok := s.(catalog); ok {
		return c
	}
	return foreign{s}
}

// foreign is the catalog of a source of another make.
type foreign struct{ Source }

func (f foreign) serviceFiles(ctx context.Context, services []protoreflect.FullName) ([]*descriptorpb.FileDescriptorProto, error) {
	files, err := f.descriptors(ctx, services)
	if err != nil {
		return nil, err
	}
	return toProtos(files), nil
}

func (f foreign) allFiles(ctx context.Context) ([]*descriptorpb.FileDescriptorProto, error) {
	services, err := f.Services(ctx)
	if err != nil {
		return nil, err
	}
	files, err := f.descriptors(ctx, services)
	if err != nil {
		return nil, err
	}
	return toProtos(closure(files)), nil
}

func (f foreign) descriptors(ctx context.Context, names []protoreflect.FullName) ([]protoreflect.FileDescriptor, error) {
	var files []protoreflect.FileDescriptor
	seen := map[string]bool{}
	for _, name := range names {
		d, err := f.Find(ctx, name)
		if errors.Is(err, protoregistry.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if file := d.ParentFile(); !seen[file.Path()] {
			seen[file.Path()] = true
			files = append(files, file)
		}
	}
	return files, nil
}

func toProtos(files []protoreflect.FileDescriptor) []*descriptorpb.FileDescriptorProto {
	protos := make([]*descriptorpb.FileDescriptorProto, len(files))
	for i, file := range files {
		protos[i] = protodesc.ToFileDescriptorProto(file)
	}
	return protos
}

// closure returns the files and all their imports, each once, imports first.
// What a file imports but nobody has (a placeholder) is left out.
func closure(files []protoreflect.FileDescriptor) []protoreflect.FileDescriptor {
	var all []protoreflect.FileDescriptor
	entered := map[string]bool{}
	type visit struct {
		file protoreflect.FileDescriptor
		done bool
	}
	var stack []visit
	for i := len(files) - 1; i >= 0; i-- {
		stack = append(stack, visit{file: files[i]})
	}
	for len(stack) > 0 {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if top.done {
			all = append(all, top.file)
			continue
		}
		if entered[top.file.Path()] || top.file.IsPlaceholder() {
			continue
		}
		entered[top.file.Path()] = true
		stack = append(stack, visit{top.file, true})
		imports := top.file.Imports()
		for i := imports.Len() - 1; i >= 0; i-- {
			stack = append(stack, visit{file: imports.Get(i).FileDescriptor})
		}
	}
	return all
}
