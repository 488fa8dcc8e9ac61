package editor

import (
	"testing"
)

func TestKeys(t *testing.T) {
	for _, c := range []struct{ name, before, keys, after string }{
		{"brackets close themselves", `|`, `{`, `{|}`},
		{"and are passed", `|`, `{}`, `{}|`},
		{"and go with their first half", `|`, `{<backspace>`, `|`},
		{"nested", `|`, `[{]`, `[{]|}]`},
		{"a bracket before a value stays alone", `|1`, `[`, `[|1`},
		{"quotes close themselves", `{"name": |}`, `"x"`, `{"name": "x"|}`},
		{"a quote after a backslash stays alone", `{"name": "a\|"}`, `"`, `{"name": "a\"|"}`},
		{"a quote within a text stays alone", `["a|b"]`, `"`, `["a"|b"]`},
		{"brackets within a text stay alone", `["a|"]`, `{`, `["a{|"]`},
		{"nothing closes in a comment", `// |`, `"{it's`, `// "{it's|`},
		{"a number takes the place of a lone zero", `{"age": |0}`, "36", `{"age": 36|}`},
		{"behind it too", `{"age": 0|}`, "-5", `{"age": -5|}`},
		{"but not of a part of a number", `{"age": 1|0}`, "2", `{"age": 12|0}`},
		{"nor of a fraction's", `{"age": 0|}`, ".5", `{"age": 0.5|}`},
		{"the next value", "{\n  \"name\": \"a|\",\n  \"home\": {\n    \"street\": \"x\"\n  }\n}", "<next>", "{\n  \"name\": \"a\",\n  \"home\": {\n    \"street\": \"|x\"\n  }\n}"},
		{"after the last value the first", `{"name": "", "age": |1}`, "<next>", `{"name": "|", "age": 1}`},
		{"the value before", `{"name": "", "age": |1}`, "<prev>", `{"name": "|", "age": 1}`},
		{"before the first value the last", `{"name": "|", "age": 1}`, "<prev>", `{"name": "", "age": |1}`},
		{"no value", "{|}", "<next><prev>", "{|}"},
		{"enter between brackets", `{|}`, `<enter>`, "{\n  |\n}"},
		{"enter keeps the indentation", "{\n  \"a\": 1,|\n}", `<enter>`, "{\n  \"a\": 1,\n  |\n}"},
		{"enter in a text leaves it whole", "{\n  \"a\": \"x|y\",\n}", `<enter>`, "{\n  \"a\": \"xy\",\n  |\n}"},
		{"enter in a comment goes on with it", "// one |two", `<enter>`, "// one\n// |two"},
		{"enter at the start", "|{}", `<enter>`, "\n|{}"},
		{"a closing bracket goes back", "{\n  \"a\": {\n    |", "}", "{\n  \"a\": {\n  }|"},
		{"backspace joins lines", "a\n|b", "<backspace>", "a|b"},
		{"delete joins lines", "a|\nb", "<delete>", "a|b"},
		{"backspace at the start", "|a", "<backspace>", "|a"},
		{"delete at the end", "a|", "<delete>", "a|"},
		{"word left", `"one_two three|"`, "<ctrl+left>", `"one_two |three"`},
		{"word left over a line break", "a\n|b", "<alt+b>", "a|\nb"},
		{"word right", `|"one two"`, "<ctrl+right>", `"one| two"`},
		{"word right without a word", `|,,`, "<alt+f>", `,,|`},
		{"word deleted", `"one two|"`, "<ctrl+w>", `"one |"`},
		{"word deleted forwards", `"|one two"`, "<alt+d>", `"| two"`},
		{"rest of the line", "a|bc\nd", "<ctrl+k>", "a|\nd"},
		{"rest of an empty line", "a|\nd", "<ctrl+k>", "a|d"},
		{"start of the line", "ab|c", "<ctrl+u>", "|c"},
		{"home goes to the text, then to the edge", "  ab|", "<home>x<home><home>y", "y|  xab"},
		{"end", "|ab\nc", "<end>x", "abx|\nc"},
		{"up and down keep their cell", "abcdef|\nab\nabcdef", "<down><down>x", "abcdef\nab\nabcdefx|"},
		{"top and bottom", "a\nb|\nc", "<ctrl+home>x<ctrl+end>y", "xa\nb\ncy|"},
		{"an accent is one character with its letter", "ae\u0301|", "<left>x", "ax|e\u0301"},
		{"so it is deleted", "ae\u0301|", "<backspace>", "a|"},
		{"a flag is one character", "🇩🇪🇫🇷|", "<left><backspace>", "|🇫🇷"},
		{"cells of wide characters", "日本|\nabcd", "<down>x", "日本\nabcdx|"},
		{"a control character is one character", "a\x1b|b", "<backspace>", "a|b"},
		{"invalid bytes are one character each", "a\xff\xfe|", "<backspace>", "a\xff|"},
		{"undo takes a word", "|", "ab cd<undo>", "ab |"},
		{"undo and redo", "|", "ab cd<undo><undo><redo><redo>", "ab cd|"},
		{"undo after a move", "|", "ab<left>c<undo>", "a|b"},
		{"undo of deletions is one step", "abcd|", "<backspace><backspace><undo>", "abcd|"},
		{"a change ends redo", "|", "a<undo>b<redo>", "b|"},
		{"undo of nothing", "|a", "<undo><redo>", "|a"},
		{"undo of enter", "{|}", "<enter><undo>", "{|}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := at(t, "Tell", c.before)
			press(m, c.keys)
			if got := show(m); got != c.after {
				t.Errorf("%q then %s: %q, want %q", c.before, c.keys, got, c.after)
			}
		})
	}
}

func TestPaste(t *testing.T) {
	m := at(t, "Tell", "{|}")
	m.Update(paste("\"name\": \"x\"\r\n,\r\"age\": 1"))
	if got, want := show(m), "{\"name\": \"x\"\n,\n\"age\": 1|}"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	m.Undo()
	if got := show(m); got != "{|}" {
		t.Errorf("undone: %q", got)
	}
}
