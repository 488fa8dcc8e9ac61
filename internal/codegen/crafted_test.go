package codegen_test

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// crafted is a request that no compiler makes.
type crafted struct {
	name    string
	request *pluginpb.CodeGeneratorRequest
	err     string // what the error says; without one the text must be inert
	differs string // what protoc-gen-es does, if that is not the same
}

// evil is put where text of a descriptor is printed; nothing of it may come out
// as code.
const evil = "*/ EVIL(); \" ' ` ${EVIL} \\ \r EVIL() \n EVIL() \u2028 EVIL() \u2029 EVIL() \x00 \u202e // /* @ts-nocheck"

// wholeFile has everything that a file may have.
func wholeFile() *descriptorpb.FileDescriptorProto {
	str := descriptorpb.FieldDescriptorProto_TYPE_STRING
	return &descriptorpb.FileDescriptorProto{
		Name: proto.String("dir/file.proto"), Package: proto.String("p"), Syntax: proto.String("proto2"),
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("M"),
			Field: []*descriptorpb.FieldDescriptorProto{
				{Name: proto.String("text"), Number: proto.Int32(1), JsonName: proto.String("text"), Type: &str, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()},
				{
					Name: proto.String("map"), Number: proto.Int32(2), JsonName: proto.String("map"), TypeName: proto.String(".p.M.MapEntry"),
					Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum(),
				},
				{Name: proto.String("chosen"), Number: proto.Int32(3), JsonName: proto.String("chosen"), Type: &str, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), OneofIndex: proto.Int32(0)},
				{
					Name: proto.String("kind"), Number: proto.Int32(4), JsonName: proto.String("kind"), TypeName: proto.String(".p.E"),
					Type: descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
				},
				{
					Name: proto.String("again"), Number: proto.Int32(5), JsonName: proto.String("again"), TypeName: proto.String(".p.M"),
					Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
				},
			},
			OneofDecl: []*descriptorpb.OneofDescriptorProto{{Name: proto.String("choice")}},
			NestedType: []*descriptorpb.DescriptorProto{{
				Name: proto.String("MapEntry"), Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
				Field: []*descriptorpb.FieldDescriptorProto{
					{Name: proto.String("key"), Number: proto.Int32(1), Type: &str, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), JsonName: proto.String("key")},
					{Name: proto.String("value"), Number: proto.Int32(2), Type: &str, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), JsonName: proto.String("value")},
				},
			}},
			ExtensionRange: []*descriptorpb.DescriptorProto_ExtensionRange{{Start: proto.Int32(100), End: proto.Int32(200)}},
		}},
		EnumType: []*descriptorpb.EnumDescriptorProto{{
			Name: proto.String("E"), Value: []*descriptorpb.EnumValueDescriptorProto{{Name: proto.String("ZERO"), Number: proto.Int32(0)}},
		}},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name:   proto.String("S"),
			Method: []*descriptorpb.MethodDescriptorProto{{Name: proto.String("Call"), InputType: proto.String(".p.M"), OutputType: proto.String(".p.M")}},
		}},
		Extension: []*descriptorpb.FieldDescriptorProto{{
			Name: proto.String("ext"), Number: proto.Int32(100), Type: &str, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Extendee: proto.String(".p.M"),
		}},
	}
}

func requestOf(files ...*descriptorpb.FileDescriptorProto) *pluginpb.CodeGeneratorRequest {
	r := &pluginpb.CodeGeneratorRequest{ProtoFile: files}
	for _, f := range files {
		r.FileToGenerate = append(r.FileToGenerate, f.GetName())
	}
	return r
}

// with returns a request for the whole file with a change.
func with(change func(f *descriptorpb.FileDescriptorProto)) *pluginpb.CodeGeneratorRequest {
	f := wholeFile()
	change(f)
	return requestOf(f)
}

// craftedRequests are all requests that no compiler makes.
func craftedRequests() []crafted {
	var all []crafted
	all = append(all, craftedNames()...)
	all = append(all, craftedPaths()...)
	all = append(all, craftedFiles()...)
	all = append(all, craftedTypes()...)
	return append(all, craftedTexts()...)
}

func craftedNames() []crafted {
	names := map[string]func(f *descriptorpb.FileDescriptorProto) **string{
		"package":        func(f *descriptorpb.FileDescriptorProto) **string { return &f.Package },
		"message":        func(f *descriptorpb.FileDescriptorProto) **string { return &f.MessageType[0].Name },
		"nested message": func(f *descriptorpb.FileDescriptorProto) **string { return &f.MessageType[0].NestedType[0].Name },
		"field":          func(f *descriptorpb.FileDescriptorProto) **string { return &f.MessageType[0].Field[0].Name },
		"field of a map": func(f *descriptorpb.FileDescriptorProto) **string {
			return &f.MessageType[0].NestedType[0].Field[0].Name
		},
		"oneof":           func(f *descriptorpb.FileDescriptorProto) **string { return &f.MessageType[0].OneofDecl[0].Name },
		"enum":            func(f *descriptorpb.FileDescriptorProto) **string { return &f.EnumType[0].Name },
		"enum value":      func(f *descriptorpb.FileDescriptorProto) **string { return &f.EnumType[0].Value[0].Name },
		"service":         func(f *descriptorpb.FileDescriptorProto) **string { return &f.Service[0].Name },
		"method":          func(f *descriptorpb.FileDescriptorProto) **string { return &f.Service[0].Method[0].Name },
		"extension":       func(f *descriptorpb.FileDescriptorProto) **string { return &f.Extension[0].Name },
		"source's method": func(f *descriptorpb.FileDescriptorProto) **string { return &f.Service[0].Method[0].Name },
	}
	var all []crafted
	for kind, in := range names {
		for _, name := range []string{"", "a b", "a-b", "1a", "größe", "a\nb", "*/", "a;EVIL()", "a\u2028b", "a\x00", "$a", "a$", "a..b", ".a", "\xff", "a`b", `a"b`} {
			if name == "" && kind == "package" {
				continue // there need not be one
			}
			r := with(func(f *descriptorpb.FileDescriptorProto) { *in(f) = proto.String(name) })
			if kind == "source's method" {
				r = &pluginpb.CodeGeneratorRequest{FileToGenerate: r.GetFileToGenerate(), ProtoFile: []*descriptorpb.FileDescriptorProto{wholeFile()}, SourceFileDescriptors: r.GetProtoFile()}
			}
			all = append(all, crafted{name: fmt.Sprintf("%s named %q", kind, name), request: r, err: "invalid"})
		}
	}
	return all
}

func craftedPaths() []crafted {
	var all []crafted
	for _, name := range []string{
		"", ".", "..", "../x.proto", "a/../../x.proto", "a/../x.proto", "/x.proto", "//x.proto", "./x.proto", "a//x.proto", "a/",
		`..\x.proto`, `a\x.proto`, `\\server\share\x.proto`, "c:x.proto", "c:/x.proto", `c:\x.proto`, "x.proto:stream",
		"x\x00.proto", "x\n.proto", "x\u0085.proto", "\xff.proto", "dir./x.proto", "dir /x.proto", ".. /x.proto", "a?.proto", "a*.proto", "a|b.proto", "<a>.proto", `"a".proto`,
	} {
		r := with(func(f *descriptorpb.FileDescriptorProto) { f.Name = proto.String(name) })
		all = append(all, crafted{name: fmt.Sprintf("file %q", name), request: r, err: "not a safe relative path"})
		imported := wholeFile()
		imported.Name, imported.Package = proto.String("user.proto"), proto.String("q")
		all = append(all, crafted{
			name: fmt.Sprintf("import of %q", name), err: "not a safe relative path",
			request: &pluginpb.CodeGeneratorRequest{
				FileToGenerate: []string{"user.proto"},
				ProtoFile: append(r.GetProtoFile(), &descriptorpb.FileDescriptorProto{
					Name: proto.String("user.proto"), Syntax: proto.String("proto3"), Dependency: []string{name},
				}),
			},
		})
	}
	for _, name := range []string{
		"con.proto", "aux/nul.proto", "com1", "x", ".proto", "...proto", "a b.proto", "a\u2028b.proto", "größe/日本.proto",
		"$(x).proto", "`x`.proto", "${x}.proto", "%2e%2e/x.proto", "'x'.proto", "~/x.proto", "-rf.proto", "node_modules/@bufbuild/protobuf.proto",
	} {
		all = append(all, crafted{
			name:    fmt.Sprintf("file %q", name),
			request: with(func(f *descriptorpb.FileDescriptorProto) { f.Name = proto.String(name) }),
		})
	}
	return all
}

func craftedFiles() []crafted {
	named := func(name, pkg string, imports ...string) *descriptorpb.FileDescriptorProto {
		f := wholeFile()
		f.Name, f.Dependency = proto.String(name), imports
		b := strings.NewReplacer(".p.", "."+pkg+".")
		f.Package = proto.String(pkg)
		for _, m := range f.GetMessageType() {
			for _, x := range m.GetField() {
				if x.TypeName != nil {
					x.TypeName = proto.String(b.Replace(x.GetTypeName()))
				}
			}
		}
		f.Service = nil
		f.Extension = nil
		return f
	}
	return []crafted{
		{name: "a file twice", request: requestOf(wholeFile(), wholeFile()), err: "twice"},
		{name: "two files with the types of each other", request: requestOf(wholeFile(), named("b.proto", "p")), err: "twice"},
		{name: "two files with the same modules", request: requestOf(named("x.proto", "a"), named("x", "b")), err: "modules of the same name"},
		{name: "two files whose names differ in case alone", request: requestOf(named("Dir/x.proto", "a"), named("dir/X.proto", "b")), err: "modules of the same name"},
		{name: "an import that is not there", request: requestOf(named("a.proto", "a", "b.proto")), err: "not there"},
		{name: "an import of itself", request: requestOf(named("a.proto", "a", "a.proto")), err: "not there"},
		{name: "imports in a circle", request: requestOf(named("a.proto", "a", "b.proto"), named("b.proto", "b", "a.proto")), err: "not there"},
		{name: "an import twice", request: requestOf(named("b.proto", "b"), named("a.proto", "a", "b.proto", "b.proto"))},
		{name: "a file to generate that is not there", request: &pluginpb.CodeGeneratorRequest{FileToGenerate: []string{"a.proto"}}, err: "not there"},
		{name: "a file to generate twice", request: &pluginpb.CodeGeneratorRequest{FileToGenerate: []string{"dir/file.proto", "dir/file.proto"}, ProtoFile: []*descriptorpb.FileDescriptorProto{wholeFile()}}},
		{name: "nothing", request: &pluginpb.CodeGeneratorRequest{}},
		{name: "an unknown syntax", request: with(func(f *descriptorpb.FileDescriptorProto) { f.Syntax = proto.String("proto9") }), err: "unsupported"},
		{name: "an edition of the past", request: edition(1), err: "unsupported"},
		{name: "an edition of the future", request: edition(99999), err: "unsupported"},
		{name: "the unstable edition", request: edition(9999), err: "unsupported"},
		{name: "edition 2023", request: edition(1000)},
		{name: "edition 2024", request: edition(1001)},
		{name: "edition 2026", request: edition(1002)},
	}
}

func edition(number int32) *pluginpb.CodeGeneratorRequest {
	return with(func(f *descriptorpb.FileDescriptorProto) {
		f.Syntax, f.Edition = proto.String("editions"), descriptorpb.Edition(number).Enum()
		f.Options = &descriptorpb.FileOptions{Features: &descriptorpb.FeatureSet{
			EnforceNamingStyle: descriptorpb.FeatureSet_STYLE2024.Enum(), DefaultSymbolVisibility: descriptorpb.FeatureSet_VisibilityFeature_STRICT.Enum(),
		}}
	})
}

func craftedTypes() []crafted {
	field := func(i int, change func(f *descriptorpb.FieldDescriptorProto)) *pluginpb.CodeGeneratorRequest {
		return with(func(f *descriptorpb.FileDescriptorProto) { change(f.MessageType[0].Field[i]) })
	}
	entry := func(change func(m *descriptorpb.DescriptorProto)) *pluginpb.CodeGeneratorRequest {
		return with(func(f *descriptorpb.FileDescriptorProto) { change(f.MessageType[0].NestedType[0]) })
	}
	all := []crafted{
		{name: "a type that is not there", request: field(4, func(f *descriptorpb.FieldDescriptorProto) { f.TypeName = proto.String(".p.Missing") }), err: "not there"},
		{name: "no type name", request: field(4, func(f *descriptorpb.FieldDescriptorProto) { f.TypeName = nil }), err: "not there"},
		{name: "an enum as a message", request: field(4, func(f *descriptorpb.FieldDescriptorProto) { f.TypeName = proto.String(".p.E") }), err: "not there"},
		{name: "a message as an enum", request: field(3, func(f *descriptorpb.FieldDescriptorProto) { f.TypeName = proto.String(".p.M") }), err: "not there"},
		{name: "type 0", request: field(0, func(f *descriptorpb.FieldDescriptorProto) { f.Type = new(descriptorpb.FieldDescriptorProto_Type) }), err: "unknown"},
		{name: "no type", request: field(0, func(f *descriptorpb.FieldDescriptorProto) { f.Type = nil }), err: "unknown"},
		{name: "type 99", request: field(0, func(f *descriptorpb.FieldDescriptorProto) {
			f.Type = descriptorpb.FieldDescriptorProto_Type(99).Enum()
		}), err: "unknown"},
		{name: "label 99", request: field(0, func(f *descriptorpb.FieldDescriptorProto) {
			f.Label = descriptorpb.FieldDescriptorProto_Label(99).Enum()
		}), differs: "it leaves the label out"},
		{name: "a oneof that is not there", request: field(2, func(f *descriptorpb.FieldDescriptorProto) { f.OneofIndex = proto.Int32(1) }), err: "oneof 1 is not there"},
		{name: "a oneof before the first", request: field(2, func(f *descriptorpb.FieldDescriptorProto) { f.OneofIndex = proto.Int32(-1) }), err: "oneof -1 is not there"},
		{name: "no field in a oneof", request: field(2, func(f *descriptorpb.FieldDescriptorProto) { f.OneofIndex = nil })},
		{name: "a repeated field in a oneof", request: field(2, func(f *descriptorpb.FieldDescriptorProto) {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		})},
		{name: "an optional field of proto3 in no oneof", request: field(0, func(f *descriptorpb.FieldDescriptorProto) { f.Proto3Optional = proto.Bool(true) })},
		{name: "a field number below zero", request: field(0, func(f *descriptorpb.FieldDescriptorProto) { f.Number = proto.Int32(-1) })},
		{name: "a field number twice", request: field(0, func(f *descriptorpb.FieldDescriptorProto) { f.Number = proto.Int32(2) })},
		{name: "an option of a type that it is not for", request: field(0, func(f *descriptorpb.FieldDescriptorProto) {
			f.Options = &descriptorpb.FieldOptions{Jstype: descriptorpb.FieldOptions_JS_STRING.Enum(), Packed: proto.Bool(true)}
		})},
		{name: "a jstype of no name", request: field(0, func(f *descriptorpb.FieldDescriptorProto) {
			f.Options = &descriptorpb.FieldOptions{Jstype: descriptorpb.FieldOptions_JSType(99).Enum()}
		}), differs: "it fails"},
		{name: "features of no name", request: field(0, func(f *descriptorpb.FieldDescriptorProto) {
			f.Options = &descriptorpb.FieldOptions{Features: &descriptorpb.FeatureSet{FieldPresence: descriptorpb.FeatureSet_FieldPresence(99).Enum()}}
		})},
		{name: "an entry without a key", request: entry(func(m *descriptorpb.DescriptorProto) { m.Field = m.Field[1:] }), err: "not one"},
		{name: "an entry without a value", request: entry(func(m *descriptorpb.DescriptorProto) { m.Field = m.Field[:1] }), err: "not one"},
		{name: "an entry of nothing", request: entry(func(m *descriptorpb.DescriptorProto) { m.Field = nil }), err: "not one"},
		{name: "an entry of lists", request: entry(func(m *descriptorpb.DescriptorProto) {
			m.Field[1].Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}), err: "not one"},
		{name: "a key that is a message", request: entry(func(m *descriptorpb.DescriptorProto) {
			m.Field[0].Type, m.Field[0].TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".p.M")
		}), err: "key of the map"},
		{name: "a key that is a float", request: entry(func(m *descriptorpb.DescriptorProto) {
			m.Field[0].Type = descriptorpb.FieldDescriptorProto_TYPE_FLOAT.Enum()
		}), err: "key of the map"},
		{name: "an entry within itself", request: entry(func(m *descriptorpb.DescriptorProto) {
			m.Field[1].Type, m.Field[1].TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".p.M.MapEntry")
		}), err: "not there"},
		{name: "an entry that is no field's", request: field(1, func(f *descriptorpb.FieldDescriptorProto) {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()
		}), err: "not there"},
		{name: "an entry at the top", request: with(func(f *descriptorpb.FileDescriptorProto) {
			f.MessageType[0].Options = &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}
		}), differs: "it takes it for no message"},
		{name: "an enum without values", request: with(func(f *descriptorpb.FileDescriptorProto) { f.EnumType[0].Value = nil }), err: "no values"},
		{name: "a type twice", request: with(func(f *descriptorpb.FileDescriptorProto) { f.EnumType[0].Name = proto.String("M") }), err: "twice"},
		{name: "a method without a request", request: with(func(f *descriptorpb.FileDescriptorProto) { f.Service[0].Method[0].InputType = nil }), err: "not there"},
		{name: "a method whose response is an enum", request: with(func(f *descriptorpb.FileDescriptorProto) { f.Service[0].Method[0].OutputType = proto.String(".p.E") }), err: "not there"},
		{name: "an extension of nothing", request: with(func(f *descriptorpb.FileDescriptorProto) { f.Extension[0].Extendee = nil }), err: "not there"},
		{name: "an extension of an enum", request: with(func(f *descriptorpb.FileDescriptorProto) { f.Extension[0].Extendee = proto.String(".p.E") }), err: "not there"},
		{name: "an extension that is a map", request: with(func(f *descriptorpb.FileDescriptorProto) {
			x := f.Extension[0]
			x.Type, x.TypeName, x.Label = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".p.M.MapEntry"), descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}), err: "not there"},
		{name: "no JSON names", request: with(func(f *descriptorpb.FileDescriptorProto) {
			for _, x := range f.MessageType[0].Field {
				x.JsonName = nil
			}
		}), differs: "its names in JSON are empty"},
		{name: "an option that is cut off", request: with(func(f *descriptorpb.FileDescriptorProto) {
			f.EnumType[0].Value[0].Options = valueOption([]byte{0x0a, 0x7f})
		}), err: "not valid protobuf"},
	}
	for _, depth := range []int{101, 5000} {
		all = append(all, crafted{name: fmt.Sprint("nested to ", depth), request: nested(depth), err: "nested deeper"})
	}
	return append(all, crafted{name: "nested to 60", request: nested(60)})
}

// valueOption is an option of an enum value that names it in JSON.
func valueOption(content []byte) *descriptorpb.EnumValueOptions {
	o := new(descriptorpb.EnumValueOptions)
	b := protowire.AppendTag(nil, 998, protowire.BytesType)
	o.ProtoReflect().SetUnknown(protowire.AppendBytes(b, content))
	return o
}

func nested(depth int) *pluginpb.CodeGeneratorRequest {
	m := &descriptorpb.DescriptorProto{Name: proto.String("N")}
	for range depth {
		m = &descriptorpb.DescriptorProto{Name: proto.String("N"), NestedType: []*descriptorpb.DescriptorProto{m}}
	}
	return with(func(f *descriptorpb.FileDescriptorProto) { f.MessageType = append(f.MessageType, m) })
}

// craftedTexts have evil text wherever text may be.
func craftedTexts() []crafted {
	comments := with(func(f *descriptorpb.FileDescriptorProto) {
		f.SourceCodeInfo = new(descriptorpb.SourceCodeInfo)
		for _, path := range [][]int32{
			{}, {12}, {2}, {4, 0}, {4, 0, 2, 0}, {4, 0, 2, 2}, {4, 0, 8, 0}, {4, 0, 3, 0}, {5, 0}, {5, 0, 2, 0}, {6, 0}, {6, 0, 2, 0}, {7, 0},
			{4, -1}, {4, 1 << 30}, {99}, {4, 0, 2, 0, 10, 1, 2, 3},
		} {
			f.SourceCodeInfo.Location = append(f.SourceCodeInfo.Location, &descriptorpb.SourceCodeInfo_Location{
				Path: path, LeadingComments: proto.String(evil), TrailingComments: proto.String(evil), LeadingDetachedComments: []string{evil, evil, ""},
			})
		}
	})
	broken := proto.CloneOf(comments)
	for _, l := range broken.ProtoFile[0].SourceCodeInfo.Location {
		l.LeadingComments = proto.String("\xff\xfe */ EVIL \xe2\x80")
	}
	all := []crafted{
		{name: "evil comments", request: comments},
		{name: "comments that are no text", request: broken, differs: "it does not take them"},
		{name: "evil names in JSON", request: with(func(f *descriptorpb.FileDescriptorProto) {
			for _, x := range f.MessageType[0].Field {
				x.JsonName = proto.String(evil + x.GetName())
			}
			f.EnumType[0].Value[0].Options = valueOption(protowire.AppendString([]byte{0x0a}, evil))
		})},
		{name: "a file with evil options", request: with(func(f *descriptorpb.FileDescriptorProto) {
			f.Options = &descriptorpb.FileOptions{JavaPackage: proto.String(evil), GoPackage: proto.String(evil)}
		})},
		{name: "a default of a megabyte", request: with(func(f *descriptorpb.FileDescriptorProto) {
			f.MessageType[0].Field[0].DefaultValue = proto.String(strings.Repeat("a", 1<<20))
		})},
	}
	for typ := range descriptorpb.FieldDescriptorProto_Type_name {
		switch typ := descriptorpb.FieldDescriptorProto_Type(typ); typ {
		case descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, descriptorpb.FieldDescriptorProto_TYPE_GROUP, descriptorpb.FieldDescriptorProto_TYPE_ENUM:
		default:
			all = append(all, crafted{name: "an evil default of a field of " + protoreflect.Kind(typ).String(), request: with(func(f *descriptorpb.FileDescriptorProto) {
				x := f.MessageType[0].Field[0]
				x.Type, x.DefaultValue = typ.Enum(), proto.String(evil)
			})})
		}
	}
	return append(all, crafted{name: "an evil default of an enum", request: with(func(f *descriptorpb.FileDescriptorProto) {
		f.MessageType[0].Field[3].DefaultValue = proto.String(evil)
	})})
}
