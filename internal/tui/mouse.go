package tui

import (
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// click gives the focus to the pane under the mouse, and the click to it. One beside
// what lies over the screen closes that; any click does away with the notice, and one
// on it does nothing else.
func (m *Model) click(msg tea.MouseClickMsg) tea.Cmd {
	hidden := msg.Y >= m.height-len(m.noticeLines())
	m.notice = ""
	if hidden || msg.Button != tea.MouseLeft {
		return nil
	}
	if m.overlay != nil {
		if !m.covered.has(msg.X, msg.Y) {
			m.overlay = nil
			return nil
		}
		if in := m.covered.inside(); in.has(msg.X, msg.Y) {
			return m.overlay.click(m, msg.Y-in.y)
		}
		return nil
	}
	l := m.layout()
	p, ok := l.at(msg.X, msg.Y)
	if !ok {
		return nil
	}
	m.tree.typing = m.tree.typing && p == treePane
	m.focus = p
	if l.detail.has(msg.X, msg.Y) {
		m.response.Open()
		return nil
	}
	inner := l.pane[p].inside()
	if p == responsePane && msg.Y == l.pane[p].y {
		width := m.tabsWidth(inner.w)
		end := inner.x + inner.w - 2 // the tabs stand before a blank and the corner's line
		m.response.ClickTabs(msg.X-end+ansi.StringWidth(m.response.Tabs(width)), width)
	}
	if !inner.has(msg.X, msg.Y) {
		return nil
	}
	at := msg
	at.X, at.Y = msg.X-inner.x, msg.Y-inner.y
	return m.clickPane(p, at)
}

// clickPane takes a click whose place is counted from the inside of its pane.
func (m *Model) clickPane(p pane, msg tea.MouseClickMsg) tea.Cmd {
	switch {
	case p == treePane:
		return m.clickTree(msg.Y)
	case p == responsePane:
		return m.response.Update(msg)
	case m.asHeaders:
		if err := m.headers.click(msg.Y); err != nil {
			m.say(err.Error())
		}
	case m.method != nil && m.picking == nil:
		return m.editor.Update(msg)
	}
	return nil
}

func (m *Model) clickTree(y int) tea.Cmd {
	if m.stateLines(1) != nil {
		return nil // there is no tree to be seen
	}
	if m.tree.searching() && m.tree.headed {
		if y--; y < 0 {
			m.tree.typing = true
			return nil
		}
	}
	i := m.tree.top + y
	if i >= len(m.tree.rows) {
		return nil
	}
	m.tree.choose(i)
	m.tree.typing = false // the row is what was meant, whatever else the search finds
	return m.open()
}

// wheelRows is how far one turn of the wheel goes.
const wheelRows = 3

// wheel scrolls the pane under the mouse.
func (m *Model) wheel(msg tea.MouseWheelMsg) tea.Cmd {
	by := 0
	switch msg.Button {
	case tea.MouseWheelUp:
		by = -wheelRows
	case tea.MouseWheelDown:
		by = wheelRows
	}
	if m.overlay != nil {
		m.overlay.scroll(m, by)
		return nil
	}
	l := m.layout()
	p, ok := l.at(msg.X, msg.Y)
	switch {
	case !ok:
	case l.detail.has(msg.X, msg.Y):
		m.response.ScrollDetail(by)
	case p == treePane:
		m.tree.move(by)
	case p == responsePane:
		return m.response.Update(msg)
	case m.asHeaders:
		m.headers.move(by)
	case m.method != nil && m.picking == nil:
		return m.editor.Update(msg)
	}
	return nil
}
