package message

import (
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// repairUTF8 replaces the invalid UTF-8 in every string field of a message's
// wire bytes, which protobuf-go refuses in some, and counts the strings. Bytes
// that do not parse stay as they are.
func repairUTF8(wire []byte, md protoreflect.MessageDescriptor, types Resolver) ([]byte, int) {
	r := repairer{types: types}
	out, ok := r.fields(make([]byte, 0, len(wire)), wire, md, protowire.DefaultRecursionLimit)
	if !ok {
		return wire, 0
	}
	return out, r.strings
}

type repairer struct {
	types   Resolver
	strings int
}

// fields appends the fields in wire, repaired, up to its end.
func (r *repairer) fields(out, wire []byte, md protoreflect.MessageDescriptor, depth int) ([]byte, bool) {
	for len(wire) > 0 {
		num, typ, n := protowire.ConsumeTag(wire)
		if n < 0 || depth == 0 {
			return out, false
		}
		size := protowire.ConsumeFieldValue(num, typ, wire[n:])
		if size < 0 {
			return out, false
		}
		out = append(out, wire[:n]...)
		value := wire[n : n+size]
		wire = wire[n+size:]
		fd := r.find(md, num)
		ok := true
		switch {
		case fd == nil:
			out = append(out, value...)
		case typ == protowire.BytesType && fd.Kind() == protoreflect.StringKind:
			out = r.str(out, value)
		case typ == protowire.BytesType && fd.Kind() == protoreflect.MessageKind:
			inner, _ := protowire.ConsumeBytes(value)
			var fixed []byte
			fixed, ok = r.fields(nil, inner, fd.Message(), depth-1)
			out = protowire.AppendBytes(out, fixed)
		case typ == protowire.StartGroupType && fd.Kind() == protoreflect.GroupKind:
			inner, _ := protowire.ConsumeGroup(num, value)
			out, ok = r.fields(out, inner, fd.Message(), depth-1)
			out = protowire.AppendTag(out, num, protowire.EndGroupType)
		default:
			out = append(out, value...)
		}
		if !ok {
			return out, false
		}
	}
	return out, true
}

func (r *repairer) str(out, value []byte) []byte {
	s, _ := protowire.ConsumeString(value)
	if utf8.ValidString(s) {
		return append(out, value...)
	}
	r.strings++
	return protowire.AppendString(out, strings.ToValidUTF8(s, "\ufffd"))
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
