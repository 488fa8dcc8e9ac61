package message

import (
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// checkError checks what every error about a text must have.
func checkError(t *testing.T, err error, input string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%q: %T: %v", input, err, err)
	}
	if e.Msg == "" || strings.HasPrefix(e.Msg, "proto:") {
		t.Fatalf("%q: message %q", input, e.Msg)
	}
	if e.Line > 0 {
		lines := strings.Split(input, "\n")
		if e.Line > len(lines) || e.Col < 1 || e.Col > utf8.RuneCountInString(lines[e.Line-1])+1 {
			t.Fatalf("%q: no such place: %v", input, e)
		}
	}
	if e.Caret > utf8.RuneCountInString(e.Snippet) || utf8.RuneCountInString(e.Snippet) > 1500 {
		t.Fatalf("%q: caret %d of snippet %q", input, e.Caret, e.Snippet)
	}
	for _, r := range e.Error() + e.Snippet {
		if needsEscape(r) {
			t.Fatalf("%q: %U in %q or %q", input, r, e.Error(), e.Snippet)
		}
	}
}

// normal gives the one wire form of a message, that of the content of Any
// messages of known types included.
func (f *fixtures) normal(t *testing.T, md protoreflect.MessageDescriptor, wire []byte) []byte {
	t.Helper()
	return normalAnys(t, f, md, wire)
}

func normalAnys(t *testing.T, f *fixtures, md protoreflect.MessageDescriptor, wire []byte) []byte {
	t.Helper()
	m := dynamicpb.NewMessage(md)
	if err := (proto.UnmarshalOptions{AllowPartial: true, Resolver: f.types}).Unmarshal(wire, m); err != nil {
		return wire
	}
	f.normalize(t, m)
	out, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (f *fixtures) normalize(t *testing.T, m protoreflect.Message) {
	if fields := m.Descriptor().Fields(); m.Descriptor().FullName() == "google.protobuf.Any" {
		mt, err := f.types.FindMessageByURL(m.Get(fields.ByNumber(1)).String())
		if err == nil {
			m.Set(fields.ByNumber(2), protoreflect.ValueOfBytes(normalAnys(t, f, mt.Descriptor(), m.Get(fields.ByNumber(2)).Bytes())))
		}
		return
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap() && isFloat(fd.MapValue()):
			v.Map().Range(func(k protoreflect.MapKey, e protoreflect.Value) bool {
				v.Map().Set(k, plainNaN(fd.MapValue(), e))
				return true
			})
		case !isFloat(fd):
		case fd.IsList():
			for i := range v.List().Len() {
				v.List().Set(i, plainNaN(fd, v.List().Get(i)))
			}
		default:
			m.Set(fd, plainNaN(fd, v))
		}
		return true
	})
	each(m, func(sub protoreflect.Message) { f.normalize(t, sub) })
}

func isFloat(fd protoreflect.FieldDescriptor) bool {
	return fd.Kind() == protoreflect.FloatKind || fd.Kind() == protoreflect.DoubleKind
}

// plainNaN replaces a NaN, whose payload no format but the wire has.
func plainNaN(fd protoreflect.FieldDescriptor, v protoreflect.Value) protoreflect.Value {
	switch {
	case !math.IsNaN(v.Float()):
		return v
	case fd.Kind() == protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(math.NaN()))
	}
	return protoreflect.ValueOfFloat64(math.NaN())
}

// each calls use for the messages that m holds.
func each(m protoreflect.Message, use func(protoreflect.Message)) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap() && fd.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				use(v.Message())
				return true
			})
		case fd.IsMap() || fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				use(v.List().Get(i).Message())
			}
		default:
			use(v.Message())
		}
		return true
	})
}

// hasUnreadable reports whether m has what its JSON form by its nature reads
// back as something else: a NullValue other than 0, or one in a list, where
// null is not read.
func hasUnreadable(m protoreflect.Message) bool {
	found := false
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.Enum() != nil && fd.Enum().FullName() == "google.protobuf.NullValue" && (fd.IsList() || v.Enum() != 0) {
			found = true
		}
		return !found
	})
	each(m, func(sub protoreflect.Message) { found = found || hasUnreadable(sub) })
	return found
}
