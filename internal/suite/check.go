package suite

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/common/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/invoke"
)

// testPlan is a test, one of its cases, a setup or a teardown that can be run.
type testPlan struct {
	test   *Test
	spec   *test
	needs  []*testPlan // its own file's, in their order, with what those need
	skipIf *expression
	values *values // of its case, nil for none
	steps  []*stepPlan
}

// stepPlan is a step that can be run.
type stepPlan struct {
	spec     *step
	name     string
	conn     *connection
	method   protoreflect.MethodDescriptor
	metadata []headerPlan
	requests []*request
	expect   []*expression
	until    []*expression
	capture  []capturePlan
	actions  []*actionPlan
	keeps    bool     // all messages are needed, not just how many
	uses     []string // captured names without which it cannot run
}

type headerPlan struct {
	key    string
	values []*text
}

type capturePlan struct {
	name   string
	expr   *expression
	secret bool
}

type actionPlan struct {
	spec    *action
	request *request
	expect  *expression
	capture []capturePlan
}

// checker makes a plan of a file.
type checker struct {
	*loader
	plan     *filePlan
	base     *scope            // of the file, without captures
	captures map[*test][]named // what each test captures
	checked  map[*test][]*testPlan
	open     []*test // whose needs are being checked
}

// named is a captured name.
type named struct {
	name string
	binding
}

func (c *checker) check(sc *scope) {
	f := c.plan.file
	c.base = sc
	c.captures = map[*test][]named{}
	c.checked = map[*test][]*testPlan{}
	after := sc
	if len(f.setup) > 0 {
		var captured []named
		c.plan.setup, captured = c.phase(Setup, f.setup, sc)
		after = addCaptures(sc, captured, "setup")
	}
	for _, t := range f.tests {
		c.testPlans(t, after)
	}
	if len(f.teardown) > 0 {
		for _, t := range f.tests {
			after = addCaptures(after, c.captures[t], t.name)
		}
		c.plan.teardown, _ = c.phase(Teardown, f.teardown, after)
	}
}

// addCaptures is sc and what a test captures. A name that has had another type
// can no longer be used.
func addCaptures(sc *scope, captured []named, by string) *scope {
	for _, n := range captured {
		before, ok := sc.names[n.name]
		if ok && !before.typ.IsExactType(n.typ) {
			sc = sc.without(n.name, fmt.Sprintf("%q is captured as %s and, by %s, as %s", n.name, typeName(before.typ), by, typeName(n.typ)))
			continue
		}
		if sc.hints[n.name] == "" {
			sc = sc.with(n.name, n.binding)
		}
	}
	return sc
}

// phase plans setup or teardown.
func (c *checker) phase(phase Phase, steps []*step, sc *scope) (*testPlan, []named) {
	t := &testPlan{spec: &test{at: steps[0].at, name: string(phase)}, test: &Test{
		File: c.plan.file.source.name, Phase: phase, Name: string(phase), Position: steps[0].at.position(),
	}}
	var captured []named
	t.steps, captured = c.steps(steps, sc)
	t.test.Steps = len(t.steps)
	return t, captured
}

// testPlans plans a test, each of its cases.
func (c *checker) testPlans(t *test, sc *scope) []*testPlan {
	if plans, ok := c.checked[t]; ok {
		return plans
	}
	c.open = append(c.open, t)
	defer func() { c.open = c.open[:len(c.open)-1] }()
	var needs []*testPlan
	for _, n := range t.needs {
		needed := c.needed(n)
		if needed == nil {
			continue
		}
		for _, p := range c.testPlans(needed, sc) {
			for _, q := range append(slices.Clone(p.needs), p) {
				if !slices.Contains(needs, q) {
					needs = append(needs, q)
				}
			}
		}
	}
	inner := sc
	for i, p := range needs {
		if i == 0 || needs[i-1].spec != p.spec { // cases capture the same
			inner = addCaptures(inner, c.captures[p.spec], p.spec.name)
		}
	}
	plans := c.cases(t, needs, inner)
	c.checked[t] = plans
	c.plan.tests = append(c.plan.tests, plans...) // after what it needs
	return plans
}

// needed finds the test that a name in needs means.
func (c *checker) needed(n *node) *test {
	i := slices.IndexFunc(c.plan.file.tests, func(t *test) bool { return t.name == n.text })
	if i < 0 {
		var all []string
		for _, t := range c.plan.file.tests {
			all = append(all, t.name)
		}
		c.add(n.at, nearest(n.text, slices.Values(all)), "there is no test %q", n.text)
		return nil
	}
	t := c.plan.file.tests[i]
	if slices.Contains(c.open, t) {
		c.add(n.at, "", "test %q needs itself by way of its needs", t.name)
		return nil
	}
	return t
}

// cases plans a test once for each of its cases. They share their steps: the
// values that differ are variables.
func (c *checker) cases(t *test, needs []*testPlan, sc *scope) []*testPlan {
	rows := []row{{}}
	if t.cases != nil {
		rows = c.caseRows(t.cases)
	}
	columns := map[string]binding{}
	var plans []*testPlan
	for _, r := range rows {
		p := &testPlan{spec: t, needs: needs, test: &Test{
			File: c.plan.file.source.name, Phase: Main, Name: t.name, Case: r.name, Tags: t.tags,
			Steps: len(t.steps), Position: t.at.position(),
		}}
		if r.values != nil {
			var bindings map[string]binding
			p.values, bindings = c.bindRow(r, c.plan.values, c.base)
			for name, b := range bindings {
				if before, ok := columns[name]; ok && !before.typ.IsExactType(b.typ) {
					b.typ = types.DynType // a column of several types
				}
				columns[name] = b
			}
		}
		plans = append(plans, p)
	}
	for name, b := range columns {
		if !isIdentifier(name) || slices.Contains(reservedNames(), name) {
			c.add(t.cases.at, "", "a case cannot have a variable named %q", name)
			continue
		}
		sc = sc.with(name, b).with("vars."+name, b)
	}
	var skipIf *expression
	if t.skipIf != nil {
		skipIf = c.plain.condition(t.skipIf, sc)
	}
	steps, captured := c.steps(t.steps, sc)
	c.captures[t] = captured
	for _, n := range captured {
		c.base.others[n.name] = t.name
	}
	for _, p := range plans {
		p.skipIf, p.steps = skipIf, steps
	}
	return plans
}

// steps plans steps that follow one another, and returns what they capture.
func (c *checker) steps(steps []*step, sc *scope) (plans []*stepPlan, captured []named) {
	for _, s := range steps {
		p, names := c.step(s, sc)
		if p != nil {
			plans = append(plans, p)
		}
		for _, n := range names {
			if before, ok := sc.names[n.name]; ok {
				if _, isVariable := sc.names["vars."+n.name]; isVariable {
					c.add(s.at, "", "%q is a variable already and cannot be captured", n.name)
					continue
				}
				if !before.typ.IsExactType(n.typ) {
					c.add(s.at, "", "%q is captured before, as %s", n.name, typeName(before.typ))
					continue
				}
			}
			sc = sc.with(n.name, n.binding)
			captured = append(captured, n)
		}
	}
	return plans, captured
}

// step plans one step.
func (c *checker) step(s *step, sc *scope) (*stepPlan, []named) {
	conn := c.specs[s.target]
	if conn == nil || s.call == nil {
		return nil, s.withUnknown(nil)
	}
	method := c.method(conn, s)
	if method == nil {
		return nil, s.withUnknown(nil)
	}
	conn.compiler.schema.add(method.Input())
	conn.compiler.schema.add(method.Output())
	p := &stepPlan{spec: s, conn: conn, method: method, name: s.name}
	if p.name == "" {
		p.name = string(method.Name())
	}
	b := &stepChecker{compiler: conn.compiler, plan: p, scope: sc}
	b.headers()
	if s.script != nil {
		b.script()
	} else {
		b.data()
	}
	captured := b.results()
	p.uses = b.captured(sc)
	return p, s.withUnknown(captured)
}

// withUnknown adds what s captures by an expression with mistakes: they are no
// mistakes of those that use the names.
func (s *step) withUnknown(captured []named) []named {
	all := slices.Clone(s.capture)
	for _, a := range s.actions {
		all = append(all, a.capture...)
	}
	for _, capture := range all {
		if !slices.ContainsFunc(captured, func(n named) bool { return n.name == capture.name.text }) {
			captured = append(captured, named{capture.name.text, binding{typ: types.DynType}})
		}
	}
	return captured
}

// method finds the method that a step calls.
func (c *checker) method(conn *connection, s *step) protoreflect.MethodDescriptor {
	key := methodName{conn, s.call.text}
	if m, ok := c.found[key]; ok {
		return m
	}
	m, err := describe.FindMethod(c.ctx, conn.Source, s.call.text)
	if err == nil {
		c.found[key] = m
		return m
	}
	name, ok := errors.AsType[*describe.NameError](err)
	if !ok {
		c.add(s.call.at, "", "%s%s", invoke.ErrorText(err), credentialsAdvice(err))
		return nil
	}
	switch {
	case len(name.Matches) > 0:
		c.add(s.call.at, "", "method %q is one of %s", s.call.text, strings.Join(slashed(name.Matches), ", "))
	case len(name.Suggestions) > 0:
		c.add(s.call.at, slashed(name.Suggestions[:1])[0], "there is no method %q", s.call.text)
	default:
		c.add(s.call.at, "", "there is no method %q", s.call.text)
	}
	return nil
}

// credentialsAdvice says how a suite gives reflection the credentials that it lacks.
func credentialsAdvice(err error) string {
	switch status.Code(err) {
	case codes.Unauthenticated, codes.PermissionDenied:
		return "; give them in the target's metadata, which goes with reflection too, or by -H"
	}
	return ""
}

// slashed writes full names of methods with the slash that they are called by.
func slashed(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		if dot := strings.LastIndexByte(n, '.'); dot >= 0 && !strings.Contains(n, "/") {
			n = n[:dot] + "/" + n[dot+1:]
		}
		out[i] = n
	}
	return out
}

// path is a method as it is called: pkg.Service/Method.
func path(m protoreflect.MethodDescriptor) string {
	return string(m.Parent().FullName()) + "/" + string(m.Name())
}
