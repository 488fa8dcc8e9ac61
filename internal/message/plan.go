package message

import (
	"google.golang.org/protobuf/reflect/protoreflect"
)

// wellKnown names the message types that have a JSON form of their own.
type wellKnown uint8

const (
	ordinary wellKnown = iota
	anyType
	timestampType
	durationType
	fieldMaskType
	structType
	listType
	valueType
	wrapperType
	emptyType // read as itself in an Any's "value" only
)

// plan is what the codec needs to know of one message type, worked out once.
type plan struct {
	desc       protoreflect.MessageDescriptor
	known      wellKnown
	fields     []field           // by index
	names      map[string]*field // by JSON name, else by proto name
	required   []*field
	words      int // of a bit set with a bit a field and a bit a oneof
	extensible bool
}

type field struct {
	fd       protoreflect.FieldDescriptor
	kind     protoreflect.Kind
	bit      int // in the bit set; -1: an extension
	oneof    int // bit of the containing oneof; -1: none
	list     bool
	mapped   bool
	presence bool
	value    bool   // of type google.protobuf.Value: null is a value
	null     bool   // of type google.protobuf.NullValue: null is a value
	key      []byte // the member's name as JSON, colon included
	mapKey   *field
	mapValue *field
	sub      *plan // of a message; worked out on first use
}

// message reports whether the field holds messages or groups.
func (f *field) message() bool {
	return f.kind == protoreflect.MessageKind || f.kind == protoreflect.GroupKind
}

// plans holds the plans of the types met so far. It is not for concurrent use.
type plans struct {
	protoNames bool // keys are proto names
	messages   map[protoreflect.MessageDescriptor]*plan
	enums      map[protoreflect.EnumDescriptor]map[string]protoreflect.EnumNumber
	extensions map[protoreflect.FieldDescriptor]*field
}

// of gives the plan of a message type.
func (ps *plans) of(md protoreflect.MessageDescriptor) *plan {
	if pl := ps.messages[md]; pl != nil {
		return pl
	}
	if ps.messages == nil {
		ps.messages = map[protoreflect.MessageDescriptor]*plan{}
	}
	fds := md.Fields()
	pl := &plan{
		desc:       md,
		known:      wellKnownOf(md),
		fields:     make([]field, fds.Len()),
		names:      make(map[string]*field, 2*fds.Len()),
		words:      (fds.Len() + md.Oneofs().Len() + 63) / 64,
		extensible: md.ExtensionRanges().Len() > 0,
	}
	ps.messages[md] = pl
	for i := range pl.fields {
		f := &pl.fields[i]
		ps.fill(f, fds.Get(i))
		f.bit = i
		if o := f.fd.ContainingOneof(); o != nil {
			f.oneof = len(pl.fields) + o.Index()
		}
		if f.fd.Cardinality() == protoreflect.Required {
			pl.required = append(pl.required, f)
		}
		if _, taken := pl.names[f.fd.JSONName()]; !taken {
			pl.names[f.fd.JSONName()] = f
		}
	}
	for i := range pl.fields {
		f := &pl.fields[i]
		if _, taken := pl.names[f.fd.TextName()]; !taken {
			pl.names[f.fd.TextName()] = f
		}
	}
	return pl
}

func (ps *plans) fill(f *field, fd protoreflect.FieldDescriptor) {
	*f = field{fd: fd, kind: fd.Kind(), bit: -1, oneof: -1, list: fd.IsList(), mapped: fd.IsMap(), presence: fd.HasPresence()}
	name := fd.JSONName()
	if ps.protoNames {
		name = fd.TextName()
	}
	f.key = append(appendJSONString(nil, name), ':')
	if f.mapped {
		f.mapKey, f.mapValue = new(field), new(field)
		ps.fill(f.mapKey, fd.MapKey())
		ps.fill(f.mapValue, fd.MapValue())
		return
	}
	switch f.kind {
	case protoreflect.MessageKind:
		f.value = fd.Message().FullName() == "google.protobuf.Value"
	case protoreflect.EnumKind:
		f.null = fd.Enum().FullName() == "google.protobuf.NullValue"
	}
}

// extension gives the field of an extension.
func (ps *plans) extension(fd protoreflect.FieldDescriptor) *field {
	if f := ps.extensions[fd]; f != nil {
		return f
	}
	if ps.extensions == nil {
		ps.extensions = map[protoreflect.FieldDescriptor]*field{}
	}
	f := new(field)
	ps.fill(f, fd)
	ps.extensions[fd] = f
	return f
}

// sub gives the plan of the messages that f holds.
func (ps *plans) sub(f *field) *plan {
	if f.sub == nil {
		f.sub = ps.of(f.fd.Message())
	}
	return f.sub
}

// enumNumbers gives the numbers of an enum's values by name.
func (ps *plans) enumNumbers(ed protoreflect.EnumDescriptor) map[string]protoreflect.EnumNumber {
	if m := ps.enums[ed]; m != nil {
		return m
	}
	if ps.enums == nil {
		ps.enums = map[protoreflect.EnumDescriptor]map[string]protoreflect.EnumNumber{}
	}
	values := ed.Values()
	m := make(map[string]protoreflect.EnumNumber, values.Len())
	for i := range values.Len() {
		v := values.Get(i)
		if _, taken := m[string(v.Name())]; !taken {
			m[string(v.Name())] = v.Number()
		}
	}
	ps.enums[ed] = m
	return m
}

// wellKnownOf recognises a well-known type by name and by shape: a hostile
// schema may define google.protobuf.Any with other fields.
func wellKnownOf(md protoreflect.MessageDescriptor) wellKnown {
	if md.FullName().Parent() != "google.protobuf" {
		return ordinary
	}
	fields := md.Fields()
	only := func() protoreflect.FieldDescriptor { // the one field, number 1, nil if there are others
		if fields.Len() != 1 || fields.Get(0).Number() != 1 {
			return nil
		}
		return fields.Get(0)
	}
	has := func(n protoreflect.FieldNumber, kind protoreflect.Kind) bool {
		fd := fields.ByNumber(n)
		return fd != nil && fd.Kind() == kind && !fd.IsList() && !fd.IsMap()
	}
	known, ok := ordinary, false
	switch md.Name() {
	case "Any":
		known, ok = anyType, has(1, protoreflect.StringKind) && has(2, protoreflect.BytesKind)
	case "Timestamp":
		known, ok = timestampType, has(1, protoreflect.Int64Kind) && has(2, protoreflect.Int32Kind)
	case "Duration":
		known, ok = durationType, has(1, protoreflect.Int64Kind) && has(2, protoreflect.Int32Kind)
	case "FieldMask":
		fd := only()
		known, ok = fieldMaskType, fd != nil && fd.IsList() && fd.Kind() == protoreflect.StringKind
	case "Struct":
		fd := only()
		known, ok = structType, fd != nil && fd.IsMap() && fd.MapKey().Kind() == protoreflect.StringKind && isValue(fd.MapValue())
	case "ListValue":
		fd := only()
		known, ok = listType, fd != nil && fd.IsList() && isValue(fd)
	case "Value":
		known, ok = valueType, isValueShape(md)
	case "BoolValue", "Int32Value", "Int64Value", "UInt32Value", "UInt64Value",
		"FloatValue", "DoubleValue", "StringValue", "BytesValue":
		fd := only()
		known, ok = wrapperType, fd != nil && !fd.IsList() && !fd.IsMap() && fd.Message() == nil && fd.Enum() == nil
	case "Empty":
		known, ok = emptyType, fields.Len() == 0
	}
	if !ok {
		return ordinary
	}
	return known
}

func isValue(fd protoreflect.FieldDescriptor) bool {
	return fd.Kind() == protoreflect.MessageKind && fd.Message().FullName() == "google.protobuf.Value"
}

// Field numbers of google.protobuf.Value.
const (
	valueNull   = 1
	valueNumber = 2
	valueString = 3
	valueBool   = 4
	valueStruct = 5
	valueList   = 6
)

func isValueShape(md protoreflect.MessageDescriptor) bool {
	want := [...]protoreflect.Kind{
		valueNull: protoreflect.EnumKind, valueNumber: protoreflect.DoubleKind, valueString: protoreflect.StringKind,
		valueBool: protoreflect.BoolKind, valueStruct: protoreflect.MessageKind, valueList: protoreflect.MessageKind,
	}
	fields := md.Fields()
	if md.Oneofs().Len() != 1 || fields.Len() != len(want)-1 {
		return false
	}
	for n := 1; n < len(want); n++ {
		fd := fields.ByNumber(protoreflect.FieldNumber(n))
		if fd == nil || fd.Kind() != want[n] || fd.IsList() || fd.ContainingOneof() == nil {
			return false
		}
	}
	return fields.ByNumber(valueStruct).Message().FullName() == "google.protobuf.Struct" &&
		fields.ByNumber(valueList).Message().FullName() == "google.protobuf.ListValue"
}
