package suite

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/invoke"
)

// Config says which tests there are and what they need to know.
type Config struct {
	Paths     []string // suite files, see Find
	Connect   Connect
	LookupEnv func(string) (string, bool)
	Vars      map[string]string // in place of those of the files
	Tags      []string          // of which a test has one; those that begin with ! it has not
	Match     *regexp.Regexp    // that a test's full name matches, nil: any
	RunID     string            // run.id
	Started   time.Time         // run.started
	Version   string            // of grpcx
}

// Suite is files of tests that have been checked and can be run.
type Suite struct {
	config  Config
	files   []*filePlan
	conns   map[string]*connection // by Target.key
	secrets *secrets
	schemas []*schema
	plan    []*Test
	paths   []string
}

// connection is a target that is connected, and what is known of its messages.
type connection struct {
	Conn
	at       place // of the target, where it is named first
	compiler *compiler
}

// filePlan is a file that can be run.
type filePlan struct {
	file     *file
	values   *values // env, run and vars
	setup    *testPlan
	tests    []*testPlan
	teardown *testPlan
	partial  bool // not all of its tests are wanted
}

// Load reads, connects and checks. What is wrong with the files is a Problems;
// ErrNoTests says that nothing is left to run, ErrNoVariable that no file has one
// of Vars. The caller closes the Suite.
func Load(ctx context.Context, c Config) (*Suite, error) {
	s := &Suite{config: c.complete(), conns: map[string]*connection{}, secrets: newSecrets()}
	lookup := s.config.LookupEnv
	s.config.LookupEnv = func(name string) (string, bool) {
		value, ok := lookup(name)
		switch {
		case ok && invoke.Sensitive(name):
			s.secrets.add(name, value)
		case ok:
			s.secrets.note(name, value)
		}
		return value, ok
	}
	var ps problems
	files, err := s.read(ctx, c.Paths, &ps)
	if err != nil {
		return s, err
	}
	if slices.ContainsFunc(files, func(f *file) bool { return f.unreadable }) {
		return s, ps.err()
	}
	if err := s.config.checkVars(files); err != nil {
		if mistakes := ps.err(); mistakes != nil {
			err = mistakes // a variable may be missing for one of them
		}
		return s, err
	}
	defer func() { // a value that could not be used may be in a message
		for _, p := range ps.list {
			p.Message = s.secrets.redact(p.Message)
		}
	}()
	l := &loader{Suite: s, problems: &ps, ctx: ctx, specs: map[*targetSpec]*connection{}, found: map[methodName]protoreflect.MethodDescriptor{}}
	for _, f := range files {
		if err := l.file(f); err != nil {
			s.Close()
			if mistakes := ps.err(); mistakes != nil {
				return s, mistakes // that can be mended at once
			}
			return s, s.secrets.hide(err)
		}
	}
	if err := ps.err(); err != nil {
		s.Close()
		return s, err
	}
	s.choose()
	if len(s.plan) == 0 {
		s.Close()
		return s, ErrNoTests
	}
	for _, c := range s.conns {
		if c.CC != nil || c.Dial == nil {
			continue
		}
		var err error
		if c.CC, err = c.Dial(ctx); err != nil {
			s.Close()
			return s, s.secrets.hide(fmt.Errorf("%s: %w", c.at.position(), err))
		}
	}
	return s, nil
}

// complete fills in what is not given.
func (c Config) complete() Config {
	if c.LookupEnv == nil {
		c.LookupEnv = func(string) (string, bool) { return "", false }
	}
	if c.Started.IsZero() {
		c.Started = time.Now()
	}
	if c.RunID == "" {
		c.RunID = strconv.FormatInt(c.Started.UnixNano(), 36)
	}
	return c
}

// checkVars reports whether each of Vars is a variable of one of the files.
func (c Config) checkVars(files []*file) error {
	known := map[string]bool{}
	for _, f := range files {
		for _, v := range f.vars {
			known[v.name] = true
		}
	}
	for name := range keys(c.Vars) {
		if known[name] {
			continue
		}
		err := fmt.Errorf("%w %q", ErrNoVariable, name)
		if meant := nearest(name, keys(known)); meant != "" {
			err = fmt.Errorf("%w; did you mean %q?", err, meant)
		}
		return err
	}
	return nil
}

// Close ends the connections.
func (s *Suite) Close() {
	for _, c := range s.conns {
		if c.Close != nil {
			c.Close()
		}
	}
	s.conns = map[string]*connection{}
}

// Tests are the tests that Run runs, setups and teardowns included.
func (s *Suite) Tests() []*Test { return s.plan }

// Files are the paths of all files that the suite is made of: those of its
// configuration, and those that they include or take cases and schema from. They
// are known of a suite that could not be loaded, too.
func (s *Suite) Files() []string { return s.paths }

// loader checks the files of a suite.
type loader struct {
	*Suite
	*problems
	ctx   context.Context //nolint:containedctx // of the one call of Load
	plain *compiler       // of expressions without messages
	found map[methodName]protoreflect.MethodDescriptor
	specs map[*targetSpec]*connection
}

// methodName is a method as a file names it.
type methodName struct {
	conn *connection
	name string
}

// file checks f. The error is a target that cannot be reached; mistakes are noted.
func (l *loader) file(f *file) error {
	plan := &filePlan{file: f, values: &values{names: map[string]any{
		"env":         environment{l.config.LookupEnv},
		"run.id":      types.String(l.config.RunID),
		"run.started": types.Timestamp{Time: l.config.Started},
	}}}
	if l.plain == nil {
		var err error
		if l.plain, err = newCompiler(l.problems, newSchema(nil, &l.schemas), l.config.LookupEnv); err != nil {
			return err
		}
	}
	sc := newScope()
	sc.names["env"] = binding{typ: types.NewMapType(types.StringType, types.StringType)}
	sc.names["run.id"] = binding{typ: types.StringType}
	sc.names["run.started"] = binding{typ: types.TimestampType}
	sc = l.vars(f, plan.values, sc)
	for _, spec := range f.specs() {
		if err := l.connect(spec, sc, plan.values); err != nil {
			return err
		}
	}
	c := &checker{loader: l, plan: plan}
	c.check(sc)
	l.files = append(l.files, plan)
	return nil
}

// vars evaluates the variables of f, in their order.
func (l *loader) vars(f *file, v *values, sc *scope) *scope {
	for _, variable := range f.vars {
		value, b, ok := l.constant(variable.value, v, sc)
		if text, is := l.config.Vars[variable.name]; is {
			value, ok = l.given(variable, text, b, ok)
		}
		if ok {
			sc = bindVariable(sc, v, variable.name, value, b)
		} else {
			// What is wrong with it has been told; its uses are not.
			sc = bindVariable(sc, v, variable.name, types.String(""), binding{typ: types.DynType})
		}
	}
	return sc
}

// bindVariable makes a variable known as NAME and vars.NAME.
func bindVariable(sc *scope, v *values, name string, value ref.Val, b binding) *scope {
	v.names[name], v.names["vars."+name] = value, value
	return sc.with(name, b).with("vars."+name, b)
}

// given is the value of a variable from the command line, of the type that the
// file's has.
func (l *loader) given(v variable, text string, b binding, ok bool) (ref.Val, bool) {
	if !ok {
		return types.String(text), true
	}
	switch b.typ.Kind() {
	case types.StringKind:
		return types.String(text), true
	case types.IntKind:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return types.Int(i), true
		}
	case types.DoubleKind:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return types.Double(f), true
		}
	case types.BoolKind:
		if is, err := strconv.ParseBool(text); err == nil {
			return types.Bool(is), true
		}
	}
	l.add(v.at, "", "variable %s is %s; what is given for it is not", v.name, typeName(b.typ))
	return nil, false
}

// constant evaluates a value of a file with what is known before the run.
func (l *loader) constant(n *node, v *values, sc *scope) (ref.Val, binding, bool) {
	switch n.kind {
	case nullKind:
		return types.NullValue, binding{typ: types.DynType}, true
	case boolKind:
		return types.Bool(n.bool()), binding{typ: types.BoolType}, true
	case intKind:
		if i, err := strconv.ParseInt(n.text, 10, 64); err == nil {
			return types.Int(i), binding{typ: types.IntType}, true
		}
		u, err := strconv.ParseUint(n.text, 10, 64)
		return types.Uint(u), binding{typ: types.UintType}, err == nil
	case floatKind:
		f, err := strconv.ParseFloat(n.text, 64)
		return types.Double(f), binding{typ: types.DoubleType}, err == nil
	case stringKind:
		return l.constantText(n, v, sc)
	case listKind:
		out := make([]ref.Val, 0, len(n.items))
		for _, item := range n.items {
			value, _, ok := l.constant(item, v, sc)
			if !ok {
				return nil, binding{}, false
			}
			out = append(out, value)
		}
		return types.NewRefValList(types.DefaultTypeAdapter, out), binding{typ: types.NewListType(types.DynType)}, true
	default:
		out := map[ref.Val]ref.Val{}
		for _, f := range n.fields {
			value, _, ok := l.constant(f.value, v, sc)
			if !ok {
				return nil, binding{}, false
			}
			out[types.String(f.key.text)] = value
		}
		return types.NewRefValMap(types.DefaultTypeAdapter, out), binding{typ: types.NewMapType(types.StringType, types.DynType)}, true
	}
}

func (l *loader) constantText(n *node, v *values, sc *scope) (ref.Val, binding, bool) {
	if !hasDollar(n.text) {
		return types.String(n.text), binding{typ: types.StringType}, true
	}
	t := l.plain.text(n, sc)
	if t == nil {
		return nil, binding{}, false
	}
	value, err := t.value(l.ctx, v)
	if err != nil {
		l.add(n.at, "", "%v", err)
		return nil, binding{}, false
	}
	return value, t.typ(), true
}

// choose drops the tests that the configuration does not ask for, but not what
// others need, and lists those that are left.
func (s *Suite) choose() {
	for _, f := range s.files {
		wanted := map[*testPlan]bool{}
		var want func(*testPlan)
		want = func(t *testPlan) {
			if wanted[t] {
				return
			}
			wanted[t] = true
			for _, n := range t.needs {
				want(n)
			}
		}
		for _, t := range f.tests {
			if s.matches(t.test) {
				want(t)
			}
		}
		all := len(f.tests)
		f.tests = slices.DeleteFunc(f.tests, func(t *testPlan) bool { return !wanted[t] })
		f.partial = len(f.tests) < all
		if len(f.tests) == 0 {
			continue
		}
		for _, t := range slices.Concat([]*testPlan{f.setup}, f.tests, []*testPlan{f.teardown}) {
			if t != nil {
				t.test.Index = len(s.plan)
				s.plan = append(s.plan, t.test)
			}
		}
	}
	s.files = slices.DeleteFunc(s.files, func(f *filePlan) bool { return len(f.tests) == 0 })
}

func (s *Suite) matches(t *Test) bool {
	if s.config.Match != nil && !s.config.Match.MatchString(t.FullName()) {
		return false
	}
	asked, has := false, false
	for _, tag := range s.config.Tags {
		if not, ok := strings.CutPrefix(tag, "!"); ok {
			if slices.Contains(t.Tags, not) {
				return false
			}
			continue
		}
		asked = true
		has = has || slices.Contains(t.Tags, tag)
	}
	return has || !asked
}
