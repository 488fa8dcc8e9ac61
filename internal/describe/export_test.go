package describe

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"
)

var fixtures = []string{"shop/v1/shop.proto", "shop/v1/legacy.proto", "shop/v1/options.proto", "shop/v1/edition.proto"}

func compiled(t testing.TB) Source {
	t.Helper()
	source, err := Compile(t.Context(), []string{"testdata/proto"}, fixtures)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// find returns what has this full name.
func find[T protoreflect.Descriptor](t testing.TB, source Source, name protoreflect.FullName) T {
	t.Helper()
	d, err := source.Find(t.Context(), name)
	if err != nil {
		t.Fatalf("find %s: %v", name, err)
	}
	return d.(T)
}

type memory struct {
	bytes.Buffer
	closed func(string)
}

func (m *memory) Close() error { m.closed(m.String()); return nil }

func inMemory(files map[string]string) func(string) (io.WriteCloser, error) {
	return func(name string) (io.WriteCloser, error) {
		return &memory{closed: func(text string) { files[name] = text }}, nil
	}
}

func TestExportedProtosCompileToTheSameDescriptors(t *testing.T) {
	source := compiled(t)
	set, err := Closure(t.Context(), source, []protoreflect.FullName{"shop.v1.Catalog", "shop.v1.edition.Modern"})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("with source info", func(t *testing.T) { roundTrip(t, set) })
	t.Run("without source info", func(t *testing.T) {
		bare := proto.Clone(set).(*descriptorpb.FileDescriptorSet)
		for _, file := range bare.File {
			file.SourceCodeInfo = nil
		}
		roundTrip(t, bare)
	})
}

func roundTrip(t *testing.T, set *descriptorpb.FileDescriptorSet) {
	dir := t.TempDir()
	err := WriteProtos(set, func(name string) (io.WriteCloser, error) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		return os.Create(path)
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range set.File {
		names = append(names, file.GetName())
	}
	again, err := Compile(t.Context(), []string{dir}, names)
	if err != nil {
		for _, name := range names {
			if strings.HasPrefix(name, "shop/") {
				text, _ := os.ReadFile(filepath.Join(dir, name))
				t.Logf("%s:\n%s", name, text)
			}
		}
		t.Fatal(err)
	}
	for _, file := range set.File {
		got := again.(*static).pool.file(file.GetName())
		if got == nil {
			t.Errorf("%s was not written", file.GetName())
			continue
		}
		if diff := cmp.Diff(asCompiled(t, file), asCompiled(t, got), protocmp.Transform()); diff != "" {
			text, _ := os.ReadFile(filepath.Join(dir, file.GetName()))
			t.Errorf("%s compiles to something else (-want +got):\n%s\n%s", file.GetName(), diff, text)
		}
	}
}

// asCompiled leaves out what proto source does not say: where it stood, and
// JSON names that follow from the names. Options become unknown fields.
func asCompiled(t *testing.T, file *descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	out := new(descriptorpb.FileDescriptorProto)
	if err := proto.Unmarshal(raw, out); err != nil {
		t.Fatal(err)
	}
	out.SourceCodeInfo = nil
	var messages func([]*descriptorpb.DescriptorProto)
	fields := func(list []*descriptorpb.FieldDescriptorProto) {
		for _, f := range list {
			if f.GetJsonName() == jsonName(f.GetName()) || f.GetExtendee() != "" {
				f.JsonName = nil
			}
		}
	}
	messages = func(list []*descriptorpb.DescriptorProto) {
		for _, m := range list {
			fields(m.Field)
			fields(m.Extension)
			messages(m.NestedType)
		}
	}
	messages(out.MessageType)
	fields(out.Extension)
	if out.GetSyntax() == "proto2" {
		out.Syntax = nil
	}
	return out
}

func TestClosureIsInOrder(t *testing.T) {
	set, err := Closure(t.Context(), compiled(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, file := range set.File {
		for _, dep := range file.Dependency {
			if !seen[dep] {
				t.Errorf("%s comes before its import %s", file.GetName(), dep)
			}
		}
		if seen[file.GetName()] {
			t.Errorf("%s comes twice", file.GetName())
		}
		seen[file.GetName()] = true
	}
	if !seen["shop/v1/shop.proto"] || seen["shop/v1/edition.proto"] {
		t.Errorf("files: %v; want those of the services and no others", seen)
	}
	if i := slices.IndexFunc(set.File, func(f *descriptorpb.FileDescriptorProto) bool { return f.GetName() == "shop/v1/shop.proto" }); set.File[i].GetSourceCodeInfo() == nil {
		t.Error("source info is lost")
	}
}

func TestClosureNamesWhatIsMissing(t *testing.T) {
	p := newPool()
	add(t, p, `name: "a.proto" dependency: "gone.proto" message_type { name: "A" }`)
	_, err := Closure(t.Context(), newStatic(p), []protoreflect.FullName{"A"})
	if err == nil || !strings.Contains(err.Error(), `"gone.proto" is missing`) {
		t.Errorf("error %v does not name the missing import", err)
	}
}

func TestUnsafeFileNamesAreNeverWritten(t *testing.T) {
	bad := []string{
		"/etc/passwd", "../x.proto", "a/../../x.proto", "a/./b.proto", `a\b.proto`, "c:x.proto", "a\x00.proto", "", ".", "..",
		"a//b.proto", "a/", "x\x1b[2J.proto", "\u202ex.proto", "nul", "a/CON.proto", "com1.proto", "a./b.proto", "a /b.proto", "\xff.proto",
		strings.Repeat("a", 5000),
	}
	for _, name := range bad {
		if err := CheckFileName(name); err == nil {
			t.Errorf("%.40q is taken", name)
		}
		set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{{Name: proto.String("ok.proto")}, {Name: proto.String(name)}}}
		files := map[string]string{}
		if err := WriteProtos(set, inMemory(files)); err == nil || len(files) > 0 {
			t.Errorf("%.40q: error %v, files %v", name, err, files)
		}
	}
	for _, name := range []string{"a.proto", "google/protobuf/any.proto", "..a/b..c.proto", "é/console.proto", "a b.proto"} {
		if err := CheckFileName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWriteErrorsEndTheExport(t *testing.T) {
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{{Name: proto.String("ok.proto")}}}
	err := WriteProtos(set, func(string) (io.WriteCloser, error) { return nil, os.ErrPermission })
	if err == nil || !strings.Contains(err.Error(), "ok.proto") {
		t.Errorf("error %v does not name the file", err)
	}
}

func TestEverythingNamesWhatIsInvalid(t *testing.T) {
	file := func(name string, messages ...string) *descriptorpb.FileDescriptorProto {
		f := &descriptorpb.FileDescriptorProto{Name: proto.String(name), Package: proto.String("p"), Syntax: proto.String("proto3")}
		for _, m := range messages {
			f.MessageType = append(f.MessageType, &descriptorpb.DescriptorProto{Name: proto.String(m)})
		}
		return f
	}
	everything := func(files ...*descriptorpb.FileDescriptorProto) ([]protoreflect.FullName, error) {
		source, err := NewSet(&descriptorpb.FileDescriptorSet{File: files})
		if err != nil {
			t.Fatal(err)
		}
		return Everything(t.Context(), source)
	}
	names, err := everything(file("a.proto", "{}", "A"), file("b.proto", "B", "C"), file("c.proto"))
	slices.Sort(names)
	if want := []protoreflect.FullName{"p.A", "p.B"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("names %q, error %v; want %q", names, err, want)
	}
	_, err = everything(file("a.proto", "A"), file("b.proto", "{}"))
	if want := `file "b.proto": "p.{}" is not a valid name`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
