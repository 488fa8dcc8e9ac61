package suite

import (
	"fmt"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcx/grpcx/internal/message"
)

// schema is what expressions know of the messages of one target. It implements
// types.Provider and types.Adapter. Messages are added while a suite is checked;
// after that it is read alone, by any number of goroutines.
//
// Enums are strings: the names of their values, and the numbers of those without a
// name.
type schema struct {
	messages map[protoreflect.FullName]protoreflect.MessageDescriptor
	resolver message.Resolver // for Any
	others   *[]*schema       // of all targets: captured values go from one to another
	missed   missedField
}

// missedField is the last field that was asked for and is not there.
type missedField struct{ message, field string }

// newSchema makes a schema and adds it to all. resolver may be nil.
func newSchema(resolver message.Resolver, all *[]*schema) *schema {
	s := &schema{messages: map[protoreflect.FullName]protoreflect.MessageDescriptor{}, resolver: resolver, others: all}
	*all = append(*all, s)
	if resolver == nil {
		s.resolver = &protoregistry.Types{}
		return s
	}
	for _, name := range []protoreflect.FullName{
		"BadRequest", "BadRequest.FieldViolation", "DebugInfo", "ErrorInfo", "Help", "Help.Link", "LocalizedMessage",
		"PreconditionFailure", "PreconditionFailure.Violation", "QuotaFailure", "QuotaFailure.Violation",
		"RequestInfo", "ResourceInfo", "RetryInfo",
	} {
		if mt, err := resolver.FindMessageByName("google.rpc." + name); err == nil {
			s.add(mt.Descriptor())
		}
	}
	return s
}

// add makes a message and those that it is made of known.
func (s *schema) add(md protoreflect.MessageDescriptor) {
	if _, ok := s.messages[md.FullName()]; ok || md.IsPlaceholder() {
		return
	}
	s.messages[md.FullName()] = md
	fields := md.Fields()
	for i := range fields.Len() {
		if m := fields.Get(i).Message(); m != nil {
			s.add(m)
		}
	}
}

// find returns a message by its name, this target's before those of others.
func (s *schema) find(name string) (protoreflect.MessageDescriptor, bool) {
	if md, ok := s.messages[protoreflect.FullName(name)]; ok {
		return md, true
	}
	for _, other := range *s.others {
		if md, ok := other.messages[protoreflect.FullName(name)]; ok {
			return md, true
		}
	}
	return nil, false
}

// fieldType is how expressions see a field.
func fieldType(fd protoreflect.FieldDescriptor) *types.Type {
	switch {
	case fd.IsMap():
		return types.NewMapType(singularType(fd.MapKey()), singularType(fd.MapValue()))
	case fd.IsList():
		return types.NewListType(singularType(fd))
	}
	return singularType(fd)
}

func singularType(fd protoreflect.FieldDescriptor) *types.Type {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return types.BoolType
	case protoreflect.StringKind, protoreflect.EnumKind:
		return types.StringType
	case protoreflect.BytesKind:
		return types.BytesType
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return types.DoubleType
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return types.UintType
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return messageType(fd.Message())
	default:
		return types.IntType
	}
}

// messageType is how expressions see a message; well-known ones have types of
// their own.
func messageType(md protoreflect.MessageDescriptor) *types.Type {
	return types.NewObjectType(string(md.FullName()))
}

// EnumValue knows no names: enums are strings.
func (s *schema) EnumValue(name string) ref.Val { return types.NewErr("unknown enum name %q", name) }

// FindIdent finds the types of messages.
func (s *schema) FindIdent(name string) (ref.Val, bool) {
	if _, ok := s.find(name); ok {
		return types.NewObjectType(name), true
	}
	switch name {
	case "bool":
		return types.BoolType, true
	case "bytes":
		return types.BytesType, true
	case "double":
		return types.DoubleType, true
	case "google.protobuf.Duration":
		return types.DurationType, true
	case "int":
		return types.IntType, true
	case "list":
		return types.ListType, true
	case "map":
		return types.MapType, true
	case "null_type":
		return types.NullType, true
	case "string":
		return types.StringType, true
	case "google.protobuf.Timestamp":
		return types.TimestampType, true
	case "type":
		return types.TypeType, true
	case "uint":
		return types.UintType, true
	}
	return nil, false
}

// FindStructType finds a message.
func (s *schema) FindStructType(name string) (*types.Type, bool) {
	if _, ok := s.find(name); !ok {
		return nil, false
	}
	return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
}

// FindStructFieldNames lists the fields of a message.
func (s *schema) FindStructFieldNames(name string) ([]string, bool) {
	md, ok := s.find(name)
	if !ok {
		return nil, false
	}
	fields := md.Fields()
	names := make([]string, fields.Len())
	for i := range names {
		names[i] = string(fields.Get(i).Name())
	}
	return names, true
}

// FindStructFieldType finds a field by its name in the schema.
func (s *schema) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	md, ok := s.find(name)
	if !ok {
		return nil, false
	}
	fd := md.Fields().ByName(protoreflect.Name(field))
	if fd == nil {
		s.missed = missedField{name, field}
		return nil, false
	}
	return &types.FieldType{
		Type: fieldType(fd),
		IsSet: func(target any) bool {
			m, fd := own(target, fd)
			return fd != nil && m.Has(fd)
		},
		GetFrom: func(target any) (any, error) {
			m, fd := own(target, fd)
			if fd == nil {
				return nil, fmt.Errorf("no such field: %s", field)
			}
			return s.field(m, fd), nil
		},
	}, true
}

// own returns target as a message and the field of it that fd is: a message of
// another target has descriptors of its own.
func own(target any, fd protoreflect.FieldDescriptor) (protoreflect.Message, protoreflect.FieldDescriptor) {
	m, ok := target.(protoreflect.Message)
	if !ok {
		return nil, nil
	}
	if m.Descriptor() == fd.ContainingMessage() {
		return m, fd
	}
	return m, m.Descriptor().Fields().ByName(fd.Name())
}

// NewValue makes a message: userservice.User{name: "Ada"}.
func (s *schema) NewValue(name string, fields map[string]ref.Val) ref.Val {
	md, ok := s.find(name)
	if !ok {
		return types.NewErr("unknown type %q", name)
	}
	m := dynamicpb.NewMessage(md)
	for field, v := range fields {
		fd := md.Fields().ByName(protoreflect.Name(field))
		if fd == nil {
			return types.NewErr("no such field: %s", field)
		}
		if err := setField(m, fd, v); err != nil {
			return types.NewErr("%s.%s: %v", name, field, err)
		}
	}
	return s.message(m)
}

// NativeToValue makes a value of what Go has.
func (s *schema) NativeToValue(v any) ref.Val {
	if m, ok := v.(protoreflect.Message); ok {
		return s.message(m)
	}
	return types.DefaultTypeAdapter.NativeToValue(v)
}
