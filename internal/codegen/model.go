package codegen

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The model is what the emitters need to know of descriptors. It is built from
// descriptor protos and not from protoreflect, for generated code names elements
// by their places in the proto, and carries options that no registry knows.

// file is one .proto file.
type file struct {
	proto    *descriptorpb.FileDescriptorProto // with options of source retention
	embedded *descriptorpb.FileDescriptorProto // as generated code carries it
	name     string                            // path without ".proto"
	commonJS bool                              // whether its JavaScript is a CommonJS module
	deps     []*file

	messages   []*message // without the entries of map fields
	enums      []*enum
	services   []*service
	extensions []*field

	comments comments
	names    *names
}

// element is what messages, enums, services and extensions have in common.
type element struct {
	file       *file
	parent     *message // nil at the top of a file
	name       string
	typeName   string  // full name
	path       []int32 // of google.protobuf.SourceCodeInfo
	place      []int   // as generated code addresses it
	deprecated bool    // by its own option
}

// outdated tells whether the element or something around it is deprecated.
func (e *element) outdated() bool {
	for p := e.parent; p != nil; p = p.parent {
		if p.deprecated {
			return true
		}
	}
	return e.deprecated || e.file.proto.GetOptions().GetDeprecated()
}

type message struct {
	element
	proto      *descriptorpb.DescriptorProto
	fields     []*field
	members    []member // fields and oneofs, in the order of the source
	messages   []*message
	enums      []*enum
	extensions []*field
	entries    map[string]*message // of map fields, by full name
}

// member is a field outside of oneofs, or a oneof.
type member struct {
	field *field
	oneof *oneof
}

type oneof struct {
	parent *message
	name   string
	path   []int32
	fields []*field
}

func (o *oneof) localName() string { return safeProperty(camelCase(o.name)) }

type enum struct {
	element
	proto  *descriptorpb.EnumDescriptorProto
	values []*enumValue
}

type enumValue struct {
	parent    *enum
	proto     *descriptorpb.EnumValueDescriptorProto
	localName string
	hidden    bool // a later value of the same enum has that local name
	jsonName  string
	path      []int32
}

type service struct {
	element
	proto   *descriptorpb.ServiceDescriptorProto
	methods []*method
}

type method struct {
	parent        *service
	proto         *descriptorpb.MethodDescriptorProto
	localName     string
	hidden        bool // a later method of the same service has that local name
	path          []int32
	input, output *message
}

func (m *method) kind() string {
	switch {
	case m.proto.GetClientStreaming() && m.proto.GetServerStreaming():
		return "bidi_streaming"
	case m.proto.GetClientStreaming():
		return "client_streaming"
	case m.proto.GetServerStreaming():
		return "server_streaming"
	}
	return "unary"
}

// field is a field of a message, or an extension.
type field struct {
	element
	proto     *descriptorpb.FieldDescriptorProto
	oneof     *oneof
	localName string
	jsonName  string

	extendee *message // of an extension

	repeated bool // and not a map
	message  *message
	enum     *enum
	mapKey   descriptorpb.FieldDescriptorProto_Type // 0 unless the field is a map
	scalar   descriptorpb.FieldDescriptorProto_Type // of the field, the entries or the map values; 0 if message or enum
}

func (f *field) isExtension() bool { return f.extendee != nil }
func (f *field) isMap() bool       { return f.mapKey != 0 }

func (f *field) longAsString() bool {
	return f.proto.GetOptions().GetJstype() == descriptorpb.FieldOptions_JS_STRING
}

// edition is the file's edition, with those that proto2 and proto3 stand for.
func (f *file) edition() descriptorpb.Edition {
	switch f.proto.GetSyntax() {
	case "", "proto2":
		return descriptorpb.Edition_EDITION_PROTO2
	case "proto3":
		return descriptorpb.Edition_EDITION_PROTO3
	}
	return f.proto.GetEdition()
}

// module is the path of one of the file's modules, such as "x_pb", without its
// extension.
func (f *file) module(suffix string) string {
	dir, base := path.Split(f.name)
	// TypeScript takes any x.d.y.ts for declarations.
	return dir + strings.ReplaceAll(base, ".d.", ".d_") + suffix
}

// modeler builds the model of a set of files, each after its imports.
type modeler struct {
	files    map[string]*file
	types    map[string]any // *message or *enum, by full name
	order    []*file
	commonJS bool
}

// model returns the files in the order of protos.
func model(protos, source []*descriptorpb.FileDescriptorProto, commonJS bool) ([]*file, error) {
	m := &modeler{files: map[string]*file{}, types: map[string]any{}, commonJS: commonJS}
	for _, p := range protos {
		if err := checkPath(p.GetName()); err != nil {
			return nil, err
		}
		if err := checkNames(p); err != nil {
			return nil, err
		}
		embedded, err := withoutExtensions(p)
		if err != nil {
			return nil, err
		}
		full := embedded
		if i := slices.IndexFunc(source, func(s *descriptorpb.FileDescriptorProto) bool { return s.GetName() == p.GetName() }); i >= 0 {
			if err := checkNames(source[i]); err != nil {
				return nil, err
			}
			if full, err = withoutExtensions(source[i]); err != nil {
				return nil, err
			}
		}
		if err := m.add(full, embedded); err != nil {
			return nil, fmt.Errorf("%s: %w", p.GetName(), err)
		}
	}
	return m.order, nil
}

// withoutExtensions returns a copy in which custom options are unknown fields,
// whether or not this program knows them: so they keep their order.
func withoutExtensions(p *descriptorpb.FileDescriptorProto) (*descriptorpb.FileDescriptorProto, error) {
	b, err := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.GetName(), err)
	}
	var c descriptorpb.FileDescriptorProto
	if err := (proto.UnmarshalOptions{AllowPartial: true, Resolver: new(protoregistry.Types)}).Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", p.GetName(), err)
	}
	return &c, nil
}

func (m *modeler) add(p, embedded *descriptorpb.FileDescriptorProto) error {
	if m.files[p.GetName()] != nil {
		return fmt.Errorf("the file is there twice")
	}
	f := &file{proto: p, embedded: embedded, name: strings.TrimSuffix(p.GetName(), ".proto"), commonJS: m.commonJS}
	if edition := f.edition(); edition < descriptorpb.Edition_EDITION_PROTO2 || edition > lastEdition {
		return fmt.Errorf("unsupported syntax %q or edition %v", p.GetSyntax(), p.GetEdition())
	}
	for _, name := range p.GetDependency() {
		dep := m.files[name]
		if dep == nil {
			return fmt.Errorf("import %q: the file is not there, or comes later", name)
		}
		f.deps = append(f.deps, dep)
	}
	f.comments = newComments(p.GetSourceCodeInfo())
	for i, e := range p.GetEnumType() {
		if err := m.addEnum(&f.enums, f, nil, e, pathIn(nil, 5, i)); err != nil {
			return err
		}
	}
	for i, d := range p.GetMessageType() {
		if err := m.addMessage(&f.messages, f, nil, d, pathIn(nil, 4, i)); err != nil {
			return err
		}
	}
	for i, s := range p.GetService() {
		if err := m.addService(f, s, pathIn(nil, 6, i), i); err != nil {
			return err
		}
	}
	if err := m.link(f); err != nil {
		return err
	}
	nameAll(f)
	m.files[p.GetName()] = f
	m.order = append(m.order, f)
	return nil
}

// link resolves the types of fields and extensions, which may come later in the
// file than the fields do.
func (m *modeler) link(f *file) error {
	for i, x := range f.proto.GetExtension() {
		ext, err := m.extension(f, nil, x, pathIn(nil, 7, i), i)
		if err != nil {
			return err
		}
		f.extensions = append(f.extensions, ext)
	}
	for _, msg := range f.messages {
		if err := m.linkMessage(msg); err != nil {
			return err
		}
	}
	return nil
}

func (m *modeler) linkMessage(msg *message) error {
	for _, entry := range msg.entries {
		if err := m.addFields(entry); err != nil {
			return err
		}
	}
	if err := m.addFields(msg); err != nil {
		return err
	}
	for i, x := range msg.proto.GetExtension() {
		ext, err := m.extension(msg.file, msg, x, pathIn(msg.path, 6, i), i)
		if err != nil {
			return err
		}
		msg.extensions = append(msg.extensions, ext)
	}
	for _, nested := range msg.messages {
		if err := m.linkMessage(nested); err != nil {
			return err
		}
	}
	return nil
}

func pathIn(parent []int32, number int32, index int) []int32 {
	return append(slices.Clip(parent), number, int32(index))
}

// newElement makes the common part of something that is the index-th of its
// kind in its parent or, without one, in its file.
func newElement(f *file, parent *message, name string, path []int32, index int, deprecated bool) element {
	scope, place := f.proto.GetPackage(), []int{index}
	if parent != nil {
		scope, place = parent.typeName, append(slices.Clip(parent.place), index)
	}
	typeName := name
	if scope != "" {
		typeName = scope + "." + name
	}
	return element{file: f, parent: parent, name: name, typeName: typeName, path: path, place: place, deprecated: deprecated}
}

func (m *modeler) declare(typeName string, t any) error {
	if m.types[typeName] != nil {
		return fmt.Errorf("type %s is there twice", typeName)
	}
	m.types[typeName] = t
	return nil
}

func (m *modeler) addEnum(into *[]*enum, f *file, parent *message, p *descriptorpb.EnumDescriptorProto, path []int32) error {
	e := &enum{element: newElement(f, parent, p.GetName(), path, len(*into), p.GetOptions().GetDeprecated()), proto: p}
	if len(p.GetValue()) == 0 {
		return fmt.Errorf("enum %s has no values", e.typeName)
	}
	prefix, last := sharedPrefix(p), map[string]*enumValue{}
	for i, v := range p.GetValue() {
		jsonName, err := customJSONName(v)
		if err != nil {
			return err
		}
		localName := safeProperty(v.GetName()[prefix:])
		value := &enumValue{parent: e, proto: v, path: pathIn(path, 2, i), localName: localName, jsonName: jsonName}
		// Of E_A and e_A, protobuf-es has the last.
		if other := last[localName]; other != nil {
			other.hidden = true
		}
		last[localName] = value
		e.values = append(e.values, value)
	}
	*into = append(*into, e)
	return m.declare(e.typeName, e)
}

func (m *modeler) addMessage(into *[]*message, f *file, parent *message, p *descriptorpb.DescriptorProto, path []int32) error {
	if len(path) > 2*maxNesting {
		return fmt.Errorf("message %s: nested deeper than %d", p.GetName(), maxNesting)
	}
	msg := &message{
		element: newElement(f, parent, p.GetName(), path, len(*into), p.GetOptions().GetDeprecated()),
		proto:   p, entries: map[string]*message{},
	}
	if p.GetOptions().GetMapEntry() && parent != nil {
		parent.entries[msg.typeName] = msg
	} else {
		*into = append(*into, msg)
		if err := m.declare(msg.typeName, msg); err != nil {
			return err
		}
	}
	for i, e := range p.GetEnumType() {
		if err := m.addEnum(&msg.enums, f, msg, e, pathIn(path, 4, i)); err != nil {
			return err
		}
	}
	for i, d := range p.GetNestedType() {
		if err := m.addMessage(&msg.messages, f, msg, d, pathIn(path, 3, i)); err != nil {
			return err
		}
	}
	return nil
}

func (m *modeler) addService(f *file, p *descriptorpb.ServiceDescriptorProto, path []int32, index int) error {
	s := &service{element: newElement(f, nil, p.GetName(), path, index, p.GetOptions().GetDeprecated()), proto: p}
	last := map[string]*method{}
	for i, mp := range p.GetMethod() {
		mt := &method{parent: s, proto: mp, localName: methodName(mp.GetName()), path: pathIn(path, 2, i)}
		var err error
		if mt.input, err = m.messageType(mp.GetInputType()); err == nil {
			mt.output, err = m.messageType(mp.GetOutputType())
		}
		if err != nil {
			return fmt.Errorf("method %s.%s: %w", s.typeName, mp.GetName(), err)
		}
		// Of Get and get, protobuf-es has the last.
		if other := last[mt.localName]; other != nil {
			other.hidden = true
		}
		last[mt.localName] = mt
		s.methods = append(s.methods, mt)
	}
	f.services = append(f.services, s)
	return nil
}

func (m *modeler) messageType(name string) (*message, error) {
	if msg, ok := m.types[strings.TrimPrefix(name, ".")].(*message); ok {
		return msg, nil
	}
	return nil, fmt.Errorf("message type %q is not there", name)
}
