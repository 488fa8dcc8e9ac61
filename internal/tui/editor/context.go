package editor

import "strings"

// A context is what is being written at a place of the text.
type context struct {
	in     int32  // the object or list around it, 0: the top
	member int32  // the member or element that is being written, -1: one that is not there yet
	isKey  bool   // a key is being written, not a value
	within slot   // what the object or list around it is
	want   slot   // what the value may be; nothing for a key
	token  span   // what is already written of the key or value; empty if nothing is
	typed  string // of it, before the place, without its quote
	quoted bool   // it begins with a quote
}

// context tells what is being written at a place; ok is false in comments and
// where nothing can be said.
func (m *Model) context(at place) (c context, ok bool) {
	line := m.buffer.lines[at.line]
	tok, on := tokenAt(line, at.col)
	if on && tok.kind == comment && at.col > tok.from {
		return context{}, false
	}
	t := m.tree()
	if t.tooLarge {
		return context{}, false
	}
	c = context{in: t.inside(at), member: -1, token: span{at, at}}
	c.within = m.slotOf(c.in)
	if on && (tok.kind == text || tok.kind == word) && at.col > tok.from {
		if tok.closed && at.col == tok.to {
			return context{}, false // behind a closed text
		}
		c.token = span{place{at.line, tok.from}, place{at.line, tok.to}}
		c.typed = line[tok.from:at.col]
		c.typed, c.quoted = strings.CutPrefix(c.typed, `"`)
	}
	for i := range t.children(c.in) {
		n := &t.nodes[i]
		if at.less(n.from) {
			break
		}
		if c.covers(n, at) {
			c.member = i
			break
		}
	}
	c.isKey = t.nodes[c.in].kind == '{' && (c.member < 0 || !t.nodes[c.member].hasColon || !t.nodes[c.member].colon.less(at))
	switch {
	case c.isKey:
	case c.member >= 0:
		c.want = m.slotOf(c.member)
		if n := &t.nodes[c.member]; n.kind == '{' || n.kind == '[' {
			return context{}, false // next to a bracket
		}
	case c.in == 0:
		c.want = m.topSlot(0)
	default:
		c.want = c.within.entry()
	}
	return c, true
}

// covers reports whether a place belongs to a member or element: it is in its
// key or value, or where its value would begin.
func (c *context) covers(n *node, at place) bool {
	if !c.token.empty() {
		return c.token.from == n.key.from && n.named || c.token.from == n.value.from
	}
	if n.hasColon && n.kind == 0 {
		return n.colon.less(at) && at.line == n.colon.line && (!n.hasComma || !n.comma.less(at))
	}
	if n.named && !n.hasColon {
		return false
	}
	return !at.less(n.from) && at.less(n.end())
}

// takesObject reports whether an object may be written at a place within another
// value.
func (m *Model) takesObject(at place) bool {
	c, ok := m.context(at)
	if !ok || c.in == 0 || c.isKey || c.want.message == nil || c.want.list {
		return false
	}
	switch special(c.want.message) {
	case "", "Any", "Struct", "Value":
		return true
	}
	return false
}
