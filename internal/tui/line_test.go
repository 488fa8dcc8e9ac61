package tui

import (
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestLine(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		keys       []string
		want       string
		at         int
	}{
		{"insert in the middle", "ac", []string{"left", "b"}, "abc", 2},
		{"word before", "one two", []string{"ctrl+w"}, "one ", 4},
		{"to the start", "one two", []string{"ctrl+u"}, "", 0},
		{"to the end", "one two", []string{"home", "alt+right", "ctrl+k"}, "one", 3},
		{"delete at both ends", "abc", []string{"backspace", "home", "delete"}, "b", 0},
		{"nothing to delete", "", []string{"backspace", "delete", "left", "right"}, "", 0},
		{"line breaks", "a\r\nb\tc", nil, "a b c", 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLine(tc.text)
			for _, key := range tc.keys {
				l.key(keyPress(key))
			}
			if l.String() != tc.want || l.at != tc.at {
				t.Errorf("%q with the cursor at %d, want %q at %d", l.String(), l.at, tc.want, tc.at)
			}
		})
	}
	t.Run("hostile text stays within its cells", func(t *testing.T) {
		l := newLine("a\x1b[2J漢字\u202eé")
		for width := range 20 {
			for l.at = range len(l.text) + 1 {
				if text, x := l.view(width); ansi.StringWidth(text) > width || x >= max(1, width) || ansi.Strip(text) != text {
					t.Errorf("%q of %d cells, cursor at %d, for %d", text, ansi.StringWidth(text), x, width)
				}
			}
		}
	})
}
