package describe

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

func (p *printer) message(md protoreflect.MessageDescriptor) {
	location := p.locs.ByDescriptor(md)
	p.leading(location)
	p.open(location, "%smessage %s", visibility(md), md.Name())
	p.messageBody(md)
	p.close()
}

// messageBody prints what stands between the braces. Its depth is bounded
// because a pool refuses files with deeper messages.
func (p *printer) messageBody(md protoreflect.MessageDescriptor) {
	begin := p.buf.Len()
	p.optionLines(p.options.read(md.Options()), md.FullName())
	p.reserved(messageRanges(md), md.ReservedNames(), md.ParentFile())
	p.extensionRanges(md)
	wide := true // a blank line stands between this element and the one before
	for _, group := range extendGroups(messageElements(md)) {
		spaced := !p.isPlain(group[0].descriptor)
		if p.buf.Len() > begin && (spaced || wide) {
			p.blank()
		}
		wide = spaced
		p.group(group, md.FullName())
	}
}

// isPlain reports whether the element is one line without a comment above it.
func (p *printer) isPlain(d protoreflect.Descriptor) bool {
	f, ok := d.(protoreflect.FieldDescriptor)
	if !ok || f.IsExtension() || isGroup(f) {
		return false
	}
	location := p.locs.ByDescriptor(f)
	return location.LeadingComments == "" && (p.lone || len(location.LeadingDetachedComments) == 0)
}

// group prints one element, or extensions of one message in one block.
func (p *printer) group(group []element, scope protoreflect.FullName) {
	if x, ok := group[0].descriptor.(protoreflect.FieldDescriptor); !ok || !x.IsExtension() {
		p.element(group[0].descriptor)
		return
	}
	fields := make([]protoreflect.FieldDescriptor, len(group))
	for i, e := range group {
		fields[i] = e.descriptor.(protoreflect.FieldDescriptor)
	}
	p.extend(fields, scope)
}

func (p *printer) extend(fields []protoreflect.FieldDescriptor, scope protoreflect.FullName) {
	p.open(protoreflect.SourceLocation{}, "extend %s", p.ref(fields[0].ContainingMessage().FullName(), scope))
	for _, f := range fields {
		p.field(f, scope)
	}
	p.close()
}

func (p *printer) oneof(od protoreflect.OneofDescriptor) {
	if od.IsSynthetic() {
		p.field(od.Fields().Get(0), od.Parent().FullName())
		return
	}
	location := p.locs.ByDescriptor(od)
	p.leading(location)
	p.open(location, "oneof %s", od.Name())
	p.optionLines(p.options.read(od.Options()), od.FullName())
	for i := range od.Fields().Len() {
		p.field(od.Fields().Get(i), od.Parent().FullName())
	}
	p.close()
}

func (p *printer) field(f protoreflect.FieldDescriptor, scope protoreflect.FullName) {
	options := p.fieldOptions(f)
	if isGroup(f) {
		// A group's comments are found at either of its two descriptors.
		location := p.locs.ByDescriptor(f)
		if location.LeadingComments == "" && location.TrailingComments == "" {
			location = p.locs.ByDescriptor(f.Message())
		}
		p.leading(location)
		p.open(location, "%sgroup %s = %d%s", label(f), f.Message().Name(), f.Number(), p.brackets(options))
		p.messageBody(f.Message())
		p.close()
		return
	}
	location := p.locs.ByDescriptor(f)
	p.leading(location)
	p.statement(location, fmt.Sprintf("%s%s %s = %d%s", label(f), p.fieldType(f, scope), f.Name(), f.Number(), p.brackets(options)))
}

// isGroup reports whether the field is written as a group. In editions a field
// with delimited encoding looks like any other.
func isGroup(f protoreflect.FieldDescriptor) bool {
	return f.Kind() == protoreflect.GroupKind && f.ParentFile().Syntax() != protoreflect.Editions
}

func label(f protoreflect.FieldDescriptor) string {
	syntax := f.ParentFile().Syntax()
	switch {
	case f.IsMap():
		return ""
	case f.IsList():
		return "repeated "
	case syntax == protoreflect.Editions:
		return ""
	case f.Cardinality() == protoreflect.Required:
		return "required "
	case f.ContainingOneof() != nil && !f.ContainingOneof().IsSynthetic():
		return ""
	case syntax == protoreflect.Proto2 || f.HasOptionalKeyword():
		return "optional "
	}
	return ""
}

func (p *printer) fieldType(f protoreflect.FieldDescriptor, scope protoreflect.FullName) string {
	switch {
	case f.IsMap():
		return fmt.Sprintf("map<%s, %s>", f.MapKey().Kind(), p.fieldType(f.MapValue(), scope))
	case f.Message() != nil:
		return p.ref(f.Message().FullName(), scope)
	case f.Enum() != nil:
		return p.ref(f.Enum().FullName(), scope)
	}
	return f.Kind().String()
}

// fieldOptions returns the options in brackets, default and json_name first.
func (p *printer) fieldOptions(f protoreflect.FieldDescriptor) []option {
	var list []option
	if f.HasDefault() {
		list = append(list, option{name: "default", text: defaultValue(f)})
	}
	if !f.IsExtension() && f.HasJSONName() && f.JSONName() != jsonName(string(f.Name())) {
		list = append(list, option{name: "json_name", text: quote(f.JSONName())})
	}
	return append(list, p.optionList(p.options.read(f.Options()), f.FullName())...)
}

func defaultValue(f protoreflect.FieldDescriptor) string {
	if f.Kind() == protoreflect.EnumKind {
		if v := f.DefaultEnumValue(); v != nil {
			return string(v.Name())
		}
	}
	return scalar(f, f.Default())
}

// jsonName returns the JSON name that a field has unless it sets another.
func jsonName(name string) string {
	var b strings.Builder
	upper := false
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_':
			upper = true
			continue
		case upper && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		upper = false
		b.WriteByte(c)
	}
	return b.String()
}

func (p *printer) extensionRanges(md protoreflect.MessageDescriptor) {
	for i := range md.ExtensionRanges().Len() {
		r := md.ExtensionRanges().Get(i)
		options := p.optionList(p.options.read(md.ExtensionRangeOptions(i)), md.FullName())
		p.line("extensions %s%s;", span(int64(r[0]), int64(r[1])-1, lastNumber(md)), p.brackets(options))
	}
}

// lastNumber is what "max" means in a message's ranges.
func lastNumber(md protoreflect.MessageDescriptor) int64 {
	if o, ok := md.Options().(*descriptorpb.MessageOptions); ok && o.GetMessageSetWireFormat() {
		return 1<<31 - 2
	}
	return 1<<29 - 1
}

func messageRanges(md protoreflect.MessageDescriptor) []string {
	var list []string
	for i := range md.ReservedRanges().Len() {
		r := md.ReservedRanges().Get(i)
		list = append(list, span(int64(r[0]), int64(r[1])-1, lastNumber(md)))
	}
	return list
}

// span writes the numbers from first to last, both included.
func span(first, last, end int64) string {
	switch last {
	case first:
		return fmt.Sprint(first)
	case end:
		return fmt.Sprintf("%d to max", first)
	}
	return fmt.Sprintf("%d to %d", first, last)
}

func (p *printer) reserved(ranges []string, names protoreflect.Names, file protoreflect.FileDescriptor) {
	if len(ranges) > 0 {
		p.line("reserved %s;", strings.Join(ranges, ", "))
	}
	if names.Len() == 0 {
		return
	}
	list := make([]string, names.Len())
	for i := range list {
		list[i] = quote(string(names.Get(i)))
		if file.Syntax() == protoreflect.Editions && names.Get(i).IsValid() {
			list[i] = string(names.Get(i))
		}
	}
	p.line("reserved %s;", strings.Join(list, ", "))
}

func (p *printer) enum(ed protoreflect.EnumDescriptor) {
	location := p.locs.ByDescriptor(ed)
	p.leading(location)
	p.open(location, "%senum %s", visibility(ed), ed.Name())
	begin := p.buf.Len()
	p.optionLines(p.options.read(ed.Options()), ed.FullName())
	var ranges []string
	for i := range ed.ReservedRanges().Len() {
		r := ed.ReservedRanges().Get(i)
		ranges = append(ranges, span(int64(r[0]), int64(r[1]), 1<<31-1))
	}
	p.reserved(ranges, ed.ReservedNames(), ed.ParentFile())
	for i := range ed.Values().Len() {
		v := ed.Values().Get(i)
		commented := p.locs.ByDescriptor(v).LeadingComments != ""
		if p.buf.Len() > begin && (commented || i == 0) {
			p.blank()
		}
		p.enumValue(v)
	}
	p.close()
}

func (p *printer) enumValue(v protoreflect.EnumValueDescriptor) {
	location := p.locs.ByDescriptor(v)
	p.leading(location)
	options := p.optionList(p.options.read(v.Options()), v.FullName())
	p.statement(location, fmt.Sprintf("%s = %d%s", v.Name(), v.Number(), p.brackets(options)))
}

func (p *printer) service(sd protoreflect.ServiceDescriptor) {
	location := p.locs.ByDescriptor(sd)
	p.leading(location)
	p.open(location, "service %s", sd.Name())
	begin := p.buf.Len()
	p.optionLines(p.options.read(sd.Options()), sd.FullName())
	for i := range sd.Methods().Len() {
		md := sd.Methods().Get(i)
		commented := p.locs.ByDescriptor(md).LeadingComments != ""
		if p.buf.Len() > begin && (commented || i == 0) {
			p.blank()
		}
		p.method(md)
	}
	p.close()
}

func (p *printer) method(md protoreflect.MethodDescriptor) {
	location := p.locs.ByDescriptor(md)
	p.leading(location)
	text := fmt.Sprintf("rpc %s(%s%s) returns (%s%s)", md.Name(),
		stream(md.IsStreamingClient()), p.ref(md.Input().FullName(), md.FullName()),
		stream(md.IsStreamingServer()), p.ref(md.Output().FullName(), md.FullName()))
	options := p.options.read(md.Options())
	if options == nil {
		p.statement(location, text)
		return
	}
	p.open(location, "%s", text)
	p.optionLines(options, md.FullName())
	p.close()
}

func stream(is bool) string {
	if is {
		return "stream "
	}
	return ""
}
