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
		for i, f := range m.fields {
			e.print(docBlock(f.doc(), "  "))
			e.print("  ", propertyName(f.jsonName), "?: ", e.fieldJSON(f), ";")
			if i < len(m.fields)-1 {
				e.print()
			}
		}
		e.print("};")
	}
	e.print()
}

// propertyName quotes what cannot stand as a property by itself.
func propertyName(name string) string {
	if name == "" || name[0] >= '0' && name[0] <= '9' ||
		strings.ContainsFunc(name, func(r rune) bool { return !identifierRune(r) && r != '$' }) {
		return quote(name)
	}
	return name
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
