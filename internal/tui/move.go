package tui

import (
	tea "charm.land/bubbletea/v2"
)

// back leaves the innermost thing that is open; where there is none, it cancels
// the call.
func (m *Model) back() tea.Cmd {
	switch at := m.where(); {
	case m.backCancels():
		m.call.Cancel()
	case at == inSearch:
		m.tree.endSearch()
	case at == inHeader:
		m.headers.leave()
	case at == inFind, at == inResponse && m.response.Detail():
		m.response.Back()
	case at == inTree && m.tree.searching():
		m.tree.endSearch()
	case at == inHeaders:
		m.asHeaders = false
	case m.zoomed:
		m.zoomed = false
	default:
		m.focus = treePane
	}
	return nil
}

// backCancels reports whether there is nothing to leave, but a call to cancel.
func (m *Model) backCancels() bool {
	switch m.where() {
	case inSearch, inHeader, inFind:
		return false
	case inResponse:
		return m.running() && !m.response.Detail()
	}
	return m.running()
}

// enter goes to one of the places, unless this is one.
func (m *Model) enter(places place) {
	switch {
	case places&m.where() != 0:
	case places&inTree != 0:
		m.focus = treePane
	case places&inRequest != 0:
		m.focus, m.asHeaders = requestPane, places&inBody == 0
	case places&inResponse != 0:
		m.focus = responsePane
	}
}

func (m *Model) search() tea.Cmd {
	m.focus = treePane
	m.tree.typing, m.tree.filter = true, line{}
	m.tree.refilter()
	return nil
}

func (m *Model) unfold() tea.Cmd {
	m.tree.unfold()
	return nil
}

func (m *Model) foldUp() tea.Cmd {
	m.tree.foldUp()
	return nil
}

func to(p pane) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		m.focus, m.tree.typing = p, false
		return nil
	}
}

func turn(by int) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		m.tree.typing = false
		m.focus = (m.focus + pane(by) + panes) % panes
		return nil
	}
}

func (m *Model) zoom() tea.Cmd {
	m.zoomed = !m.zoomed
	return nil
}

func (m *Model) toggleMouse() tea.Cmd {
	m.mouse = !m.mouse
	if m.mouse {
		m.say("the mouse moves the focus")
	} else {
		m.say("the mouse is the terminal's: it selects text")
	}
	return nil
}

// step moves the selection of the pane that has the focus.
func step(by int) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		switch {
		case m.where() == inHeaders:
			m.headers.move(by)
		case m.focus != responsePane:
			m.tree.move(by)
		case by > 0:
			m.response.Down()
		default:
			m.response.Up()
		}
		return nil
	}
}

func page(by int) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		height := max(1, m.layout().pane[m.focus].inside().h-1)
		switch {
		case m.where() == inHeaders:
			m.headers.move(by * height)
		case m.focus != responsePane:
			m.tree.move(by * height)
		case by > 0:
			m.response.PageDown()
		default:
			m.response.PageUp()
		}
		return nil
	}
}

func (m *Model) first() tea.Cmd {
	switch {
	case m.where() == inHeaders:
		m.headers.move(-maxHeaders)
	case m.focus == responsePane:
		m.response.Top()
	default:
		m.tree.move(-len(m.tree.rows))
	}
	return nil
}

func (m *Model) last() tea.Cmd {
	switch {
	case m.where() == inHeaders:
		m.headers.move(maxHeaders)
	case m.focus == responsePane:
		m.response.Bottom()
	default:
		m.tree.move(len(m.tree.rows))
	}
	return nil
}

func (m *Model) gotoProblem() tea.Cmd {
	if !m.editor.GotoProblem() {
		m.say("nothing is wrong")
	}
	return nil
}
