package editor

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// formCommand finds what a key does in the form, nil for nothing.
func (m *Model) formCommand(name, typed string) func() tea.Cmd {
	if m.form.input != nil {
		return m.inputCommand(name, typed)
	}
	move := func(by int) func() tea.Cmd {
		return func() tea.Cmd { m.moveRow(by); return nil }
	}
	switch name {
	case "up":
		return move(-1)
	case "down":
		return move(1)
	case "pgup":
		return move(-max(m.height-1, 1))
	case "pgdown":
		return move(max(m.height-1, 1))
	case "home":
		return move(-len(m.rows()))
	case "end":
		return move(len(m.rows()))
	case "enter":
		return m.enterRow
	case "space":
		return m.ToggleField
	case "left":
		return func() tea.Cmd { return m.cycle(-1) }
	case "right":
		return func() tea.Cmd { return m.cycle(1) }
	case "+", "shift++", "shift+=", "insert":
		return m.addPart
	case "delete", "backspace":
		return m.removeRow
	case "-":
		if r, ok := m.row(); !ok || r.field == nil || !isNumber(r.want) {
			return m.removeRow
		}
	}
	if typed == "" {
		return nil
	}
	return func() tea.Cmd { return m.overwrite(typed) }
}

// overwrite begins to write the value of the chosen row anew, with what was
// typed. Where no value can be typed, it does nothing.
func (m *Model) overwrite(typed string) tea.Cmd {
	r, ok := m.row()
	if !ok || r.want.list || r.want.entries || r.want.object() || isBool(r.want) {
		return nil
	}
	var cmd tea.Cmd
	if r.node < 0 {
		cmd = m.setRow(r)
		if r, ok = m.row(); !ok || r.node < 0 {
			return cmd
		}
	}
	if m.write(r); m.form.input != nil {
		m.form.input.set("")
		m.formPaste(typed)
	}
	return cmd
}

// inputCommand finds what a key does while a value is written.
func (m *Model) inputCommand(name, typed string) func() tea.Cmd {
	in := m.form.input
	keep := func(by int) func() tea.Cmd {
		return func() tea.Cmd {
			cmd := m.keepInput()
			if m.form.input == nil {
				m.moveRow(by)
			}
			return cmd
		}
	}
	switch name {
	case "enter":
		return m.keepInput
	case "tab", "down":
		return keep(1)
	case "shift+tab", "up":
		return keep(-1)
	case "esc":
		return func() tea.Cmd { m.form.leave(); return nil }
	}
	if move := lineMove(in, name); move != nil {
		return func() tea.Cmd { move(); return nil }
	}
	if cut := lineCut(in, name); cut != nil {
		return func() tea.Cmd {
			s := cut()
			in.replace(s.from, s.to, "")
			return nil
		}
	}
	if typed == "" {
		return nil
	}
	return func() tea.Cmd { return m.formPaste(typed) }
}

// formPaste puts text in the value that is being written, or begins to write
// one; line breaks, which no value has, become blanks.
func (m *Model) formPaste(s string) tea.Cmd {
	m.touch()
	if m.form.input == nil {
		return m.overwrite(s)
	}
	in := m.form.input
	if !in.replace(in.at, in.at, strings.Join(split(s), " ")) {
		m.note = tooLarge
	}
	return nil
}

// enterRow does what is most likely wanted of a row: sets it, writes its
// value, goes into it, or adds to it.
func (m *Model) enterRow() tea.Cmd {
	r, ok := m.row()
	if !ok {
		return nil
	}
	var cmd tea.Cmd
	if r.node < 0 {
		cmd = m.setRow(r)
		if r, ok = m.row(); !ok || r.node < 0 {
			return cmd
		}
	}
	switch {
	case r.want.list || r.want.entries:
		return m.addPart()
	case r.want.object():
		m.moveRow(1)
		return cmd
	case isBool(r.want):
		return m.cycle(1)
	}
	m.write(r)
	return cmd
}

func isBool(s slot) bool {
	f := s.unwrap()
	return f != nil && f.Kind() == protoreflect.BoolKind
}

func isNumber(s slot) bool {
	f := s.unwrap()
	if f == nil {
		return false
	}
	switch f.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.MessageKind, protoreflect.GroupKind:
		return false
	}
	return true
}

// write begins to write the value of a row.
func (m *Model) write(r row) {
	n := &m.tree().nodes[r.node]
	raw := m.textOf(n.value)
	if strings.Contains(raw, "\n") {
		m.note = "this value has several lines: edit it as text"
		return
	}
	if n.kind == text {
		raw = strings.TrimPrefix(raw, `"`)
		if n.closed {
			raw = strings.TrimSuffix(raw, `"`)
		}
	}
	m.startInput(raw, false)
}

func (m *Model) startInput(s string, key bool) {
	f := &m.form
	f.input, f.given, f.key = &buffer{}, s, key
	f.input.set(s)
	f.input.moveTo(f.input.end())
	m.touch()
}

// formClick chooses a row, and enters the one that was chosen.
func (m *Model) formClick(y int) tea.Cmd {
	at := m.form.top + y
	if m.form.writing() && at == m.form.chosen {
		return nil
	}
	check, done := m.settle()
	if !done || at < 0 || at >= len(m.rows()) {
		return check
	}
	m.touch()
	if at == m.form.chosen && check == nil {
		return m.enterRow()
	}
	m.form.chosen = at
	return check
}
