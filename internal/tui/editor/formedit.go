package editor

import (
	"encoding/json"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// edit runs changes of the text as one step of its history.
func (m *Model) edit(do func()) tea.Cmd {
	m.buffer.past.hold()
	defer m.buffer.past.release()
	do()
	return m.changed()
}

// toggleRow sets the chosen field, or puts it in a comment.
func (m *Model) toggleRow() tea.Cmd {
	m.form.leave()
	r, ok := m.row()
	switch {
	case !ok:
		return nil
	case r.node < 0:
		return m.setRow(r)
	case r.field == nil:
		m.note = "a part of a list or map can only be removed"
		return nil
	}
	return m.edit(func() { m.commentOut(r.node) })
}

// setRow sets a field that is not set: out of its comment if it is in one.
func (m *Model) setRow(r row) tea.Cmd {
	return m.edit(func() {
		if r.in == 0 {
			if r.in = m.begin(); r.in <= 0 {
				return
			}
		}
		if from, to, ok := m.inComment(r); ok {
			m.uncomment(from, to)
			return
		}
		w := templateWriter{}
		w.value(r.want, "")
		m.insertPart(r.in, quote(r.field.JSONName())+": "+w.String())
		if i := m.memberAt(m.buffer.at); i >= 0 {
			m.expand(i)
			m.oneOnly()
		}
	})
}

// begin puts an empty object into a text without any value and gives it.
func (m *Model) begin() int32 {
	if m.tree().tooLarge {
		m.note = "the text is too large for the form"
		return 0
	}
	if m.tree().nodes[0].first >= 0 {
		return 0
	}
	object, end := "{}", m.buffer.end()
	if end.col > 0 {
		object = "\n{}" // not into a comment
	}
	if !m.replace(end, end, object) {
		return 0
	}
	return m.tree().nodes[0].first
}

// inComment finds the comment of a field directly in its object.
func (m *Model) inComment(r row) (from, to int, ok bool) {
	t := m.tree()
	value := t.nodes[r.in].value
	for line := value.from.line + 1; line < value.to.line; line++ {
		text := m.buffer.lines[line]
		if !isComment(text) || t.inside(place{line, 0}) != r.in {
			continue
		}
		tok, found := lex(bare(text), 0)
		if !found || tok.kind != '"' {
			continue
		}
		name := unquote(bare(text)[tok.from:tok.to])
		if name != r.field.JSONName() && name != r.field.TextName() {
			continue
		}
		if from, to := m.commented(line); from == line {
			return from, to, true
		}
	}
	return 0, 0, false
}

// cycle goes to another value of an enum or bool.
func (m *Model) cycle(by int) tea.Cmd {
	r, ok := m.row()
	if !ok {
		return nil
	}
	f := r.want.unwrap()
	if f == nil {
		return nil
	}
	var values []string
	switch {
	case f.Kind() == protoreflect.BoolKind:
		values = []string{"false", "true"}
	case f.Enum() != nil:
		for i := range f.Enum().Values().Len() {
			values = append(values, quote(string(f.Enum().Values().Get(i).Name())))
		}
	}
	if len(values) == 0 {
		return nil
	}
	if r.node < 0 {
		return m.setRow(r)
	}
	n := m.tree().nodes[r.node]
	now, at := m.textOf(n.value), -1
	for i, v := range values {
		if v == now || f.Enum() != nil && strconv.Itoa(int(f.Enum().Values().Get(i).Number())) == now {
			at = i
		}
	}
	if at < 0 && by < 0 {
		at = 0
	}
	next := values[((at+by)%len(values)+len(values))%len(values)]
	return m.edit(func() { m.setValue(n, next) })
}

// setValue writes another value of a member or element.
func (m *Model) setValue(n node, value string) {
	switch {
	case n.kind != 0:
		m.patch(n.value.from, n.value.to, value)
	case n.hasColon:
		m.patch(n.value.from, n.value.to, " "+value)
	default:
		m.patch(n.key.to, n.key.to, ": "+value)
	}
}

// keepInput writes what was typed into the text; what cannot be a value there
// is refused and stays to be corrected.
func (m *Model) keepInput() tea.Cmd {
	in, given := m.form.input.text(), m.form.given
	r, ok := m.row()
	if !ok || r.node < 0 {
		m.form.leave()
		return nil
	}
	if m.form.key {
		m.form.leave()
		cmd := m.edit(func() { m.addTo(r.node, quote(in)+": ", r.want.entry()) })
		m.chooseRowAt(m.buffer.at)
		if entry, ok := m.row(); ok && entry.node >= 0 && !entry.want.object() {
			m.write(entry)
		}
		return cmd
	}
	n := m.tree().nodes[r.node]
	if in == given && n.kind != 0 {
		m.form.leave()
		return nil
	}
	value, ok := asJSON(in, r.want)
	if !ok {
		m.note = "this is not JSON"
		return nil
	}
	m.form.leave()
	return m.edit(func() { m.setValue(n, value) })
}

// asJSON makes JSON of what was typed for a slot. Escapes of JSON may be typed
// in texts.
func asJSON(in string, s slot) (string, bool) {
	raw := strings.TrimSpace(in)
	isNumber := json.Valid([]byte(raw)) && raw != "" && strings.IndexByte("-0123456789", raw[0]) >= 0
	quoted := s.message != nil && (special(s.message) == "Timestamp" || special(s.message) == "Duration" || special(s.message) == "FieldMask")
	if f := s.unwrap(); f != nil && f.Message() == nil {
		switch f.Kind() {
		case protoreflect.StringKind, protoreflect.BytesKind:
			quoted = true
		case protoreflect.BoolKind:
			if raw != "true" && raw != "false" {
				return quote(in), true
			}
			return raw, true
		default:
			if isNumber || raw == "null" {
				return raw, true
			}
			return quote(raw), true
		}
	}
	if !quoted {
		return raw, json.Valid([]byte(raw))
	}
	if json.Valid([]byte(`"` + in + `"`)) {
		return `"` + in + `"`, true
	}
	return quote(in), true
}
