package response

import (
	"sort"
	"strings"
)

// kind is what a line of a document is.
type kind uint8

const (
	plainLine kind = iota
	titleLine
	dimLine
	okLine
	warnLine
	errorLine
	jsonLine
)

// line is one line of text that is safe for a terminal.
type line struct {
	text string
	kind kind
}

// maxLines bounds a document.
const maxLines = 200_000

// document is text to scroll and to search in. Lines longer than the width go on in
// the next row. The column at the left is for the ">" of a match.
type document struct {
	lines []line
	width int // of the text, for which rows is
	rows  []row
	top   int // the first row shown

	query   string
	matches []place
	match   int // the current one
	height  int // of the last drawing
}

type row struct{ line, from, to int }

type place struct{ line, from, to int }

// set replaces the text. What is searched for is searched again.
func (d *document) set(lines []line) {
	if len(lines) > maxLines {
		lines = append(lines[:maxLines:maxLines], line{"… there is more", warnLine})
	}
	width := d.width
	d.lines, d.rows, d.width = lines, nil, 0
	d.find()
	if width > 0 {
		d.wrap(width)
	}
}

func (d *document) text() string {
	var b strings.Builder
	for _, l := range d.lines {
		b.WriteString(l.text)
		b.WriteByte('\n')
	}
	return b.String()
}

// wrap lays the lines out for this many cells.
func (d *document) wrap(width int) {
	width = max(1, width)
	if d.width == width {
		return
	}
	anchor := place{}
	if d.top < len(d.rows) {
		anchor = place(d.rows[d.top])
	}
	d.width, d.rows = width, d.rows[:0]
	for i, l := range d.lines {
		from := 0
		for {
			n := rowLength(l.text[from:], width, l.kind != jsonLine)
			d.rows = append(d.rows, row{i, from, from + n})
			if from += n; from >= len(l.text) {
				break
			}
		}
	}
	if anchor != (place{}) {
		d.top = d.rowOf(anchor)
	}
}

// rowLength returns how many bytes of text, one character at least, are the next
// row: words stay whole where they can.
func rowLength(text string, width int, words bool) int {
	n, _ := prefix(text, width)
	if n == 0 && text != "" { // a character wider than the pane
		n, _ = cluster(text)
	}
	if words && n < len(text) && text[n] != ' ' {
		if space := strings.LastIndexByte(text[:n], ' ') + 1; strings.TrimSpace(text[:space]) != "" {
			return space
		}
	}
	return n
}

// rowOf returns the row that a place begins in.
func (d *document) rowOf(p place) int {
	return max(0, sort.Search(len(d.rows), func(i int) bool {
		r := d.rows[i]
		return r.line > p.line || r.line == p.line && r.from > p.from
	})-1)
}

// scroll moves the text up by n rows.
func (d *document) scroll(n int) {
	d.top = max(0, min(d.top+n, len(d.rows)-max(1, d.height)))
}

// draw returns height rows of at most width cells.
func (d *document) draw(p *paints, width, height int) []string {
	d.wrap(width - 1)
	d.height = height
	d.scroll(0)
	out := make([]string, height)
	for i := range out {
		if d.top+i >= len(d.rows) {
			break
		}
		r := d.rows[d.top+i]
		gutter := " "
		if len(d.matches) > 0 && d.matches[d.match].line == r.line && d.rowOf(d.matches[d.match]) == d.top+i {
			gutter = p.match.on(">")
		}
		// A character may be wider than the pane.
		if text := d.row(p, r); width >= 2 && (d.width > 1 || r.to-r.from <= 1) {
			out[i] = gutter + text
		}
	}
	return out
}

// row paints one row: what was found, or else the syntax.
func (d *document) row(p *paints, r row) string {
	l := d.lines[r.line]
	base := p.of(l.kind)
	first := sort.Search(len(d.matches), func(i int) bool {
		m := d.matches[i]
		return m.line > r.line || m.line == r.line && m.to > r.from
	})
	if first == len(d.matches) || d.matches[first].line > r.line || d.matches[first].from >= r.to {
		if l.kind == jsonLine {
			return p.json(l.text, r.from, r.to)
		}
		return base.on(l.text[r.from:r.to])
	}
	var b strings.Builder
	at := r.from
	for _, m := range d.matches[first:] {
		if m.line != r.line || m.from >= r.to {
			break
		}
		from, to := max(m.from, r.from), min(m.to, r.to)
		b.WriteString(base.on(l.text[at:from]))
		b.WriteString(p.match.on(l.text[from:to]))
		at = to
	}
	b.WriteString(base.on(l.text[at:r.to]))
	return b.String()
}

// maxMatches bounds what a search finds.
const maxMatches = 10_000

// search finds query, without regard to the case of ASCII letters unless it has a
// capital, and goes to the first match from the top of what is shown.
func (d *document) search(query string) {
	d.query = query
	d.find()
	from := place{}
	if d.top < len(d.rows) {
		from = place(d.rows[d.top])
	}
	d.match = sort.Search(len(d.matches), func(i int) bool {
		m := d.matches[i]
		return m.line > from.line || m.line == from.line && m.from >= from.from
	})
	if d.match == len(d.matches) {
		d.match = 0
	}
	d.showMatch()
}

func (d *document) find() {
	d.matches = d.matches[:0]
	if d.query == "" {
		d.match = 0
		return
	}
	fold := strings.IndexFunc(d.query, func(r rune) bool { return r >= 'A' && r <= 'Z' }) < 0
	for i, l := range d.lines {
		text := l.text
		if fold {
			text = lower(text)
		}
		for at := 0; len(d.matches) < maxMatches; {
			n := strings.Index(text[at:], d.query)
			if n < 0 {
				break
			}
			d.matches = append(d.matches, place{i, at + n, at + n + len(d.query)})
			at += n + len(d.query)
		}
	}
	d.match = min(d.match, max(0, len(d.matches)-1))
}

// lower is s with ASCII letters in lower case, of the same length.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// nextMatch goes n matches on, round the ends.
func (d *document) nextMatch(n int) {
	if len(d.matches) > 0 {
		d.match = ((d.match+n)%len(d.matches) + len(d.matches)) % len(d.matches)
		d.showMatch()
	}
}

func (d *document) showMatch() {
	if len(d.matches) == 0 || len(d.rows) == 0 {
		return
	}
	at := d.rowOf(d.matches[d.match])
	if at < d.top || at >= d.top+max(1, d.height) {
		d.top = at
		d.scroll(-max(1, d.height) / 3)
	}
}
