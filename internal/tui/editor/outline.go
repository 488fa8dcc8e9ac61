package editor

// A node is a value of the text, or a member of an object, whose value may be
// missing yet.
type node struct {
	kind     byte  // '{', '[', text, word; 0: a member without value, and the root
	parent   int32 // -1: of the root
	first    int32 // child, -1: none
	last     int32
	next     int32 // sibling, -1: none
	closed   bool  // of an object or list: its closing bracket is there
	named    bool  // a member: key is set
	hasColon bool
	hasComma bool
	key      span
	colon    place
	value    span // of a missing value: empty, where it would begin
	from     place
	comma    place // after the value
}

// end is the place behind the member or the value.
func (n *node) end() place {
	switch {
	case n.kind != 0:
		return n.value.to
	case n.hasColon:
		return place{n.colon.line, n.colon.col + 1}
	}
	return n.key.to
}

// A tree is the structure of a text, which may be broken in any way. The first
// node is the root: its children are the values at the top.
type tree struct {
	revision uint64
	nodes    []node
	tooLarge bool // there are more than maxNodes, and no node but the root is kept
}

const maxNodes = 1 << 17

// tree gives the structure of the text as it is now.
func (m *Model) tree() *tree {
	if m.outline.revision != m.buffer.revision || m.outline.nodes == nil {
		m.outline.grow(m.buffer.lines)
		m.outline.revision = m.buffer.revision
	}
	return &m.outline
}

// parse gives the structure of a text.
func parse(lines []string) *tree {
	var t tree
	t.grow(lines)
	return &t
}

func (t *tree) grow(lines []string) {
	root := node{parent: -1, first: -1, last: -1, next: -1}
	p := parser{t: t, pending: -1}
	t.nodes, t.tooLarge = append(t.nodes[:0], root), false
	for i, line := range lines {
		for tok, ok := lex(line, 0); ok; tok, ok = lex(line, tok.to) {
			if tok.kind == comment {
				continue
			}
			if len(t.nodes) > maxNodes {
				t.nodes, t.tooLarge = []node{root}, true
				return
			}
			p.take(lines, i, tok)
		}
	}
	last := len(lines) - 1
	end := place{last, len(lines[last])}
	for p.cur != 0 {
		t.nodes[p.cur].value.to = end
		p.cur = t.nodes[p.cur].parent
	}
	t.nodes[0].value.to = end
}

// A parser reads tokens into a tree. Where they make no sense it goes on with
// what was most likely meant.
type parser struct {
	t       *tree
	cur     int32 // the object or list that is open, or the root
	pending int32 // the member of cur that lacks its value, -1: none
	objects int   // that are open
	lists   int
}

func (p *parser) take(lines []string, line int, tok token) {
	at := span{place{line, tok.from}, place{line, tok.to}}
	nodes := p.t.nodes
	switch tok.kind {
	case '{', '[':
		i := p.valueNode(at)
		n := &p.t.nodes[i]
		n.kind, n.value = tok.kind, at
		p.cur, p.pending = i, -1
		*p.open(tok.kind)++
	case '}', ']':
		p.close(tok.kind, at)
	case ':':
		if p.pending >= 0 && !nodes[p.pending].hasColon {
			n := &nodes[p.pending]
			n.hasColon, n.colon = true, at.from
			n.value = span{at.to, at.to}
		}
	case ',':
		p.pending = -1
		if last := nodes[p.cur].last; last >= 0 && !nodes[last].hasComma {
			nodes[last].hasComma, nodes[last].comma = true, at.from
		}
	default:
		if nodes[p.cur].kind == '{' && p.keyComes(lines, line, tok) {
			i := p.add(at)
			n := &p.t.nodes[i]
			n.named, n.key, n.value = true, at, span{at.to, at.to}
			p.pending = i
			return
		}
		i := p.valueNode(at)
		n := &p.t.nodes[i]
		n.kind, n.value, n.closed = tok.kind, at, tok.kind != text || tok.closed
		p.pending = -1
	}
}

// keyComes reports whether a text or word in an object is a key: none is
// waiting for its value, or a colon follows.
func (p *parser) keyComes(lines []string, line int, tok token) bool {
	if p.pending < 0 || !p.t.nodes[p.pending].hasColon {
		return true
	}
	next, ok := lex(lines[line], tok.to)
	return ok && next.kind == ':'
}

// valueNode gives the node that the value at this place belongs to.
func (p *parser) valueNode(at span) int32 {
	if p.pending >= 0 && p.t.nodes[p.pending].hasColon {
		return p.pending
	}
	return p.add(at)
}

func (p *parser) add(at span) int32 {
	t := p.t
	i := int32(len(t.nodes))
	t.nodes = append(t.nodes, node{parent: p.cur, first: -1, last: -1, next: -1, from: at.from})
	cur := &t.nodes[p.cur]
	if cur.last >= 0 {
		t.nodes[cur.last].next = i
	} else {
		cur.first = i
	}
	cur.last = i
	return i
}

// open counts what an opening bracket began and nothing has ended.
func (p *parser) open(bracket byte) *int {
	if bracket == '{' {
		return &p.objects
	}
	return &p.lists
}

// close ends the innermost object or list that the bracket fits, and what is
// open within it.
func (p *parser) close(bracket byte, at span) {
	opener := byte('{')
	if bracket == ']' {
		opener = '['
	}
	if *p.open(opener) == 0 {
		return
	}
	nodes := p.t.nodes
	match := p.cur
	for ; nodes[match].kind != opener; match = nodes[match].parent {
		nodes[match].value.to = at.from
		*p.open(nodes[match].kind)--
	}
	*p.open(opener)--
	nodes[match].value.to, nodes[match].closed = at.to, true
	p.cur, p.pending = nodes[match].parent, -1
}

// inside gives the innermost object or list around a place, 0 at the top.
func (t *tree) inside(at place) int32 {
	in := int32(0)
	for i := t.nodes[0].first; i >= 0; {
		n := &t.nodes[i]
		if (n.kind == '{' || n.kind == '[') && n.value.from.less(at) && (at.less(n.value.to) || !n.closed && at == n.value.to) {
			in, i = i, n.first
			continue
		}
		i = n.next
	}
	return in
}

// children calls f with each child of a node until it returns false.
func (t *tree) children(of int32) func(f func(int32) bool) {
	return func(f func(int32) bool) {
		for i := t.nodes[of].first; i >= 0; i = t.nodes[i].next {
			if !f(i) {
				return
			}
		}
	}
}
