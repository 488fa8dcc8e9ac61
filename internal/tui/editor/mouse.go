package editor

import tea "charm.land/bubbletea/v2"

// wheelLines is how far one turn of the wheel scrolls.
const wheelLines = 3

// click puts the cursor at a cell of the last frame, or takes the completion there.
func (m *Model) click(x, y int) tea.Cmd {
	m.note = ""
	if m.form.shown {
		return m.formClick(y)
	}
	if o := m.screen.over; m.Completing() && o.covers(y) && x >= o.x && x < o.x+o.width {
		m.popup.chosen = o.first + y - o.y
		m.touch()
		return m.accept()
	}
	b := &m.buffer
	line := min(max(m.top+y, 0), len(b.lines)-1)
	b.moveTo(place{line, colAt(b.lines[line], max(x-m.screen.gutter, 0)+m.left)})
	b.past.open = false
	m.closers = 0
	m.popup = popup{}
	m.touch()
	return nil
}

func (m *Model) wheel(button tea.MouseButton) {
	if m.form.shown {
		switch button {
		case tea.MouseWheelUp:
			m.moveRow(-wheelLines)
		case tea.MouseWheelDown:
			m.moveRow(wheelLines)
		}
		return
	}
	m.touch()
	m.scrolled = true
	switch button {
	case tea.MouseWheelUp:
		m.top = max(m.top-wheelLines, 0)
	case tea.MouseWheelDown:
		m.top = min(m.top+wheelLines, max(len(m.buffer.lines)-m.height, 0))
	case tea.MouseWheelLeft:
		m.left = max(m.left-wheelLines, 0)
	case tea.MouseWheelRight:
		m.left += wheelLines
	}
}
