package tui

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/describe"
)

// TestSearchWhileMethodsCome holds that enter opens the best match, however late
// it has come, and what the user has chosen once there is a choice.
func TestSearchWhileMethodsCome(t *testing.T) {
	var tr tree
	tr.setServices([]protoreflect.FullName{"a.A", "a.B", "a.C"})
	come := func(service protoreflect.FullName, names ...protoreflect.Name) {
		var methods []describe.MethodInfo
		for _, name := range names {
			methods = append(methods, describe.MethodInfo{Name: name})
		}
		tr.setMethods([]serviceMethods{{service: service, methods: methods}})
	}
	selected := func() string {
		r, ok := tr.selected()
		if !ok || r.method == nil {
			return ""
		}
		return string(r.method.Name)
	}
	tr.typing, tr.filter = true, newLine("watch7")
	tr.refilter()
	come("a.A", "WatchThing17", "WatchThing47")
	come("a.B", "Watch7")
	if got := selected(); got != "Watch7" {
		t.Errorf("%s is selected, want the best match", got)
	}
	tr.move(1)
	was := selected()
	come("a.C", "Watch7", "Watch77")
	if got := selected(); got != was {
		t.Errorf("%s is selected, want %s, which the user chose", got, was)
	}
}

// TestOpenedAtTheEnd holds that what opens below the last row shown can be seen.
func TestOpenedAtTheEnd(t *testing.T) {
	var tr tree
	var services []protoreflect.FullName
	for i := range 30 {
		services = append(services, protoreflect.FullName(fmt.Sprintf("a.S%d", i)))
	}
	tr.setServices(services)
	tr.setMethods([]serviceMethods{{service: "a.S29", methods: []describe.MethodInfo{{Name: "First"}, {Name: "Last"}}}})
	show := func() string {
		lines, _ := tr.view(30, 10, newTheme())
		return strings.Join(lines, "\n")
	}
	tr.move(100)
	show()
	r, _ := tr.selected()
	tr.fold(r)
	if got := show(); !strings.Contains(got, "Last") || !strings.Contains(got, "> ▾ a.S29") {
		t.Errorf("the methods are out of sight:\n%s", got)
	}
}

// TestSchemaAgain holds that a schema read again leaves the tree as it was, and that
// one read first begins at its top, whatever requests are kept below.
func TestSchemaAgain(t *testing.T) {
	tr := tree{sections: []*section{{name: historySection}}}
	tr.setSection(historySection, []kept{{name: "One"}})
	names := []protoreflect.FullName{"a.A", "a.B", "a.C", "a.D"}
	tr.setServices(names)
	if r, ok := tr.selected(); !ok || r.service == nil || r.service.name != "a.A" {
		t.Errorf("selected is %+v, want the first service", r)
	}
	tr.choose(2)
	r, _ := tr.selected()
	tr.fold(r)
	tr.setServices(append([]protoreflect.FullName{"a.0"}, names...))
	if r, ok := tr.selected(); !ok || r.service == nil || r.service.name != "a.C" || !r.service.open {
		t.Errorf("selected is %+v, want a.C, open", r)
	}
}

// TestFolding walks through the tree as left and right do.
func TestFolding(t *testing.T) {
	tr := tree{sections: []*section{{name: historySection}}}
	tr.setServices([]protoreflect.FullName{"a.A", "a.B", "a.C", "a.D"})
	tr.setMethods([]serviceMethods{{service: "a.B", methods: []describe.MethodInfo{{Name: "One"}, {Name: "Two"}}}})
	tr.setSection(historySection, []kept{{name: "Kept"}})
	tr.choose(1)
	at := func(step string, move func(), want int, rows int) {
		t.Helper()
		if move(); tr.at != want || len(tr.rows) != rows {
			t.Errorf("%s: row %d of %d, want %d of %d", step, tr.at, len(tr.rows), want, rows)
		}
	}
	at("open", tr.unfold, 1, 7)
	at("to the first method", tr.unfold, 2, 7)
	at("no further", tr.unfold, 2, 7)
	tr.move(1)
	at("back to the service", tr.foldUp, 1, 7)
	at("close", tr.foldUp, 1, 5)
	at("no further", tr.foldUp, 1, 5)
	tr.choose(4)
	at("open the history", tr.unfold, 4, 6)
	at("to what is kept", tr.unfold, 5, 6)
	at("back to the history", tr.foldUp, 4, 6)
	tr.choose(3)
	at("open what has no methods", tr.unfold, 3, 6)
	at("which has no first one", tr.unfold, 3, 6)
}
