package editor

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/termtext"
)

const (
	templateDepth  = 24   // required messages within messages
	templateFields = 5000 // in all
)

// Template gives a text to begin a request with: every field of the message,
// those that are sent once they are mentioned (messages, optional fields,
// members of a oneof) in comments, so that the text as it stands is an empty
// message. Required fields, which proto2 has, are not in comments.
func Template(md protoreflect.MessageDescriptor) string {
	if special(md) != "" {
		return string(describe.Template(md))
	}
	w := templateWriter{left: templateFields, open: map[protoreflect.FullName]bool{}}
	w.object(md, "")
	return w.String()
}

type templateWriter struct {
	strings.Builder
	left int                            // fields that may yet be written
	open map[protoreflect.FullName]bool // messages around this place
}

// object writes a message of which no line but the first is begun.
func (w *templateWriter) object(md protoreflect.MessageDescriptor, indent string) {
	fields := w.fields(md)
	if len(fields) == 0 {
		w.WriteString("{}")
		return
	}
	w.open[md.FullName()] = true
	last := -1
	for i, f := range fields {
		if sentAlways(f) {
			last = i
		}
	}
	w.WriteString("{\n")
	for i, f := range fields {
		w.WriteString(indent + "  ")
		if !sentAlways(f) {
			w.WriteString("// ")
		}
		w.WriteString(quote(f.JSONName()) + ": ")
		w.value(ofField(f), indent+"  ")
		if sentAlways(f) && i != last {
			w.WriteByte(',')
		}
		if hint := hint(f); hint != "" {
			w.WriteString(" // " + termtext.Line(hint))
		}
		w.WriteByte('\n')
	}
	w.WriteString(indent + "}")
	delete(w.open, md.FullName())
}

// fields gives those that the template shows.
func (w *templateWriter) fields(md protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	var fields []protoreflect.FieldDescriptor
	names := map[string]bool{}
	for i := range md.Fields().Len() {
		f := md.Fields().Get(i)
		if names[f.JSONName()] || w.left <= 0 && f.Cardinality() != protoreflect.Required {
			continue
		}
		names[f.JSONName()] = true
		w.left--
		fields = append(fields, f)
	}
	return fields
}

// sentAlways reports whether the template has the field outside a comment.
func sentAlways(f protoreflect.FieldDescriptor) bool {
	return !f.HasPresence() || f.Cardinality() == protoreflect.Required
}

func (w *templateWriter) value(s slot, indent string) {
	switch {
	case s.entries:
		w.WriteString("{}")
	case s.list:
		w.WriteString("[]")
	case s.message != nil && special(s.message) == "":
		if s.field.Cardinality() != protoreflect.Required {
			w.WriteString("{}")
		} else if w.open[s.message.FullName()] || len(w.open) >= templateDepth {
			w.WriteString("null")
		} else {
			w.object(s.message, indent)
		}
	case s.message != nil && special(s.message) == "Any":
		w.WriteString("{}")
	case s.message != nil:
		w.Write(describe.Template(s.message))
	default:
		w.WriteString(zero(s.field))
	}
}

// zero gives the JSON of a scalar that is not set: its default.
func zero(f protoreflect.FieldDescriptor) string {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return "{}" // nobody knows the message
	case protoreflect.EnumKind:
		switch {
		case f.Enum().FullName() == "google.protobuf.NullValue":
			return "null"
		case f.Cardinality() != protoreflect.Repeated && f.DefaultEnumValue() != nil:
			return quote(string(f.DefaultEnumValue().Name()))
		case f.Enum().Values().Len() > 0:
			return quote(string(f.Enum().Values().Get(0).Name()))
		}
		return "0"
	case protoreflect.StringKind:
		if f.HasDefault() {
			return quote(f.Default().String())
		}
		return `""`
	case protoreflect.BytesKind:
		if f.HasDefault() {
			return quote(base64.StdEncoding.EncodeToString(f.Default().Bytes()))
		}
		return `""`
	case protoreflect.BoolKind:
		return strconv.FormatBool(f.HasDefault() && f.Default().Bool())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return zeroFloat(f)
	}
	if f.HasDefault() {
		return fmt.Sprint(f.Default().Interface())
	}
	return "0"
}

func zeroFloat(f protoreflect.FieldDescriptor) string {
	bits, v := 64, 0.0
	if f.Kind() == protoreflect.FloatKind {
		bits = 32
	}
	if f.HasDefault() {
		v = f.Default().Float()
	}
	switch {
	case math.IsNaN(v):
		return `"NaN"`
	case math.IsInf(v, 0):
		return quote(strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, bits), "+") + "inity")
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// hint says in a comment what a value alone does not: the names of an enum,
// the types of what is empty, and the oneof that a field is in.
func hint(f protoreflect.FieldDescriptor) string {
	hint := valueHint(ofField(f))
	if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
		return strings.TrimPrefix(hint+", oneof "+string(o.Name()), ", ")
	}
	return hint
}

func valueHint(s slot) string {
	const longest = 60
	if s.list || s.entries || s.message != nil && !strings.HasSuffix(special(s.message), "Value") && special(s.message) != "Timestamp" && special(s.message) != "Duration" {
		return s.typeName()
	}
	f := s.unwrap()
	switch {
	case f == nil:
		return ""
	case f.Kind() == protoreflect.BytesKind:
		return "base64"
	case f.Enum() == nil || f.Enum().FullName() == "google.protobuf.NullValue":
		return ""
	}
	names := ""
	for i := range f.Enum().Values().Len() {
		name := string(f.Enum().Values().Get(i).Name())
		if i > 0 {
			names += ", "
		}
		if len(names)+len(name) > longest {
			return names + "…"
		}
		names += name
	}
	return names
}
