package response

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/message"
)

// excerpt cuts a message to what can be shown, so that neither a large message nor
// a small one whose type has enormous names costs more than there is room for. It
// counts characters of JSON, roughly, and copies fields until the budget is spent.
type excerpt struct {
	types    message.Resolver // for Any
	budget   int              // characters left
	perValue int              // characters of one string or bytes field
	cut      bool
}

// maxDepth is of nested messages. The encoder takes no deeper ones.
const maxDepth = 1000

// excerptOf returns wire, or, if its JSON would be longer than budget characters,
// the wire bytes of a part of it. Bytes that are no message come back as they are.
func excerptOf(md protoreflect.MessageDescriptor, types message.Resolver, wire []byte, budget, perValue int) (part []byte, cut bool) {
	e := excerpt{types: types, budget: budget, perValue: perValue}
	part, ok := e.message(nil, md, wire, 0)
	if !ok || !e.cut {
		return wire, false
	}
	return part, true
}

// message appends the fields of wire to dst until the budget is spent. It is false
// if they do not parse.
func (e *excerpt) message(dst []byte, md protoreflect.MessageDescriptor, wire []byte, depth int) ([]byte, bool) {
	if depth > maxDepth {
		e.cut = true
		return dst, true
	}
	fields := md.Fields()
	for len(wire) > 0 {
		if e.budget <= 0 {
			e.cut = true
			return dst, true
		}
		number, typ, n := protowire.ConsumeTag(wire)
		if n < 0 {
			return dst, false
		}
		size := protowire.ConsumeFieldValue(number, typ, wire[n:])
		if size < 0 {
			return dst, false
		}
		value := wire[n : n+size]
		wire = wire[n+size:]
		fd := fields.ByNumber(number)
		if fd == nil && e.types != nil && md.ExtensionRanges().Has(number) {
			if xt, err := e.types.FindExtensionByNumber(md.FullName(), number); err == nil {
				fd = xt.TypeDescriptor()
			}
		}
		if fd == nil { // not shown
			e.budget--
			continue
		}
		e.budget -= len(fd.JSONName()) + 6 + 2*depth
		var ok bool
		if dst, ok = e.value(dst, md, fd, typ, value, depth); !ok {
			return dst, false
		}
	}
	return dst, true
}

// value appends one field.
func (e *excerpt) value(dst []byte, md protoreflect.MessageDescriptor, fd protoreflect.FieldDescriptor, typ protowire.Type, value []byte, depth int) ([]byte, bool) {
	if typ == protowire.StartGroupType {
		body, n := protowire.ConsumeGroup(fd.Number(), value)
		if n < 0 || fd.Message() == nil {
			return dst, n >= 0
		}
		dst = protowire.AppendTag(dst, fd.Number(), typ)
		dst, ok := e.message(dst, fd.Message(), body, depth+1)
		return protowire.AppendTag(dst, fd.Number(), protowire.EndGroupType), ok
	}
	if typ != protowire.BytesType {
		e.budget -= scalarCost(fd, value)
		return append(protowire.AppendTag(dst, fd.Number(), typ), value...), true
	}
	body, n := protowire.ConsumeBytes(value)
	if n < 0 {
		return dst, false
	}
	ok := true
	inner := e.messageIn(md, fd, dst)
	switch {
	case inner != nil:
		body, ok = e.message(nil, inner, body, depth+1)
	case fd.Kind() == protoreflect.StringKind:
		body = e.string(body)
	case fd.Kind() == protoreflect.BytesKind:
		body = e.bytes(body)
	default:
		body, ok = e.packed(fd, body, depth)
	}
	return protowire.AppendBytes(protowire.AppendTag(dst, fd.Number(), typ), body), ok
}

// messageIn returns the type of what is in a field: a message's own, or the one
// that an Any names before, which stands in what was copied of it. It is nil for
// none.
func (e *excerpt) messageIn(md protoreflect.MessageDescriptor, fd protoreflect.FieldDescriptor, before []byte) protoreflect.MessageDescriptor {
	if fd.Message() != nil {
		return fd.Message()
	}
	if md.FullName() != "google.protobuf.Any" || fd.Number() != 2 || e.types == nil {
		return nil
	}
	_, _, n := protowire.ConsumeTag(before)
	if n < 0 {
		return nil
	}
	url, n := protowire.ConsumeBytes(before[n:])
	if n < 0 {
		return nil
	}
	mt, err := e.types.FindMessageByURL(string(url))
	if err != nil {
		return nil
	}
	return mt.Descriptor()
}

func (e *excerpt) string(s []byte) []byte {
	limit := max(0, min(e.perValue, e.budget))
	if len(s) <= limit {
		e.budget -= len(s)
		return s
	}
	e.cut = true
	e.budget -= limit
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return append(s[:limit:limit], "…"...)
}

func (e *excerpt) bytes(b []byte) []byte {
	limit := max(0, min(e.perValue, e.budget)) / 4 * 3
	if len(b) > limit {
		e.cut = true
		b = b[:limit]
	}
	e.budget -= len(b) / 3 * 4
	return b
}

// packed copies the elements of a packed list.
func (e *excerpt) packed(fd protoreflect.FieldDescriptor, b []byte, depth int) ([]byte, bool) {
	at := 0
	for at < len(b) {
		if e.budget <= 0 {
			e.cut = true
			break
		}
		n := 0
		switch fd.Kind() {
		case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
			_, n = protowire.ConsumeFixed32(b[at:])
		case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
			_, n = protowire.ConsumeFixed64(b[at:])
		default:
			_, n = protowire.ConsumeVarint(b[at:])
		}
		if n < 0 {
			return b[:at], false
		}
		e.budget -= scalarCost(fd, b[at:at+n]) + 2 + 2*depth
		at += n
	}
	return b[:at], true
}

// scalarCost is about how many characters a number is, or the name of an enum's
// value.
func scalarCost(fd protoreflect.FieldDescriptor, value []byte) int {
	if fd.Enum() == nil {
		return 4
	}
	v, n := protowire.ConsumeVarint(value)
	if n < 0 {
		return 4
	}
	if ev := fd.Enum().Values().ByNumber(protoreflect.EnumNumber(int32(v))); ev != nil {
		return len(ev.Name()) + 2
	}
	return 4
}
