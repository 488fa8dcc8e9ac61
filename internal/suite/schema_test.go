package suite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/grpcx/grpcx/internal/suite"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(suite.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("suite.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("suite.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// valid checks a suite against the schema, as editors do.
func valid(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Load([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return schema.Validate(v)
}

// yamlBlocks are the suites in a page.
func yamlBlocks(t *testing.T, path string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```yaml\n") {
		block, _, _ = strings.Cut(block, "```")
		if i > 0 && strings.HasPrefix(block, "version: 1") {
			blocks = append(blocks, block)
		}
	}
	return blocks
}

func TestSchemaTakesSuites(t *testing.T) {
	schema := compileSchema(t)
	texts := yamlBlocks(t, "../../docs/testing.md")
	if len(texts) < 5 {
		t.Fatalf("the page has %d suites", len(texts))
	}
	files, err := filepath.Glob("../../testdata/suite/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	for _, text := range texts {
		if err := valid(t, schema, text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

func TestSchemaRefusesMistakes(t *testing.T) {
	schema := compileSchema(t)
	const head = "version: 1\ntarget: a:1\n"
	for _, text := range []string{
		"target: a:1\n",
		"version: 2\n",
		head + "plaintxt: true\n",
		head + "tests: [{ call: S/M }]\n",
		head + "tests: [{ name: a }]\n",
		head + "tests: [{ name: a, call: S/M, steps: [{ call: S/M }] }]\n",
		head + "tests: [{ name: a, call: S/M, expct: x }]\n",
		head + "tests: [{ name: a, steps: [{ call: S/M, tags: [a] }] }]\n",
		head + "tests: [{ name: a, call: S/M, code: NOTFOUND }]\n",
		head + "tests: [{ name: a, call: S/M, timeout: soon }]\n",
		head + "tests: [{ name: a, call: S/M, data: {}, stream: [close] }]\n",
		head + "tests: [{ name: a, call: S/M, stream: [{ snd: {} }] }]\n",
		head + "tests: [{ name: a, call: S/M, until: { expct: x } }]\n",
		head + "tests: [{ name: a, call: S/M, cases: cases.txt }]\n",
		head + "vars: { a-b: 1 }\n",
		"version: 1\ntarget: { plaintext: true }\n",
		"version: 1\ntarget: { address: a:1, prot: a.proto }\n",
	} {
		if valid(t, schema, text) == nil {
			t.Errorf("the schema takes\n%s", text)
		}
	}
}
