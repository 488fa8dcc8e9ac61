package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"
)

// place is where keys go; the values are bits, so that an action can name several.
type place uint8

const (
	inTree     place = 1 << iota
	inSearch         // the filter of the tree
	inBody           // the text of the request
	inHeaders        // the list of the request's headers
	inHeader         // one of them, under edit
	inResponse       // also its tabs
	inFind           // the response's search

	everywhere = inTree | inSearch | inBody | inHeaders | inHeader | inResponse | inFind
	outside    = inTree | inHeaders | inResponse // where letters are keys, not text
	inRequest  = inBody | inHeaders
)

// where is the one place that keys go to now.
func (m *Model) where() place {
	switch {
	case m.focus == treePane && m.tree.typing:
		return inSearch
	case m.focus == treePane:
		return inTree
	case m.focus == responsePane && m.response.Typing():
		return inFind
	case m.focus == responsePane:
		return inResponse
	case m.asHeaders && m.headers.editing():
		return inHeader
	case m.asHeaders:
		return inHeaders
	case m.method == nil && m.picking == nil:
		return inTree // there is no text yet to type into
	}
	return inBody
}

// key gives a key to whoever it is for: what lies over the screen, an action, or
// the text under edit.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	if m.overlay != nil {
		return m.overlay.key(m, k)
	}
	if m.awaiting && k.String() != "esc" && k.String() != "ctrl+c" {
		m.typeAhead(k)
		return nil
	}
	m.awaiting = false
	at := m.where()
	if at == inBody && m.picking == nil && m.editor.Wants(k) {
		return m.edit(k)
	}
	if a := m.bound(at, k.String()); a != nil {
		return a.run(m)
	}
	switch at {
	case inSearch:
		m.searchKey(k)
	case inBody:
		return m.edit(k)
	case inHeader:
		m.headers.line.key(k)
	case inFind:
		return m.response.Update(k)
	}
	return nil
}

// bound is the action of a key at a place, nil if there is none.
func (m *Model) bound(at place, key string) *action {
	for i := range m.actions {
		a := &m.actions[i]
		if slices.Contains(a.keys, key) && a.counts(key, at) {
			return a
		}
	}
	return nil
}

// maxTyped bounds what is typed ahead, in keys and pastes.
const maxTyped = 512

// edit gives a message to the editor, now or when its method is there.
func (m *Model) edit(msg tea.Msg) tea.Cmd {
	if m.picking != nil {
		m.typeAhead(msg)
		return nil
	}
	return m.editor.Update(msg)
}

func (m *Model) typeAhead(msg tea.Msg) {
	if len(m.typed) < maxTyped {
		m.typed = append(m.typed, msg)
	}
}

func (m *Model) searchKey(k tea.KeyPressMsg) {
	switch k.String() {
	case "down", "ctrl+n":
		m.tree.move(1)
	case "up", "ctrl+p":
		m.tree.move(-1)
	default:
		if m.tree.filter.key(k) {
			m.tree.refilter()
		}
	}
}

func (m *Model) paste(msg tea.PasteMsg) tea.Cmd {
	m.notice = ""
	if m.awaiting {
		m.typeAhead(msg)
		return nil
	}
	if m.overlay != nil {
		m.overlay.paste(m, msg.Content)
		return nil
	}
	switch m.where() {
	case inSearch:
		m.tree.filter.insert(msg.Content)
		m.tree.refilter()
	case inBody:
		return m.edit(msg)
	case inHeader:
		m.headers.line.insert(msg.Content)
	case inFind:
		return m.response.Update(msg)
	}
	return nil
}

// click gives the focus to the pane under the mouse, and the click to it.
func (m *Model) click(msg tea.MouseClickMsg) tea.Cmd {
	if m.overlay != nil || msg.Button != tea.MouseLeft {
		return nil
	}
	l := m.layout()
	p, ok := l.at(msg.X, msg.Y)
	if !ok {
		return nil
	}
	m.focus = p
	inner := l.pane[p].inside()
	if !inner.has(msg.X, msg.Y) {
		return nil
	}
	x, y := msg.X-inner.x, msg.Y-inner.y
	switch {
	case p == treePane:
		if m.tree.searching() {
			y--
		}
		if i := m.tree.top + y; y >= 0 && i < len(m.tree.rows) {
			m.tree.choose(i)
			return m.open()
		}
	case p == responsePane:
		return m.response.Update(tea.MouseClickMsg{X: x, Y: y, Button: msg.Button, Mod: msg.Mod})
	case m.asHeaders:
		m.headers.click(y)
	case m.method != nil:
		return m.edit(tea.MouseClickMsg{X: x, Y: y, Button: msg.Button, Mod: msg.Mod})
	}
	return nil
}

// wheel scrolls the pane under the mouse.
func (m *Model) wheel(msg tea.MouseWheelMsg) tea.Cmd {
	by := 3
	if msg.Button == tea.MouseWheelUp {
		by = -3
	}
	if m.overlay != nil {
		m.overlay.scroll(m, by)
		return nil
	}
	l := m.layout()
	p, ok := l.at(msg.X, msg.Y)
	if !ok {
		return nil
	}
	inner := l.pane[p].inside()
	relative := tea.MouseWheelMsg{X: msg.X - inner.x, Y: msg.Y - inner.y, Button: msg.Button, Mod: msg.Mod}
	switch {
	case p == treePane:
		m.tree.move(by)
	case p == responsePane:
		return m.response.Update(relative)
	case m.asHeaders:
		m.headers.move(by)
	case m.method != nil:
		return m.edit(relative)
	}
	return nil
}
