//go:build codegen

package codegen_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/grpcx/grpcx/internal/codegen"
)

// clashing are names that meet each other, and what generated code uses, once
// they are joined, suffixed and turned into camel case.
const clashing = "a A _a a_ aA a_a AA A_A aSchema ASchema AJson AValid AClient createAClient file_a Message create A_ A__B A_B B aB a_b ab AB" +
	" _ __ _1 a1 a_1 _a1 GenMessage JsonObject Promise transport request options Transport CallOptions unary Requests Responses"

// clasher writes .proto files of few names at random.
type clasher struct {
	*rand.Rand
	strings.Builder
	pkg   string
	types []string // the messages so far
}

// clashes are such files, the same ones in each run. Many do not compile.
func clashes(t *testing.T) compiled {
	t.Helper()
	root := t.TempDir()
	random := rand.New(rand.NewPCG(7, 9))
	for i := range 400 {
		c := &clasher{Rand: random, pkg: fmt.Sprintf("clash%d", i)}
		writeFiles(t, root, []codegen.File{{Name: c.pkg + "/a.proto", Content: c.file()}})
	}
	c := corpus{root: root}.compile(t)
	if len(c.files) < 100 {
		t.Fatalf("%d files compile, want 100 at the least", len(c.files))
	}
	return c
}

func (c *clasher) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(c, format, args...)
}

func (c *clasher) name() string {
	names := strings.Fields(clashing)
	return names[c.IntN(len(names))]
}

func (c *clasher) message() string { return "." + c.pkg + "." + c.types[c.IntN(len(c.types))] }

func (c *clasher) file() string {
	c.printf("syntax = \"proto2\";\npackage %s;\n", c.pkg)
	for range 1 + c.IntN(3) {
		c.writeMessage("")
	}
	if c.IntN(2) == 0 {
		c.writeEnum()
	}
	c.printf("service %s { rpc %s(%s) returns (%s); rpc %s(stream %s) returns (stream %s); }\n",
		c.name(), c.name(), c.message(), c.message(), c.name(), c.message(), c.message())
	return c.String()
}

func (c *clasher) writeMessage(parent string) {
	name := c.name()
	c.types = append(c.types, parent+name)
	c.printf("message %s {\n", name)
	for n := range c.IntN(5) {
		typ := []string{"string", "int64", "bytes", c.message()}[c.IntN(4)]
		c.printf("optional %s %s = %d;\n", typ, c.name(), n+1)
	}
	if c.IntN(2) == 0 {
		c.printf("oneof %s { int64 %s = 11; string %s = 12; }\n", c.name(), c.name(), c.name())
	}
	if c.IntN(3) == 0 {
		c.writeEnum()
	}
	if strings.Count(parent, ".") < 2 && c.IntN(2) == 0 {
		c.writeMessage(parent + name + ".")
	}
	c.WriteString("}\n")
}

func (c *clasher) writeEnum() {
	name := c.name()
	c.printf("enum %s { %s_%s = 0; %s_%s = 1; }\n", name, strings.ToUpper(name), c.name(), strings.ToLower(name), c.name())
}
