package describe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/termtext"
)

const (
	templateDepth  = 24   // messages within messages
	templateFields = 5000 // in all
)

// Template returns a request to be filled in: indented JSON with every field
// of the message and of the messages in it, without a final newline. Lists and
// maps have one element, a oneof its first member; fields with a default show
// it. A message within itself is empty, as is what lies too deep. The template
// is valid input for its message as it stands.
func Template(md protoreflect.MessageDescriptor) []byte {
	t := &template{open: map[protoreflect.FullName]bool{}, left: templateFields}
	t.message(md)
	var out bytes.Buffer
	if err := json.Indent(&out, t.buf.Bytes(), "", "  "); err != nil {
		return []byte("{}") // cannot be: what t writes is JSON
	}
	return termtext.JSON(out.Bytes())
}

type template struct {
	buf  bytes.Buffer
	open map[protoreflect.FullName]bool // messages around this place
	left int                            // fields that may yet be written
}

func (t *template) message(md protoreflect.MessageDescriptor) {
	if known, ok := wellKnown(md.FullName()); ok {
		t.buf.WriteString(known)
		return
	}
	t.buf.WriteByte('{')
	t.open[md.FullName()] = true
	names := map[string]bool{}
	for i := range md.Fields().Len() {
		f := md.Fields().Get(i)
		if !firstOfOneof(f) || t.left <= 0 && f.Cardinality() != protoreflect.Required {
			continue
		}
		name := f.JSONName()
		if names[name] {
			continue // another field has taken the name
		}
		if len(names) > 0 {
			t.buf.WriteByte(',')
		}
		names[name] = true
		t.left--
		t.string(name)
		t.buf.WriteByte(':')
		t.field(f)
	}
	delete(t.open, md.FullName())
	t.buf.WriteByte('}')
}

// firstOfOneof reports whether the field is the one that stands for its oneof,
// or in none. A member that cannot lead back to its own message is preferred.
func firstOfOneof(f protoreflect.FieldDescriptor) bool {
	oneof := f.ContainingOneof()
	if oneof == nil || oneof.IsSynthetic() {
		return true
	}
	for i := range oneof.Fields().Len() {
		member := oneof.Fields().Get(i)
		if member.Message() == nil || member.Message().FullName() != f.ContainingMessage().FullName() {
			return member == f
		}
	}
	return oneof.Fields().Get(0) == f
}

func (t *template) field(f protoreflect.FieldDescriptor) {
	switch {
	case f.IsMap():
		if t.ends(f.MapValue()) {
			t.buf.WriteString("{}")
			return
		}
		t.buf.WriteByte('{')
		t.buf.WriteString(mapKey(f.MapKey().Kind()))
		t.buf.WriteByte(':')
		t.value(f.MapValue())
		t.buf.WriteByte('}')
	case f.IsList():
		if t.ends(f) {
			t.buf.WriteString("[]")
			return
		}
		t.buf.WriteByte('[')
		t.value(f)
		t.buf.WriteByte(']')
	case t.ends(f):
		// null is "not set"; {} would lack what the message requires.
		if requires(f.Message()) {
			t.buf.WriteString("null")
		} else {
			t.buf.WriteString("{}")
		}
	default:
		t.value(f)
	}
}

// ends reports whether the field's message must not be written out: it is
// around this place already, or lies too deep, or nobody knows it.
func (t *template) ends(f protoreflect.FieldDescriptor) bool {
	md := f.Message()
	if md == nil {
		return false
	}
	if _, ok := wellKnown(md.FullName()); ok {
		return false
	}
	return t.open[md.FullName()] || len(t.open) >= templateDepth || md.IsPlaceholder()
}

func requires(md protoreflect.MessageDescriptor) bool { return md.RequiredNumbers().Len() > 0 }

func (t *template) value(f protoreflect.FieldDescriptor) {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		t.message(f.Message())
	case protoreflect.EnumKind:
		t.enum(f)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind,
		protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		t.string(fmt.Sprint(valueOr(f, uint64(0))))
	case protoreflect.BytesKind:
		t.string(base64.StdEncoding.EncodeToString(valueOr(f, []byte(nil)).([]byte)))
	case protoreflect.StringKind:
		t.string(valueOr(f, "").(string))
	case protoreflect.FloatKind:
		t.float(float64(valueOr(f, float32(0)).(float32)), 32)
	case protoreflect.DoubleKind:
		t.float(valueOr(f, float64(0)).(float64), 64)
	case protoreflect.BoolKind:
		fmt.Fprint(&t.buf, valueOr(f, false))
	default:
		fmt.Fprint(&t.buf, valueOr(f, int32(0)))
	}
}

// valueOr returns the field's default if it sets one, and zero otherwise.
func valueOr(f protoreflect.FieldDescriptor, zero any) any {
	if f.HasDefault() {
		return f.Default().Interface()
	}
	return zero
}

func (t *template) enum(f protoreflect.FieldDescriptor) {
	if f.Enum().FullName() == "google.protobuf.NullValue" {
		t.buf.WriteString("null")
		return
	}
	v := f.DefaultEnumValue()
	if v == nil && f.Enum().Values().Len() > 0 {
		v = f.Enum().Values().Get(0) // an element of a list has no default
	}
	if v == nil {
		t.buf.WriteByte('0') // nobody knows the enum
		return
	}
	t.string(string(v.Name()))
}

func (t *template) float(v float64, bits int) {
	switch {
	case math.IsNaN(v):
		t.string("NaN")
	case math.IsInf(v, 1):
		t.string("Infinity")
	case math.IsInf(v, -1):
		t.string("-Infinity")
	default:
		t.buf.WriteString(strconv.FormatFloat(v, 'g', -1, bits))
	}
}

func (t *template) string(s string) {
	quoted, err := json.Marshal(s)
	if err != nil {
		quoted = []byte(`""`) // cannot be: any string can be quoted
	}
	t.buf.Write(quoted)
}

func mapKey(kind protoreflect.Kind) string {
	switch kind {
	case protoreflect.StringKind:
		return `""`
	case protoreflect.BoolKind:
		return `"false"`
	}
	return `"0"`
}

// wellKnown returns the JSON of a message that is not that of its fields.
func wellKnown(name protoreflect.FullName) (text string, ok bool) {
	short, ok := strings.CutPrefix(string(name), "google.protobuf.")
	if !ok {
		return "", false
	}
	switch short {
	case "Any":
		return `{"@type":"type.googleapis.com/google.protobuf.Empty","value":{}}`, true
	case "Duration":
		return `"0s"`, true
	case "Timestamp":
		return `"1970-01-01T00:00:00Z"`, true
	case "Struct":
		return `{}`, true
	case "Value":
		return `null`, true
	case "ListValue":
		return `[]`, true
	case "DoubleValue", "FloatValue", "Int32Value", "UInt32Value":
		return `0`, true
	case "Int64Value", "UInt64Value":
		return `"0"`, true
	case "BoolValue":
		return `false`, true
	case "FieldMask", "StringValue", "BytesValue":
		return `""`, true
	}
	return "", false
}
