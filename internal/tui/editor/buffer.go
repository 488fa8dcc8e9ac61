package editor

import (
	"strings"
	"unicode"
)

// maxText is how many bytes a text may have.
const maxText = 16 << 20

// A place is before a byte of a line, both from 0.
type place struct{ line, col int }

func (p place) less(q place) bool {
	return p.line < q.line || p.line == q.line && p.col < q.col
}

// A buffer is a text with a cursor. All changes go through replace, which the
// history follows.
type buffer struct {
	lines    []string // without line breaks; never empty once set
	at       place    // the cursor, always between two runes
	goal     int      // the cell that vertical moves try to keep; -1: the cursor's
	size     int      // bytes, line breaks included
	revision uint64   // changes with the text
	past     history
}

func (b *buffer) set(s string) {
	*b = buffer{lines: split(s), goal: -1, revision: b.revision + 1}
	b.size = len(b.lines) - 1
	for _, line := range b.lines {
		b.size += len(line)
	}
}

// split makes lines of a text, whichever line breaks it has.
func split(s string) []string {
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	return strings.Split(s, "\n")
}

func (b *buffer) text() string { return strings.Join(b.lines, "\n") }

func (b *buffer) line() string { return b.lines[b.at.line] }

func (b *buffer) end() place {
	last := len(b.lines) - 1
	return place{last, len(b.lines[last])}
}

// slice gives the text between two places.
func (b *buffer) slice(from, to place) string {
	if from.line == to.line {
		return b.lines[from.line][from.col:to.col]
	}
	var s strings.Builder
	s.WriteString(b.lines[from.line][from.col:])
	for _, line := range b.lines[from.line+1 : to.line] {
		s.WriteByte('\n')
		s.WriteString(line)
	}
	s.WriteByte('\n')
	s.WriteString(b.lines[to.line][:to.col])
	return s.String()
}

// replace puts s where the text between from and to was and leaves the cursor
// behind it. It reports false, and does nothing, when the text would be too
// large.
func (b *buffer) replace(from, to place, s string) bool {
	if from == to && s == "" {
		return true
	}
	removed := b.slice(from, to)
	if b.size-len(removed)+len(s) > maxText {
		return false
	}
	b.past.add(change{from: from, removed: removed, inserted: s, cursor: b.at})
	b.splice(from, to, s)
	b.past.moved(b.at)
	return true
}

func (b *buffer) splice(from, to place, s string) {
	head, tail := b.lines[from.line][:from.col], b.lines[to.line][to.col:]
	b.size += len(s)
	for i := from.line; i <= to.line; i++ {
		b.size -= len(b.lines[i])
	}
	b.size += len(head) + len(tail) - (to.line - from.line)
	if from.line == to.line && !strings.Contains(s, "\n") {
		b.lines[from.line] = head + s + tail
		b.moveTo(place{from.line, len(head) + len(s)})
	} else {
		added := strings.Split(s, "\n")
		last := len(added) - 1
		end := place{from.line + last, len(added[last])}
		if last == 0 {
			end.col += len(head)
		}
		added[0] = head + added[0]
		added[last] += tail
		b.lines = spliceLines(b.lines, from.line, to.line+1, added)
		b.moveTo(end)
	}
	b.revision++
}

// spliceLines replaces lines[i:j]. The slice that was handed out before stays
// as it was only where nothing is written to it: whoever keeps lines clones them.
func spliceLines(lines []string, i, j int, with []string) []string {
	if grow := len(with) - (j - i); grow > 0 && len(lines)+grow > cap(lines) {
		larger := make([]string, len(lines), (len(lines)+grow)*5/4+16)
		copy(larger, lines)
		lines = larger
	}
	tail := len(lines) - j
	old := len(lines)
	lines = lines[:max(old, i+len(with)+tail)]
	copy(lines[i+len(with):], lines[j:old])
	copy(lines[i:], with)
	for k := i + len(with) + tail; k < len(lines); k++ {
		lines[k] = ""
	}
	return lines[:i+len(with)+tail]
}

// endOf gives the place behind s if it is put at p.
func endOf(p place, s string) place {
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		return place{p.line + strings.Count(s, "\n"), len(s) - i - 1}
	}
	return place{p.line, p.col + len(s)}
}

// moveTo puts the cursor at p.
func (b *buffer) moveTo(p place) { b.at, b.goal = p, -1 }

// clamp gives the place next to p that exists and is between characters.
func (b *buffer) clamp(p place) place {
	p.line = min(max(p.line, 0), len(b.lines)-1)
	line := b.lines[p.line]
	p.col = min(max(p.col, 0), len(line))
	p.col = snap(line, p.col)
	return p
}

func (b *buffer) left() {
	switch {
	case b.at.col > 0:
		b.moveTo(place{b.at.line, before(b.line(), b.at.col)})
	case b.at.line > 0:
		b.moveTo(place{b.at.line - 1, len(b.lines[b.at.line-1])})
	}
}

func (b *buffer) right() {
	switch {
	case b.at.col < len(b.line()):
		b.moveTo(place{b.at.line, after(b.line(), b.at.col)})
	case b.at.line+1 < len(b.lines):
		b.moveTo(place{b.at.line + 1, 0})
	}
}

// vertical moves by lines and keeps to the cell where the moves began.
func (b *buffer) vertical(lines int) {
	goal := b.goal
	if goal < 0 {
		goal = cellOf(b.line(), b.at.col)
	}
	to := min(max(b.at.line+lines, 0), len(b.lines)-1)
	b.moveTo(place{to, colAt(b.lines[to], goal)})
	b.goal = goal
}

// home goes to the first character that is no blank, or, from there, to the
// start of the line.
func (b *buffer) home() {
	indent := indentOf(b.line())
	if b.at.col == len(indent) {
		b.moveTo(place{b.at.line, 0})
		return
	}
	b.moveTo(place{b.at.line, len(indent)})
}

func indentOf(line string) string {
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// wordLeft gives the start of the word before the cursor.
func (b *buffer) wordLeft() place {
	if b.at.col == 0 {
		if b.at.line == 0 {
			return b.at
		}
		return place{b.at.line - 1, len(b.lines[b.at.line-1])}
	}
	head := strings.TrimRightFunc(b.line()[:b.at.col], notWord)
	return b.clamp(place{b.at.line, len(strings.TrimRightFunc(head, isWord))})
}

// wordRight gives the end of the word after the cursor.
func (b *buffer) wordRight() place {
	line := b.line()
	if b.at.col == len(line) {
		if b.at.line+1 == len(b.lines) {
			return b.at
		}
		return place{b.at.line + 1, 0}
	}
	tail := strings.TrimLeftFunc(line[b.at.col:], notWord)
	to := len(line) - len(strings.TrimLeftFunc(tail, isWord))
	if b.clamp(place{b.at.line, to}).col <= b.at.col {
		to = after(line, b.at.col)
	}
	return b.clamp(place{b.at.line, to})
}

func isWord(r rune) bool {
	return r == '_' || unicode.In(r, unicode.L, unicode.N, unicode.M)
}
func notWord(r rune) bool { return !isWord(r) }
