package codegen

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/descriptorpb"
)

// addFields fills in the fields of a message whose types are all declared.
func (m *modeler) addFields(msg *message) error {
	oneofs := make([]*oneof, len(msg.proto.GetOneofDecl()))
	for i, o := range msg.proto.GetOneofDecl() {
		oneofs[i] = &oneof{parent: msg, name: o.GetName(), path: pathIn(msg.path, 8, i)}
	}
	taken := memberNames{}
	for i, p := range msg.proto.GetField() {
		f := &field{
			element: newElement(msg.file, msg, p.GetName(), pathIn(msg.path, 2, i), i, p.GetOptions().GetDeprecated()),
			proto:   p, localName: camelCase(p.GetName()), jsonName: p.GetJsonName(),
		}
		if p.JsonName == nil {
			f.jsonName = f.localName
		}
		if err := m.setType(f, msg.entries); err != nil {
			return fmt.Errorf("field %s: %w", f.typeName, err)
		}
		msg.fields = append(msg.fields, f)
		// The oneof of a proto3 optional field is not one of the source.
		if p.OneofIndex == nil || p.GetProto3Optional() {
			f.localName = safeProperty(f.localName)
			taken.add(msg, member{field: f}, f.localName)
			continue
		}
		if int(p.GetOneofIndex()) >= len(oneofs) || p.GetOneofIndex() < 0 {
			return fmt.Errorf("field %s: oneof %d is not there", f.typeName, p.GetOneofIndex())
		}
		f.oneof = oneofs[p.GetOneofIndex()]
		if len(f.oneof.fields) == 0 {
			taken.add(msg, member{oneof: f.oneof}, f.oneof.localName())
		}
		f.oneof.fields = append(f.oneof.fields, f)
	}
	return nil
}

// memberNames are the properties of a message's shape.
type memberNames map[string]bool

// add leaves out a member whose property is there: foo_bar and fooBar are one
// property of protobuf-es, and a type has it once.
func (n memberNames) add(msg *message, m member, name string) {
	if !n[name] {
		n[name] = true
		msg.members = append(msg.members, m)
	}
}

func (m *modeler) extension(f *file, parent *message, p *descriptorpb.FieldDescriptorProto, path []int32, index int) (*field, error) {
	x := &field{element: newElement(f, parent, p.GetName(), path, index, p.GetOptions().GetDeprecated()), proto: p}
	x.jsonName = "[" + x.typeName + "]"
	var err error
	if x.extendee, err = m.messageType(p.GetExtendee()); err == nil {
		err = m.setType(x, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("extension %s: %w", x.typeName, err)
	}
	return x, nil
}

// setType finds out what the field holds; entries are those that a map field of
// this message may have.
func (m *modeler) setType(f *field, entries map[string]*message) error {
	p := f.proto
	name := strings.TrimPrefix(p.GetTypeName(), ".")
	f.repeated = p.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED
	switch p.GetType() {
	case descriptorpb.FieldDescriptorProto_TYPE_MESSAGE:
		if entry := entries[name]; entry != nil && f.repeated {
			return f.setMap(entry)
		}
		fallthrough
	case descriptorpb.FieldDescriptorProto_TYPE_GROUP:
		var err error
		f.message, err = m.messageType(name)
		return err
	case descriptorpb.FieldDescriptorProto_TYPE_ENUM:
		var ok bool
		if f.enum, ok = m.types[name].(*enum); !ok {
			return fmt.Errorf("enum type %q is not there", name)
		}
		return nil
	}
	if _, ok := descriptorpb.FieldDescriptorProto_Type_name[int32(p.GetType())]; !ok || p.Type == nil {
		return fmt.Errorf("type %d is unknown", p.GetType())
	}
	f.scalar = p.GetType()
	return nil
}

func (f *field) setMap(entry *message) error {
	f.repeated = false
	var key, value *field
	for _, ef := range entry.fields {
		switch ef.proto.GetNumber() {
		case 1:
			key = ef
		case 2:
			value = ef
		}
	}
	if key == nil || value == nil || key.repeated || value.repeated || value.isMap() {
		return errors.New("the entry of the map is not one")
	}
	switch key.scalar {
	case 0, descriptorpb.FieldDescriptorProto_TYPE_BYTES, descriptorpb.FieldDescriptorProto_TYPE_FLOAT, descriptorpb.FieldDescriptorProto_TYPE_DOUBLE:
		return errors.New("the key of the map has a type that keys cannot have")
	}
	f.mapKey, f.message, f.enum, f.scalar = key.scalar, value.message, value.enum, value.scalar
	return nil
}
