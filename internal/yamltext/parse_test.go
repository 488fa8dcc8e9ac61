package yamltext

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

func TestMistakes(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"unclosed double quote", "a: \"b\nc: d\n", `1:4: the quote has no end`},
		{"unclosed single quote", "é: {ü: 'x\n", `1:8: the quote has no end`},
		{"unclosed list", "a: [1, 2\nb: 3\n", `2:2: want , or ] here; the [ is at 1:4`},
		{"unclosed list at the end", "a: [\n", `1:4: the [ has no ]`},
		{"unclosed list after a comma", "a: 1\r\nb: [[1],\r\n", `2:4: the [ has no ]`},
		{"unclosed list before a comment", "a: [ # [\n", `1:4: the [ has no ]`},
		{"unclosed map", "\uFEFFa: {b: [1]\n\n", `1:4: the { has no }`},
		{"the innermost of unclosed lists", strings.Repeat("[", 40), `1:40: the [ has no ]`},
		{"brackets of two kinds", "a: [1, 2}\n", `1:9: want , or ] here; the [ is at 1:4`},
		{"closed and never opened", "a: ]\n", `1:4: want a value here`},
		{"nothing between commas", "a: [1,,2]\n", `1:7: want a value here`},
		{"tab", "a:\n\tb: 1\n", `2:1: lines are indented with spaces, not with tabs`},
		{"tab after a value", "a:\n  b: 1\n\tc: 2\n", `3:1: found a tab character that violates indentation`},
		{"indented too little", "a:\n  b: 1\n c: 2\n", `3:2: want the next key of a map`},
		{"item indented too little", "a:\n  - b: 1\n   c: 2\n", `3:4: want the "- " of the next item`},
		{"indented too far", "a: 1\n  b: 2\n", `2:4: a ":" is not expected here`},
		{"string with a colon", "call: S/M data: {x: 1}\n", `1:15: a ":" is not expected here`},
		{"first line indented", "  a: 1\nb: 2\n", `2:1: the value has ended before this`},
		{"missing colon", "tests:\n  - name: a\n    call S/M\n    data: {}\n", `3:5: want KEY: VALUE`},
		{"text after a quote", "a: 'x' y\n", `1:8: want the next key of a map, or its end`},
		{"reserved character", "a: @b\n", `1:4: no value begins with '@'; write it in quotes`},
		{"unknown escape", "a: \"\\q\"\n", `1:5: found unknown escape character`},
		{"half a surrogate pair", "a: \"\\ud83d\"\n", `1:7: found invalid Unicode character escape code`},
		{"header of a block", "a: |x\n  one\n", `1:5: did not find expected comment or line break`},
		{"two anchors", "a: &x &y b\n", `1:7: want the next key`},
		{"second document", "a: 1\n--- b\n", `2:5: a second document begins here`},
		{"second document after an end", "---\na: 1\n...\n---\nb: 2\n", `5:1: a second document begins here`},
		{"other version", "%YAML 9.9\n---\na: 1\n", `1:1: the document is of another version`},
		{"not UTF-8", "a: 1\nbé: \xC3\n", `2:5: not UTF-8`},
		{"UTF-16", "\xFF\xFEa\x00", `1:1: not UTF-8`},
		{"control character", "é: 1\nb: é\x1b[0m\n", `2:5: control characters are not allowed`},
		{"after a line separator", "a: \"x\u2028y\"\nb: [é\u0085, *\n", `2:10: did not find expected alphabetic`},
		{"deep lists", strings.Repeat("[", 10_000), `1:101: nested deeper than 100 levels`},
		{"deep maps", strings.Repeat("{a: ", 10_000), `1:401: nested deeper than 100 levels`},
		{"deep items", strings.Repeat("- ", 10_000), `1:201: nested deeper than 100 levels`},
		{"deep keys", strings.Repeat("? ", 10_000), `1:201: nested deeper than 100 levels`},
		{"deep lines", staircase(200), `101:102: nested deeper than 100 levels`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Parse([]byte(tc.text), 100); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func staircase(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%sa:\n", strings.Repeat(" ", i))
	}
	return b.String()
}

// outline is n with its places; of an alias it is what that stands for.
func outline(n *yaml.Node) string {
	if n == nil {
		return "nothing"
	}
	out := fmt.Sprintf("%d:%d", n.Line, n.Column)
	if Tagged(n) {
		out += " " + n.Tag
	}
	switch n.Kind {
	case yaml.AliasNode:
		target := Target(n)
		if target == nil {
			return out + " *" + n.Value + " of nothing"
		}
		return out + fmt.Sprintf(" *%d:%d", target.Line, target.Column)
	case yaml.ScalarNode:
		return out + fmt.Sprintf(" %q", n.Value)
	}
	for _, child := range n.Content {
		out += " (" + outline(child) + ")"
	}
	return out
}

func TestPlaces(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "# x\n---\n...\n", `nothing`},
		{"byte order mark", "\uFEFFa: b\n", `1:1 (1:1 "a") (1:4 "b")`},
		{"line ends of Windows", "a: b\r\nc:\r\n- d\r\n", `1:1 (1:1 "a") (1:4 "b") (2:1 "c") (3:1 (3:3 "d"))`},
		{"wide characters", "日本: {ü: é}\n", `1:1 (1:1 "日本") (1:5 (1:6 "ü") (1:9 "é"))`},
		{"characters that were line breaks", "a: x\u2028y\u0085z\nb: \"\u2029\"\n", `1:1 (1:1 "a") (1:4 "x\u2028y\u0085z") (2:1 "b") (2:4 "\u2029")`},
		{"surrogate pairs", `{a: "\ud83d\uDE00.", 'b': '\ud83d\ude00', c: \ud83d\ude00}`, `1:1 (1:2 "a") (1:5 "😀.") (1:22 "b") (1:27 "\\ud83d\\ude00") (1:43 "c") (1:46 "\\ud83d\\ude00")`},
		{"escaped backslash before a pair", `"\\ud83d\\ude00"`, `1:1 "\\ud83d\\ude00"`},
		{"the mask itself", "a: \"\uFDD3\\u00e9\"\n", `1:1 (1:1 "a") (1:4 "\ufdd3é")`},
		{"the mask itself, and what is masked", "a: \"\uFDD3\u0085\\uFDD0\\ud83d\\ude00\"\n", `1:1 (1:1 "a") (1:4 "\ufdd3\u0085\ufdd0😀")`},
		{"characters like the mask", "a: x\u2028b\nc: \u0085﷽\n", `1:1 (1:1 "a") (1:4 "x\u2028b") (2:1 "c") (2:4 "\u0085﷽")`},
		{"anchors after what is masked", "a: \u0085\u2028\nb: \u0085\nc: &x d\n", `1:1 (1:1 "a") (1:4 "\u0085\u2028") (2:1 "b") (2:4 "\u0085") (3:1 "c") (3:7 "d")`},
		{"versions of documents", "%YAML 1.2\n---\na: |\n .\n... # x\n# y\n%YAML 1.2\n---\n", `3:1 (3:1 "a") (3:4 ".\n")`},
		{"version, where there are no directives", "---\n%YAML 1.2\n", ``},
		{"version", "%YAML 1.2 # x\n---\na: %YAML 1.2\n", ``},
		{"version of a document", "# x\n%YAML 1.2\n---\na: 1.2\n", `4:1 (4:1 "a") (4:4 "1.2")`},
		{"text that looks like a version", "a: |\n %YAML 1.2\n", `1:1 (1:1 "a") (1:4 "%YAML 1.2\n")`},
		{"anchors", "a: &x  b\nc: &y # é\n  - 1\nd: &z\n  k: v\n*x : *y\n", `1:1 (1:1 "a") (1:8 "b") (2:1 "c") (3:3 (3:5 "1")) (4:1 "d") (5:3 (5:3 "k") (5:6 "v")) (6:1 *1:8) (6:6 *3:3)`},
		{"anchors in brackets", "[&a {é: &b 'c'}, &d ,*b]", `1:1 (1:5 (1:6 "é") (1:12 "c")) (1:18 "") (1:22 *1:12)`},
		{"anchor that is taken again", "- &a 1\n- &a 2\n- *a\n", `1:1 (1:6 "1") (2:6 "2") (3:3 *2:6)`},
		{"alias of nothing", "a: [*b, &b c]\n", `1:1 (1:1 "a") (1:4 (1:5 *b of nothing) (1:12 "c"))`},
		{"alias within its anchor", "a: &a [*a]\n", `1:1 (1:1 "a") (1:7 (1:8 *1:7))`},
		{"tags", "a: !!str 1\nb: &x !y {}\nc: ! z\n", `1:1 (1:1 "a") (1:4 !!str "1") (2:1 "b") (2:7 !y) (3:1 "c") (3:4 ! "z")`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root, err := Parse([]byte(tc.text), 100)
			if tc.want == "" {
				if err == nil {
					t.Errorf("got %s, want an error", outline(root))
				}
				return
			}
			if got := outline(root); err != nil || got != tc.want {
				t.Errorf("got %v\n%s, want\n%s", err, got, tc.want)
			}
		})
	}
}

// A text of the largest size that is read, with all of its anchors in one line: a time
// that grows with the square of the size is more than the test has.
func TestAnchorsInOneLine(t *testing.T) {
	value := "é" + strings.Repeat("b", 26)
	item := ",&a " + value
	n := 4 << 20 / len(item)
	root, err := Parse([]byte("x: ["+strings.Repeat(item, n)[1:]+"]"), 100)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range root.Content[1].Content {
		if got.Line != 1 || got.Column != 8+utf8.RuneCountInString(item)*i || got.Value != value {
			t.Fatalf("item %d is %q at %d:%d", i, got.Value, got.Line, got.Column)
		}
	}
}

func TestValuesAreBounded(t *testing.T) {
	const size = 4 << 20
	fill := func(prefix, item, suffix string) string {
		return prefix + strings.Repeat(item, (size-len(prefix)-len(suffix))/len(item)) + suffix
	}
	for _, tc := range []struct{ name, text, want string }{
		{"list in brackets", fill("- [", "a,", "]"), "1:2000001: too many values"},
		{"maps in brackets", fill("[[", "{},", "]]"), "1:1500000: too many values"},
		{"pairs in brackets", fill("[", "a:,", "]"), "1:1500001: too many values"},
		{"list of lines", fill("", "-\n", ""), "500001:1: too many values"},
		{"lists in lists", fill("", strings.Repeat("- ", 99)+"\n", ""), "10001:1: too many values"},
		{"maps of lines", fill("", "?\n", ""), "500001:1: too many values"},
		{"keys", fill("", "a:\r", ""), "1:1500002: too many values"},
		{"string in JSON", fill(`{"a":"\"`, "1,", `\\","b":[1]}`), ""},
		{"literal of numbers", fill("a: |\n", "  1234,5678,123,90\n", ""), ""},
		{"as many bytes as marks", strings.Repeat("-\n", maxMarks/2), ""},
		{"prose", fill("a: '", "It is what it is, and no more: none.\n", "'"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.want == "" {
				if n, at := countMarks([]byte(tc.text), maxMarks); at >= 0 {
					t.Errorf("mark %d is at %d", n+1, at)
				}
				return
			}
			if _, err := Parse([]byte(tc.text), 100); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestMoreNoncharactersThanCanBeHidden(t *testing.T) {
	var all strings.Builder
	for r := '\uFDD0'; r <= '\uFDEF'; r++ {
		all.WriteRune(r)
	}
	if root, err := Parse([]byte("a: "+all.String()), 100); err != nil || root.Content[1].Value != all.String() {
		t.Errorf("without anything to hide: %s, %v", outline(root), err)
	}
	if root, err := Parse([]byte("a: \u2028"+all.String()), 100); err == nil {
		t.Errorf("want an error, got %s", outline(root))
	}
}

func TestPlainScalars(t *testing.T) {
	names := []string{"string", "null", "bool", "int", "float"}
	for text, want := range map[string]string{
		"": "null null", "~": "null null", "Null": "null null", "nULL": "string nULL", "True": "bool true", "FALSE": "bool false", "tRUE": "string tRUE",
		"yes": "string yes", "no": "string no", "on": "string on", "off": "string off", "y": "string y", "2024-01-02": "string 2024-01-02", "12:30:45": "string 12:30:45",
		"0": "int 0", "-0": "int -0", "+12": "int 12", "017": "int 17", "08": "int 8", "0x1F": "int 31", "0o17": "int 15", "0b11": "string 0b11", "1_000": "string 1_000", "-0x1F": "string -0x1F", "0x": "string 0x", "0x_1": "string 0x_1", "0o8": "string 0o8",
		"123456789012345678901234567890": "int 123456789012345678901234567890", "0xFFFFFFFFFFFFFFFFFF": "int 4722366482869645213695",
		".5": "float 0.5", "1.": "float 1", "1.50": "float 1.50", "-1e3": "float -1e3", "1E+5": "float 1E+5", "1e400": "float 1e400", "1e": "string 1e", "1e+-1": "string 1e+-1", "e1": "string e1", ".": "string .", "-": "string -", "1.2.3": "string 1.2.3", ".e1": "string .e1", "--1": "string --1",
		".nan": "float NaN", "NaN": "string NaN", ".inf": "float Infinity", "+.Inf": "float Infinity", "-.INF": "float -Infinity", "inf": "string inf",
	} {
		kind, value := Plain(text)
		if got := names[kind] + " " + value; got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "  - name: test %d\n    call: userservice.UserService/GetUser\n    data: { user_id: u%d }\n    code: NOT_FOUND\n    expect: ['message.contains(\"u%d \")']\n", i, i, i)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse([]byte(text.String()), 100); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzParse reads any text: no panic, and every place is in it.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"a: &x [*x]\nb: {<<: [{c: 'it''s'}], d: \"\\ud83d\\ude00\\\n  x\"}\n", "%YAML 1.2\n---\n!!str a: b\n...\n", "a: ? b\n- \x00\r\n\t- é: *a", "[&a {é: &b 'c'}, &d ,*b]", "\uFEFF&a\u2028b: [", "|\n x\u0085\n", "\"\\\\ud83d\\ude00\uFDD3", "- &a\r- *a\n# x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := len(lineStarts([]byte(text))) + 1
		root, err := Parse([]byte(text), 50)
		if e, ok := err.(*Error); ok { //nolint:errorlint // nothing wraps it
			if e.Line < 1 || e.Column < 1 || e.Line > lines || e.Column > utf8.RuneCountInString(text)+2 {
				t.Fatalf("%v of %d lines", e, lines)
			}
		} else if err != nil {
			t.Fatal(err)
		}
		marks, _ := countMarks([]byte(text), len(text))
		values := 0
		var look func(n *yaml.Node)
		look = func(n *yaml.Node) {
			values++
			if n.Line < 1 || n.Column < 1 || n.Line > lines {
				t.Fatalf("%q is at %d:%d", n.Value, n.Line, n.Column)
			}
			if !strings.Contains(text, maskPrefix) && strings.Contains(n.Value, maskPrefix) && !strings.Contains(text, `\`) {
				t.Fatalf("the mask is in %q", n.Value)
			}
			for _, child := range n.Content {
				look(child)
			}
		}
		if root != nil {
			look(root)
		}
		if values > 3*marks+1 {
			t.Fatalf("%d values, %d marks", values, marks)
		}
	})
}
