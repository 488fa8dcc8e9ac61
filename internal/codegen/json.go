package codegen

import (
	"strings"

	"google.golang.org/protobuf/types/descriptorpb"
)

// messageJSON is the type of a message's JSON form.
func (e *emitter) messageJSON(m *message) {
	typ := e.exportType(e.json(m).name)
	e.print(docBlock(m.doc(), ""))
	switch m.typeName {
	case "google.protobuf.Any":
		e.print(typ, " = {")
		e.print(`  "@type"?: string;`)
		e.print("};")
	case "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask":
		e.print(typ, " = string;")
	case "google.protobuf.Struct":
		e.print(typ, " = ", runtimeType("JsonObject"), ";")
	case "google.protobuf.Value":
		e.print(typ, " = ", runtimeType("JsonValue"), ";")
	case "google.protobuf.ListValue":
		e.print(typ, " = ", runtimeType("JsonValue"), "[];")
	case "google.protobuf.Empty":
		e.print(typ, " = Record<string, never>;")
	default:
		if wrapped(m) != 0 {
			e.print(typ, " = ", e.fieldJSON(m.fields[0]), ";")
			break
		}
		e.print(typ, " = {")
		names := map[string]bool{}
		for _, f := range m.fields {
			if names[f.jsonName] {
				continue // protoc warns of it, and takes it in proto2
			}
			if len(names) > 0 {
				e.print()
			}
			names[f.jsonName] = true
			e.print(docBlock(f.doc(), "  "))
			e.print("  ", propertyName(f.jsonName), "?: ", e.fieldJSON(f), ";")
		}
		e.print("};")
	}
	e.print()
}

// propertyName quotes what is no identifier, as protoc-gen-es does for JSON names.
func propertyName(name string) string {
	if name == "" || name[0] >= '0' && name[0] <= '9' ||
		strings.ContainsFunc(name, func(r rune) bool { return !identifierRune(r) && r != '$' }) {
		return quote(name)
	}
	return name
}

// propertyKey quotes only what cannot stand as a property by itself. A field
// called _1a has the property "1a" and one called _1 has 1, as protoc-gen-es has
// it for both.
func propertyKey(name string) string {
	if digits := strings.Trim(name, "0123456789") == ""; digits && name != "" && (name == "0" || name[0] != '0') {
		return name
	}
	return propertyName(name)
}

func (e *emitter) fieldJSON(f *field) []any {
	var value any
	switch {
	case f.message != nil:
		value = e.json(f.message)
	case f.enum != nil:
		value = e.json(f.enum)
	default:
		value = scalarJSON(f.scalar)
	}
	switch {
	case f.isMap():
		return []any{"{ [key: ", mapKeyType(f.mapKey), "]: ", value, " }"}
	case f.repeated:
		if s, ok := value.(string); ok && strings.Contains(s, "|") {
			value = "(" + s + ")"
		}
		return []any{value, "[]"}
	}
	return []any{value}
}

func scalarJSON(t descriptorpb.FieldDescriptorProto_Type) string {
	switch t {
	case descriptorpb.FieldDescriptorProto_TYPE_DOUBLE, descriptorpb.FieldDescriptorProto_TYPE_FLOAT:
		return `number | "NaN" | "Infinity" | "-Infinity"`
	case descriptorpb.FieldDescriptorProto_TYPE_BOOL:
		return "boolean"
	}
	if scalarType(t, false) == "number" {
		return "number"
	}
	return "string"
}

// enumJSON is the type of an enum's JSON form.
func (e *emitter) enumJSON(en *enum) {
	e.print(docBlock(en.doc(), ""))
	var values []string
	if en.typeName == "google.protobuf.NullValue" {
		values = []string{"null"}
	} else {
		seen := map[string]bool{}
		for _, v := range en.values {
			if name := v.jsonName; !seen[name] {
				seen[name] = true
				values = append(values, quote(name))
			}
		}
	}
	e.print(e.exportType(e.json(en).name), " = ", strings.Join(values, " | "), ";")
	e.print()
}
