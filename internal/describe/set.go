package describe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

const maxSet = 256 << 20 // bytes of a descriptor set

// ReadSet reads a binary google.protobuf.FileDescriptorSet, as protoc
// --descriptor_set_out and buf build write it. name is the source's name for
// errors.
func ReadSet(name string, r io.Reader) (*descriptorpb.FileDescriptorSet, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSet+1))
	if err != nil {
		return nil, fmt.Errorf("read descriptor set %s: %w", name, err)
	}
	if len(data) > maxSet {
		return nil, fmt.Errorf("read descriptor set %s: more than %d MiB", name, maxSet>>20)
	}
	set := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(data, set); err != nil {
		return nil, fmt.Errorf("read descriptor set %s: not a binary FileDescriptorSet: %w", name, err)
	}
	if len(set.GetFile()) == 0 {
		return nil, fmt.Errorf("read descriptor set %s: it has no files", name)
	}
	return set, nil
}

// NewSet returns the source of descriptor sets. Their files may come in any
// order, and twice where they are equal; all imports must be among them or
// built in.
func NewSet(sets ...*descriptorpb.FileDescriptorSet) (Source, error) {
	p, err := poolOf(sets...)
	if err != nil {
		return nil, err
	}
	return newStatic(p), nil
}

func poolOf(sets ...*descriptorpb.FileDescriptorSet) (*pool, error) {
	p := newPool()
	for _, set := range sets {
		for _, file := range set.GetFile() {
			if err := p.add(file); err != nil {
				return nil, fmt.Errorf("descriptor set: %w", err)
			}
		}
	}
	var errs []error
	for _, file := range p.files() {
		for _, path := range p.wanted(file) {
			errs = append(errs, fmt.Errorf("descriptor set: %q imports %q, which is not in it", file.GetName(), path))
		}
	}
	return p, errors.Join(errs...)
}

// static is the source of a pool that holds all files there are.
type static struct {
	pool     *pool
	services []protoreflect.FullName
}

func newStatic(p *pool) *static {
	s := &static{pool: p}
	for _, file := range p.files() {
		for _, sd := range file.GetService() {
			s.services = append(s.services, join(protoreflect.FullName(file.GetPackage()), sd.GetName()))
		}
	}
	s.services = sorted(s.services)
	return s
}

// sorted sorts names and leaves out the repeated and the invalid ones.
func sorted(names []protoreflect.FullName) []protoreflect.FullName {
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(n protoreflect.FullName) bool { return !n.IsValid() })
}

func (s *static) Services(context.Context) ([]protoreflect.FullName, error) {
	return slices.Clone(s.services), nil
}

func (s *static) Find(_ context.Context, name protoreflect.FullName) (protoreflect.Descriptor, error) {
	return s.pool.find(name)
}

func (s *static) Types() Resolver { return types{pool: s.pool} }

//nolint:unparam // implements catalog, which a server may fail
func (s *static) serviceFiles(_ context.Context, services []protoreflect.FullName) ([]*descriptorpb.FileDescriptorProto, error) {
	return s.pool.filesOf(services), nil
}

//nolint:unparam // implements catalog, which a server may fail
func (s *static) allFiles(context.Context) ([]*descriptorpb.FileDescriptorProto, error) {
	return s.pool.files(), nil
}

// filesOf returns the files here that declare these services, each once.
func (p *pool) filesOf(services []protoreflect.FullName) []*descriptorpb.FileDescriptorProto {
	var files []*descriptorpb.FileDescriptorProto
	seen := map[string]bool{}
	for _, name := range services {
		if path := p.ownerOf(name); path != "" && !seen[path] {
			seen[path] = true
			files = append(files, p.file(path))
		}
	}
	return files
}

// types resolves through a pool, and where that does not help asks remote.
type types struct {
	pool   *pool
	remote *remoteTypes // nil: none
}

func (t types) FindMessageByName(name protoreflect.FullName) (protoreflect.MessageType, error) {
	d, err := t.find(name)
	if err != nil {
		return nil, err
	}
	return messageType(d)
}

// FindMessageByURL looks at what follows the last slash of the URL only.
func (t types) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	return t.FindMessageByName(urlName(url))
}

func (t types) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	if _, err := t.find(name); err != nil {
		return nil, err
	}
	return t.pool.extensionType(name)
}

func (t types) FindExtensionByNumber(message protoreflect.FullName, number protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	key := extensionKey{message, number}
	if x, err := t.pool.extensionByNumber(key); err == nil {
		return x, nil
	}
	if t.remote != nil {
		t.remote.loadExtension(key)
	} else if name := t.pool.extends(key); name != "" {
		_, _ = t.pool.find(name) // what does not build stays unknown
	}
	return t.pool.extensionByNumber(key)
}

func (t types) find(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if d, err := t.pool.lookup(name); err == nil {
		return d, nil
	}
	find := t.pool.find
	if t.remote != nil {
		t.remote.loadSymbol(name)
		find = t.pool.lookup // its file must not be built without its imports
	}
	d, err := find(name)
	if err != nil {
		return nil, protoregistry.NotFound
	}
	return d, nil
}
