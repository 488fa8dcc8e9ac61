package tui

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/grpcx/grpcx/internal/termtext"
)

// maxLine bounds a line of text, in characters.
const maxLine = 4096

// line is one line of text under edit. Its zero value is empty.
type line struct {
	text []rune
	at   int // the cursor stands before text[at]
}

func newLine(s string) line {
	l := line{}
	l.insert(s)
	return l
}

func (l *line) String() string { return string(l.text) }

// insert puts s at the cursor; line breaks become spaces.
func (l *line) insert(s string) {
	s = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ").Replace(s)
	r := []rune(s)
	if room := maxLine - len(l.text); len(r) > room {
		r = r[:max(0, room)]
	}
	l.text = append(l.text[:l.at:l.at], append(r, l.text[l.at:]...)...)
	l.at += len(r)
}

// key applies a key that edits or moves, and reports whether it was one.
func (l *line) key(k tea.KeyPressMsg) bool {
	switch k.String() {
	case "left", "ctrl+b":
		l.at = max(0, l.at-1)
	case "right":
		l.at = min(len(l.text), l.at+1)
	case "home", "ctrl+a":
		l.at = 0
	case "end", "ctrl+e":
		l.at = len(l.text)
	case "alt+left", "ctrl+left", "alt+b":
		l.at = l.wordBefore()
	case "alt+right", "ctrl+right", "alt+f":
		l.at = l.wordAfter()
	case "backspace", "ctrl+h":
		l.cut(max(0, l.at-1), l.at)
	case "delete":
		l.cut(l.at, min(len(l.text), l.at+1))
	case "ctrl+w", "alt+backspace":
		l.cut(l.wordBefore(), l.at)
	case "ctrl+u":
		l.cut(0, l.at)
	case "ctrl+k":
		l.cut(l.at, len(l.text))
	default:
		if k.Text == "" {
			return false
		}
		l.insert(k.Text)
	}
	return true
}

func (l *line) cut(from, to int) {
	l.text = append(l.text[:from:from], l.text[to:]...)
	l.at = from
}

func (l *line) wordBefore() int {
	i := l.at
	for i > 0 && !isWord(l.text[i-1]) {
		i--
	}
	for i > 0 && isWord(l.text[i-1]) {
		i--
	}
	return i
}

func (l *line) wordAfter() int {
	i := l.at
	for i < len(l.text) && !isWord(l.text[i]) {
		i++
	}
	for i < len(l.text) && isWord(l.text[i]) {
		i++
	}
	return i
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// view gives the part of the line around the cursor, at most width cells, and
// the cell that the cursor is on, which is below width.
func (l *line) view(width int) (text string, x int) {
	if width < 1 {
		return "", 0
	}
	before := termtext.Line(string(l.text[:l.at]))
	text = before + termtext.Line(string(l.text[l.at:]))
	x = ansi.StringWidth(before)
	skip := max(0, x-width+1)
	return ansi.Truncate(ansi.TruncateLeft(text, skip, ""), width, ""), x - skip
}
