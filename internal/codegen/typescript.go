package codegen

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/descriptorpb"
)

// emitter writes the module of one file in one target.
type emitter struct {
	*module
	file   *file
	target Target
	opts   *Options
	from   func(*file) string // import path of a file's module

	runtime string // import path of the runtime of clients
}

// pure tells bundlers that the call after it may be left out with its result.
const pure = "/*@__PURE__*/"

// The packages of the runtime.
const (
	runtimePackage = "@bufbuild/protobuf"
	codegenPackage = runtimePackage + "/codegenv2"
)

func runtimeType(name string) symbol { return symbol{name: name, from: runtimePackage, typeOnly: true} }
func genType(name string) symbol     { return symbol{name: name, from: codegenPackage, typeOnly: true} }
func genFunc(name string) symbol     { return symbol{name: name, from: codegenPackage} }

func (e *emitter) schema(t any) symbol {
	if f, ok := t.(*file); ok {
		return symbol{name: f.names.desc[f], from: e.from(f)}
	}
	f := elementOf(t).file
	return symbol{name: f.names.desc[t], from: e.from(f)}
}

func (e *emitter) typeNamed(t any, in func(*names) map[any]string) symbol {
	f := elementOf(t).file
	return symbol{name: in(f.names)[t], from: e.from(f), typeOnly: true}
}

func (e *emitter) shape(t any) symbol {
	return e.typeNamed(t, func(n *names) map[any]string { return n.shape })
}
func (e *emitter) json(t any) symbol {
	return e.typeNamed(t, func(n *names) map[any]string { return n.json })
}
func (e *emitter) valid(t any) symbol {
	return e.typeNamed(t, func(n *names) map[any]string { return n.valid })
}

// exportType declares a type, exportConst a constant; a declaration file has no
// values to give.
func (e *emitter) exportType(name string) exported {
	if e.target == DTS {
		return exported{"declare type", name}
	}
	return exported{"type", name}
}

func (e *emitter) exportConst(name string) exported {
	if e.target == DTS {
		return exported{"declare const", name}
	}
	return exported{"const", name}
}

// emitTypes writes a TypeScript module or a declaration file.
func (e *emitter) emitTypes() {
	e.constant(e.describe(e.file), e.file, genType("GenFile"), e.fileCall())
	for _, t := range e.file.types() {
		switch t := t.(type) {
		case *message:
			e.messageShape(t)
			if e.opts.JSONTypes {
				e.messageJSON(t)
			}
			if e.opts.validTypes() {
				e.messageValid(t)
			}
			e.constant(e.describe(t), t, e.messageGenType(t), e.call("messageDesc", &t.element))
		case *enum:
			e.enumShape(t)
			if e.opts.JSONTypes {
				e.enumJSON(t)
			}
			params := []any{e.shape(t)}
			if e.opts.JSONTypes {
				params = append(params, ", ", e.json(t))
			}
			e.constant(e.describe(t), t, []any{genType("GenEnum"), "<", params, ">"}, e.call("enumDesc", &t.element))
		case *service:
			e.constant(t.doc(), t, []any{genType("GenService"), "<", e.serviceShape(t), ">"}, e.call("serviceDesc", &t.element))
		case *field:
			typ, _ := e.fieldType(t, false)
			e.constant(t.doc(), t, []any{genType("GenExtension"), "<", e.shape(t.extendee), ", ", typ, ">"}, e.call("extDesc", &t.element))
		}
	}
}

// constant declares the descriptor of t.
func (e *emitter) constant(doc string, t, typ any, value []any) {
	if e.opts.TypesOnly {
		return
	}
	e.print(docBlock(doc, ""))
	name := e.exportConst(e.schema(t).name)
	if e.target == DTS {
		e.print(name, ": ", typ, ";")
	} else {
		e.print(name, ": ", typ, " = ", pure)
		e.print("  ", value, ";")
	}
	e.print()
}

// describe is the documentation of a descriptor.
func (e *emitter) describe(t any) string {
	var text string
	var outdated bool
	switch t := t.(type) {
	case *file:
		text, outdated = "Describes the file "+t.proto.GetName()+".", t.proto.GetOptions().GetDeprecated()
	case *message:
		text, outdated = "Describes the message "+t.typeName+".\nUse `create("+e.schema(t).name+")` to create a new message.", t.outdated()
	case *enum:
		text, outdated = "Describes the enum "+t.typeName+".", t.outdated()
	}
	if outdated {
		text += "\n@deprecated"
	}
	return text
}

// call addresses an element in the descriptor of its file.
func (e *emitter) call(fn string, el *element) []any {
	args := []any{genFunc(fn), "(", e.schema(e.file)}
	for _, i := range el.place {
		args = append(args, ", ", strconv.Itoa(i))
	}
	return append(args, ")")
}

func (e *emitter) messageGenType(m *message) []any {
	var options []any
	if e.opts.JSONTypes {
		options = append(options, "jsonType: ", e.json(m))
	}
	if e.opts.validTypes() {
		if len(options) > 0 {
			options = append(options, ", ")
		}
		options = append(options, "validType: ", e.valid(m))
	}
	if len(options) > 0 {
		options = []any{", {", options, "}"}
	}
	return []any{genType("GenMessage"), "<", e.shape(m), options, ">"}
}

func (e *emitter) messageShape(m *message) {
	e.print(docBlock(m.doc(), ""))
	e.print(e.exportType(e.shape(m).name), " = ", runtimeType("Message"), "<", quote(m.typeName), "> & {")
	e.members(m, false)
	e.print("};")
	e.print()
}

// messageValid is the shape of messages in which all that is required is there.
func (e *emitter) messageValid(m *message) {
	if !e.opts.hasValidType(m) {
		var shape any = e.shape(m)
		if e.shape(m).name == "intrinsic" {
			shape = []any{"(", shape, ")"} // TypeScript takes the bare word for one of its own
		}
		e.print(e.exportType(e.valid(m).name), " = ", shape, ";")
		e.print()
		return
	}
	e.print(docBlock(m.doc(), ""))
	e.print(e.exportType(e.valid(m).name), " = ", runtimeType("Message"), "<", quote(m.typeName), "> & {")
	e.members(m, true)
	e.print("};")
	e.print()
}

func (e *emitter) members(m *message, valid bool) {
	for i, mb := range m.members {
		if mb.oneof != nil {
			e.oneofMember(mb.oneof, valid)
		} else {
			e.fieldMember(mb.field, valid)
		}
		if i < len(m.members)-1 {
			e.print()
		}
	}
}

func (e *emitter) oneofMember(o *oneof, valid bool) {
	e.print(docBlock(o.doc(), "  "))
	e.print("  ", propertyKey(o.localName()), ": {")
	for i, f := range o.fields {
		if i > 0 {
			e.print("  } | {")
		}
		e.print(docBlock(f.doc(), "    "))
		typ, _ := e.fieldType(f, valid && !f.ignored())
		e.print("    value: ", typ, ";")
		e.print(`    case: "`, f.localName, `";`)
	}
	e.print("  } | { case: undefined; value?: undefined };")
}

func (e *emitter) fieldMember(f *field, valid bool) {
	e.print(docBlock(f.doc(), "  "))
	typ, optional := e.fieldType(f, valid && !f.ignored())
	if valid && e.opts.requires(f) {
		optional = false
	}
	if optional {
		e.print("  ", propertyKey(f.localName), "?: ", typ, " | undefined;")
	} else {
		e.print("  ", propertyKey(f.localName), ": ", typ, ";")
	}
}

// fieldType returns the type of a field, and whether the field may be missing.
func (e *emitter) fieldType(f *field, valid bool) (typ []any, optional bool) {
	var value any
	switch {
	case f.message != nil:
		value = e.messageFieldType(f, valid)
	case f.enum != nil:
		value = e.shape(f.enum)
	default:
		value = scalarType(f.scalar, f.longAsString() && !f.isMap())
	}
	switch {
	case f.isMap():
		return []any{"{ [key: ", mapKeyType(f.mapKey), "]: ", value, " }"}, false
	case f.repeated:
		return []any{value, "[]"}, false
	case f.message != nil:
		return []any{value}, true
	}
	return []any{value}, f.proto.GetProto3Optional()
}

func (e *emitter) messageFieldType(f *field, valid bool) any {
	m := f.message
	if scalar := wrapped(m); scalar != 0 && f.oneof == nil && !f.repeated && !f.isMap() {
		return scalarType(scalar, false)
	}
	if m.typeName == "google.protobuf.Struct" && (f.parent == nil || f.parent.typeName != "google.protobuf.Value") {
		return runtimeType("JsonObject")
	}
	if _, known := wellKnown(m.file.proto.GetName()); valid && !known {
		return e.valid(m)
	}
	return e.shape(m)
}

// wrapped returns the type that a wrapper such as google.protobuf.Int32Value
// wraps, or 0.
func wrapped(m *message) descriptorpb.FieldDescriptorProto_Type {
	name, ok := strings.CutPrefix(m.typeName, "google.protobuf.")
	if !ok || len(m.fields) == 0 {
		return 0
	}
	switch name {
	case "DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue", "StringValue", "BytesValue":
		if f := m.fields[0]; f.name == "value" && f.proto.GetNumber() == 1 && !f.repeated && !f.isMap() {
			return f.scalar
		}
	}
	return 0
}

func mapKeyType(t descriptorpb.FieldDescriptorProto_Type) string {
	if scalarType(t, false) == "number" {
		return "number"
	}
	return "string"
}

func scalarType(t descriptorpb.FieldDescriptorProto_Type, longAsString bool) string {
	switch t {
	case descriptorpb.FieldDescriptorProto_TYPE_STRING:
		return "string"
	case descriptorpb.FieldDescriptorProto_TYPE_BOOL:
		return "boolean"
	case descriptorpb.FieldDescriptorProto_TYPE_BYTES:
		return "Uint8Array"
	case descriptorpb.FieldDescriptorProto_TYPE_INT64, descriptorpb.FieldDescriptorProto_TYPE_UINT64,
		descriptorpb.FieldDescriptorProto_TYPE_SINT64, descriptorpb.FieldDescriptorProto_TYPE_FIXED64,
		descriptorpb.FieldDescriptorProto_TYPE_SFIXED64:
		if longAsString {
			return "string"
		}
		return "bigint"
	}
	return "number"
}

func (e *emitter) enumShape(en *enum) {
	if e.opts.TypesOnly {
		e.enumNumbers(en)
		return
	}
	if e.opts.ErasableSyntax {
		e.enumObject(en)
		return
	}
	e.print(docBlock(en.doc(), ""))
	e.print(exported{"enum", e.shape(en).name}, " {")
	e.enumValues(en, func(v *enumValue) []any { return []any{v.localName, " = ", v.proto.GetNumber()} })
	e.print("}")
	e.print()
}

// enumObject is an enum in the part of TypeScript that can be erased.
func (e *emitter) enumObject(en *enum) {
	name := e.shape(en).name
	e.print(docBlock(en.doc(), ""))
	readonly, end := "", " as const"
	if e.target == DTS {
		e.print(e.exportConst(name), ": {")
		readonly, end = "readonly ", ""
	} else {
		e.print(e.exportConst(name), " = {")
	}
	e.enumValues(en, func(v *enumValue) []any { return []any{readonly, v.localName, ": ", v.proto.GetNumber()} })
	e.print("}", end, ";")
	e.print()
	e.print(docBlock(en.doc(), ""))
	var unknown []any
	if en.open() {
		unknown = []any{" | ", runtimeType("UnknownEnum")}
	}
	e.print(e.exportType(name), " = (typeof ", name, ")[keyof typeof ", name, "]", unknown, ";")
	e.print()
}

// enumNumbers is an enum as the type of its numbers alone.
func (e *emitter) enumNumbers(en *enum) {
	e.print(docBlock(en.doc(), ""))
	e.add(e.exportType(e.shape(en).name), " =")
	for _, v := range en.values {
		e.add("\n", docBlock(v.doc(), "  "), "\n  | ", v.proto.GetNumber())
	}
	if en.open() {
		e.add("\n  | ", runtimeType("UnknownEnum"))
	} else if len(en.values) == 0 {
		e.add(" never")
	}
	e.print(";")
	e.print()
}

func (e *emitter) enumValues(en *enum, entry func(*enumValue) []any) {
	first := true
	for _, v := range en.values {
		if v.hidden {
			continue
		}
		if !first {
			e.print()
		}
		first = false
		e.print(docBlock(v.doc(), "  "))
		e.print("  ", entry(v), ",")
	}
}

// serviceShape is the type of a service's methods.
func (e *emitter) serviceShape(s *service) []any {
	shape := []any{"{\n"}
	for _, m := range s.methods {
		if m.hidden {
			continue
		}
		shape = append(shape, docBlock(m.doc(), "  "), "\n",
			"  ", m.localName, ": {\n",
			"    methodKind: ", quote(m.kind()), ";\n",
			"    input: typeof ", e.schema(m.input).asType(), ";\n",
			"    output: typeof ", e.schema(m.output).asType(), ";\n",
			"  },\n")
	}
	return append(shape, "}")
}
