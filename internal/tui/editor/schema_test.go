package editor

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/grpcx/grpcx/internal/message"
)

// changed gives the method Tell of a schema in which something was replaced.
func changed(t *testing.T, before, after string) protoreflect.MethodDescriptor {
	t.Helper()
	text := strings.Replace(schema, before, after, 1)
	return compile(t, map[string]string{"test.proto": text}, "test.proto").Services().Get(0).Methods().ByName("Tell")
}

// TestSchemaChanges gives a request another schema while it is written.
func TestSchemaChanges(t *testing.T) {
	titled := changed(t, "message Short {", "message Short {\n  string title = 9;")
	t.Run("typing goes on", func(t *testing.T) {
		m := at(t, "Tell", `{"name": "|"}`)
		press(m, "Ada")
		m.SetSchema(titled, protoregistry.GlobalTypes)
		press(m, " Love")
		if got := show(m); got != `{"name": "Ada Love|"}` {
			t.Error(got)
		}
		press(m, "<undo><undo>")
		if got := show(m); got != `{"name": "|"}` {
			t.Errorf("undone: %s", got)
		}
	})
	t.Run("what is offered can be taken", func(t *testing.T) {
		m := at(t, "Tell", `{|}`)
		press(m, `"ag`)
		m.SetSchema(titled, protoregistry.GlobalTypes)
		press(m, "<tab>")
		if got := show(m); got != `{"age": |}` {
			t.Error(got)
		}
	})
	t.Run("a value of the form", func(t *testing.T) {
		m := newModel(t, "Tell", `{"name": "Ada"}`)
		press(m, "<form>")
		choose(t, m, "age")
		press(m, "3")
		m.SetSchema(titled, protoregistry.GlobalTypes)
		press(m, "6<enter>")
		if got := m.Text(); got != `{"name": "Ada", "age": 36}` {
			t.Error(got)
		}
	})
	t.Run("a value of a field that is no more", func(t *testing.T) {
		m := newModel(t, "Tell", `{"address": {"street": ""}}`)
		press(m, "<form>")
		choose(t, m, "address", "street")
		press(m, "x")
		m.SetSchema(changed(t, "Address address = 4", "string address = 4"), protoregistry.GlobalTypes)
		if got := m.Text(); m.form.writing() || got != `{"address": {"street": ""}}` {
			t.Errorf("writing %v: %s", m.form.writing(), got)
		}
	})
	t.Run("it is checked anew", func(t *testing.T) {
		m := newModel(t, "Tell", "")
		settle(m, m.SetText(`{"title": "Dr"}`))
		if m.Problem() == nil {
			t.Fatal("nothing is wrong with a field that is not known")
		}
		old := checked{m, m.method, m.check}
		cmd := m.SetSchema(titled, protoregistry.GlobalTypes)
		m.Update(old) // comes late
		settle(m, cmd)
		if got := m.Status(); got != "✓ valid" {
			t.Error(got)
		}
		m.check.problem = &message.Error{Msg: "kept"}
		if cmd := m.SetSchema(titled, protoregistry.GlobalTypes); cmd != nil || m.Problem() == nil {
			t.Error("the same schema is checked anew")
		}
	})
}
