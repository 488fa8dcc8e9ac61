package suite

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/google/cel-go/common/types"

	_ "github.com/grpcx/grpcx/testserver/proto/chat"
	_ "github.com/grpcx/grpcx/testserver/proto/userservice"
)

func descriptor(tb testing.TB, name protoreflect.FullName) protoreflect.MessageDescriptor {
	tb.Helper()
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		tb.Fatal(err)
	}
	return d.(protoreflect.MessageDescriptor)
}

func testCompiler(tb testing.TB, ps *problems) (*compiler, *scope) {
	tb.Helper()
	s := newSchema(protoregistry.GlobalTypes, &[]*schema{})
	sc := newScope()
	for name, message := range map[string]protoreflect.FullName{"res": "userservice.CreateUserResponse", "event": "chat.ChatEvent"} {
		md := descriptor(tb, message)
		s.add(md)
		sc.names[name] = binding{typ: messageType(md)}
	}
	env := map[string]string{"ADDR": "h:1"}
	c, err := newCompiler(ps, s, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		tb.Fatal(err)
	}
	sc.names["msgs"] = binding{typ: types.NewListType(sc.names["res"].typ)}
	sc.names["env"] = binding{typ: types.NewMapType(types.StringType, types.StringType)}
	sc.names["vars.email"] = binding{typ: types.StringType}
	sc.names["email"] = binding{typ: types.StringType}
	sc.names["n"] = binding{typ: types.UintType}
	sc.names["x"] = binding{typ: types.DoubleType}
	return c, sc
}

func TestMistakesInExpressions(t *testing.T) {
	for _, tc := range []struct{ name, expr, want string }{
		{"field", `res.user.emial == ""`, `^emial userservice.User has no field "emial"; did you mean "email"?`},
		{"field within a macro", `msgs.all(m, m.user.nme != "")`, `^nme userservice.User has no field "nme"; did you mean "name"?`},
		{"enum", `res.user.status == "ACTVE"`, `^"ACTVE" userservice.User.Status has no value "ACTVE"; did you mean "ACTIVE"?`},
		{"enum in a list", `res.user.status in ["ACTIVE", "INACTIV"]`, `^"INACTIV" userservice.User.Status has no value`},
		{"enum in a macro", `msgs.exists(m, m.user.status == "NO")`, `^"NO" userservice.User.Status has no value "NO"`},
		{"enum as a number", `res.user.status == 1`, `^== the types clash: string == int`},
		{"types", `res.user.age == "x"`, `^== the types clash: int == string`},
		{"variable", `vars.emial == ""`, `^vars there is no variable "emial"; did you mean "vars.email"?`},
		{"environment", `env.ADR == ""`, `^ADR environment variable ADR is not set`},
		{"environment by index", `env["ADR"] == ""`, `^"ADR" environment variable ADR is not set`},
		{"name", `rez.user.name == ""`, `^rez there is no "rez" here; did you mean "res"?`},
		{"function", `foo(res)`, `^foo there is no function "foo"`},
		{"argument", `res.user.name.contains(1)`, `^contains contains does not take string.(int)`},
		{"syntax", `res.user.name == `, `syntax: the expression ends too early`},
		{"not a condition", `res.user.name`, `^res want an expression that is true or false; this is string`},
		{"duration", `duration("5 parrots") > duration("1s")`, `invalid duration`},
		{"field of a scalar", `res.user.name.first == ""`, `^first string has no fields`},
		{"index", `res.user.metadata[1] == ""`, `map(string, string) has no index of type int`},
		{"negative unsigned", `n == -1`, `^== the types clash: uint == int`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var ps problems
			c, sc := testCompiler(t, &ps)
			s := newSource("a.yaml", []byte("e: |\n    "+tc.expr+"\n"))
			root, err := parseYAML(s)
			if err != nil {
				t.Fatal(err)
			}
			if e := c.condition(root.get("e"), sc); e != nil || len(ps.list) == 0 {
				t.Fatal("no problem is found")
			}
			got := ps.list[0].Error()
			if i := strings.Index(got, ": "); i > 0 {
				got = got[i+2:]
			}
			want, caret := tc.want, ""
			if strings.HasPrefix(want, "^") {
				caret, want, _ = strings.Cut(want[1:], " ")
			}
			if !strings.Contains(got, want) {
				t.Errorf("problem is %q, want %q", got, want)
			}
			at := string([]rune(ps.list[0].Snippet)[ps.list[0].Caret:])
			if !strings.HasPrefix(at, caret) {
				t.Errorf("caret is at %q, want %q", at, caret)
			}
		})
	}
}

func TestGoodExpressions(t *testing.T) {
	for _, expr := range []string{
		`res.user.status == "ACTIVE" && res.user.status in ["ACTIVE"]`,
		`n == 5 && 5 == n && n > 4 && n in [1, 2] && n + 1 == 6`, `x == 1 && x > 0`,
		`res.user.created_at > timestamp("2020-01-01T00:00:00Z")`,
		`has(res.user.created_at) && !has(env.NOPE)`, `has(env.NOPE) ? env.NOPE == "" : true`,
		`env.ADDR == "h:1"`, `vars.email == email`, `event.type == "JOIN"`,
		`msgs.size() > 3 && size(msgs) > 2`, `res.user == userservice.User{name: "Ada", status: "ACTIVE"}`,
		"res.user.name\n  .contains(\"a\")",
	} {
		var ps problems
		c, sc := testCompiler(t, &ps)
		n := &node{kind: stringKind, text: expr}
		if e := c.condition(n, sc); e == nil {
			t.Errorf("%s: %v", expr, ps.err())
		} else if e.keeps {
			t.Errorf("%s: keeps all messages", expr)
		}
	}
}

func TestExpressionsOfOnePattern(t *testing.T) {
	var ps problems
	c, sc := testCompiler(t, &ps)
	node := func(text string) *node {
		return parseOne(t, "e: |\n  "+text+"\n").get("e")
	}
	for i, name := range []string{"ACTIVE", "INACTIVE", "SUSPENDED"} {
		e := c.condition(node(`res.user.status == "`+name+`" && size(msgs) > 0`), sc)
		if e == nil {
			t.Fatal(ps.err())
		}
		if byPattern := e.literals != nil; byPattern != (i > 0) {
			t.Errorf("expression %d is compiled by its pattern: %v", i, byPattern)
		}
		if slices.Contains(e.uses, "__0") || e.keeps {
			t.Errorf("expression %d uses %v, keeps %v", i, e.uses, e.keeps)
		}
	}
	if c.condition(node(`res.user.status == "ACTVE" && size(msgs) > 0`), sc) != nil || len(ps.list) != 1 {
		t.Errorf("a wrong name is not found: %v", ps.err())
	}
	for _, text := range []string{`n == 1`, `n == 2`, `n == 3`, `n == -1 || true`, `x > 1.5`, `x > 2.5`, `res.user.name == 'a'`} {
		before := len(ps.list)
		if c.condition(node(text), sc); text != `n == -1 || true` && len(ps.list) > before {
			t.Errorf("%s: %v", text, ps.list[before:])
		}
	}
	for text, want := range map[string]string{
		`a == "b" && c1 == 23`: `a == __0 && c1 == __1`,
		`a[0] + 1.5 - -2`:      `a[__0] + 1.5 - -2`,
		`5u == 0x10`:           ``,
		`r"a" == b'c'`:         ``,
		`a.matches("x")`:       ``,
		`'é' == "'"`:           `__0 == __1`,
	} {
		if got, _ := patternOf(text); got.text != want && len(got.literals) > 0 {
			t.Errorf("pattern of %s is %s, want %s", text, got.text, want)
		}
	}
}

func parseOne(t *testing.T, text string) *node {
	t.Helper()
	n, err := parseYAML(newSource("a.yaml", []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func BenchmarkCompile(b *testing.B) {
	var ps problems
	c, sc := testCompiler(b, &ps)
	n := &node{kind: stringKind, text: `res.user.email == vars.email`}
	b.Run("in a known scope", func(b *testing.B) {
		for b.Loop() {
			clear(c.compiled)
			c.condition(n, sc)
		}
	})
	b.Run("in a new scope", func(b *testing.B) {
		for b.Loop() {
			clear(c.compiled)
			clear(c.envs)
			c.condition(n, sc)
		}
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			c.condition(n, sc)
		}
	})
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			c, sc := testCompiler(b, &ps)
			c.condition(n, sc)
		}
	})
}
