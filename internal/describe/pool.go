package describe

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

const (
	maxNesting       = 100     // messages within messages; protoc allows 32
	maxPath          = 4 << 10 // bytes of a file's path
	maxPublicImports = 100_000 // files seen through public imports, counted once a way that leads to them
)

// A pool keeps files as they came and builds descriptors from them when they
// are asked for. Everything built lands in one registry, so descriptors of one
// pool refer to each other. It is safe for concurrent use.
type pool struct {
	mu         sync.RWMutex
	raw        map[string]*descriptorpb.FileDescriptorProto // by path
	paths      []string                                     // of raw, in the order they came
	owner      map[protoreflect.FullName]string             // top-level declaration: path of its file
	extensions map[extensionKey]protoreflect.FullName
	alias      map[string]string // path as imported: path under which the server knows the file
	missing    map[string]error  // path as imported: why it is not there
	built      *protoregistry.Files
	types      *protoregistry.Types // extensions of built
	failed     map[string]error     // path: why it does not build
	public     map[string]int       // path: files seen through it by public imports
}

type extensionKey struct {
	extendee protoreflect.FullName
	number   protoreflect.FieldNumber
}

func newPool() *pool {
	return &pool{
		raw:        map[string]*descriptorpb.FileDescriptorProto{},
		owner:      map[protoreflect.FullName]string{},
		extensions: map[extensionKey]protoreflect.FullName{},
		alias:      map[string]string{},
		missing:    map[string]error{},
		built:      new(protoregistry.Files),
		types:      new(protoregistry.Types),
		failed:     map[string]error{},
		public:     map[string]int{},
	}
}

// add takes a file in. A file that is there already is fine when it is equal.
func (p *pool) add(file *descriptorpb.FileDescriptorProto) error {
	path := file.GetName()
	if err := checkFile(file); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if had := p.raw[path]; had != nil {
		if !proto.Equal(had, file) {
			return fmt.Errorf("file %q came twice with different contents", path)
		}
		return nil
	}
	p.raw[path] = file
	p.paths = append(p.paths, path)
	delete(p.missing, path)
	for name := range topLevel(file) {
		if _, taken := p.owner[name]; !taken {
			p.owner[name] = path
		}
	}
	for name, x := range extensions(file) {
		key := extensionKey{protoreflect.FullName(strings.TrimPrefix(x.GetExtendee(), ".")), protoreflect.FieldNumber(x.GetNumber())}
		if _, taken := p.extensions[key]; !taken {
			p.extensions[key] = name
		}
	}
	return nil
}

func checkFile(file *descriptorpb.FileDescriptorProto) error {
	path := file.GetName()
	switch {
	case path == "":
		return errors.New("file without a name")
	case len(path) > maxPath:
		return fmt.Errorf("file %.40q…: name of %d bytes", path, len(path))
	}
	for _, m := range file.GetMessageType() {
		if err := checkNesting(m, maxNesting); err != nil {
			return fmt.Errorf("file %q: %w", path, err)
		}
	}
	return nil
}

func checkNesting(m *descriptorpb.DescriptorProto, left int) error {
	if left == 0 {
		return fmt.Errorf("messages nested more than %d deep", maxNesting)
	}
	for _, nested := range m.GetNestedType() {
		if err := checkNesting(nested, left-1); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether the path is there as a file or stands for one.
func (p *pool) has(path string) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	_, ok := p.raw[p.real(path)]
	return ok
}

// real follows an alias. The caller holds mu.
func (p *pool) real(path string) string {
	if to, ok := p.alias[path]; ok {
		return to
	}
	return path
}

func (p *pool) file(path string) *descriptorpb.FileDescriptorProto {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.raw[p.real(path)]
}

// files returns all files in the order they came.
func (p *pool) files() []*descriptorpb.FileDescriptorProto {
	p.mu.RLock()
	defer p.mu.RUnlock()
	files := make([]*descriptorpb.FileDescriptorProto, 0, len(p.paths))
	for _, path := range p.paths {
		files = append(files, p.raw[path])
	}
	return files
}

// setAlias lets imports of path find the file that is known as to.
func (p *pool) setAlias(path, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alias[path] = to
}

func (p *pool) setMissing(path string, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.missing[path] = why
}

// wanted returns the imports of the file that are neither here, nor built in,
// nor known to be missing.
func (p *pool) wanted(file *descriptorpb.FileDescriptorProto) []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var paths []string
	for _, path := range file.GetDependency() {
		_, here := p.raw[p.real(path)]
		_, missing := p.missing[path]
		if !here && !missing && builtinFile(path) == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// unsettled returns the imports of the file that may yet have to be loaded, or
// may lead to such: all but those built, built in, or known to be missing.
func (p *pool) unsettled(file *descriptorpb.FileDescriptorProto) []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var paths []string
	for _, path := range file.GetDependency() {
		_, here := p.raw[p.real(path)]
		_, missing := p.missing[path]
		_, notBuilt := p.built.FindFileByPath(p.real(path))
		if notBuilt != nil && !missing && (here || builtinFile(path) == nil) {
			paths = append(paths, path)
		}
	}
	return paths
}

// ownerOf returns the path of the file here that declares name or the message,
// enum or service around it; "" for none.
func (p *pool) ownerOf(name protoreflect.FullName) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for ; name != ""; name = name.Parent() {
		if path, ok := p.owner[name]; ok {
			return path
		}
	}
	return ""
}

// lookup returns what is built already.
func (p *pool) lookup(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.built.FindDescriptorByName(name)
}

// find returns the descriptor with this name, building its file if need be.
// Imports that are not here by now count as missing.
func (p *pool) find(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if d, err := p.lookup(name); err == nil {
		return d, nil
	}
	path := p.ownerOf(name)
	if path == "" {
		if path = builtinPath(name); path == "" {
			return nil, protoregistry.NotFound
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.build(path); err != nil {
		return nil, err
	}
	return p.built.FindDescriptorByName(name)
}

// findFile returns the file's descriptor, building it if need be.
func (p *pool) findFile(path string) (protoreflect.FileDescriptor, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	path = p.real(path)
	if err := p.build(path); err != nil {
		return nil, err
	}
	return p.built.FindFileByPath(path)
}

// extends returns the name of the extension here with this number, or "".
func (p *pool) extends(key extensionKey) protoreflect.FullName {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.extensions[key]
}

// extensionByNumber returns the one type of a built extension.
func (p *pool) extensionByNumber(key extensionKey) (protoreflect.ExtensionType, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.types.FindExtensionByNumber(key.extendee, key.number)
}

// extensionType returns the one type of a built extension.
func (p *pool) extensionType(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.types.FindExtensionByName(name)
}

// build builds the file after its imports. The caller holds mu for writing. An
// import that cannot be built is left out like a missing one: only what needs
// it suffers.
func (p *pool) build(path string) error {
	open := map[string]bool{} // files whose imports are being built: the way from path to here
	stack := []string{path}
	for len(stack) > 0 {
		top := stack[len(stack)-1]
		switch {
		case p.settled(top):
			stack = stack[:len(stack)-1]
		case open[top]:
			delete(open, top)
			stack = stack[:len(stack)-1]
			p.buildOne(top)
		default:
			open[top] = true
			for _, dep := range p.raw[top].GetDependency() {
				dep = p.real(dep)
				if open[dep] {
					return fmt.Errorf("file %q: import cycle through %q", top, dep)
				}
				if !p.settled(dep) {
					stack = append(stack, dep)
				}
			}
		}
	}
	return p.failed[path]
}

// settled reports whether there is nothing to be built for path: it is built,
// it failed, or there is no such file. A built-in file is settled by taking it.
func (p *pool) settled(path string) bool {
	if _, err := p.built.FindFileByPath(path); err == nil {
		return true
	}
	if p.failed[path] != nil {
		return true
	}
	if p.raw[path] != nil {
		return false
	}
	if file := builtinFile(path); file != nil {
		p.takeBuiltin(file)
	}
	return true
}

// takeBuiltin registers a built-in file, which settles its path for good. The
// built-in files import only each other, a few levels deep.
func (p *pool) takeBuiltin(file protoreflect.FileDescriptor) {
	imports := file.Imports()
	for i := range imports.Len() {
		if imp := imports.Get(i).FileDescriptor; builtinFile(imp.Path()) != nil {
			if _, err := p.built.FindFileByPath(imp.Path()); err != nil {
				p.takeBuiltin(imp)
			}
		}
	}
	if err := p.built.RegisterFile(file); err != nil {
		p.failed[file.Path()] = fmt.Errorf("file %q: %w", file.Path(), err)
	}
}

func (p *pool) buildOne(path string) {
	file := p.withAliases(p.raw[path])
	if err := p.countPublic(file); err != nil {
		p.failed[path] = err
		return
	}
	// Strict first. What then fails may be an import that is missing, of an
	// option perhaps, which must not stop a call that does not need it.
	fd, err := protodesc.NewFile(file, p.built)
	if err != nil {
		fd, err = protodesc.FileOptions{AllowUnresolvable: true}.New(file, p.built)
	}
	if err == nil {
		err = p.built.RegisterFile(fd)
	}
	if err != nil {
		p.failed[path] = fmt.Errorf("file %q: %w", path, err)
		return
	}
	registerExtensions(p.types, fd)
}

// withAliases returns the file with its imports under their real paths.
func (p *pool) withAliases(file *descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	for i, dep := range file.GetDependency() {
		if p.real(dep) == dep {
			continue
		}
		file = proto.Clone(file).(*descriptorpb.FileDescriptorProto)
		for j := i; j < len(file.Dependency); j++ {
			file.Dependency[j] = p.real(file.Dependency[j])
		}
		return file
	}
	return file
}

// countPublic refuses a file whose public imports fan out so far that walking
// them, as protodesc does without remembering where it was, would not end.
func (p *pool) countPublic(file *descriptorpb.FileDescriptorProto) error {
	deps := file.GetDependency()
	seen, passed := 0, 1
	for _, dep := range deps {
		seen += p.public[dep]
	}
	for _, i := range file.GetPublicDependency() {
		if 0 <= i && int(i) < len(deps) {
			passed += 1 + p.public[deps[i]]
		}
	}
	if seen+passed > maxPublicImports {
		return fmt.Errorf("file %q: more than %d files through public imports", file.GetName(), maxPublicImports)
	}
	p.public[file.GetName()] = passed
	return nil
}

type declarations interface {
	Messages() protoreflect.MessageDescriptors
	Extensions() protoreflect.ExtensionDescriptors
}

// registerExtensions leaves out an extension whose number is taken: the first
// one is the one that decodes.
func registerExtensions(types *protoregistry.Types, in declarations) {
	for i := range in.Extensions().Len() {
		x := in.Extensions().Get(i)
		if !x.ContainingMessage().IsPlaceholder() {
			_ = types.RegisterExtension(dynamicpb.NewExtensionType(x))
		}
	}
	for i := range in.Messages().Len() {
		registerExtensions(types, in.Messages().Get(i))
	}
}
