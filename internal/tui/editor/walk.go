package editor

import tea "charm.land/bubbletea/v2"

// firstValue gives the place in the first value after a place that waits to be
// written: between the quotes of an empty text, in front of others.
func (m *Model) firstValue(after place) place {
	t := m.tree()
	for i := range t.nodes {
		if n := &t.nodes[i]; !n.from.less(after) {
			if at, ok := n.begin(); ok {
				return at
			}
		}
	}
	return m.buffer.clamp(after)
}

// begin is where the writing of a member's value begins, false for one that is
// written as its members.
func (n *node) begin() (place, bool) {
	if !n.named || n.kind == 0 || n.kind == '{' && n.first >= 0 {
		return place{}, false
	}
	at := n.value.from
	if n.kind != word {
		at.col++
	}
	return at, true
}

// NextValue goes to the value behind the cursor, and from the last one to the
// first.
func (m *Model) NextValue() tea.Cmd {
	return m.turnValue(func(at place) bool { return m.buffer.at.less(at) }, 1)
}

// PrevValue goes to the value before the cursor, and from the first one to the
// last.
func (m *Model) PrevValue() tea.Cmd {
	return m.turnValue(func(at place) bool { return at.less(m.buffer.at) }, -1)
}

// turnValue goes to the nearest value that lies ahead, rows being the way there
// in the form.
func (m *Model) turnValue(ahead func(place) bool, rows int) tea.Cmd {
	if m.form.shown {
		check, done := m.settle()
		if done {
			m.moveRow(rows)
		}
		return check
	}
	var to, end place
	found, any := false, false
	for i := range m.tree().nodes {
		at, ok := m.tree().nodes[i].begin()
		if !ok {
			continue
		}
		if !any || rows < 0 {
			end, any = at, true
		}
		if ahead(at) && (!found || rows < 0) {
			to, found = at, true
		}
	}
	if !found {
		to, found = end, any
	}
	if found {
		m.note, m.closers, m.popup = "", 0, popup{}
		m.buffer.moveTo(to)
		m.buffer.past.open = false
		m.touch()
	}
	return nil
}
