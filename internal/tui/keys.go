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
