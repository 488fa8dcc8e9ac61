package suite

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// inspection finds what the type checker does not: names of enums that are
// misspelt, environment variables that are not set, which names are used, and
// whether all messages of a stream have to be kept.
type inspection struct {
	*compiler
	scope  *scope
	node   *node
	text   string
	offset int
	ast    *ast.AST

	uses        []string
	keeps       bool
	asked       []variableUse   // of the environment
	constraints []constraint    // on literals of a pattern
	tested      map[string]bool // by has(env.NAME)
}

// variableUse is a variable of the environment and where it is named.
type variableUse struct {
	name string
	at   int
}

// at is the offset of an expression in the text, in characters.
func (w *inspection) at(e ast.Expr) int {
	r, _ := w.ast.SourceInfo().GetOffsetRange(e.ID())
	return int(r.Start)
}

// walk looks at e and returns the enum that its value is a name of, or what is in
// its value, a list or a map; nil for none. locals are the variables of macros.
func (w *inspection) walk(e ast.Expr, locals map[string]*enumNames) *enumNames {
	switch e.Kind() {
	case ast.IdentKind:
		return w.ident(e.AsIdent(), locals)
	case ast.SelectKind:
		return w.selection(e, locals)
	case ast.CallKind:
		return w.call(e, locals)
	case ast.ComprehensionKind:
		return w.comprehension(e.AsComprehension(), locals)
	case ast.ListKind:
		return w.any(e.AsList().Elements(), locals)
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			w.walk(entry.AsMapEntry().Key(), locals)
			w.walk(entry.AsMapEntry().Value(), locals)
		}
	case ast.StructKind:
		for _, f := range e.AsStruct().Fields() {
			w.structField(e.AsStruct().TypeName(), f.AsStructField(), locals)
		}
	}
	return nil
}

// any walks expressions and returns the enum of one of them.
func (w *inspection) any(es []ast.Expr, locals map[string]*enumNames) *enumNames {
	var found *enumNames
	for _, e := range es {
		if enum := w.walk(e, locals); enum != nil {
			found = enum
		}
	}
	return found
}

func (w *inspection) ident(name string, locals map[string]*enumNames) *enumNames {
	if enum, ok := locals[name]; ok {
		return enum
	}
	if !slices.Contains(w.uses, name) {
		w.uses = append(w.uses, name)
	}
	w.keeps = w.keeps || name == "msgs"
	return w.scope.names[name].enum
}

// isEnv reports whether e is the variable env.
func isEnv(e ast.Expr, locals map[string]*enumNames) bool {
	if e.Kind() != ast.IdentKind || e.AsIdent() != "env" {
		return false
	}
	_, local := locals["env"]
	return !local
}

func (w *inspection) selection(e ast.Expr, locals map[string]*enumNames) *enumNames {
	s := e.AsSelect()
	if isEnv(s.Operand(), locals) {
		if s.IsTestOnly() {
			if w.tested == nil {
				w.tested = map[string]bool{}
			}
			w.tested[s.FieldName()] = true
		} else {
			w.asked = append(w.asked, variableUse{s.FieldName(), afterDot(w.text, w.at(e))})
		}
	}
	w.walk(s.Operand(), locals)
	t := w.ast.GetType(s.Operand().ID())
	if t == nil || t.Kind() != types.StructKind || s.IsTestOnly() {
		return nil
	}
	return w.fieldEnum(t.TypeName(), s.FieldName())
}

// fieldEnum is the enum of a field, nil if it has none.
func (w *inspection) fieldEnum(message, field string) *enumNames {
	md, ok := w.schema.find(message)
	if !ok {
		return nil
	}
	fd := md.Fields().ByName(protoreflect.Name(field))
	if fd != nil && fd.IsMap() {
		fd = fd.MapValue()
	}
	if fd == nil || fd.Enum() == nil {
		return nil
	}
	return namesOf(fd.Enum())
}

func (w *inspection) structField(message string, f ast.StructField, locals map[string]*enumNames) {
	w.walk(f.Value(), locals)
	w.check(w.fieldEnum(message, f.Name()), f.Value())
}

func (w *inspection) call(e ast.Expr, locals map[string]*enumNames) *enumNames {
	c := e.AsCall()
	args := c.Args()
	if c.IsMemberFunction() {
		args = append([]ast.Expr{c.Target()}, args...)
	}
	if c.FunctionName() == "size" && len(args) == 1 && args[0].Kind() == ast.IdentKind && args[0].AsIdent() == "msgs" {
		if _, local := locals["msgs"]; !local {
			w.uses = append(w.uses, "msgs")
			return nil
		}
	}
	if c.FunctionName() == operators.Index && isEnv(args[0], locals) {
		if name, ok := literal(args[1]).(types.String); ok {
			w.asked = append(w.asked, variableUse{string(name), w.at(args[1])})
		}
	}
	enums := make([]*enumNames, len(args))
	for i, a := range args {
		enums[i] = w.walk(a, locals)
	}
	switch c.FunctionName() {
	case operators.Equals, operators.NotEquals, operators.In:
		w.check(enums[0], args[1])
		w.check(enums[1], args[0])
	case operators.Conditional:
		if enums[1] != nil {
			return enums[1]
		}
		return enums[2]
	case operators.Index:
		return enums[0]
	}
	return nil
}

// check compares a literal, or the literals of a list, with the names of an enum.
func (w *inspection) check(enum *enumNames, e ast.Expr) {
	if enum == nil {
		return
	}
	if e.Kind() == ast.ListKind {
		for _, item := range e.AsList().Elements() {
			w.check(enum, item)
		}
		return
	}
	if e.Kind() == ast.IdentKind && strings.HasPrefix(e.AsIdent(), literalPrefix) {
		w.constraints = append(w.constraints, constraint{e.AsIdent(), enum})
		return
	}
	name, ok := literal(e).(types.String)
	if ok && !slices.Contains(enum.values, string(name)) {
		w.add(w.node.within(w.offset+w.at(e)), nearest(string(name), slices.Values(enum.values)),
			"%s has no value %q", enum.name, string(name))
	}
}

func (w *inspection) comprehension(c ast.ComprehensionExpr, locals map[string]*enumNames) *enumNames {
	enum := w.walk(c.IterRange(), locals)
	inner := maps.Clone(locals)
	if inner == nil {
		inner = map[string]*enumNames{}
	}
	if t := w.ast.GetType(c.IterRange().ID()); t != nil && t.Kind() == types.MapKind && !c.HasIterVar2() {
		enum = nil // its keys
	}
	inner[c.IterVar()] = enum
	if c.HasIterVar2() {
		inner[c.IterVar()], inner[c.IterVar2()] = nil, enum
	}
	inner[c.AccuVar()] = nil
	w.any([]ast.Expr{c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()}, inner)
	return nil
}

// missingVariables notes the variables of the environment that are not set, but
// for those that the expression tests.
func (w *inspection) missingVariables() {
	for _, v := range w.asked {
		if w.tested[v.name] {
			continue
		}
		if _, ok := w.lookupEnv(v.name); !ok {
			w.add(w.node.within(w.offset+v.at), "", "environment variable %s is not set", v.name)
		}
	}
}
