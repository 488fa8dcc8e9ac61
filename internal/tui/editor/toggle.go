package editor

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// ToggleField puts the field at the cursor in a comment, all lines of its
// value, or takes it out of one. An empty message that is taken out gets the
// template of its fields; the other members of a oneof go into comments.
func (m *Model) ToggleField() tea.Cmd {
	m.note = ""
	if m.form.shown {
		return m.toggleRow()
	}
	m.buffer.past.hold()
	defer m.buffer.past.release()
	at := m.buffer.at.line
	if isComment(m.buffer.line()) {
		from, to := m.commented(at)
		m.uncomment(from, to)
	} else if i := m.memberAt(m.buffer.at); i >= 0 {
		m.commentOut(i)
	} else {
		m.note = "no field here"
	}
	return m.changed()
}

// isComment reports whether all of the line is a comment.
func isComment(line string) bool { return startsComment(line, len(indentOf(line))) }

// bare gives a commented line without its comment sign.
func bare(line string) string {
	indent := indentOf(line)
	return indent + strings.TrimPrefix(line[len(indent)+len("//"):], " ")
}

// memberAt gives the member that a place belongs to, -1 for none.
func (m *Model) memberAt(at place) int32 {
	t := m.tree()
	in := t.inside(at)
	for i := range t.children(in) {
		n := &t.nodes[i]
		if n.named && n.from.line <= at.line && at.line <= n.end().line && (!n.end().less(at) || n.next < 0 || t.nodes[n.next].from.line > at.line) {
			return i
		}
	}
	for ; in > 0; in = t.nodes[in].parent {
		if n := &t.nodes[in]; n.named && (n.from.line == at.line || n.end().line == at.line) {
			return in
		}
	}
	return -1
}

// commentOut puts a member in a comment.
func (m *Model) commentOut(i int32) {
	m.isolate(i)
	t := m.tree()
	n := &t.nodes[i]
	from, to := n.from.line, n.end().line
	lines := slices.Clone(m.buffer.lines[from : to+1])
	indent := indentOf(lines[0])
	for _, line := range lines {
		if strings.TrimSpace(line) != "" {
			indent = commonPrefix(indent, indentOf(line))
		}
	}
	for j, line := range lines {
		if strings.TrimSpace(line) == "" {
			lines[j] = indent + "//"
			continue
		}
		lines[j] = indent + "// " + line[len(indent):]
	}
	at := m.buffer.at
	m.replace(place{from, 0}, place{to, len(m.buffer.lines[to])}, strings.Join(lines, "\n"))
	if from <= at.line && at.line <= to && at.col >= len(indent) {
		at.col += len("// ")
	}
	m.buffer.moveTo(m.buffer.clamp(at))
	m.fixCommas(m.tree().inside(place{from, 0}))
}

// isolate gives a member lines of its own.
func (m *Model) isolate(i int32) {
	n := m.tree().nodes[i]
	behind := n.end()
	if n.hasComma {
		if n.comma.line != behind.line {
			m.patch(n.comma, place{n.comma.line, n.comma.col + 1}, "")
		} else {
			behind = place{n.comma.line, n.comma.col + 1}
		}
	}
	line := m.buffer.lines[n.from.line]
	indent := indentOf(line)
	if strings.TrimSpace(line[:n.from.col]) != "" {
		indent += "  "
	}
	last := m.buffer.lines[behind.line]
	if t, ok := lex(last, behind.col); ok && t.kind != comment {
		back := indent
		if t.kind == '}' || t.kind == ']' {
			back = indentOf(line)
		}
		m.patch(behind, place{behind.line, t.from}, "\n"+back)
	}
	if head := strings.TrimRight(line[:n.from.col], " \t"); head != "" {
		m.patch(place{n.from.line, len(head)}, n.from, "\n"+indent)
	}
}

func commonPrefix(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// commented gives the first and the last line of the field in a comment that
// a line belongs to.
func (m *Model) commented(line int) (from, to int) {
	first, last := line, line
	for first > 0 && isComment(m.buffer.lines[first-1]) {
		first--
	}
	for last+1 < len(m.buffer.lines) && isComment(m.buffer.lines[last+1]) {
		last++
	}
	for _, s := range groups(m.buffer.lines[first : last+1]) {
		if s.from.line <= line-first && line-first <= s.to.line {
			return first + s.from.line, first + s.to.line
		}
	}
	return line, line
}

// groups finds the fields in lines that are comments: spans of lines, counted
// from the first one.
func groups(lines []string) []span {
	wrapped := make([]string, 0, len(lines)+2)
	wrapped = append(wrapped, "{")
	for _, line := range lines {
		wrapped = append(wrapped, bare(line))
	}
	t := parse(append(wrapped, "}"))
	var spans []span
	for i := range t.children(1) {
		n := &t.nodes[i]
		spans = append(spans, span{
			place{min(max(n.from.line-1, 0), len(lines)-1), 0},
			place{min(max(n.end().line-1, 0), len(lines)-1), 0},
		})
	}
	return spans
}

// uncomment takes the field in these lines out of its comment.
func (m *Model) uncomment(from, to int) {
	lines := slices.Clone(m.buffer.lines[from : to+1])
	for i, line := range lines {
		lines[i] = bare(line)
	}
	m.replace(place{from, 0}, place{to, len(m.buffer.lines[to])}, strings.Join(lines, "\n"))
	key := place{from, len(indentOf(lines[0]))}
	m.buffer.moveTo(key)
	i := m.memberAt(key)
	if i < 0 || m.tree().nodes[i].from != key {
		return
	}
	m.expand(i)
	m.fixCommas(m.tree().nodes[i].parent)
	m.oneOnly()
	m.buffer.moveTo(m.firstValue(m.buffer.at))
}

// expand fills an empty message with its template.
func (m *Model) expand(i int32) {
	t := m.tree()
	n := t.nodes[i]
	s := m.slotOf(i)
	if n.kind != '{' || !n.closed || n.first >= 0 || !s.object() || strings.TrimSpace(strings.Trim(m.textOf(n.value), "{}")) != "" {
		return
	}
	w := templateWriter{left: templateFields, open: map[protoreflect.FullName]bool{}}
	w.object(s.message, indentOf(m.buffer.lines[n.from.line]))
	m.patch(n.value.from, n.value.to, w.String())
}

// oneOnly puts the other members of the oneof of the member at the cursor in
// comments.
func (m *Model) oneOnly() {
	for {
		i := m.memberAt(m.buffer.at)
		if i < 0 {
			return
		}
		rival := m.rival(i)
		if rival < 0 {
			return
		}
		m.commentOut(rival)
	}
}

// rival gives another member of the object that is in the same oneof, -1 for
// none.
func (m *Model) rival(i int32) int32 {
	t := m.tree()
	f := m.slotOf(i).field
	if f == nil || f.ContainingOneof() == nil || !t.nodes[i].named {
		return -1
	}
	for j := range t.children(t.nodes[i].parent) {
		if g := m.slotOf(j).field; j != i && g != nil && g.ContainingOneof() == f.ContainingOneof() {
			return j
		}
	}
	return -1
}

// fixCommas puts commas between all members of an object, or elements of a
// list, and takes one after the last away.
func (m *Model) fixCommas(in int32) {
	t := m.tree()
	if t.nodes[in].kind != '{' && t.nodes[in].kind != '[' {
		return
	}
	var members []node
	for i := range t.children(in) {
		members = append(members, t.nodes[i])
	}
	for i, n := range slices.Backward(members) {
		switch last := i == len(members)-1; {
		case last && n.hasComma:
			m.patch(n.comma, place{n.comma.line, n.comma.col + 1}, "")
		case !last && !n.hasComma && (n.kind != 0 || n.hasColon):
			at := n.end()
			if line := m.buffer.lines[at.line]; n.kind == 0 && at.col < len(line) && line[at.col] == ' ' {
				at.col++
			}
			m.patch(at, at, ",")
		}
	}
}

// patch replaces text and leaves the cursor at what it was at.
func (m *Model) patch(from, to place, s string) {
	at := m.buffer.at
	if !m.replace(from, to, s) {
		return
	}
	end := m.buffer.at
	switch {
	case !from.less(at):
	case at.less(to):
		at = from
	case at.line == to.line:
		at = place{end.line, end.col + at.col - to.col}
	default:
		at.line += end.line - to.line
	}
	m.buffer.moveTo(at)
	m.buffer.past.moved(at)
}
