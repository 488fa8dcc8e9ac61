package tui

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// update reports whether -update, a flag of teatest's, was given: golden frames and
// the tables of docs/tui.md are to be written.
func update() bool { return flag.Lookup("update").Value.String() == "true" }

var places = map[string]place{
	"the tree": inTree, "a search": inSearch, "the request": inBody, "the headers": inHeaders, "a header": inHeader,
	"the response": inResponse, "a find": inFind,
}

func TestKeysAreBoundOnce(t *testing.T) {
	for name, at := range places {
		bound := map[string]string{}
		for _, a := range allActions() {
			for _, key := range a.keys {
				if !a.counts(key, at) {
					continue
				}
				if other, ok := bound[key]; ok {
					t.Errorf("in %s, %s means %q and %q", name, key, other, a.name)
				}
				bound[key] = a.name
			}
		}
	}
}

func TestEveryActionIsEverywhere(t *testing.T) {
	m := newModel(t.Context(), Config{})
	defer m.close()
	m.link.state = connecting // without a server not all can be done
	help := ansi.Strip(strings.Join(helpLines(m, 200), "\n"))
	m.showPalette()
	palette := m.overlay.(*chooser)
	names := map[string]bool{}
	for _, g := range groups() {
		for _, a := range g.actions {
			if a.name == "" || a.short == "" || len(a.keys) == 0 || a.places == 0 || a.run == nil {
				t.Errorf("%q is incomplete", a.name)
			}
			if names[a.name] {
				t.Errorf("two actions are called %q", a.name)
			}
			names[a.name] = true
			if !strings.Contains(help, keyNames(a.keys)) || !strings.Contains(help, a.name) {
				t.Errorf("%q is not in the help", a.name)
			}
			offered := false
			for _, c := range palette.choices {
				offered = offered || c.name == a.name
			}
			if !offered {
				t.Errorf("%q is not in the palette", a.name)
			}
			if !inBar(m, a) {
				t.Errorf("%q is in no bar", a.name)
			}
		}
	}
}

// inBar reports whether a bar that is wide enough tells of the action, at each
// place that it has a key for.
func inBar(m *Model, a action) bool {
	told := false
	for _, at := range places {
		for _, item := range m.barItems(at) {
			told = told || item.short == a.short
		}
	}
	return told
}

// TestDocumentedActions holds the tables of docs/tui.md to the actions.
func TestDocumentedActions(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "tui.md")
	const begin, end = "<!-- actions: begin -->\n", "<!-- actions: end -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the actions", path)
	}
	var b strings.Builder
	for _, g := range groups() {
		fmt.Fprintf(&b, "### %s\n\n| keys | where | what |\n| --- | --- | --- |\n", g.name)
		for _, a := range g.actions {
			var keys []string
			for _, key := range strings.Fields(keyNames(a.keys)) {
				keys = append(keys, "`"+key+"`")
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.Join(keys, " "), whereText(a), a.name)
		}
		b.WriteString("\n")
	}
	if update() {
		if err := os.WriteFile(path, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != b.String() {
		t.Error("docs/tui.md does not have the actions as they are; go test ./internal/tui -run TestDocumentedActions -update writes them")
	}
}

func whereText(a action) string {
	switch a.places {
	case everywhere:
		if strings.ContainsFunc(strings.Join(a.keys, ""), func(r rune) bool { return false }) {
			return ""
		}
		for _, key := range a.keys {
			if len(key) == 1 {
				return "everywhere; `" + key + "` outside of text"
			}
		}
		return "everywhere"
	case outside:
		return "outside of text"
	}
	names := []struct {
		at   place
		name string
	}{
		{inTree, "services"}, {inSearch, "search"}, {inBody, "request"}, {inHeaders, "metadata"}, {inHeader, "a line of metadata"}, {inResponse, "response"},
	}
	var all []string
	for _, n := range names {
		if a.places&n.at != 0 {
			all = append(all, n.name)
		}
	}
	return strings.Join(all, ", ")
}
