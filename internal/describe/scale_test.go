package describe

import (
	"fmt"
	"testing"

	rpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// manyMethods returns a source of so many services in files of their own, each
// with so many methods, importing files further files.
func manyMethods(t testing.TB, services, methods, imports int) Source {
	set := new(descriptorpb.FileDescriptorSet)
	var deps []string
	for i := range imports {
		f := file(t, fmt.Sprintf(`name: "dep%d.proto" package: "big" message_type { name: "D%d" }`, i, i))
		set.File = append(set.File, f)
		deps = append(deps, f.GetName())
	}
	for i := range services {
		f := file(t, fmt.Sprintf(`name: "s%d.proto" package: "big" message_type { name: "M%d" } service { name: "S%d" }`, i, i, i))
		f.Dependency = deps
		for j := range methods {
			name := proto.String(fmt.Sprintf(".big.M%d", i))
			f.Service[0].Method = append(f.Service[0].Method, &descriptorpb.MethodDescriptorProto{Name: proto.String(fmt.Sprintf("Do%d", i*methods+j)), InputType: name, OutputType: name})
		}
		set.File = append(set.File, f)
	}
	source, err := NewSet(set)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestThreeThousandMethods(t *testing.T) {
	var c counter
	source := manyMethods(t, 30, 100, 20)
	r := reflect(t, sourceServer(t, &c, source, registerV1), ReflectionOptions{})
	if names, err := r.Services(t.Context()); err != nil || len(names) != 30 {
		t.Fatalf("%d services, %v", len(names), err)
	}
	if got := c.take(); len(got) != 1 {
		t.Errorf("listing 30 services asked %d questions", len(got))
	}
	if methods, err := Methods(t.Context(), r, "big.S3"); err != nil || len(methods) != 100 {
		t.Fatalf("%d methods, %v", len(methods), err)
	}
	if got := c.take(); len(got) != 1 {
		t.Errorf("listing one service asked %d questions", len(got))
	}
	if _, err := r.Find(t.Context(), "big.S7"); err != nil {
		t.Fatal(err)
	}
	// grpc-go sends the imports along with the file.
	if got := c.take(); len(got) > 2 {
		t.Errorf("finding one service asked %d questions: %q", len(got), got)
	}
	if md, err := FindMethod(t.Context(), r, "Do2999"); err != nil || md.FullName() != "big.S29.Do2999" {
		t.Fatalf("method %v, %v", md, err)
	}
	if got := c.take(); len(got) > 30 {
		t.Errorf("a suffix over 3,000 methods asked %d questions", len(got))
	}
}

func BenchmarkReflectionFind(b *testing.B) {
	var c counter
	cc := sourceServer(b, &c, manyMethods(b, 1, 10, 30), registerV1)
	for b.Loop() {
		r := NewReflection(b.Context(), cc, ReflectionOptions{})
		if _, err := r.Find(b.Context(), "big.S0"); err != nil {
			b.Fatal(err)
		}
		_ = r.Close()
	}
}

func BenchmarkSuffixOf3000Methods(b *testing.B) {
	var c counter
	cc := sourceServer(b, &c, manyMethods(b, 30, 100, 20), registerV1)
	for b.Loop() {
		r := NewReflection(b.Context(), cc, ReflectionOptions{})
		if _, err := FindMethod(b.Context(), r, "Do2999"); err != nil {
			b.Fatal(err)
		}
		_ = r.Close()
	}
}

func FuzzReflectionResponse(f *testing.F) {
	for _, fd := range []protoreflect.FileDescriptor{rpb.File_grpc_reflection_v1_reflection_proto, descriptorpb.File_google_protobuf_descriptor_proto} {
		raw, err := proto.Marshal(protodesc.ToFileDescriptorProto(fd))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	small := []string{
		`name: "a" message_type { name: "M" field { name: "f" number: 1 type: TYPE_GROUP type_name: ".M.F" label: LABEL_OPTIONAL } nested_type { name: "F" } }`,
		`name: "a" syntax: "editions" edition: EDITION_2023 message_type { name: "M" reserved_name: "x" } enum_type { name: "E" value { name: "Z" number: 0 } }`,
		`name: "a" syntax: "proto3" message_type { name: "M" oneof_decl { name: "_f" } field { name: "f" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL oneof_index: 0 proto3_optional: true } } source_code_info { location { path: 4 path: 0 span: 1 span: 1 span: 1 leading_comments: "c" } }`,
		`name: "a" package: "p" dependency: "b" public_dependency: 0 service { name: "S" method { name: "D" input_type: ".p.M" output_type: "M" } }`,
	}
	files := compiled(f).(*static).pool.files()
	for _, text := range small {
		files = append(files, file(f, text))
	}
	for _, file := range files {
		raw, err := proto.Marshal(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		file := new(descriptorpb.FileDescriptorProto)
		if proto.Unmarshal(raw, file) != nil {
			return
		}
		p := newPool()
		if p.add(file) != nil {
			return
		}
		fd, err := p.findFile(file.GetName())
		if err != nil {
			return
		}
		checkPrinted(t, fd)
		source := newStatic(p)
		for _, name := range serviceNames([]*descriptorpb.FileDescriptorProto{file}) {
			_, _ = FindSymbol(t.Context(), source, name)
		}
		for i := range min(fd.Messages().Len(), 8) {
			Template(fd.Messages().Get(i))
			Describe(fd.Messages().Get(i))
		}
	})
}
