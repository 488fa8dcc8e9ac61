package editor

import (
	"fmt"
	"strings"
)

// formView draws the rows of the form: a sign, the field, its type if there is
// room, and its value.
func (m *Model) formView() string {
	s, f := &m.screen, &m.form
	rows := m.rows()
	m.row()
	f.top = min(max(f.top, f.chosen-s.height+1), f.chosen)
	f.top = max(min(f.top, len(rows)-s.height), 0)
	var out strings.Builder
	for y := range s.height {
		if y > 0 {
			out.WriteByte('\n')
		}
		if i := f.top + y; i < len(rows) {
			m.writeRow(&out, rows[i], i == f.chosen, y)
		}
	}
	return out.String()
}

func (m *Model) writeRow(out *strings.Builder, r row, chosen bool, y int) {
	s, f := &m.screen, &m.form
	mark, kind := " ", styleDetail
	label, value := styleKey, m.valueStyle(r)
	if m.wrong(r) {
		mark, label = "!", styleProblem
	}
	if chosen {
		if mark == " " {
			mark = ">"
		}
		label, kind, value = styleSelected, styleSelected, styleSelected
		s.y, s.visible = y, true
	}
	labels := min(f.labels, max(s.width/2-2, 1))
	kinds := 0
	if s.width >= 40 {
		kinds = min(f.kinds, s.width/4)
	}
	room := s.width
	write := func(st style, text string, cells int) {
		cells = min(cells, room)
		m.palette.write(out, st, fit(text, cells))
		room -= cells
	}
	write(label, mark+" ", 2)
	write(label, blanks(2*r.depth)+r.label, labels)
	write(kind, " ", 1)
	if kinds > 0 {
		write(kind, r.kind, kinds)
		write(kind, " ", 1)
	}
	if !chosen || f.input == nil {
		text := m.valueText(r)
		write(value, text, min(cellsOf(text), room))
		return
	}
	s.x = s.width - room
	prompt := ""
	if f.key {
		prompt = "new key: "
	}
	write(stylePopup, prompt, min(len(prompt), max(room-1, 0)))
	s.x = s.width - room
	m.writeInput(out, room)
}

// writeInput draws the part of the value being written that the cursor is in.
func (m *Model) writeInput(out *strings.Builder, room int) {
	s, in := &m.screen, m.form.input
	cell := cellOf(in.line(), in.at.col)
	left := max(cell-room+1, 0)
	s.x = min(s.x+cell-left, s.width-1)
	out.WriteString(m.palette[stylePopup].begin)
	p := painter{out: out, palette: &palette{}, line: in.line()}
	p.paint(left, left+room, true)
	out.WriteString(m.palette[stylePopup].end)
}

// wrong reports whether the problem is in the value of a row itself, or in a
// value that the form shows no rows for.
func (m *Model) wrong(r row) bool {
	p := m.check.problem
	if p == nil || r.node < 0 || p.Line < 1 {
		return false
	}
	n := &m.tree().nodes[r.node]
	at := m.problemToken().from
	if at.less(n.from) || !at.less(n.end()) {
		return false
	}
	return n.first < 0 || at.line == n.from.line && !n.value.from.less(at)
}

func (m *Model) valueStyle(r row) style {
	if r.node < 0 {
		return styleComment
	}
	switch n := &m.tree().nodes[r.node]; n.kind {
	case text:
		return styleString
	case word:
		return painter{line: m.buffer.lines[n.value.from.line]}.styleOf(token{kind: word, from: n.value.from.col})
	}
	return stylePunctuation
}

// valueText gives the value of a row, not yet safe for a terminal.
func (m *Model) valueText(r row) string {
	if r.node < 0 {
		return "-"
	}
	t := m.tree()
	n := &t.nodes[r.node]
	if n.kind != '{' && n.kind != '[' {
		return m.textOf(n.value)
	}
	count := 0
	for range t.children(r.node) {
		count++
	}
	if n.kind == '[' {
		return fmt.Sprintf("[ %d ]", count)
	}
	return fmt.Sprintf("{ %d }", count)
}
