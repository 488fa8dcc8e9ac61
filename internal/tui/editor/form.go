package editor

import (
	"strconv"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	maxFormDepth = 64     // what lies deeper is one value
	maxRows      = 20_000 // the form ends there
)

// A form shows the text as rows, one for every field, element and entry.
type form struct {
	shown    bool
	rows     []row // of the text at revision
	revision uint64
	chosen   int
	top      int // the first row shown
	labels   int // cells of the widest label and type
	kinds    int
	input    *buffer // the value being written, nil for none
	given    string  // what it was
	key      bool    // the key of a new entry is being written, not a value
}

// A row is a field, set or not, or a part of its value.
type row struct {
	depth int
	label string // not yet safe for a terminal
	kind  string // its type, the same
	want  slot
	node  int32 // -1: not set
	in    int32 // the object or list it is or would be in; 0: the top
	field protoreflect.FieldDescriptor
}

// writing reports whether a value is being written.
func (f *form) writing() bool { return f.shown && f.input != nil }

// leave ends the writing of a value without keeping it.
func (f *form) leave() { f.input = nil }

// settle keeps what is being written in the form, as enter does. It reports
// whether there is nothing left to write: what cannot be a value stays.
func (m *Model) settle() (check tea.Cmd, done bool) {
	for m.form.writing() {
		in := m.form.input
		if cmd := m.keepInput(); cmd != nil {
			check = cmd
		}
		if m.form.input == in {
			return check, false
		}
	}
	return check, true
}

// ToggleForm shows the text as a form, or as text again.
func (m *Model) ToggleForm() tea.Cmd {
	m.note = ""
	m.popup = popup{}
	check, done := m.settle()
	if !done {
		return check
	}
	m.form.shown = !m.form.shown
	if m.form.shown {
		m.chooseRowAt(m.buffer.at)
	} else if r, ok := m.row(); ok && r.node >= 0 {
		m.buffer.moveTo(m.tree().nodes[r.node].value.from)
		m.buffer.past.open = false
	}
	m.touch()
	return check
}

// Form reports whether the text is shown as a form.
func (m *Model) Form() bool { return m.form.shown }

// rows gives the form of the text as it is now.
func (m *Model) rows() []row {
	f := &m.form
	if f.revision == m.buffer.revision && f.rows != nil {
		return f.rows
	}
	f.rows, f.revision, f.labels, f.kinds = f.rows[:0], m.buffer.revision, 0, 0
	if m.method == nil {
		return nil
	}
	t := m.tree()
	first := t.nodes[0].first
	switch {
	case first < 0:
		m.addFields(m.topSlot(0), 0, 0)
	case t.nodes[first].next < 0 && t.nodes[first].kind == '{' && m.topSlot('{').object():
		m.addFields(m.topSlot('{'), first, 0)
	default:
		number := 0
		for i := range t.children(0) {
			if number++; number > maxRows {
				break
			}
			m.addValue(row{label: "message " + strconv.Itoa(number), want: m.topSlot(t.nodes[i].kind), node: i})
		}
	}
	for _, r := range f.rows {
		f.labels = max(f.labels, 2*r.depth+min(cellsOf(r.label), maxLabel))
		f.kinds = max(f.kinds, min(cellsOf(r.kind), maxLabel))
	}
	return f.rows
}

const maxLabel = 40

// addFields adds a row for every field of a message, and for every member of
// the object that is none.
func (m *Model) addFields(s slot, object int32, depth int) {
	set := map[protoreflect.FieldNumber]int32{}
	var others []int32
	if object > 0 {
		for i := range m.tree().children(object) {
			field := m.slotOf(i).field
			if _, double := set[number(field)]; field == nil || double {
				others = append(others, i)
				continue
			}
			set[number(field)] = i
		}
	}
	add := func(field protoreflect.FieldDescriptor, i int32) {
		r := row{depth: depth, label: field.JSONName(), want: ofField(field), node: i, in: object, field: field}
		if o := field.ContainingOneof(); o != nil && !o.IsSynthetic() {
			r.kind = ", oneof " + string(o.Name())
		}
		m.addValue(r)
	}
	if s.object() {
		fields := s.message.Fields()
		for j := range fields.Len() {
			i, ok := set[fields.Get(j).Number()]
			if !ok {
				i = -1
			}
			delete(set, fields.Get(j).Number())
			add(fields.Get(j), i)
		}
	}
	for _, i := range others {
		m.addValue(row{depth: depth, label: m.nameOf(i), node: i, in: object, want: m.slotOf(i)})
	}
	for i := range m.tree().children(object) {
		n := &m.tree().nodes[i]
		if field := m.slotOf(i).field; object > 0 && n.named && field != nil && set[field.Number()] == i {
			add(field, i) // an extension
		}
	}
}

func number(f protoreflect.FieldDescriptor) protoreflect.FieldNumber {
	if f == nil {
		return 0
	}
	return f.Number()
}

// addValue adds a row and those of what is in its value.
func (m *Model) addValue(r row) {
	if len(m.form.rows) >= maxRows {
		return
	}
	r.kind = r.want.typeName() + r.kind
	m.form.rows = append(m.form.rows, r)
	if r.node < 0 || r.depth >= maxFormDepth {
		return
	}
	t := m.tree()
	switch n := &t.nodes[r.node]; {
	case n.kind == '{' && r.want.object():
		m.addFields(r.want, r.node, r.depth+1)
	case n.kind == '{' && r.want.entries, n.kind == '[' && r.want.list, n.kind == '{' && m.isAny(r.want):
		index := 0
		for i := range t.children(r.node) {
			if index >= maxRows {
				break
			}
			part := row{depth: r.depth + 1, label: "[" + strconv.Itoa(index) + "]", want: r.want.entry(), node: i, in: r.node}
			if n.kind == '{' {
				part.label = m.nameOf(i)
			}
			if m.isAny(r.want) {
				part.want = m.step(r.want, i)
			}
			index++
			m.addValue(part)
		}
	}
}

func (m *Model) isAny(s slot) bool {
	return s.message != nil && !s.list && !s.entries && special(s.message) == "Any"
}

// row gives the chosen row.
func (m *Model) row() (row, bool) {
	rows := m.rows()
	if len(rows) == 0 {
		return row{}, false
	}
	m.form.chosen = min(max(m.form.chosen, 0), len(rows)-1)
	return rows[m.form.chosen], true
}

func (m *Model) moveRow(by int) {
	m.form.chosen += by
	m.row()
	m.touch()
}

// chooseRowAt chooses the row of what stands at a place of the text.
func (m *Model) chooseRowAt(at place) {
	m.form.chosen = 0
	for i, r := range m.rows() {
		if r.node < 0 {
			continue
		}
		if n := &m.tree().nodes[r.node]; !at.less(n.from) && !n.end().less(at) {
			m.form.chosen = i // the last one that covers it is the innermost
		}
	}
}

// chooseLike chooses the row of what an earlier row of the same text was for. What
// is being written into one that there is no more is dropped.
func (m *Model) chooseLike(was row) {
	for i, r := range m.rows() {
		if r.in == was.in && r.node == was.node && r.depth == was.depth && r.label == was.label {
			m.form.chosen = i
			return
		}
	}
	m.form.leave()
}
