package editor

import "strings"

// A mark is a part of a line that is shown in a style of its own.
type mark struct {
	line, from, to int
	style          style
}

type marks []mark

func (ms marks) of(line int) marks {
	var found marks
	for _, m := range ms {
		if m.line == line {
			found = append(found, m)
		}
	}
	return found
}

// marks gives what the cursor and the problem mark.
func (m *Model) marks() marks {
	var ms marks
	if m.check.problem != nil {
		if s := m.problemToken(); s.to.line < len(m.buffer.lines) {
			ms = append(ms, mark{s.from.line, s.from.col, s.to.col, styleProblem})
		}
	}
	return append(ms, m.bracketMarks()...)
}

// bracketMarks gives the bracket at the cursor and the one that it matches.
func (m *Model) bracketMarks() marks {
	b := &m.buffer
	line := b.line()
	isBracket := func(col int) bool {
		return col >= 0 && col < len(line) && strings.IndexByte("{}[]", line[col]) >= 0
	}
	if !isBracket(b.at.col) && !isBracket(b.at.col-1) || len(line) > maxMarked {
		return nil
	}
	t := m.tree()
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.kind != '{' && n.kind != '[' || !n.closed {
			continue
		}
		first, last := n.value.from, place{n.value.to.line, n.value.to.col - 1}
		if nextTo(b.at, first) || nextTo(b.at, last) {
			return marks{{first.line, first.col, first.col + 1, styleBracket}, {last.line, last.col, last.col + 1, styleBracket}}
		}
	}
	return nil
}

// maxMarked is how long a line may be whose brackets are matched.
const maxMarked = 1 << 16

func nextTo(at, bracket place) bool {
	return at.line == bracket.line && (at.col == bracket.col || at.col == bracket.col+1)
}

// A painter writes parts of one line.
type painter struct {
	out     *strings.Builder
	palette *palette
	line    string
	marks   marks
}

// paint writes the cells of the line from left to right, which is not among
// them, and blanks behind its end if they are wanted. A wide character that is
// cut is shown as blanks.
func (p *painter) paint(left, right int, fill bool) {
	if left >= right {
		return
	}
	cell := 0
	tok, ok := token{}, true
	base, current := stylePlain, stylePlain
	for i := 0; i < len(p.line) && cell < right; {
		if i >= tok.to && ok {
			if tok, ok = lex(p.line, tok.to); ok {
				base = p.styleOf(tok)
			}
		}
		size, shown, cells := cluster(p.line[i:])
		if from := cell; from+cells > left {
			st := stylePlain
			if ok && i >= tok.from {
				st = base
			}
			for _, m := range p.marks {
				if i >= m.from && i < m.to {
					st = m.style
				}
			}
			if from < left || from+cells > right {
				shown = blanks(min(from+cells, right) - max(from, left))
			}
			if st != current {
				p.out.WriteString(p.palette[current].end)
				p.out.WriteString(p.palette[st].begin)
				current = st
			}
			p.out.WriteString(shown)
		}
		cell += cells
		i += size
	}
	p.out.WriteString(p.palette[current].end)
	if fill && cell < right {
		p.out.WriteString(blanks(right - max(cell, left)))
	}
}

func (p painter) styleOf(t token) style {
	switch t.kind {
	case comment:
		return styleComment
	case text:
		if next, ok := lex(p.line, t.to); ok && next.kind == ':' {
			return styleKey
		}
		return styleString
	case word:
		if c := p.line[t.from]; c == '-' || '0' <= c && c <= '9' {
			return styleNumber
		}
		return styleLiteral
	}
	return stylePunctuation
}
