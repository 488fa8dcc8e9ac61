package describe

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// A Description is a symbol told to a program. Its keys are stable; keys may be
// added. Which of them are there depends on the kind.
type Description struct {
	Kind       string `json:"kind"` // file, service, method, message, field, oneof, extension, enum, enum_value
	Name       string `json:"name"` // full name; of a file, its path
	File       string `json:"file"`
	Package    string `json:"package,omitempty"`
	Syntax     string `json:"syntax"`            // proto2, proto3, or editions
	Comment    string `json:"comment,omitempty"` // what stands above it, without the comment signs
	Deprecated bool   `json:"deprecated,omitempty"`

	Methods  []MethodDescription    `json:"methods,omitempty"`  // of a service
	Fields   []FieldDescription     `json:"fields,omitempty"`   // of a message or oneof
	Oneofs   []OneofDescription     `json:"oneofs,omitempty"`   // of a message
	Values   []EnumValueDescription `json:"values,omitempty"`   // of an enum
	Services []string               `json:"services,omitempty"` // full names, of a file
	Messages []string               `json:"messages,omitempty"` // full names, of a file or message
	Enums    []string               `json:"enums,omitempty"`    // full names, of a file or message

	Method *MethodDescription    `json:"method,omitempty"` // kind method
	Field  *FieldDescription     `json:"field,omitempty"`  // kinds field and extension
	Value  *EnumValueDescription `json:"value,omitempty"`  // kind enum_value
}

// A MethodDescription is one method of a service.
type MethodDescription struct {
	Name            string `json:"name"`
	Path            string `json:"path"` // pkg.Service/Method, as call takes it
	Input           string `json:"input"`
	Output          string `json:"output"`
	ClientStreaming bool   `json:"client_streaming"`
	ServerStreaming bool   `json:"server_streaming"`
	Deprecated      bool   `json:"deprecated,omitempty"`
	Comment         string `json:"comment,omitempty"`
}

// A FieldDescription is one field or extension.
type FieldDescription struct {
	Name       string `json:"name"`
	JSONName   string `json:"json_name"`
	Number     int32  `json:"number"`
	Type       string `json:"type"`            // a scalar's name, the full name of a message or enum, map<key, value>
	Kind       string `json:"kind"`            // as type, but for message, enum, group and map
	Label      string `json:"label,omitempty"` // optional, required, repeated, as the source says
	Presence   bool   `json:"presence"`        // whether unset differs from the zero value
	Oneof      string `json:"oneof,omitempty"`
	Default    string `json:"default,omitempty"` // as in proto source
	Extends    string `json:"extends,omitempty"` // full name of the message that an extension extends
	Deprecated bool   `json:"deprecated,omitempty"`
	Comment    string `json:"comment,omitempty"`
}

// A OneofDescription names the fields of which one can be set.
type OneofDescription struct {
	Name    string   `json:"name"`
	Fields  []string `json:"fields"`
	Comment string   `json:"comment,omitempty"`
}

// An EnumValueDescription is one value of an enum.
type EnumValueDescription struct {
	Name       string `json:"name"`
	Number     int32  `json:"number"`
	Deprecated bool   `json:"deprecated,omitempty"`
	Comment    string `json:"comment,omitempty"`
}

// Describe tells of a descriptor, which must not be a placeholder. Comments,
// the file's name and JSON names are the schema's own text: escape them
// (termtext.JSON) before they reach a terminal.
func Describe(d protoreflect.Descriptor) Description {
	file := d.ParentFile()
	out := Description{
		Name: string(d.FullName()), File: file.Path(), Package: string(file.Package()),
		Syntax: file.Syntax().String(), Comment: commentOf(d), Deprecated: deprecated(d),
	}
	switch d := d.(type) {
	case protoreflect.FileDescriptor:
		out.describeFile(d)
	case protoreflect.ServiceDescriptor:
		out.Kind = "service"
		for i := range d.Methods().Len() {
			out.Methods = append(out.Methods, describeMethod(d.Methods().Get(i)))
		}
	case protoreflect.MethodDescriptor:
		out.Kind = "method"
		m := describeMethod(d)
		out.Method = &m
	case protoreflect.MessageDescriptor:
		out.describeMessage(d)
	case protoreflect.FieldDescriptor:
		out.Kind = "field"
		if d.IsExtension() {
			out.Kind = "extension"
		}
		f := describeField(d)
		out.Field = &f
	case protoreflect.OneofDescriptor:
		out.Kind = "oneof"
		out.Fields = describeFields(d.Fields())
	case protoreflect.EnumDescriptor:
		out.Kind = "enum"
		for i := range d.Values().Len() {
			out.Values = append(out.Values, describeValue(d.Values().Get(i)))
		}
	case protoreflect.EnumValueDescriptor:
		out.Kind = "enum_value"
		v := describeValue(d)
		out.Value = &v
	}
	return out
}

func (out *Description) describeFile(file protoreflect.FileDescriptor) {
	out.Kind, out.Name = "file", file.Path()
	for i := range file.Services().Len() {
		out.Services = append(out.Services, string(file.Services().Get(i).FullName()))
	}
	for i := range file.Messages().Len() {
		out.Messages = append(out.Messages, string(file.Messages().Get(i).FullName()))
	}
	for i := range file.Enums().Len() {
		out.Enums = append(out.Enums, string(file.Enums().Get(i).FullName()))
	}
}

func (out *Description) describeMessage(md protoreflect.MessageDescriptor) {
	out.Kind = "message"
	out.Fields = describeFields(md.Fields())
	for i := range md.Oneofs().Len() {
		od := md.Oneofs().Get(i)
		if od.IsSynthetic() {
			continue
		}
		one := OneofDescription{Name: string(od.Name()), Comment: commentOf(od)}
		for j := range od.Fields().Len() {
			one.Fields = append(one.Fields, string(od.Fields().Get(j).Name()))
		}
		out.Oneofs = append(out.Oneofs, one)
	}
	for i := range md.Messages().Len() {
		if nested := md.Messages().Get(i); !nested.IsMapEntry() {
			out.Messages = append(out.Messages, string(nested.FullName()))
		}
	}
	for i := range md.Enums().Len() {
		out.Enums = append(out.Enums, string(md.Enums().Get(i).FullName()))
	}
}

func describeMethod(md protoreflect.MethodDescriptor) MethodDescription {
	return MethodDescription{
		Name: string(md.Name()), Path: fmt.Sprintf("%s/%s", md.Parent().FullName(), md.Name()),
		Input: string(md.Input().FullName()), Output: string(md.Output().FullName()),
		ClientStreaming: md.IsStreamingClient(), ServerStreaming: md.IsStreamingServer(),
		Deprecated: deprecated(md), Comment: commentOf(md),
	}
}

func describeFields(fields protoreflect.FieldDescriptors) []FieldDescription {
	list := make([]FieldDescription, fields.Len())
	for i := range list {
		list[i] = describeField(fields.Get(i))
	}
	return list
}

func describeField(f protoreflect.FieldDescriptor) FieldDescription {
	lone := &printer{lone: true}
	out := FieldDescription{
		Name: string(f.Name()), JSONName: f.JSONName(), Number: int32(f.Number()),
		Type: lone.fieldType(f, ""), Kind: f.Kind().String(), Label: strings.TrimSpace(label(f)),
		Presence: f.HasPresence(), Deprecated: deprecated(f), Comment: commentOf(f),
	}
	if f.IsMap() {
		out.Kind = "map"
	}
	if od := f.ContainingOneof(); od != nil && !od.IsSynthetic() {
		out.Oneof = string(od.Name())
	}
	if f.HasDefault() {
		out.Default = defaultValue(f)
	}
	if f.IsExtension() {
		out.Extends = string(f.ContainingMessage().FullName())
	}
	return out
}

func describeValue(v protoreflect.EnumValueDescriptor) EnumValueDescription {
	return EnumValueDescription{Name: string(v.Name()), Number: int32(v.Number()), Deprecated: deprecated(v), Comment: commentOf(v)}
}

// commentOf returns the leading comment, or the trailing one where there is
// none, each line without the space that sets it off from the comment sign.
func commentOf(d protoreflect.Descriptor) string {
	if _, file := d.(protoreflect.FileDescriptor); file {
		return ""
	}
	location := d.ParentFile().SourceLocations().ByDescriptor(d)
	text := location.LeadingComments
	if text == "" {
		text = location.TrailingComments
	}
	lines := strings.Split(strings.TrimRight(text, " \n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(strings.TrimPrefix(line, " "), " ")
	}
	return strings.Join(lines, "\n")
}

func deprecated(d protoreflect.Descriptor) bool {
	o, ok := d.Options().(interface{ GetDeprecated() bool })
	return ok && o.GetDeprecated()
}
