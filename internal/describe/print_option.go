package describe

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// An optionReader reads options as the file sees them: custom options are
// unknown fields until the extensions of the file and its imports are known.
type optionReader struct {
	file  protoreflect.FileDescriptor
	types *protoregistry.Types // nil until an option needs it
}

// read returns a private copy of the options, or nil where there are none.
func (r *optionReader) read(options protoreflect.ProtoMessage) protoreflect.Message {
	raw, err := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(options)
	if err != nil || len(raw) == 0 {
		return nil
	}
	if r.types == nil {
		r.types = new(protoregistry.Types)
		for _, file := range closure([]protoreflect.FileDescriptor{r.file}) {
			registerExtensions(r.types, file)
		}
	}
	m := options.ProtoReflect().New()
	if err := (proto.UnmarshalOptions{AllowPartial: true, Resolver: r.types, RecursionLimit: maxNesting}).Unmarshal(raw, m.Interface()); err != nil {
		return options.ProtoReflect()
	}
	return m
}

// An option is ready to be printed.
type option struct{ name, text string }

func (o option) String() string { return o.name + " = " + o.text }

// optionLines prints options as statements. What cannot be expressed becomes a
// comment.
func (p *printer) optionLines(m protoreflect.Message, scope protoreflect.FullName) {
	for _, o := range p.optionList(m, scope) {
		if o.name == "" {
			p.line("// %s", o.text)
			continue
		}
		p.line("option %s;", strings.ReplaceAll(o.String(), "\n", "\n"+strings.Repeat("  ", p.depth)))
	}
}

// brackets returns options as they stand behind a field: " [a = b, c = d]".
func (p *printer) brackets(list []option) string {
	list = slices.DeleteFunc(list, func(o option) bool { return o.name == "" })
	if len(list) == 0 {
		return ""
	}
	texts := make([]string, len(list))
	for i, o := range list {
		texts[i] = o.String()
	}
	if short := strings.Join(texts, ", "); len(short) <= 80 && !strings.Contains(short, "\n") {
		return " [" + short + "]"
	}
	indent := "\n" + strings.Repeat("  ", p.depth+1)
	for i := range texts {
		texts[i] = strings.ReplaceAll(texts[i], "\n", indent)
	}
	return " [" + indent + strings.Join(texts, ","+indent) + "\n" + strings.Repeat("  ", p.depth) + "]"
}

// optionList returns the options, standard ones first, each by number. One
// without a name is a remark on what cannot be expressed.
func (p *printer) optionList(m protoreflect.Message, scope protoreflect.FullName) []option {
	if m == nil {
		return nil
	}
	var fields []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		fields = append(fields, f)
		return true
	})
	slices.SortFunc(fields, byNumber)
	var list []option
	for _, f := range fields {
		switch f.Name() {
		case "uninterpreted_option":
			list = append(list, option{text: "an option that was never interpreted"})
		case "features":
			list = append(list, p.features(m.Get(f).Message(), scope)...)
		default:
			list = append(list, p.optionField(f, m.Get(f), p.optionName(f, scope))...)
		}
	}
	for _, n := range unknownNumbers(m.GetUnknown()) {
		list = append(list, option{text: fmt.Sprintf("option %d is not in the schema", n)})
	}
	return list
}

func byNumber(a, b protoreflect.FieldDescriptor) int {
	if a.IsExtension() != b.IsExtension() {
		if a.IsExtension() {
			return 1
		}
		return -1
	}
	return int(a.Number()) - int(b.Number())
}

func (p *printer) optionName(f protoreflect.FieldDescriptor, scope protoreflect.FullName) string {
	if f.IsExtension() {
		return "(" + p.ref(f.FullName(), scope) + ")"
	}
	return string(f.Name())
}

// features writes each feature as an option of its own, as people do.
func (p *printer) features(m protoreflect.Message, scope protoreflect.FullName) []option {
	var list []option
	for _, o := range p.optionList(m, scope) {
		if o.name != "" {
			o.name = "features." + o.name
		}
		list = append(list, o)
	}
	return list
}

// optionField returns an option; a repeated one once for each value.
func (p *printer) optionField(f protoreflect.FieldDescriptor, v protoreflect.Value, name string) []option {
	var list []option
	add := func(v protoreflect.Value) {
		switch {
		case f.Message() != nil:
			list = append(list, option{name, aggregate(v.Message())})
		case f.Enum() != nil && f.Enum().Values().ByNumber(v.Enum()) == nil:
			list = append(list, option{text: fmt.Sprintf("option %s = %d is not in the schema", name, v.Enum())})
		default:
			list = append(list, option{name, scalar(f, v)})
		}
	}
	switch {
	case f.IsMap():
		eachEntry(f, v.Map(), func(text string) { list = append(list, option{name, text}) })
	case f.IsList():
		for i := range v.List().Len() {
			add(v.List().Get(i))
		}
	default:
		add(v)
	}
	return list
}

// unknownNumbers returns the field numbers in raw, each once, not too many.
func unknownNumbers(raw []byte) []protowire.Number {
	var numbers []protowire.Number
	for len(raw) > 0 && len(numbers) < 16 {
		number, _, n := protowire.ConsumeField(raw)
		if n < 0 {
			break
		}
		raw = raw[n:]
		if !slices.Contains(numbers, number) {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// aggregate writes a message as an option's value, on one line if it is short.
func aggregate(m protoreflect.Message) string {
	var fields []string
	var descriptors []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		descriptors = append(descriptors, f)
		return true
	})
	slices.SortFunc(descriptors, byNumber)
	for _, f := range descriptors {
		v := m.Get(f)
		switch {
		case f.IsMap():
			eachEntry(f, v.Map(), func(text string) { fields = append(fields, f.TextName()+" "+text) })
		case f.IsList():
			for i := range v.List().Len() {
				fields = append(fields, aggregateField(f, v.List().Get(i)))
			}
		default:
			fields = append(fields, aggregateField(f, v))
		}
	}
	return braces(fields)
}

func aggregateField(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	if f.Message() != nil {
		return f.TextName() + " " + aggregate(v.Message())
	}
	return f.TextName() + ": " + scalar(f, v)
}

func braces(fields []string) string {
	if len(fields) == 0 {
		return "{}"
	}
	if short := strings.Join(fields, " "); len(short) <= 60 && !strings.Contains(short, "\n") {
		return "{ " + short + " }"
	}
	return "{\n  " + strings.ReplaceAll(strings.Join(fields, "\n"), "\n", "\n  ") + "\n}"
}

// eachEntry yields the entries of a map as messages, sorted.
func eachEntry(f protoreflect.FieldDescriptor, m protoreflect.Map, yield func(string)) {
	var entries []string
	m.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		value := "value: " + scalarOrMessage(f.MapValue(), v)
		entries = append(entries, braces([]string{"key: " + scalar(f.MapKey(), k.Value()), value}))
		return true
	})
	slices.Sort(entries)
	for _, e := range entries {
		yield(e)
	}
}

func scalarOrMessage(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	if f.Message() != nil {
		return aggregate(v.Message())
	}
	return scalar(f, v)
}

// scalar writes a value as proto source does.
func scalar(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return strconv.FormatBool(v.Bool())
	case protoreflect.EnumKind:
		if ev := f.Enum().Values().ByNumber(v.Enum()); ev != nil {
			return string(ev.Name())
		}
		return strconv.Itoa(int(v.Enum()))
	case protoreflect.StringKind:
		return quote(v.String())
	case protoreflect.BytesKind:
		return quoteBytes(v.Bytes())
	case protoreflect.FloatKind:
		return float(v.Float(), 32)
	case protoreflect.DoubleKind:
		return float(v.Float(), 64)
	}
	return fmt.Sprint(v.Interface())
}

func float(v float64, bits int) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// quote writes a string literal. What a terminal could obey, and what is not
// UTF-8, becomes octal escapes, which every proto compiler reads.
func quote(s string) string {
	b := []byte{'"'}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r >= utf8.RuneSelf && n > 1 && unicode.IsPrint(r) {
			b = append(b, s[i:i+n]...)
		} else {
			for j := i; j < i+n; j++ {
				b = appendByte(b, s[j])
			}
		}
		i += n
	}
	return string(append(b, '"'))
}

func quoteBytes(s []byte) string {
	b := []byte{'"'}
	for _, c := range s {
		b = appendByte(b, c)
	}
	return string(append(b, '"'))
}

func appendByte(b []byte, c byte) []byte {
	switch c {
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	case '"', '\\':
		return append(b, '\\', c)
	}
	if c < 0x20 || c >= 0x7f {
		return fmt.Appendf(b, `\%03o`, c)
	}
	return append(b, c)
}
