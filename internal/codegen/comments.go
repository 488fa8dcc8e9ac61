package codegen

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// comments are those of a file, by the path of what they are about.
type comments map[string]*descriptorpb.SourceCodeInfo_Location

func newComments(info *descriptorpb.SourceCodeInfo) comments {
	c := comments{}
	for _, l := range info.GetLocation() {
		key := fmt.Sprint(l.GetPath())
		if _, ok := c[key]; !ok {
			c[key] = l
		}
	}
	return c
}

func (c comments) at(path ...int32) *descriptorpb.SourceCodeInfo_Location {
	return c[fmt.Sprint(path)]
}

// oneBreak writes all that ends a line in JavaScript as a line feed.
func oneBreak(s string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s)
}

// doc returns the text of the documentation of something: its comments and
// where it comes from.
func doc(c comments, path []int32, deprecated bool, origin ...string) string {
	var text string
	if l := c.at(path...); l != nil {
		text = strings.TrimSuffix(oneBreak(l.GetLeadingComments()), "\n")
		if l.TrailingComments != nil {
			if text != "" {
				text += "\n\n"
			}
			text += strings.TrimSuffix(oneBreak(l.GetTrailingComments()), "\n")
		}
	}
	if text != "" {
		text += "\n\n"
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, " ")
	}
	text = strings.Join(lines, "\n") + strings.Join(origin, "\n")
	if deprecated {
		text += "\n@deprecated"
	}
	return text
}

// docBlock returns text as a comment, which it cannot end.
func docBlock(text, indent string) string {
	if strings.TrimFunc(text, isJSSpace) == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(indent + "/**\n")
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			line = " " + strings.ReplaceAll(line, "*/", `*\/`)
		}
		b.WriteString(indent + " *" + line + "\n")
	}
	b.WriteString(indent + " */")
	return b.String()
}

// isJSSpace tells what String.prototype.trim removes.
func isJSSpace(r rune) bool {
	return strings.ContainsRune("\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff", r) || r >= '\u2000' && r <= '\u200a'
}

func (m *message) doc() string {
	return doc(m.file.comments, m.path, m.outdated(), append([]string{"@generated from message " + m.typeName}, featureLine(m.proto.GetOptions().GetFeatures())...)...)
}

func (e *enum) doc() string {
	return doc(e.file.comments, e.path, e.outdated(), append([]string{"@generated from enum " + e.typeName}, featureLine(e.proto.GetOptions().GetFeatures())...)...)
}

func (s *service) doc() string {
	return doc(s.file.comments, s.path, s.outdated(), "@generated from service "+s.typeName)
}

func (m *method) doc() string {
	return doc(m.parent.file.comments, m.path, m.proto.GetOptions().GetDeprecated(),
		"@generated from rpc "+m.parent.typeName+"."+m.proto.GetName())
}

func (o *oneof) doc() string {
	return doc(o.parent.file.comments, o.path, o.parent.outdated(), "@generated from oneof "+o.parent.typeName+"."+o.name)
}

func (v *enumValue) doc() string {
	declaration := fmt.Sprintf("%s = %d", v.proto.GetName(), v.proto.GetNumber())
	if v.proto.GetOptions().GetDeprecated() {
		declaration += " [deprecated = true]"
	}
	return doc(v.parent.file.comments, v.path, v.proto.GetOptions().GetDeprecated(), "@generated from enum value: "+declaration+";")
}

func (f *field) doc() string {
	if f.isExtension() {
		return doc(f.file.comments, f.path, f.outdated(), "@generated from extension: "+f.declaration()+";")
	}
	return doc(f.file.comments, f.path, f.deprecated, "@generated from field: "+f.declaration()+";")
}

// features lists the edition features that are set right there, as in the source.
func features(set *descriptorpb.FeatureSet) []string {
	if set == nil {
		return nil
	}
	var all []string
	fields := set.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.Kind() != protoreflect.EnumKind || fd.IsList() || !set.ProtoReflect().Has(fd) {
			continue
		}
		if v := fd.Enum().Values().ByNumber(set.ProtoReflect().Get(fd).Enum()); v != nil {
			all = append(all, fmt.Sprintf("features.%s = %s", fd.Name(), v.Name()))
		}
	}
	return all
}

func featureLine(set *descriptorpb.FeatureSet) []string {
	switch all := features(set); len(all) {
	case 0:
		return nil
	case 1:
		return []string{"@generated with option " + all[0]}
	default:
		return []string{"@generated with options " + strings.Join(all, ", ")}
	}
}

// declaration is the field as the source declares it, without custom options.
func (f *field) declaration() string {
	parts := append(f.declaredType(), f.name, "=", fmt.Sprint(f.proto.GetNumber()))
	if options := f.declaredOptions(); len(options) > 0 {
		parts = append(parts, "["+strings.Join(options, ", ")+"]")
	}
	return strings.Join(parts, " ")
}

func (f *field) declaredType() []string {
	typ := scalarName(f.scalar)
	switch {
	case f.message != nil:
		typ = f.message.typeName
	case f.enum != nil:
		typ = f.enum.typeName
	}
	switch {
	case f.isMap():
		return []string{"map<" + scalarName(f.mapKey) + ", " + typ + ">"}
	case f.repeated:
		return []string{"repeated", typ}
	}
	edition, label := f.file.edition(), f.proto.GetLabel()
	switch {
	case edition == descriptorpb.Edition_EDITION_PROTO2 && label == descriptorpb.FieldDescriptorProto_LABEL_REQUIRED:
		return []string{"required", typ}
	case edition == descriptorpb.Edition_EDITION_PROTO2 && f.oneof == nil && label == descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL,
		edition == descriptorpb.Edition_EDITION_PROTO3 && f.proto.GetProto3Optional():
		return []string{"optional", typ}
	}
	return []string{typ}
}

func (f *field) declaredOptions() []string {
	var all []string
	o := f.proto.GetOptions()
	if o != nil && o.Packed != nil {
		all = append(all, fmt.Sprintf("packed = %t", o.GetPacked()))
	}
	if f.proto.DefaultValue != nil {
		value := f.proto.GetDefaultValue()
		switch f.proto.GetType() {
		case descriptorpb.FieldDescriptorProto_TYPE_BYTES, descriptorpb.FieldDescriptorProto_TYPE_STRING:
			// The first quote alone, as protoc-gen-es has it.
			value = `"` + strings.Replace(value, `"`, `\"`, 1) + `"`
		}
		all = append(all, "default = "+value)
	}
	if !f.isExtension() && f.jsonName != camelCase(f.name) {
		all = append(all, `json_name = "`+f.jsonName+`"`)
	}
	if o != nil && o.Jstype != nil {
		all = append(all, "jstype = "+o.GetJstype().String())
	}
	if o != nil && o.Deprecated != nil {
		all = append(all, "deprecated = true")
	}
	return slices.Concat(all, features(o.GetFeatures()))
}

func scalarName(t descriptorpb.FieldDescriptorProto_Type) string {
	return strings.ToLower(strings.TrimPrefix(t.String(), "TYPE_"))
}

// preamble is what a generated file begins with.
func preamble(f *file, header string, noCheck bool) string {
	text := sourceComments(f.comments.at(12)) + // syntax
		"// " + header + "\n" + origin(f) + "/* eslint-disable */\n"
	if noCheck {
		text += "// @ts-nocheck\n"
	}
	text += "\n" + sourceComments(f.comments.at(2)) // package
	return strings.TrimSuffix(text, "\n")
}

// sourceComments are those that stand before l.
func sourceComments(l *descriptorpb.SourceCodeInfo_Location) string {
	texts := slices.Clone(l.GetLeadingDetachedComments())
	if l != nil && l.LeadingComments != nil {
		texts = append(texts, l.GetLeadingComments())
	}
	var b strings.Builder
	for _, text := range texts {
		for line := range strings.SplitSeq(strings.TrimSuffix(oneBreak(text), "\n"), "\n") {
			b.WriteString("//" + line + "\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// origin tells what a file was generated from.
func origin(f *file) string {
	var b strings.Builder
	b.WriteString("// @generated from file " + escapeComment(f.name) + ".proto (")
	if pkg := f.proto.GetPackage(); pkg != "" {
		b.WriteString("package " + escapeComment(pkg) + ", ")
	}
	switch edition := f.edition(); edition {
	case descriptorpb.Edition_EDITION_PROTO2:
		b.WriteString("syntax proto2)\n")
	case descriptorpb.Edition_EDITION_PROTO3:
		b.WriteString("syntax proto3)\n")
	default:
		b.WriteString("edition " + strings.ToLower(strings.TrimPrefix(edition.String(), "EDITION_")) + ")\n")
	}
	for _, feature := range features(f.proto.GetOptions().GetFeatures()) {
		b.WriteString("// option " + feature + ";\n")
	}
	return b.String()
}

// escapeComment keeps a value in its line.
func escapeComment(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\u2028", `\u2028`, "\u2029", `\u2029`).Replace(s)
}
