package tui

import (
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/describe"
)

// TestSearchWhileLoading searches among methods of which more are still to come.
func TestSearchWhileLoading(t *testing.T) {
	methods := func(service protoreflect.FullName, names ...protoreflect.Name) []serviceMethods {
		one := serviceMethods{service: service}
		for _, n := range names {
			one.methods = append(one.methods, describe.MethodInfo{Name: n})
		}
		return []serviceMethods{one}
	}
	search := func(text string) *tree {
		s := &tree{typing: true}
		s.filter.insert(text)
		s.setServices([]protoreflect.FullName{"a.A", "b.B"})
		s.setMethods(methods("a.A", "FindByArea", "Final"))
		return s
	}
	selected := func(s *tree) protoreflect.Name {
		r, _ := s.selected()
		return r.method.Name
	}
	t.Run("the best match stays selected", func(t *testing.T) {
		s := search("find")
		if got := selected(s); got != "FindByArea" || s.settled() {
			t.Errorf("selected %s, settled %v", got, s.settled())
		}
		s.setMethods(methods("b.B", "Find"))
		if got := selected(s); got != "Find" {
			t.Errorf("selected %s", got)
		}
	})
	t.Run("the very name is settled", func(t *testing.T) {
		if s := search("Final"); !s.settled() {
			t.Error("not settled")
		}
	})
	t.Run("what the user has gone to stays selected", func(t *testing.T) {
		s := search("fi")
		s.move(1)
		before := selected(s)
		s.setMethods(methods("b.B", "Fit", "Fix"))
		if got := selected(s); got != before || !s.settled() {
			t.Errorf("selected %s after %s, settled %v", got, before, s.settled())
		}
	})
}
