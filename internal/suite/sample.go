package suite

import (
	"slices"
	"strconv"

	"github.com/google/cel-go/common/types"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// wanted names the type of a shape's field, for problems.
func wanted(s shape) string {
	fd := s.field
	switch {
	case fd.IsMap():
		return "a map"
	case fd.IsList() && !s.element:
		return "a list"
	case fd.Enum() != nil:
		return string(fd.Enum().FullName())
	case fd.Message() != nil:
		return string(fd.Message().FullName())
	}
	return fd.Kind().String()
}

// fieldSample is JSON that a field, or an element of it, takes, and whether values
// of type t fit there.
func fieldSample(fd protoreflect.FieldDescriptor, element bool, t *types.Type) (sample string, fits bool) {
	if fd.IsMap() {
		return "{}", t.Kind() == types.MapKind
	}
	if fd.IsList() && !element {
		return "[]", t.Kind() == types.ListKind
	}
	is := func(kinds ...types.Kind) bool { return slices.Contains(kinds, t.Kind()) }
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return "false", is(types.BoolKind)
	case protoreflect.StringKind:
		return `""`, is(types.StringKind)
	case protoreflect.BytesKind:
		return `""`, is(types.StringKind, types.BytesKind)
	case protoreflect.EnumKind:
		return strconv.Quote(string(fd.Enum().Values().Get(0).Name())), is(types.StringKind, types.IntKind)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return messageSample(fd.Message(), t)
	default: // numbers; strings that hold one, too, which is known when it runs
		return "0", is(types.IntKind, types.UintKind, types.DoubleKind, types.StringKind)
	}
}

// messageSample is JSON that a message can be read from, and whether values of
// type t are such a message.
func messageSample(md protoreflect.MessageDescriptor, t *types.Type) (sample string, fits bool) {
	is := func(kinds ...types.Kind) bool { return slices.Contains(kinds, t.Kind()) }
	name := md.FullName()
	switch {
	case name == "google.protobuf.Timestamp":
		return `"1970-01-01T00:00:00Z"`, is(types.TimestampKind, types.StringKind)
	case name == "google.protobuf.Duration":
		return `"0s"`, is(types.DurationKind, types.StringKind)
	case name == "google.protobuf.FieldMask":
		return `""`, is(types.StringKind)
	case name == "google.protobuf.Value":
		return "null", true
	case name == "google.protobuf.Struct":
		return "{}", is(types.MapKind)
	case name == "google.protobuf.ListValue":
		return "[]", is(types.ListKind)
	case isWrapper(name) && md.Fields().Len() == 1:
		return fieldSample(md.Fields().Get(0), false, t)
	}
	return "{}", is(types.MapKind) || t.Kind() == types.StructKind && t.TypeName() == string(name)
}
