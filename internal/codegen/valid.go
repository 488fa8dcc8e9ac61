package codegen

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/descriptorpb"
)

// validTypes tells whether types of valid messages are asked for.
func (o *Options) validTypes() bool { return o.ValidLegacyRequired || o.ValidProtovalidateRequired }

// hasValidType tells whether the valid values of m have a type of their own.
func (o *Options) hasValidType(m *message) bool {
	return o.ValidProtovalidateRequired && needs(m, (*field).ignored, (*field).validateRequired, map[*message]bool{}) ||
		o.ValidLegacyRequired && needs(m, nil, (*field).legacyRequired, map[*message]bool{})
}

// needs tells whether some field of m, or of a message in it, is required.
func needs(m *message, skip, required func(*field) bool, seen map[*message]bool) bool {
	seen[m] = true
	for _, f := range m.fields {
		if skip != nil && skip(f) {
			continue
		}
		if required(f) {
			return true
		}
		if f.message != nil && !seen[f.message] && needs(f.message, skip, required, seen) {
			return true
		}
	}
	return false
}

// requires tells whether a valid message has the field.
func (o *Options) requires(f *field) bool {
	return o.ValidLegacyRequired && f.legacyRequired() || o.ValidProtovalidateRequired && f.validateRequired()
}

// legacyRequired tells whether a message field is required by proto2 or by the
// edition feature.
func (f *field) legacyRequired() bool {
	if f.message == nil || f.repeated || f.isMap() {
		return false
	}
	if f.proto.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REQUIRED {
		return true
	}
	if f.oneof != nil || f.proto.GetProto3Optional() {
		return false
	}
	return f.presence() == descriptorpb.FeatureSet_LEGACY_REQUIRED
}

func (f *field) presence() descriptorpb.FeatureSet_FieldPresence {
	if p := f.proto.GetOptions().GetFeatures().GetFieldPresence(); p != 0 {
		return p
	}
	for m := f.parent; m != nil; m = m.parent {
		if p := m.proto.GetOptions().GetFeatures().GetFieldPresence(); p != 0 {
			return p
		}
	}
	return f.file.proto.GetOptions().GetFeatures().GetFieldPresence()
}

// open tells whether fields of the enum take numbers that it does not name.
func (e *enum) open() bool {
	if t := e.proto.GetOptions().GetFeatures().GetEnumType(); t != 0 {
		return t == descriptorpb.FeatureSet_OPEN
	}
	for m := e.parent; m != nil; m = m.parent {
		if t := m.proto.GetOptions().GetFeatures().GetEnumType(); t != 0 {
			return t == descriptorpb.FeatureSet_OPEN
		}
	}
	if t := e.file.proto.GetOptions().GetFeatures().GetEnumType(); t != 0 {
		return t == descriptorpb.FeatureSet_OPEN
	}
	return e.file.edition() != descriptorpb.Edition_EDITION_PROTO2
}

// Numbers of buf/validate/validate.proto: the option of fields, and in its
// FieldRules and the rules of lists and maps.
const (
	validateField    = 1159
	validateRequired = 25
	validateIgnore   = 27
	validateRepeated = 18
	validateMap      = 19
	validateItems    = 4
	validateValues   = 5
	ignoreAlways     = 3
)

// validateRequired tells whether protovalidate requires the field.
func (f *field) validateRequired() bool {
	rules := f.rules()
	return varint(rules, validateRequired) != 0 && varint(rules, validateIgnore) != ignoreAlways
}

// ignored tells whether protovalidate does not look at a message field.
func (f *field) ignored() bool {
	if f.message == nil {
		return false
	}
	rules := f.rules()
	if varint(rules, validateIgnore) == ignoreAlways {
		return true
	}
	var inner []byte
	switch {
	case f.repeated:
		inner = submessage(submessage(rules, validateRepeated), validateItems)
	case f.isMap():
		inner = submessage(submessage(rules, validateMap), validateValues)
	}
	return varint(inner, validateIgnore) == ignoreAlways
}

// rules returns the field's FieldRules in wire format.
func (f *field) rules() []byte {
	return submessage(f.proto.GetOptions().ProtoReflect().GetUnknown(), validateField)
}

// submessage returns the message of that number in b; its parts, if there are
// several, are merged by being read in turn.
func submessage(b []byte, number protowire.Number) []byte {
	var all []byte
	// What cannot be parsed says nothing; the oracle leaves it out as well.
	_ = eachField(b, number, func(value []byte) error {
		all = append(all, value...)
		return nil
	})
	return all
}

// varint returns the last value of that number in b, or 0.
func varint(b []byte, number protowire.Number) uint64 {
	var last uint64
	for len(b) > 0 {
		n, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return last
		}
		b = b[size:]
		if n == number && typ == protowire.VarintType {
			last, size = protowire.ConsumeVarint(b)
		} else {
			size = protowire.ConsumeFieldValue(n, typ, b)
		}
		if size < 0 {
			return last
		}
		b = b[size:]
	}
	return last
}
