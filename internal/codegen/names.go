package codegen

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/descriptorpb"
)

// names are the identifiers of a file's module, which differ from each other.
type names struct {
	shape map[any]string // of messages and enums: the types
	desc  map[any]string // of all elements and the file: the descriptors
	json  map[any]string // of messages and enums: the types of their JSON
	valid map[any]string // of messages: the types of their valid values

	client map[any]string // of services: the interfaces of clients
	create map[any]string // of services: the functions that make clients
}

func newNames() *names {
	return &names{
		shape: map[any]string{}, desc: map[any]string{}, json: map[any]string{}, valid: map[any]string{},
		client: map[any]string{}, create: map[any]string{},
	}
}

// nameAll names the elements of a file that is a module of its own, and those of
// the module of its clients.
func nameAll(f *file) {
	nameModule([]*file{f}, namer{}, identifier)
	nameClients([]*file{f}, namer{}, identifier)
}

// nameModule names the elements of files that are one module. It gives the types
// the names that they would have, and then the others, so that it is those that
// give way.
func nameModule(files []*file, n namer, ideal func(any) string) {
	for _, f := range files {
		f.names = newNames()
		for _, t := range f.types() {
			if isType(t) {
				n.name(f.names.shape, t, ideal(t), func(name string) string { return f.safeType(t, name) })
			}
		}
	}
	for _, f := range files {
		n.name(f.names.desc, f, "file_"+underscored(f.name), safeIdentifier)
		for _, t := range f.types() {
			if isType(t) {
				n.name(f.names.desc, t, ideal(t)+"Schema", safeIdentifier)
			} else {
				n.name(f.names.desc, t, ideal(t), f.safeValue)
			}
		}
	}
	for _, f := range files {
		for _, t := range f.types() {
			if isType(t) {
				n.name(f.names.json, t, ideal(t)+"Json", safeIdentifier)
			}
		}
	}
	for _, f := range files {
		for _, t := range f.types() {
			if isType(t) {
				n.name(f.names.valid, t, ideal(t)+"Valid", safeIdentifier)
			}
		}
	}
}

// nameClients names the clients of services and the functions that make them.
func nameClients(files []*file, n namer, ideal func(any) string) {
	for _, f := range files {
		for _, s := range f.services {
			n.name(f.names.client, s, ideal(s)+"Client", safeIdentifier)
			n.name(f.names.create, s, "create"+ideal(s)+"Client", safeIdentifier)
		}
	}
}

// namer knows the names that are taken in a module.
type namer map[string]bool

// name gives key its ideal name, with as little added as makes it safe and free.
func (n namer) name(into map[any]string, key any, ideal string, safe func(string) string) {
	name := ideal
	for i := 0; ; i++ {
		salt := ""
		switch {
		case i == 1:
			salt = "$"
		case i > 1:
			salt = "$" + strconv.Itoa(i-1)
		}
		if name = safe(ideal + salt); !n[name] {
			break
		}
	}
	n[name] = true
	into[key] = name
}

// types returns the elements of a file in the order in which they are
// generated: *message, *enum, *service and *field for extensions.
func (f *file) types() []any {
	all := nested(f.messages, nil, nil)
	for _, e := range f.enums {
		all = append(all, e)
	}
	for _, s := range f.services {
		all = append(all, s)
	}
	for _, x := range f.extensions {
		all = append(all, x)
	}
	return all
}

func nested(messages []*message, enums []*enum, extensions []*field) []any {
	var all []any
	for _, m := range messages {
		all = append(all, m)
		all = append(all, nested(m.messages, m.enums, m.extensions)...)
	}
	for _, e := range enums {
		all = append(all, e)
	}
	for _, x := range extensions {
		all = append(all, x)
	}
	return all
}

func isType(t any) bool {
	switch t.(type) {
	case *message, *enum:
		return true
	}
	return false
}

func elementOf(t any) *element {
	switch t := t.(type) {
	case *message:
		return &t.element
	case *enum:
		return &t.element
	case *service:
		return &t.element
	case *field:
		return &t.element
	}
	return nil
}

// identifier is the full name without its package, joined by underscores.
func identifier(t any) string {
	e := elementOf(t)
	name := e.typeName
	if pkg := e.file.proto.GetPackage(); pkg != "" {
		name = name[len(pkg)+1:]
	}
	return strings.ReplaceAll(name, ".", "_")
}

// underscored replaces each run of characters that no identifier has.
func underscored(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range s {
		if identifierRune(r) {
			b.WriteRune(r)
			gap = false
		} else if !gap {
			b.WriteByte('_')
			gap = true
		}
	}
	return b.String()
}

func identifierRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
}

// reservedIdentifiers are words that protoc-gen-es does not use as identifiers.
const reservedIdentifiers = " break case catch class const continue debugger default delete do else export extends" +
	" false finally for function if import in instanceof new null return super switch this throw true try typeof var" +
	" void while with yield enum implements interface let package private protected public static Object bigint" +
	" number boolean string object globalThis Uint8Array Partial "

// Words that protoc-gen-es does use, though TypeScript takes none of them for the
// name of a type or of a value, and a CommonJS module cannot have constants of
// those names. Where they are escaped, the output deviates (docs/codegen.md).
const (
	unsafeTypes    = " any as await infer keyof never readonly symbol undefined unique unknown "
	unsafeValues   = " arguments await eval "
	unsafeCommonJS = " exports module require __dirname __esModule __filename "
)

func safeIdentifier(name string) string {
	return escaped(name, reservedIdentifiers)
}

// safeType is for what stands where types do, and an enum where values do, too.
func (f *file) safeType(t any, name string) string {
	name = escaped(name, reservedIdentifiers, unsafeTypes)
	if _, ok := t.(*enum); ok {
		name = f.safeValue(name)
	}
	return name
}

// safeValue is for constants.
func (f *file) safeValue(name string) string {
	if f.commonJS {
		name = escaped(name, unsafeCommonJS)
	}
	return escaped(name, reservedIdentifiers, unsafeValues)
}

func escaped(name string, words ...string) string {
	for _, list := range words {
		if strings.Contains(list, " "+name+" ") {
			return name + "$"
		}
	}
	return name
}

// safeProperty escapes the names of what every JavaScript object has.
func safeProperty(name string) string {
	switch name {
	case "constructor", "toString", "toJSON", "valueOf":
		return name + "$"
	}
	return name
}

func methodName(name string) string {
	if name == "" {
		return name
	}
	return safeProperty(strings.ToLower(name[:1]) + name[1:])
}

// camelCase is protoc's rule for the JSON name of a field.
func camelCase(name string) string {
	var b strings.Builder
	upper := false
	for _, c := range []byte(name) {
		switch {
		case c == '_':
			upper = true
			continue
		case c >= '0' && c <= '9':
			upper = false
		case upper:
			upper = false
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// sharedPrefix returns the length of the prefix that all values of an enum have
// because of its name, as MY_ENUM_A has in MyEnum.
func sharedPrefix(e *descriptorpb.EnumDescriptorProto) int {
	var b strings.Builder
	for i, r := range e.GetName() {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	prefix := strings.ToLower(b.String()) + "_"
	for _, v := range e.GetValue() {
		short, ok := strings.CutPrefix(strings.ToLower(v.GetName()), prefix)
		if !ok || short == "" || short[0] >= '0' && short[0] <= '9' {
			return 0
		}
	}
	return len(prefix)
}

// customJSONName is the name that google/protobuf/json_enumvalue_options.proto
// gives an enum value: its extension 998, field 1.
func customJSONName(v *descriptorpb.EnumValueDescriptorProto) (string, error) {
	name := v.GetName()
	err := eachField(v.GetOptions().ProtoReflect().GetUnknown(), 998, func(options []byte) error {
		return eachField(options, 1, func(value []byte) error {
			name = string(value)
			return nil
		})
	})
	return name, err
}

// eachField calls fn with each length-delimited field of that number.
func eachField(b []byte, number protowire.Number, fn func([]byte) error) error {
	for len(b) > 0 {
		n, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errOptions
		}
		b = b[size:]
		if n == number && typ == protowire.BytesType {
			value, size := protowire.ConsumeBytes(b)
			if size < 0 {
				return errOptions
			}
			if err := fn(value); err != nil {
				return err
			}
			b = b[size:]
			continue
		}
		if size = protowire.ConsumeFieldValue(n, typ, b); size < 0 {
			return errOptions
		}
		b = b[size:]
	}
	return nil
}

var errOptions = errors.New("the options are not valid protobuf")

// maxNesting bounds messages in messages; protoc allows less.
const maxNesting = 100

// lastEdition is the last that protoc-gen-es 2.17.0 knows.
const lastEdition = descriptorpb.Edition(1002)

// checkNames refuses descriptors whose names are not identifiers. No compiler
// makes them, but a hostile server can, and they are printed as code.
func checkNames(f *descriptorpb.FileDescriptorProto) error {
	check := func(kind, name string) error {
		if name == "" || name[0] >= '0' && name[0] <= '9' || strings.ContainsFunc(name, func(r rune) bool { return !identifierRune(r) }) {
			return fmt.Errorf("%q: invalid %s name %q", f.GetName(), kind, name)
		}
		return nil
	}
	var errs []error
	report := func(kind, name string) { errs = append(errs, check(kind, name)) }
	for part := range strings.SplitSeq(f.GetPackage(), ".") {
		if f.GetPackage() != "" {
			report("package", part)
		}
	}
	checkEnums := func(enums []*descriptorpb.EnumDescriptorProto) {
		for _, e := range enums {
			report("enum", e.GetName())
			for _, v := range e.GetValue() {
				report("enum value", v.GetName())
			}
		}
	}
	checkFields := func(kind string, fields []*descriptorpb.FieldDescriptorProto) {
		for _, x := range fields {
			report(kind, x.GetName())
		}
	}
	var checkMessages func([]*descriptorpb.DescriptorProto, int)
	checkMessages = func(messages []*descriptorpb.DescriptorProto, depth int) {
		for _, m := range messages {
			report("message", m.GetName())
			checkFields("field", m.GetField())
			for _, o := range m.GetOneofDecl() {
				report("oneof", o.GetName())
			}
			checkFields("extension", m.GetExtension())
			checkEnums(m.GetEnumType())
			if depth < maxNesting {
				checkMessages(m.GetNestedType(), depth+1)
			}
		}
	}
	checkMessages(f.GetMessageType(), 0)
	checkEnums(f.GetEnumType())
	checkFields("extension", f.GetExtension())
	for _, s := range f.GetService() {
		report("service", s.GetName())
		for _, mt := range s.GetMethod() {
			report("method", mt.GetName())
		}
	}
	return errors.Join(errs...)
}
