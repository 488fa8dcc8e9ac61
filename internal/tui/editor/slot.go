package editor

import (
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// A slot is what the schema wants at a place of the text. The zero slot wants
// nothing known.
type slot struct {
	message protoreflect.MessageDescriptor // nil for a scalar, and for a list or map as a whole
	field   protoreflect.FieldDescriptor   // whose value, element or entry it is; nil at the top and in an Any
	list    bool                           // all elements; message is that of one of them at the top
	entries bool                           // all entries of a map
}

func (s slot) known() bool { return s.message != nil || s.field != nil }

// object reports whether the slot is filled with an object that has the fields
// of its message.
func (s slot) object() bool {
	return s.message != nil && !s.list && !s.entries && special(s.message) == ""
}

// special gives the last part of the name of a well-known type that is not
// written as its fields, "" for all others.
func special(md protoreflect.MessageDescriptor) string {
	name, ok := strings.CutPrefix(string(md.FullName()), "google.protobuf.")
	if !ok {
		return ""
	}
	switch name {
	case "Any", "Duration", "Timestamp", "FieldMask", "Struct", "Value", "ListValue",
		"DoubleValue", "FloatValue", "Int32Value", "UInt32Value", "Int64Value", "UInt64Value",
		"BoolValue", "StringValue", "BytesValue":
		return name
	}
	return ""
}

// unwrap gives the field that a wrapper such as StringValue is written as.
func (s slot) unwrap() protoreflect.FieldDescriptor {
	if s.list || s.entries {
		return nil
	}
	if s.message == nil {
		return s.field
	}
	if name := special(s.message); strings.HasSuffix(name, "Value") && name != "Value" && name != "ListValue" {
		return s.message.Fields().ByNumber(1)
	}
	return nil
}

// ofField is what a field of a message wants.
func ofField(f protoreflect.FieldDescriptor) slot {
	switch {
	case f == nil:
		return slot{}
	case f.IsMap():
		return slot{field: f, entries: true}
	case f.IsList():
		return slot{field: f, list: true}
	}
	return slot{field: f, message: known(f.Message())}
}

// entry is what one element of a list or one entry of a map wants.
func (s slot) entry() slot {
	switch {
	case s.entries:
		v := s.field.MapValue()
		return slot{field: v, message: known(v.Message())}
	case s.list && s.field == nil:
		return slot{message: s.message}
	case s.list:
		return slot{field: s.field, message: known(s.field.Message())}
	}
	return slot{}
}

// known keeps nil, and makes nil of a type that the schema only names.
func known(md protoreflect.MessageDescriptor) protoreflect.MessageDescriptor {
	if md == nil || md.IsPlaceholder() {
		return nil
	}
	return md
}

// slotOf gives what the schema wants at a node.
func (m *Model) slotOf(i int32) slot {
	t := m.tree()
	var path []int32
	for ; i > 0; i = t.nodes[i].parent {
		path = append(path, i)
	}
	s := slot{}
	for _, i := range slices.Backward(path) {
		if s = m.step(s, i); !s.known() {
			break
		}
	}
	return s
}

// step goes from what the parent of a node wants to what the node wants.
func (m *Model) step(of slot, i int32) slot {
	n := &m.tree().nodes[i]
	switch {
	case n.parent == 0:
		return m.topSlot(n.kind)
	case of.list:
		return of.entry()
	case !n.named || m.tree().nodes[n.parent].kind != '{':
		return slot{}
	case of.entries:
		return of.entry()
	case of.message == nil:
		return slot{}
	}
	name := m.nameOf(i)
	switch special(of.message) {
	case "":
		return ofField(m.fieldNamed(of.message, name))
	case "Any":
		md := m.anyType(n.parent)
		switch {
		case md == nil || strings.HasPrefix(name, "@") && name != "@type":
		case name == "@type":
		case special(md) != "" && name == "value":
			return slot{message: md}
		case special(md) == "":
			return ofField(m.fieldNamed(md, name))
		}
	}
	return slot{}
}

// topSlot is what a value at the top wants: a message, or, where the method
// takes a stream, a list of them.
func (m *Model) topSlot(kind byte) slot {
	if m.method == nil {
		return slot{}
	}
	md := m.method.Input()
	asList := md.FullName() == "google.protobuf.ListValue" || md.FullName() == "google.protobuf.Value"
	return slot{message: md, list: kind == '[' && m.method.IsStreamingClient() && !asList}
}

// nameOf gives the key of a member without its quotes.
func (m *Model) nameOf(i int32) string { return unquote(m.textOf(m.tree().nodes[i].key)) }

func (m *Model) textOf(s span) string { return m.buffer.slice(s.from, s.to) }

// unquote gives what a text says, however broken it is; a word is itself.
func unquote(s string) string {
	if s == "" || s[0] != '"' {
		return s
	}
	if strings.IndexByte(s, '\\') < 0 {
		return strings.TrimSuffix(s[1:], `"`)
	}
	var u string
	if err := json.Unmarshal([]byte(s), &u); err == nil {
		return u
	}
	return strings.TrimSuffix(s[1:], `"`)
}

// fieldNamed finds a field by its JSON name, its name in the schema, or, in
// brackets, the full name of an extension.
func (m *Model) fieldNamed(md protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if f := md.Fields().ByJSONName(name); f != nil {
		return f
	}
	if f := md.Fields().ByTextName(name); f != nil {
		return f
	}
	if len(name) > 2 && name[0] == '[' && name[len(name)-1] == ']' && m.types != nil {
		if x, err := m.types.FindExtensionByName(protoreflect.FullName(name[1 : len(name)-1])); err == nil {
			return x.TypeDescriptor()
		}
	}
	return nil
}

// anyType gives the type that an object with "@type" holds, nil if it is not
// said or not known.
func (m *Model) anyType(object int32) protoreflect.MessageDescriptor {
	const most = 64 // members to look at
	t := m.tree()
	seen := 0
	for i := range t.children(object) {
		if seen++; seen > most {
			break
		}
		if n := &t.nodes[i]; n.kind == text && n.named && m.nameOf(i) == "@type" && m.types != nil {
			mt, err := m.types.FindMessageByURL(unquote(m.textOf(n.value)))
			if err != nil {
				return nil
			}
			return mt.Descriptor()
		}
	}
	return nil
}

// typeName says in a few words what a slot takes. It is as the schema has it,
// not yet safe for a terminal.
func (s slot) typeName() string {
	switch {
	case s.field == nil && s.message == nil:
		return ""
	case s.entries:
		return "map<" + s.field.MapKey().Kind().String() + ", " + s.entry().typeName() + ">"
	case s.list:
		return "repeated " + s.entry().typeName()
	case s.message != nil:
		return string(s.message.Name())
	case s.field.Enum() != nil:
		return string(s.field.Enum().Name())
	case s.field.Message() != nil:
		return string(s.field.Message().Name())
	}
	return s.field.Kind().String()
}
