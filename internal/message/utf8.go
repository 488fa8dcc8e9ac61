package message

import (
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// repairUTF8 replaces the invalid UTF-8 in every string field of a message's
// wire bytes, which protobuf-go refuses in some, and counts the strings. It
// gives none for bytes that do not parse.
func repairUTF8(wire []byte, md protoreflect.MessageDescriptor, types Resolver) ([]byte, int) {
	r := repairer{types: types, out: make([]byte, 0, len(wire)+len(wire)/4)}
	if _, ok := r.fields(wire, md, 0, protowire.DefaultRecursionLimit); !ok {
		return nil, 0
	}
	return r.out, r.strings
}

// repairer copies wire bytes in one pass.
type repairer struct {
	types   Resolver
	out     []byte
	strings int
}

// lengthSize is that of the length that a repaired submessage gets: a varint
// with leading zeros, which leaves room for any.
const lengthSize = 5

// fields copies the fields of a message, up to the end of wire, or of the group
// with the number group and past its end. It gives what follows.
func (r *repairer) fields(wire []byte, md protoreflect.MessageDescriptor, group protowire.Number, depth int) ([]byte, bool) {
	for len(wire) > 0 {
		num, typ, n := protowire.ConsumeTag(wire)
		if n < 0 || depth == 0 {
			return nil, false
		}
		r.out = append(r.out, wire[:n]...)
		wire = wire[n:]
		if typ == protowire.EndGroupType {
			return wire, num == group
		}
		fd := r.find(md, num)
		if fd != nil && typ == protowire.StartGroupType && fd.Kind() == protoreflect.GroupKind {
			var ok bool
			if wire, ok = r.fields(wire, fd.Message(), num, depth-1); !ok {
				return nil, false
			}
			continue
		}
		size := protowire.ConsumeFieldValue(num, typ, wire)
		if size < 0 {
			return nil, false
		}
		if !r.value(fd, typ, wire[:size], depth) {
			return nil, false
		}
		wire = wire[size:]
	}
	return nil, group == 0
}

// value copies the value of a field, fd being nil for one that is not known.
func (r *repairer) value(fd protoreflect.FieldDescriptor, typ protowire.Type, value []byte, depth int) bool {
	if fd == nil || typ != protowire.BytesType {
		r.out = append(r.out, value...)
		return true
	}
	inner, _ := protowire.ConsumeBytes(value)
	switch fd.Kind() {
	case protoreflect.StringKind:
		if !utf8.Valid(inner) {
			r.strings++
			r.out = protowire.AppendString(r.out, strings.ToValidUTF8(string(inner), "\ufffd"))
			return true
		}
	case protoreflect.MessageKind:
		at := len(r.out)
		r.out = append(r.out, make([]byte, lengthSize)...)
		if _, ok := r.fields(inner, fd.Message(), 0, depth-1); !ok {
			return false
		}
		length := len(r.out) - at - lengthSize
		for i := range lengthSize - 1 {
			r.out[at+i] = byte(length>>(7*i)) | 0x80
		}
		r.out[at+lengthSize-1] = byte(length >> (7 * (lengthSize - 1)) & 0x7f)
		return true
	}
	r.out = append(r.out, value...)
	return true
}

// find gives the field or extension of md with a number, nil for none.
func (r *repairer) find(md protoreflect.MessageDescriptor, num protoreflect.FieldNumber) protoreflect.FieldDescriptor {
	if fd := md.Fields().ByNumber(num); fd != nil {
		return fd
	}
	if !md.ExtensionRanges().Has(num) {
		return nil
	}
	xt, err := r.types.FindExtensionByNumber(md.FullName(), num)
	if err != nil || xt == nil {
		return nil
	}
	return xt.TypeDescriptor()
}
