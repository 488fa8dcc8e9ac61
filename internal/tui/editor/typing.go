package editor

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// withPair adds to an opening half that is deleted the closing half that was
// put behind it.
func (m *Model) withPair(s span) span {
	if m.closers == 0 || s.to != m.buffer.at || s.from.line != s.to.line || s.to.col-s.from.col != 1 {
		m.closers = 0
		return s
	}
	line := m.buffer.lines[s.to.line]
	if s.to.col < len(line) && closer(line[s.from.col]) == line[s.to.col] {
		s.to.col++
		m.closers--
	}
	return s
}

// closer gives what closes an opening bracket or quote, 0 for other bytes.
func closer(open byte) byte {
	switch open {
	case '{':
		return '}'
	case '[':
		return ']'
	case '"':
		return '"'
	}
	return 0
}

// enter breaks the line and indents the next one; between two brackets it
// makes a line of its own for what will be between them. A text, which must not
// have a line break, is left whole: the line is broken behind it.
func (m *Model) enter() tea.Cmd {
	b := &m.buffer
	line, col := b.line(), b.at.col
	if t, ok := tokenAt(line, col); ok && t.kind == text && t.closed && t.from < col && col < t.to {
		if col = t.to; strings.HasPrefix(line[col:], ",") {
			col++
		}
		b.moveTo(place{b.at.line, col})
	}
	indent := indentOf(line)
	indent = indent[:min(len(indent), col)]
	head, tail := strings.TrimRight(line[:col], " \t"), strings.TrimLeft(line[col:], " \t")
	before := byte(0)
	if head != "" {
		before = head[len(head)-1]
	}
	if t, ok := tokenAt(line, col); ok && t.kind == comment && col > t.from {
		before = 0
		if strings.TrimSpace(line[:t.from]) == "" && tail != "" {
			indent += "// "
		}
	}
	m.closers = 0
	from, to := place{b.at.line, len(head)}, place{b.at.line, len(line) - len(tail)}
	if before == '{' || before == '[' {
		inner := indent + "  "
		if tail != "" && tail[0] == closer(before) {
			if m.replace(from, to, "\n"+inner+"\n"+indent) {
				b.moveTo(place{from.line + 1, len(inner)})
			}
			return m.changed()
		}
		indent = inner
	} else if strings.TrimSpace(head) == "" {
		from = b.at // keep the indentation of an empty line
	}
	m.replace(from, to, "\n"+indent)
	return m.changed()
}

// typed inserts what a key typed. In the place of a lone 0, as templates have it,
// a number begins anew.
func (m *Model) typed(s string) tea.Cmd {
	b := &m.buffer
	line, col := b.line(), b.at.col
	tok, on := tokenAt(line, col)
	inComment := on && tok.kind == comment && col > tok.from
	if on && tok.kind == word && line[tok.from:tok.to] == "0" && len(s) == 1 && (s == "-" || "1" <= s && s <= "9") {
		at := place{b.at.line, tok.from}
		m.replace(at, place{b.at.line, tok.to}, s)
		return m.changed()
	}
	inText := on && tok.kind == text && col > tok.from && (col < tok.to || !tok.closed)
	if len(s) == 1 && !inComment {
		if m.passes(s[0], inText, tok) {
			b.moveTo(place{b.at.line, col + 1})
			m.popup = popup{}
			return nil
		}
		if second := closer(s[0]); second != 0 && !inText && endsHere(line[col:]) && (second != '"' || !wordBefore(line[:col])) {
			if m.replace(b.at, b.at, s+string(second)) {
				b.moveTo(place{b.at.line, b.at.col - 1})
				b.past.moved(b.at)
				m.closers++
			}
			cmd := m.changed()
			m.offerTyped(s)
			return cmd
		}
		if (s == "}" || s == "]") && !inText && strings.TrimSpace(line[:col]) == "" {
			return m.dedent(s)
		}
	}
	m.replace(b.at, b.at, strings.Join(split(s), "\n"))
	cmd := m.changed()
	if !inComment {
		m.offerTyped(s)
	}
	return cmd
}

// passes reports whether typing c only goes past a closing half that is there
// already.
func (m *Model) passes(c byte, inText bool, tok token) bool {
	line, col := m.buffer.line(), m.buffer.at.col
	if col >= len(line) || line[col] != c {
		return false
	}
	if c == '"' {
		ends := inText && tok.closed && col == tok.to-1
		if ends && m.closers > 0 {
			m.closers--
		}
		return ends
	}
	if m.closers == 0 || c != '}' && c != ']' || inText {
		return false
	}
	m.closers--
	return true
}

// endsHere reports whether a value may end before rest.
func endsHere(rest string) bool {
	return rest == "" || strings.IndexByte(" \t,}]:", rest[0]) >= 0
}

func wordBefore(head string) bool {
	return head != "" && (head[len(head)-1] == '\\' || head[len(head)-1] == '"' || isWord(rune(head[len(head)-1])))
}

// dedent types a closing bracket that begins its line under the line of its
// opening one.
func (m *Model) dedent(bracket string) tea.Cmd {
	b := &m.buffer
	start := place{b.at.line, 0}
	if in := m.tree().inside(b.at); in > 0 && closer(m.tree().nodes[in].kind) == bracket[0] {
		bracket = indentOf(b.lines[m.tree().nodes[in].value.from.line]) + bracket
		m.replace(start, b.at, bracket)
	} else {
		m.replace(b.at, b.at, bracket)
	}
	return m.changed()
}

// paste inserts a text as it is. A whole message takes the place of a template
// that nothing has been done to, unless it can be a value within that.
func (m *Model) paste(s string) tea.Cmd {
	m.note = ""
	if m.form.shown {
		return m.formPaste(s)
	}
	m.closers = 0
	m.buffer.past.open = false
	from, to := m.buffer.at, m.buffer.at
	untouched := m.fresh == m.buffer.revision && (from == m.firstValue(place{}) || !m.takesObject(from))
	if untouched && strings.HasPrefix(strings.TrimSpace(s), "{") {
		from, to = place{}, m.buffer.end()
	}
	m.replace(from, to, strings.Join(split(s), "\n"))
	m.buffer.past.open = false
	return m.changed()
}
