package codegen_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the table of deviations into docs/codegen.md")

// deviation is a case in which the output is not that of protoc-gen-es; the
// fields are explained in testdata/deviations.yaml.
type deviation struct {
	What      string   `yaml:"what"`
	Names     []string `yaml:"names"`
	Theirs    string   `yaml:"theirs"`
	Ours      string   `yaml:"ours"`
	Parameter string   `yaml:"parameter"`
	Target    string   `yaml:"target"`
	File      string   `yaml:"file"`
	Proto     string   `yaml:"proto"`
}

func deviations(t testing.TB) []deviation {
	t.Helper()
	b, err := os.ReadFile("testdata/deviations.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []deviation
	if err := yaml.Load(b, &all, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	return all
}

// instances returns the deviation for each of its names.
func (d deviation) instances() []deviation {
	if len(d.Names) == 0 {
		return []deviation{d}
	}
	var all []deviation
	for _, name := range d.Names {
		one := d
		for _, s := range []*string{&one.Theirs, &one.Ours, &one.Proto} {
			*s = strings.ReplaceAll(*s, "NAME", name)
		}
		one.Names = []string{name}
		all = append(all, one)
	}
	return all
}

const (
	tableBegin = "<!-- deviations: written by go test ./internal/codegen -run TestDeviationsAreDocumented -update -->\n"
	tableEnd   = "<!-- end of the deviations -->\n"
)

func TestDeviationsAreDocumented(t *testing.T) {
	const name = "../../docs/codegen.md"
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), tableBegin)
	old, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", name)
	}
	table := deviationTable(deviations(t))
	if *update {
		if err := os.WriteFile(name, []byte(before+tableBegin+table+tableEnd+after), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if old != table {
		t.Errorf("the table of deviations in %s is out of date: run this test with -update", name)
	}
}

func deviationTable(all []deviation) string {
	var b strings.Builder
	b.WriteString("\n| in the .proto file | protoc-gen-es | grpcx |\n| --- | --- | --- |\n")
	for _, d := range all {
		one := d.instances()[0]
		fmt.Fprintf(&b, "| %s | `%s` | `%s` |\n", one.What, lastLine(one.Theirs), lastLine(one.Ours))
	}
	b.WriteString("\n")
	return b.String()
}

// lastLine returns what distinguishes a text of several lines: the one before
// those that only close something.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := len(lines) - 1; i > 0; i-- {
		if line := strings.TrimSpace(lines[i]); line != "};" && line != "}" {
			return line
		}
	}
	return strings.TrimSpace(lines[0])
}
