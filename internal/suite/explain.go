package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
	"github.com/rogpeppe/go-internal/diff"
)

// Limits of what a report says.
const (
	maxValues    = 20
	maxValueText = 1 << 10
	maxResponse  = 4 << 10
	maxDiffInput = 256 << 10
)

// expectation evaluates a condition over what came of the call; nil if it holds.
func (c *call) expectation(ctx context.Context, e *expression) *Failure {
	value, err := e.value(ctx, c.values)
	if err == nil && value == types.True {
		return nil
	}
	f := &Failure{Kind: ExpectFailure, Position: e.at.position(), Expression: e.text}
	switch {
	case err != nil:
		f.Summary = "cannot be evaluated: " + evaluationError(err).Error()
	case value == types.False:
		f.Summary = "is false"
	default:
		f.Summary = fmt.Sprintf("is a %s, not true or false", value.Type().TypeName())
	}
	explain(ctx, e, c.values, f, c.secrets)
	return f
}

// explain evaluates e again and notes what its parts come to.
func explain(ctx context.Context, e *expression, v *values, f *Failure, s *secrets) {
	tree := e.ast
	if e.literals != nil { // what it has been compiled from has variables in their places
		var issues *cel.Issues
		if tree, issues = e.env.Compile(e.text); issues.Err() != nil {
			return
		}
	}
	program, err := e.env.Program(tree, cel.EvalOptions(cel.OptTrackState), cel.InterruptCheckFrequency(interruptEvery))
	if err != nil {
		return
	}
	_, details, _ := program.ContextEval(ctx, v)
	if details == nil {
		return
	}
	x := &explanation{tree: tree.NativeRep(), state: details.State(), failure: f, secrets: s}
	if failed, ok := x.value(x.tree.Expr()).(*types.Err); ok && x.derived(x.tree.Expr()) {
		f.Summary = strings.ReplaceAll(f.Summary, failed.String(), redacted)
	}
	x.both(x.culprit(x.tree.Expr()))
	x.values(x.tree.Expr(), map[string]bool{})
}

// explanation fills in a failure from the values of an evaluation.
type explanation struct {
	tree    *ast.AST
	state   interpreter.EvalState
	failure *Failure
	secrets *secrets
}

// derived reports whether a function of e has been given a secret: what it has
// made of it cannot be found any more.
func (x *explanation) derived(e ast.Expr) bool {
	found := false
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if found || e.Kind() != ast.CallKind {
			return
		}
		c := e.AsCall()
		if _, operator := operators.FindReverse(c.FunctionName()); operator {
			return
		}
		args := c.Args()
		if c.IsMemberFunction() {
			args = append(slices.Clone(args), c.Target())
		}
		found = slices.ContainsFunc(args, func(a ast.Expr) bool {
			v := x.value(a)
			return v != nil && x.secrets.within(shortValue(v))
		})
	}))
	return found
}

// text is a value of e on one line. Numbers, such as the size of a secret, are no
// secrets.
func (x *explanation) text(e ast.Expr, v ref.Val) string {
	switch v.(type) {
	case types.Bool, types.Int, types.Uint, types.Double:
	default:
		if x.derived(e) {
			return redacted
		}
	}
	return shortValue(v)
}

// culprit is the part of a conjunction that does not hold.
func (x *explanation) culprit(e ast.Expr) ast.Expr {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.LogicalAnd {
		return e
	}
	for _, a := range e.AsCall().Args() {
		if v, ok := x.state.Value(a.ID()); ok && v != types.True {
			return x.culprit(a)
		}
	}
	return e
}

// both notes the two values of a comparison.
func (x *explanation) both(e ast.Expr) {
	if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
		return
	}
	function := e.AsCall().FunctionName()
	prefix, ok := map[string]string{
		operators.Equals: "", operators.NotEquals: "anything but ", operators.In: "one of ",
		operators.Less: "less than ", operators.LessEquals: "at most ",
		operators.Greater: "more than ", operators.GreaterEquals: "at least ",
	}[function]
	if !ok {
		return
	}
	args := e.AsCall().Args()
	if args[0].Kind() == ast.LiteralKind && args[1].Kind() != ast.LiteralKind && (function == operators.Equals || function == operators.NotEquals) {
		args = []ast.Expr{args[1], args[0]}
	}
	got, want := x.value(args[0]), x.value(args[1])
	if got == nil || want == nil || types.IsUnknownOrError(got) || types.IsUnknownOrError(want) {
		return
	}
	x.failure.Got, x.failure.Want = x.text(args[0], got), x.text(args[1], want)
	if len(x.failure.Got)+len(x.failure.Want) > longValues && isComposite(got) {
		x.failure.Got, x.failure.Want = indented(x.failure.Got), indented(x.failure.Want)
		if function == operators.Equals {
			x.failure.Diff = lineDiff(x.failure.Want, x.failure.Got)
		}
	}
	x.failure.Want = prefix + x.failure.Want
}

// longValues is the length of two values from which on a difference says more.
const longValues = 60

// isComposite tells values that are made of others.
func isComposite(v ref.Val) bool {
	switch v.(type) {
	case *object, traits.Mapper, traits.Lister:
		return true
	}
	return false
}

// value is what e came to, nil if it was not evaluated.
func (x *explanation) value(e ast.Expr) ref.Val {
	if v := literal(e); v != nil {
		return v
	}
	v, _ := x.state.Value(e.ID())
	return v
}

// values notes what the parts of e came to: fields, names, indexes, functions.
func (x *explanation) values(e ast.Expr, seen map[string]bool) {
	children, skip := childrenOf(e)
	if !skip {
		x.note(e, seen)
	}
	for _, c := range children {
		x.values(c, seen)
	}
}

// childrenOf are the parts of e; skip says that e itself is of no interest.
func childrenOf(e ast.Expr) (children []ast.Expr, skip bool) {
	switch e.Kind() {
	case ast.SelectKind:
		return []ast.Expr{e.AsSelect().Operand()}, e.AsSelect().IsTestOnly()
	case ast.CallKind:
		c := e.AsCall()
		children = c.Args()
		if c.IsMemberFunction() {
			children = append([]ast.Expr{c.Target()}, children...)
		}
		_, operator := operators.FindReverse(c.FunctionName())
		return children, operator && c.FunctionName() != operators.Index
	case ast.ListKind:
		return e.AsList().Elements(), true
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		return []ast.Expr{c.IterRange(), c.LoopStep()}, true
	}
	return nil, e.Kind() != ast.IdentKind
}

func (x *explanation) note(e ast.Expr, seen map[string]bool) {
	if len(x.failure.Values) >= maxValues {
		return
	}
	v, ok := x.state.Value(e.ID())
	if !ok || types.IsUnknown(v) {
		return
	}
	switch v.(type) {
	case *object, *messageList, environment:
		return // its parts say more, and the response is there
	}
	text, err := cel.ExprToString(e, x.tree.SourceInfo())
	if err != nil || seen[text] || text == x.failure.Expression || strings.Contains(text, "@") {
		return
	}
	seen[text] = true
	x.failure.Values = append(x.failure.Values, Value{text, x.text(e, v)})
}

// shortValue is a value on one line.
func shortValue(v ref.Val) string {
	if e, ok := v.(*types.Err); ok {
		return e.String()
	}
	switch x := v.(type) {
	case types.Timestamp:
		return x.UTC().Format("2006-01-02T15:04:05.999999999Z")
	case types.Duration:
		return x.Duration.String()
	}
	text, err := appendValue(nil, v)
	if err != nil {
		return v.Type().TypeName()
	}
	return string(text)
}

// indented is JSON on as many lines as it is readable on.
func indented(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return text
	}
	return b.String()
}

// lineDiff compares two texts by their lines.
func lineDiff(want, got string) string {
	if len(want) > maxDiffInput || len(got) > maxDiffInput {
		return ""
	}
	out := diff.Diff("want", []byte(want+"\n"), "got", []byte(got+"\n"))
	var b strings.Builder
	for i, line := range strings.SplitAfter(string(out), "\n") {
		switch {
		case i < 3, line == "": // which texts they are is known
		case strings.HasPrefix(line, "@@"):
			if b.Len() > 0 {
				b.WriteString(" ...\n")
			}
		default:
			b.WriteString(line)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// clip cuts a text to a number of bytes.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + fmt.Sprintf("… (%d bytes more)", len(s)-most)
}

// trim cuts the texts of failures. It comes after secrets are gone, so that no
// part of one is left at a cut.
func trim(failures []*Failure) {
	for _, f := range failures {
		f.Got, f.Want = clip(f.Got, maxResponse), clip(f.Want, maxResponse)
		f.Response = clip(f.Response, maxResponse)
		f.Diff = clip(f.Diff, 4*maxResponse)
		f.Summary = clip(f.Summary, maxResponse)
		for i := range f.Values {
			f.Values[i].Text = clip(f.Values[i].Text, maxValueText)
		}
		f.Values = slices.Clip(f.Values)
	}
}
