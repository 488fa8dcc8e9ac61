package suite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzFile reads any text as a suite: no panic, every problem has a place in it,
// and so has every character of its strings.
func FuzzFile(f *testing.F) {
	files, err := filepath.Glob("../../testdata/suite/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("a: &x [*x]\nb: {<<: [{c: 'it''s'}], d: \"\\u00e9\\\n  x\"}\ne: |-\n   a\n\n    b\nf: >\n  c\n  d\n")
	f.Add("version: 1\ntarget: \"${env.A}\"\ntests: [{name: a, call: \"${b\", stream: [{recv: x}, close, {send: {}}]}]")
	f.Add("a: ? b\n- \x00\r\n\t- é: *a")
	f.Add("\r\r@")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<12 {
			return
		}
		s := newSource("a.yaml", []byte(text))
		inside := func(p place) bool { return p.line >= 0 && p.line <= len(s.lines)+1 && p.column >= 0 }
		var ps problems
		parseFile(s, &ps)
		for _, p := range ps.list {
			if !inside(place{s, p.Position.Line, p.Position.Column}) || p.Caret > utf8.RuneCountInString(p.Snippet) {
				t.Errorf("problem %q is at %v, caret %d of %q", p.Message, p.Position, p.Caret, p.Snippet)
			}
		}
		_ = ps.err()
		root, err := parseYAML(s)
		if err != nil || root == nil {
			return
		}
		visit(root, func(n *node) {
			for i := range utf8.RuneCountInString(n.text) + 1 {
				if p := n.within(i); !inside(p) {
					t.Errorf("character %d of %q is at %d:%d", i, n.text, p.line, p.column)
				}
			}
		})
	})
}

func visit(n *node, look func(*node)) {
	look(n)
	for _, item := range n.items {
		visit(item, look)
	}
	for _, f := range n.fields {
		visit(f.key, look)
		visit(f.value, look)
	}
}

// FuzzTemplate splits any string: nothing is lost, and offsets are right.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"a${b}c", "$${a}", "${'}'}", `${"\"}" + '''}'''}`, "${{'a': {}}}", "é${x", "${r'\\'}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		parts, unclosed := splitTemplate(s)
		runes := []rune(s)
		var back strings.Builder
		for _, p := range parts {
			if p.isExpr {
				if got := string(runes[p.offset : p.offset+utf8.RuneCountInString(p.text)]); got != p.text {
					t.Errorf("%q: expression %q is said to be at %q", s, p.text, got)
				}
				back.WriteString("${" + p.text + "}")
				continue
			}
			back.WriteString(strings.ReplaceAll(p.text, "${", "$${"))
		}
		if unclosed < 0 && back.String() != s {
			t.Errorf("%q came back as %q", s, back.String())
		}
		if unclosed > len(runes) {
			t.Errorf("%q: unclosed at %d", s, unclosed)
		}
	})
}

func TestPlacesWithinStrings(t *testing.T) {
	for _, tc := range []struct{ name, yaml, at string }{
		{"plain", "a: one X two\n", "X two"},
		{"plain on two lines", "a: one\n  X two\n", "X two"},
		{"single quotes", "a: 'it''s X'\n", "X'"},
		{"double quotes", `a: "\"é\u00e9\" X"` + "\n", `X"`},
		{"double quotes with an escaped line break", "a: \"one \\\n   X\"\n", "X\""},
		{"literal", "a: |\n  one\n\n    é X\n", "X"},
		{"folded", "a: >-\n  one\n  two\n\n  X\n", "X"},
		{"flow", "a: [b, {c: 'd X'}]\n", "X'}]"},
		{"wide characters before it", "é: 'ü X'\n", "X'"},
		{"alias", "b: &b 'one X'\na: *b\n", "X'"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root, err := parseYAML(newSource("a.yaml", []byte(tc.yaml)))
			if err != nil {
				t.Fatal(err)
			}
			var at place
			visit(root, func(n *node) {
				if i := strings.IndexRune(n.text, 'X'); i >= 0 {
					at = n.within(utf8.RuneCountInString(n.text[:i]))
				}
			})
			if at.source == nil {
				t.Fatal("no string has an X")
			}
			line := []rune(at.source.lines[at.line-1])
			if got := string(line[min(at.column-1, len(line)):]); got != tc.at {
				t.Errorf("X is at %q, want %q", got, tc.at)
			}
		})
	}
}
