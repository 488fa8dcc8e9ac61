package suite

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"
	"github.com/google/cel-go/interpreter"
)

// compiler compiles the expressions over one target's messages. One goroutine at
// a time uses it.
type compiler struct {
	*problems
	schema    *schema
	lookupEnv func(string) (string, bool)
	base      *cel.Env
	planner   interpreter.Interpreter
	envs      map[string]*cel.Env  // by the scope's signature
	compiled  map[string]*compiled // by signature and text
	patterns  map[string]*compiled // by signature and text of the pattern; nil: met once
	results   map[resultsOf]*scope
}

func newCompiler(ps *problems, s *schema, lookupEnv func(string) (string, bool)) (*compiler, error) {
	base, err := cel.NewCustomEnv(
		cel.StdLib(),
		cel.CustomTypeProvider(s),
		cel.CustomTypeAdapter(s),
		cel.EnableMacroCallTracking(),
		cel.EnableIdentifierEscapeSyntax(),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.ExpressionNestingDepthLimit(maxDepth),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals()),
		ext.Strings(),
		ext.Encoders(),
		ext.Math(),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare expressions: %w", err)
	}
	planner, err := newPlanner(base, s)
	if err != nil {
		return nil, fmt.Errorf("prepare expressions: %w", err)
	}
	return &compiler{
		problems: ps, schema: s, lookupEnv: lookupEnv, base: base, planner: planner,
		envs: map[string]*cel.Env{}, compiled: map[string]*compiled{}, patterns: map[string]*compiled{}, results: map[resultsOf]*scope{},
	}, nil
}

// newPlanner makes what plans expressions for evaluation. cel.Env.Program would
// make one for each of them, at the cost of all functions there are.
func newPlanner(env *cel.Env, s *schema) (interpreter.Interpreter, error) {
	d := interpreter.NewDispatcher()
	for _, f := range env.Functions() {
		bindings, err := f.Bindings()
		if err != nil {
			return nil, err
		}
		if err := d.Add(bindings...); err != nil {
			return nil, err
		}
	}
	attributes := interpreter.NewAttributeFactory(env.Container, s, s)
	return interpreter.NewInterpreter(d, env.Container, s, s, attributes), nil
}

// compiled is an expression that can be evaluated, by many goroutines at once.
type compiled struct {
	env     *cel.Env
	ast     *cel.Ast
	plan    interpreter.InterpretableV2
	binding          // of its value
	uses    []string // names that it refers to
	keeps   bool     // it needs the messages of msgs, not just how many there are

	// Of an expression that has been compiled by its pattern.
	pattern     pattern
	constraints []constraint
	literals    map[string]any
}

// expression is a compiled expression at its place in a file.
type expression struct {
	*compiled
	text string
	at   place
}

// compile compiles text, which begins at offset in the string n. It returns nil
// for one with mistakes, which are noted.
func (c *compiler) compile(n *node, text string, offset int, sc *scope) *expression {
	key := sc.signature() + "\x00" + text
	found, ok := c.compiled[key]
	if !ok {
		if found = c.byPattern(n, text, sc); found == nil {
			found = c.check(n, text, offset, sc)
		}
		if found == nil {
			return nil
		}
		c.compiled[key] = found
	}
	return &expression{found, text, n.within(offset)}
}

// condition compiles an expression that is true or false.
func (c *compiler) condition(n *node, sc *scope) *expression {
	e := c.compile(n, n.text, 0, sc)
	if e == nil {
		return nil
	}
	if !e.typ.IsAssignableType(types.BoolType) && !isDyn(e.typ) {
		c.add(e.at, "", "want an expression that is true or false; this is %s", typeName(e.typ))
		return nil
	}
	return e
}

func isDyn(t *types.Type) bool { return t.Kind() == types.DynKind || t.Kind() == types.AnyKind }

// typeName is a type as problems name it.
func typeName(t *types.Type) string { return cel.FormatCELType(t) }

func (c *compiler) environment(sc *scope) (*cel.Env, error) {
	key := sc.signature()
	if env, ok := c.envs[key]; ok {
		return env, nil
	}
	env, err := c.base.Extend(sc.variables()...)
	if err == nil {
		c.envs[key] = env
	}
	return env, err
}

func (c *compiler) check(n *node, text string, offset int, sc *scope) *compiled {
	env, err := c.environment(sc)
	if err != nil {
		c.add(n.at, "", "prepare expression: %v", err)
		return nil
	}
	checked, issues := c.parseAndCheck(env, text)
	if issues != nil {
		for _, e := range issues.Errors() {
			c.addIssue(e, n, text, offset, sc)
			if strings.HasPrefix(e.Message, "Syntax error") {
				break // what the parser finds after it is of its own making
			}
		}
		return nil
	}
	w := &inspection{compiler: c, scope: sc, node: n, text: text, offset: offset, ast: checked.NativeRep()}
	before := len(c.list)
	enum := w.walk(checked.NativeRep().Expr(), nil)
	w.missingVariables()
	if len(c.list) > before {
		return nil
	}
	plan, err := c.planner.NewInterpretable(checked.NativeRep(), interpreter.InterruptableEval())
	if err != nil {
		c.add(n.within(offset), "", "prepare expression: %v", err)
		return nil
	}
	return &compiled{
		env: env, ast: checked, plan: plan, binding: binding{checked.OutputType(), enum},
		uses: w.uses, keeps: w.keeps, constraints: w.constraints,
	}
}

// interruptEvery is how many steps of a comprehension are taken between looks at
// the context.
const interruptEvery = 1000

// parseAndCheck checks an expression. Integer literals become unsigned or
// fractional where only that fits: a uint64 field compares with a plain 5.
func (c *compiler) parseAndCheck(env *cel.Env, text string) (*cel.Ast, *cel.Issues) {
	fixes := map[int64]string{}
	for {
		parsed, issues := env.Parse(text)
		if issues.Err() != nil {
			return nil, issues
		}
		root := parsed.NativeRep().Expr()
		ast.PreOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) { fixLiteral(e, fixes[e.ID()]) }))
		c.schema.missed = missedField{}
		checked, issues := env.Check(parsed)
		if issues.Err() == nil {
			return checked, nil
		}
		fixed := false
		for _, e := range issues.Errors() {
			fixed = addFixes(root, e, fixes) || fixed
		}
		if !fixed {
			return nil, issues
		}
	}
}

// fixLiteral gives an integer literal another type, "uint" or "double".
func fixLiteral(e ast.Expr, to string) {
	v, ok := literal(e).(types.Int)
	if !ok || to == "" {
		return
	}
	var fixed ref.Val = types.Double(v)
	if to == "uint" {
		fixed = types.Uint(v)
	}
	e.SetKindCase(ast.NewExprFactory().NewLiteral(e.ID(), fixed))
}

// literal is the value of a literal, nil for other expressions.
func literal(e ast.Expr) ref.Val {
	if e.Kind() == ast.LiteralKind {
		return e.AsLiteral()
	}
	return nil
}

// addFixes notes which literals of the call that failed would fit as another
// type. It reports whether there is one that has not been tried.
func addFixes(root ast.Expr, failure *common.Error, fixes map[int64]string) bool {
	_, signature, ok := strings.Cut(failure.Message, "found no matching overload for ")
	if !ok {
		return false
	}
	to := ""
	switch {
	case strings.Contains(signature, "uint"):
		to = "uint"
	case strings.Contains(signature, "double"):
		to = "double"
	default:
		return false
	}
	fixed := false
	ast.PreOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		if e.ID() != failure.ExprID || e.Kind() != ast.CallKind {
			return
		}
		candidates := e.AsCall().Args()
		for _, a := range candidates {
			if a.Kind() == ast.ListKind {
				candidates = append(candidates, a.AsList().Elements()...)
			}
		}
		for _, a := range candidates {
			v, isInt := literal(a).(types.Int)
			if isInt && fixes[a.ID()] == "" && (to == "double" || v >= 0) {
				fixes[a.ID()] = to
				fixed = true
			}
		}
	}))
	return fixed
}

// addIssue notes what CEL found wrong, in our words.
func (c *compiler) addIssue(e *common.Error, n *node, text string, offset int, sc *scope) {
	at := runeOffset(text, e.Location.Line(), e.Location.Column())
	message, suggestion := e.Message, ""
	var name, signature string
	switch {
	case scan(message, "undefined field '%s'", &name):
		at = afterDot(text, at)
		message, suggestion = c.noField(name)
	case scan(message, "undeclared reference to '%s' (in container '%s')", &name, &signature):
		message, suggestion = c.noName(name, text, at, sc)
		at = callee(text, at)
	case scan(message, "found no matching overload for '%s' applied to '%s'", &name, &signature):
		message = clash(name, signature)
		at = callee(text, at)
	case scan(message, "type '%s' does not support field selection", &name):
		at = afterDot(text, at)
		message = name + " has no fields"
	case strings.HasPrefix(message, "Syntax error: "):
		message = "syntax: " + syntaxAdvice(strings.TrimPrefix(message, "Syntax error: "), text, at)
	}
	c.add(n.within(offset+at), suggestion, "%s", message)
}

// scan takes apart a message that has been made by a format of strings alone.
func scan(message, format string, to ...*string) bool {
	before, rest, _ := strings.Cut(format, "%s")
	message, ok := strings.CutPrefix(message, before)
	for _, value := range to {
		if !ok {
			return false
		}
		before, rest, _ = strings.Cut(rest, "%s")
		*value, message, ok = strings.Cut(message, before)
	}
	return ok && message == ""
}

// runeOffset is the offset in text, in characters, of a line from 1 and a column
// from 0.
func runeOffset(text string, line, column int) int {
	off := 0
	for ; line > 1; line-- {
		head, rest, ok := strings.Cut(text, "\n")
		if !ok {
			break
		}
		off += utf8.RuneCountInString(head) + 1
		text = rest
	}
	return off + max(0, column)
}

// afterDot moves from a dot to the name behind it.
func afterDot(text string, at int) int {
	runes := []rune(text)
	rest, ok := strings.CutPrefix(string(runes[min(max(at, 0), len(runes)):]), ".")
	if !ok {
		return at
	}
	spaces := len(rest) - len(strings.TrimLeft(rest, " \t\n"))
	return at + 1 + spaces
}

// noField tells of a field that the last message asked for does not have.
func (c *compiler) noField(name string) (message, suggestion string) {
	if c.schema.missed.field != name {
		return fmt.Sprintf("there is no field %q", name), ""
	}
	fields, _ := c.schema.FindStructFieldNames(c.schema.missed.message)
	return fmt.Sprintf("%s has no field %q", c.schema.missed.message, name), nearest(name, slices.Values(fields))
}

// noName tells of a name that is neither a variable nor a function.
func (c *compiler) noName(name, text string, at int, sc *scope) (message, suggestion string) {
	full := name
	rest := string([]rune(text)[min(at, utf8.RuneCountInString(text)):])
	rest, selected := strings.CutPrefix(rest, name+".")
	if selected && (name == "vars" || name == "run") {
		full = name + "." + identifierAt(rest)
	}
	if hint := sc.hints[full]; hint != "" {
		return hint, ""
	}
	if by := sc.others[full]; by != "" {
		return fmt.Sprintf("%q is captured by test %q, which this test does not name in needs", full, by), ""
	}
	switch {
	case name == "vars" && selected:
		return fmt.Sprintf("there is no variable %q", strings.TrimPrefix(full, "vars.")), nearest(full, keys(sc.names))
	case name == "vars":
		return "vars is no value by itself: write vars.NAME", ""
	case strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(rest, name)), "("):
		return fmt.Sprintf("there is no function %q", name), c.nearestFunction(name)
	}
	if suggestion = otherName(name, sc); suggestion == "" {
		suggestion = nearest(full, keys(sc.names))
	}
	if suggestion == "" {
		return fmt.Sprintf("there is no %q here, only %s", full, knownNames(sc)), ""
	}
	return fmt.Sprintf("there is no %q here", full), suggestion
}

func identifierAt(s string) string {
	for i := range s {
		if !isIdentifier(s[:i+1]) {
			return s[:i]
		}
	}
	return s
}

// clash tells of an operator or function whose operands do not fit.
func clash(function, signature string) string {
	args := strings.TrimSuffix(strings.TrimPrefix(signature, "("), ")")
	if operator, ok := operators.FindReverse(function); ok && operator != "" {
		if left, right, ok := cutArguments(args); ok {
			return fmt.Sprintf("the types clash: %s %s %s", left, operator, right)
		}
		return fmt.Sprintf("%s cannot be applied to %s", operator, args)
	}
	switch function {
	case operators.Index:
		left, right, _ := cutArguments(args)
		return fmt.Sprintf("%s has no index of type %s", left, right)
	case operators.Conditional:
		return fmt.Sprintf("the types clash: ? : of (%s)", args)
	}
	return fmt.Sprintf("%s does not take %s", function, signature)
}

// cutArguments splits two types at the comma between them.
func cutArguments(s string) (left, right string, ok bool) {
	depth := 0
	for i, c := range s {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				return s[:i], strings.TrimSpace(s[i+1:]), true
			}
		}
	}
	return s, "", false
}
