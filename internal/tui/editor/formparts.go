package editor

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// insertPart puts a member or an element behind the last one of an object or
// list, and the cursor at it.
func (m *Model) insertPart(in int32, part string) {
	t := m.tree()
	n := t.nodes[in]
	open := m.buffer.lines[n.value.from.line]
	indent := indentOf(open) + "  "
	at := place{n.value.from.line, n.value.from.col + 1}
	head, tail := "\n"+indent, ""
	switch {
	case n.first >= 0:
		last := t.nodes[n.last]
		at = last.end()
		if last.hasComma {
			at = place{last.comma.line, last.comma.col + 1}
		}
		if n.closed && at.line == n.value.to.line {
			head = " "
			break
		}
		indent = indentOf(m.buffer.lines[last.from.line])
		head = "\n" + indent
		if rest, ok := lex(m.buffer.lines[at.line], at.col); ok && rest.kind == comment {
			at.col = len(m.buffer.lines[at.line])
		}
	case n.closed && n.value.to.line == at.line && n.kind == '[' && !strings.ContainsAny(part, "{["):
		head = ""
	case n.closed && n.value.to.line == at.line:
		tail = "\n" + indentOf(open)
		m.replace(at, place{n.value.to.line, n.value.to.col - 1}, "")
	default:
		if rest, ok := lex(open, at.col); ok && rest.kind == comment {
			at.col = len(open)
		}
	}
	if m.replace(at, at, head+part+tail) {
		m.buffer.moveTo(endOf(at, head))
		m.fixCommas(in)
	}
}

// addPart adds an element to the list, or begins a new entry of the map, that
// the chosen row is or is a part of.
func (m *Model) addPart() tea.Cmd {
	r, ok := m.row()
	if !ok {
		return nil
	}
	var first tea.Cmd
	if r.node < 0 && (r.want.list || r.want.entries) {
		first = m.setRow(r)
		r, _ = m.row()
	}
	if !r.want.list && !r.want.entries {
		if r, ok = m.whole(r); !ok {
			m.note = "not a list or map"
			return nil
		}
	}
	if r.node < 0 || closer(m.tree().nodes[r.node].kind) == 0 {
		return first
	}
	if r.want.entries {
		m.startInput("", true)
		return first
	}
	cmd := m.edit(func() { m.addTo(r.node, "", r.want.entry()) })
	m.chooseRowAt(m.buffer.at)
	if one, ok := m.row(); ok && one.node >= 0 && !one.want.object() && !one.want.list {
		m.write(one)
	}
	return cmd
}

// whole gives the row of the list or map that a row is a part of, and chooses
// it.
func (m *Model) whole(part row) (row, bool) {
	rows := m.rows()
	for i := m.form.chosen; i >= 0; i-- {
		if rows[i].node == part.in && (rows[i].want.list || rows[i].want.entries) && part.in > 0 {
			m.form.chosen = i
			return rows[i], true
		}
	}
	return row{}, false
}

// addTo adds an empty value to a list, or with a key to a map.
func (m *Model) addTo(in int32, key string, s slot) {
	w := templateWriter{left: templateFields, open: map[protoreflect.FullName]bool{}}
	if s.object() {
		w.WriteString("{}")
	} else {
		w.value(s, "")
	}
	m.insertPart(in, key+w.String())
	at := m.buffer.at
	t := m.tree()
	for i := range t.children(t.inside(at)) {
		if t.nodes[i].from == at {
			m.expand(i)
			return
		}
	}
}

// removeRow takes a part of a list or map away, and puts a field in a comment.
func (m *Model) removeRow() tea.Cmd {
	r, ok := m.row()
	if !ok || r.node < 0 {
		return nil
	}
	if r.field != nil {
		return m.toggleRow()
	}
	return m.edit(func() { m.remove(r.node) })
}

// remove takes a member or element out of the text.
func (m *Model) remove(i int32) {
	t := m.tree()
	n := t.nodes[i]
	from, to := n.from, n.end()
	if n.hasComma {
		to = place{n.comma.line, n.comma.col + 1}
	}
	head, tail := m.buffer.lines[from.line][:from.col], m.buffer.lines[to.line][to.col:]
	switch rest, more := lex(tail, 0); {
	case strings.TrimSpace(head) == "" && (!more || rest.kind == comment) && to.line+1 < len(m.buffer.lines):
		from, to = place{from.line, 0}, place{to.line + 1, 0}
	case more && strings.TrimSpace(head) != "" && (rest.kind == '}' || rest.kind == ']'):
		from.col = len(strings.TrimRight(head, " \t"))
	case more:
		to.col += rest.from
	}
	m.replace(from, to, "")
	if n.parent > 0 {
		m.fixCommas(n.parent)
	}
}
