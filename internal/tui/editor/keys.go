package editor

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// Update takes a key, a paste, a click or turn of the wheel (its place counted
// from the corner of the pane), or what an earlier command brought.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		return m.key(msg)
	case tea.PasteMsg:
		return m.paste(msg.Content)
	case tea.MouseClickMsg:
		return m.click(msg.X, msg.Y)
	case tea.MouseWheelMsg:
		m.wheel(msg.Button)
	case paused:
		if msg.model == m && msg.revision == m.buffer.revision && m.check.revision != msg.revision {
			return m.checkNow()
		}
	case checked:
		if msg.model == m && msg.method == m.method && msg.check.revision == m.buffer.revision {
			msg.check.asked = m.check.asked
			m.check = msg.check
			m.screen.stale = true
		}
	}
	return nil
}

// Wants reports whether Update would act on the key: whoever binds keys to
// the other methods of the Model keeps off these.
func (m *Model) Wants(key tea.KeyPressMsg) bool {
	return m.command(key) != nil
}

func (m *Model) key(key tea.KeyPressMsg) tea.Cmd {
	run := m.command(key)
	if run == nil {
		return nil
	}
	m.note = ""
	m.touch()
	return run()
}

// command finds what a key does, nil for nothing.
func (m *Model) command(key tea.KeyPressMsg) func() tea.Cmd {
	name := key.Keystroke()
	if m.form.shown {
		return m.formCommand(name, key.Text)
	}
	if m.Completing() {
		if run := m.popupCommand(name); run != nil {
			return run
		}
	}
	if move := m.moveCommand(name); move != nil {
		return func() tea.Cmd {
			move()
			m.closers = 0
			m.popup = popup{}
			m.buffer.past.open = false
			return nil
		}
	}
	if edit := m.editCommand(name); edit != nil {
		return edit
	}
	if key.Text != "" {
		return func() tea.Cmd { return m.typed(key.Text) }
	}
	return nil
}

func (m *Model) popupCommand(name string) func() tea.Cmd {
	quiet := func(f func()) func() tea.Cmd { return func() tea.Cmd { f(); return nil } }
	switch name {
	case "tab":
		return m.accept
	case "enter":
		if m.popup.picked {
			return m.accept
		}
	case "esc":
		return quiet(m.closePopup)
	case "down", "ctrl+n":
		return quiet(func() { m.choose(1) })
	case "up", "ctrl+p":
		return quiet(func() { m.choose(-1) })
	}
	return nil
}

func (m *Model) moveCommand(name string) func() {
	b := &m.buffer
	switch name {
	case "up":
		return func() { b.vertical(-1) }
	case "down":
		return func() { b.vertical(1) }
	case "pgup":
		return func() { b.vertical(-max(m.height-1, 1)) }
	case "pgdown":
		return func() { b.vertical(max(m.height-1, 1)) }
	case "ctrl+home":
		return func() { b.moveTo(place{}) }
	case "ctrl+end":
		return func() { b.moveTo(b.end()) }
	}
	return lineMove(b, name)
}

// lineMove finds the move that a key makes in any text, of one line or many.
func lineMove(b *buffer, name string) func() {
	switch name {
	case "left":
		return b.left
	case "right":
		return b.right
	case "home", "ctrl+a":
		return b.home
	case "end", "ctrl+e":
		return func() { b.moveTo(place{b.at.line, len(b.line())}) }
	case "ctrl+left", "alt+left", "alt+b":
		return func() { b.moveTo(b.wordLeft()) }
	case "ctrl+right", "alt+right", "alt+f":
		return func() { b.moveTo(b.wordRight()) }
	}
	return nil
}

// lineCut finds what a key deletes.
func lineCut(b *buffer, name string) func() span {
	switch name {
	case "ctrl+k":
		return func() span {
			if b.at.col == len(b.line()) {
				return b.beside(b.right)
			}
			return span{b.at, place{b.at.line, len(b.line())}}
		}
	case "ctrl+u":
		return func() span { return span{place{b.at.line, 0}, b.at} }
	case "ctrl+w", "alt+backspace", "ctrl+backspace":
		return func() span { return span{b.wordLeft(), b.at} }
	case "alt+d", "alt+delete", "ctrl+delete":
		return func() span { return span{b.at, b.wordRight()} }
	case "backspace", "ctrl+h", "shift+backspace":
		return func() span { return b.beside(b.left) }
	case "delete":
		return func() span { return b.beside(b.right) }
	}
	return nil
}

// beside gives the text that a move would pass.
func (b *buffer) beside(move func()) span {
	at, goal := b.at, b.goal
	move()
	s := span{at, b.at}
	if s.to.less(s.from) {
		s.from, s.to = s.to, s.from
	}
	b.at, b.goal = at, goal
	return s
}

func (m *Model) editCommand(name string) func() tea.Cmd {
	if name == "enter" {
		return m.enter
	}
	cut := lineCut(&m.buffer, name)
	if cut == nil {
		return nil
	}
	return func() tea.Cmd {
		open := m.Completing()
		s := cut()
		if strings.HasSuffix(name, "backspace") || name == "ctrl+h" {
			s = m.withPair(s)
		}
		m.replace(s.from, s.to, "")
		cmd := m.changed()
		if open {
			m.offer(false)
			if m.popup.context.typed == "" {
				m.popup = popup{}
			}
		}
		return cmd
	}
}
