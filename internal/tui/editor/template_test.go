package editor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcx/grpcx/testserver/proto/chat"
	"github.com/grpcx/grpcx/testserver/proto/file"
	"github.com/grpcx/grpcx/testserver/proto/notification"
	"github.com/grpcx/grpcx/testserver/proto/telemetry"
	"github.com/grpcx/grpcx/testserver/proto/userservice"
)

func TestTemplate(t *testing.T) {
	const want = `{
  "name": "",
  "age": 0,
  // "note": ""
  // "address": {} // Address
  "side": "SIDE_UNSPECIFIED" // SIDE_UNSPECIFIED, SIDE_BUY, SIDE_SELL
}`
	m := newModel(t, "Tell", "")
	if got := m.Text(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := show(m); !strings.Contains(got, `"name": "|"`) {
		t.Errorf("the cursor is not in the first value: %s", got)
	}
	if got := Template(method(t, "Ping").Input()); got != "{}" {
		t.Errorf("message without fields: %s", got)
	}
}

// messages gives the messages of the reference server and of the code
// generator's corpus.
func messages(t *testing.T) []protoreflect.MessageDescriptor {
	t.Helper()
	files := []protoreflect.FileDescriptor{
		userservice.File_userservice_userservice_proto, chat.File_chat_chat_proto, file.File_file_file_proto,
		notification.File_notification_notification_proto, telemetry.File_telemetry_telemetry_proto,
	}
	root := filepath.Join("..", "..", "codegen", "testdata", "proto")
	protos := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".proto" {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		protos[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range protos {
		files = append(files, compile(t, protos, name))
	}
	var all []protoreflect.MessageDescriptor
	var add func(mds protoreflect.MessageDescriptors)
	add = func(mds protoreflect.MessageDescriptors) {
		for i := range mds.Len() {
			if !mds.Get(i).IsMapEntry() {
				all = append(all, mds.Get(i))
			}
			add(mds.Get(i).Messages())
		}
	}
	for _, fd := range files {
		add(fd.Messages())
	}
	if len(all) < 50 {
		t.Fatalf("only %d messages", len(all))
	}
	return all
}

// asking gives a method whose request is of type md.
func asking(t *testing.T, md protoreflect.MessageDescriptor) protoreflect.MethodDescriptor {
	t.Helper()
	name := "asking.proto"
	fd := &descriptorpb.FileDescriptorProto{
		Name: &name, Syntax: ptr("proto3"), Package: ptr("asking"), Dependency: []string{md.ParentFile().Path()},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: ptr("S"), Method: []*descriptorpb.MethodDescriptorProto{{
			Name: ptr("M"), InputType: ptr("." + string(md.FullName())), OutputType: ptr("." + string(md.FullName())),
		}}}},
	}
	files := &protoregistry.Files{}
	if err := files.RegisterFile(md.ParentFile()); err != nil {
		t.Fatal(err)
	}
	built, err := protodesc.NewFile(fd, files)
	if err != nil {
		t.Fatal(err)
	}
	return built.Services().Get(0).Methods().Get(0)
}

func ptr(s string) *string { return &s }

// A template is valid as it stands and sends nothing; each of its comments can
// be taken out and put back.
func TestTemplateOfEveryMessage(t *testing.T) {
	toggled := 0
	for _, md := range messages(t) {
		m := New(Options{})
		types := dynamicpb.NewTypes(&protoregistry.Files{})
		m.SetMethod(asking(t, md), types, "")
		template := m.Text()
		wire, err := m.Messages()
		if err != nil && strings.Contains(err.Error(), "message_set_wire_format") {
			continue // no request of this type can be read
		}
		required := false
		for i := range md.Fields().Len() {
			required = required || md.Fields().Get(i).Cardinality() == protoreflect.Required
		}
		if err != nil || len(wire) != 1 || len(wire[0]) > 0 && !required {
			t.Errorf("%s: %d messages, %v\n%s", md.FullName(), len(wire), err, template)
			continue
		}
		for i := 0; i < len(m.buffer.lines) && i < 200; i++ {
			if !isComment(m.buffer.lines[i]) {
				continue
			}
			m.SetMethod(m.Method(), types, template)
			m.buffer.moveTo(place{i, 0})
			m.ToggleField()
			wire, err := m.Messages()
			if err != nil || len(wire) != 1 {
				t.Errorf("%s, line %d: %v\n%s", md.FullName(), i+1, err, m.Text())
				continue
			}
			m.Undo()
			if m.Text() != template {
				t.Errorf("%s, line %d, undone:\n%s", md.FullName(), i+1, m.Text())
			}
			toggled++
		}
	}
	if toggled < 100 {
		t.Errorf("only %d fields in comments", toggled)
	}
}

func TestToggleField(t *testing.T) {
	for _, c := range []struct{ name, before, after string }{
		{"one of several", "{\n  \"name\": \"|\",\n  \"age\": 1\n}", "{\n  // \"name\": \"|\",\n  \"age\": 1\n}"},
		{"the last one takes the comma before it", "{\n  \"name\": \"\",\n  \"age\": |1\n}", "{\n  \"name\": \"\"\n  // \"age\": |1\n}"},
		{"out of a comment", "{\n  \"name\": \"\"\n  // |\"age\": 1\n}", "{\n  \"name\": \"\",\n  \"age\": |1\n}"},
		{"the hint stays", "{\n  \"name\": \"\" // x\n  // \"age\": 1| // y\n}", "{\n  \"name\": \"\", // x\n  \"age\": |1 // y\n}"},
		{"all lines of a value", "{\n  \"address\": |{\n    \"street\": \"\"\n  }\n}", "{\n  // \"address\": |{\n  //   \"street\": \"\"\n  // }\n}"},
		{"all lines of a comment", "{\n  // \"address\": {\n  //   \"street\": \"|x\"\n  // }\n  // \"age\": 1\n}", "{\n  \"address\": {\n    \"street\": \"|x\"\n  }\n  // \"age\": 1\n}"},
		{"a field within a value", "{\n  \"address\": {\n    \"street\": \"|\"\n  }\n}", "{\n  \"address\": {\n    // \"street\": \"|\"\n  }\n}"},
		{"an empty message gets its template", "{\n  // \"address\": |{} // Address\n}", "{\n  \"address\": {\n    \"street\": \"|\",\n    \"zipCode\": \"\"\n    // \"country\": \"\"\n  } // Address\n}"},
		{"one line for all", `{"name": "x", "age": |1, "note": ""}`, "{\"name\": \"x\",\n  // \"age\": |1,\n  \"note\": \"\"}"},
		{"no field", "|{}", "|{}"},
		{"broken text", "{\n  \"name|\n", "{\n  // \"name|\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := at(t, "Tell", c.before)
			m.ToggleField()
			if got := show(m); got != c.after {
				t.Errorf("%s\nbecame\n%s\nwant\n%s", c.before, got, c.after)
			}
			m.Undo()
			if got, want := m.Text(), strings.Replace(c.before, "|", "", 1); got != want {
				t.Errorf("undone: %s", got)
			}
		})
	}
	t.Run("another member of the oneof", func(t *testing.T) {
		m := at(t, "Ask", "{\n  \"email\": \"a\"\n  // |\"phone\": \"\"\n}")
		m.ToggleField()
		if got, want := show(m), "{\n  // \"email\": \"a\",\n  \"phone\": \"|\"\n}"; got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	})
}
