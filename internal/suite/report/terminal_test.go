package report_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// terminal shows what is written to it as a terminal would: it wraps at its
// width, scrolls, and knows the four sequences that any terminal has.
type terminal struct {
	t             *testing.T
	mu            sync.Mutex
	width, height int
	rows          [][]rune // with what has scrolled away
	row, column   int
	writes        int
}

func newTerminal(t *testing.T, width, height int) *terminal {
	return &terminal{t: t, width: width, height: height, rows: [][]rune{nil}}
}

func (v *terminal) size() (int, int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.width, v.height
}

// resize makes the terminal narrower or wider; rows wrap anew, as in xterm's
// successors.
func (v *terminal) resize(width int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var rows [][]rune
	for i, row := range v.rows {
		if i == v.row {
			v.row = len(rows)
		}
		for len(row) > width {
			rows = append(rows, row[:width])
			row = row[width:]
		}
		rows = append(rows, row)
	}
	v.rows, v.width = rows, width
}

func (v *terminal) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.writes++
	for s := string(p); s != ""; {
		if rest, ok := strings.CutPrefix(s, "\x1b["); ok {
			s = v.sequence(rest)
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		v.put(r)
		s = s[n:]
	}
	return len(p), nil
}

func (v *terminal) sequence(s string) string {
	end := strings.IndexFunc(s, func(r rune) bool { return 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' })
	if end < 0 {
		v.t.Errorf("a sequence is split over two writes: %q", s)
		return ""
	}
	switch s[end] {
	case 'A':
		up := 0
		if _, err := fmt.Sscanf(s[:end], "%d", &up); err != nil {
			v.t.Errorf("cursor up: %q", s[:end])
		}
		top := max(0, len(v.rows)-v.height)
		v.row = max(top, v.row-up) // what has scrolled away is out of reach
	case 'K':
		v.erase()
	case 'J':
		v.erase()
		v.rows = v.rows[:v.row+1]
	case 'm':
	default:
		v.t.Errorf("not every terminal knows \\x1b[%s", s[:end+1])
	}
	return s[end+1:]
}

func (v *terminal) erase() {
	if v.column < len(v.rows[v.row]) {
		v.rows[v.row] = v.rows[v.row][:v.column]
	}
}

func (v *terminal) put(r rune) {
	switch {
	case r == '\r':
		v.column = 0
		return
	case r == '\n':
		v.next()
		return
	case r < ' ':
		v.t.Errorf("control character %q", r)
	case v.column == v.width:
		v.next()
	}
	row := v.rows[v.row]
	for len(row) <= v.column {
		row = append(row, ' ')
	}
	row[v.column] = r
	v.rows[v.row] = row
	v.column++
}

func (v *terminal) next() {
	v.row++
	v.column = 0
	if v.row == len(v.rows) {
		v.rows = append(v.rows, nil)
	}
}

// frames is how often it was written to.
func (v *terminal) frames() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.writes
}

// text is everything on the terminal and above it, without spaces at line ends.
func (v *terminal) text() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []string
	for _, row := range v.rows {
		out = append(out, strings.TrimRight(string(row), " "))
	}
	return strings.Join(out, "\n")
}
