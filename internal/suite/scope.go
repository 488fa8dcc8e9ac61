package suite

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// scope is the names that an expression can use, and their types. It is not
// changed once expressions are compiled in it: with returns another one.
type scope struct {
	names map[string]binding
	hints map[string]string // what to say of names that are not there
	// others are names that tests capture, and those tests. It is shared by the
	// scopes of a file.
	others map[string]string
	sum    string // signature, "" if it has not been asked for
}

// binding is what is known of a name's value.
type binding struct {
	typ  *types.Type
	enum *enumNames // of which the value, or what is in it, is a name; nil for none
}

// enumNames are the names that a string can be.
type enumNames struct {
	name   string // of the enum
	values []string
}

func namesOf(ed protoreflect.EnumDescriptor) *enumNames {
	e := &enumNames{name: string(ed.FullName())}
	for i := range ed.Values().Len() {
		e.values = append(e.values, string(ed.Values().Get(i).Name()))
	}
	return e
}

func newScope() *scope {
	return &scope{names: map[string]binding{}, hints: map[string]string{}, others: map[string]string{}}
}

func (s *scope) clone() *scope {
	return &scope{names: maps.Clone(s.names), hints: maps.Clone(s.hints), others: s.others}
}

// with is s and one more name.
func (s *scope) with(name string, b binding) *scope {
	c := s.clone()
	c.names[name] = b
	return c
}

// without is s and a reason why a name is not there.
func (s *scope) without(name, hint string) *scope {
	c := s.clone()
	delete(c.names, name)
	c.hints[name] = hint
	return c
}

// signature tells scopes apart whose names or types differ.
func (s *scope) signature() string {
	if s.sum == "" {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(s.names)) {
			fmt.Fprintf(&b, "%s %s", name, s.names[name].typ)
			if enum := s.names[name].enum; enum != nil {
				b.WriteString(" " + enum.name)
			}
			b.WriteByte(';')
		}
		s.sum = b.String()
	}
	return s.sum
}

func (s *scope) variables() []cel.EnvOption {
	out := make([]cel.EnvOption, 0, len(s.names))
	for _, name := range slices.Sorted(maps.Keys(s.names)) {
		out = append(out, cel.Variable(name, s.names[name].typ))
	}
	return out
}

// values are what the names of a scope stand for. It implements cel.Activation:
// a name that is not in names is looked up in the parent.
type values struct {
	names  map[string]any
	parent *values
}

func (v *values) ResolveName(name string) (any, bool) {
	for ; v != nil; v = v.parent {
		if value, ok := v.names[name]; ok {
			return value, true
		}
	}
	return nil, false
}

func (v *values) Parent() cel.Activation { return nil }

// child is v and further names.
func (v *values) child() *values { return &values{map[string]any{}, v} }
