package editor

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/grpcx/grpcx/internal/termtext"
)

// popupRows is how many completions are shown at once.
const popupRows = 8

// A popup is what is offered for the place of the cursor.
type popup struct {
	context context
	items   []item
	chosen  int
	top     int  // the first item shown
	picked  bool // by typing, by moving or by asking: enter accepts
}

// Completing reports whether completions are shown or a value of the form is
// being written: then tab, enter, esc, up and down are the editor's.
func (m *Model) Completing() bool { return len(m.popup.items) > 0 || m.form.writing() }

// Complete shows what can be written at the cursor.
func (m *Model) Complete() tea.Cmd {
	m.note = ""
	m.touch()
	if m.form.shown {
		return nil
	}
	if m.offer(true); !m.Completing() {
		m.note = "nothing to complete here"
	}
	return nil
}

// offer fills the popup for the place of the cursor, or closes it.
func (m *Model) offer(asked bool) {
	m.popup = popup{}
	c, ok := m.context(m.buffer.at)
	if m.method == nil || !ok {
		return
	}
	items := m.items(c)
	if !c.isKey && len(items) == 1 && items[0].label == c.typed {
		return // it is there already
	}
	m.popup = popup{context: c, items: items, picked: asked || c.typed != ""}
}

// offerTyped follows what has just been typed.
func (m *Model) offerTyped(typed string) {
	last := typed[len(typed)-1]
	switch {
	case last == '"', last == '@', last == '.', last == '/', last == '_', last == '-', last >= 0x80,
		'0' <= last && last <= '9', 'a' <= last|0x20 && last|0x20 <= 'z':
		m.offer(false)
		if m.popup.context.token.empty() {
			m.popup = popup{}
		}
	case last == ',' || last == ' ' || last == ':':
		m.offer(false)
		c := m.popup.context
		if c.isKey || c.member < 0 && !c.fieldMask() {
			m.popup = popup{}
		}
	}
}

// choose moves the choice, around the ends.
func (m *Model) choose(by int) {
	p := &m.popup
	n := len(p.items)
	p.chosen = ((p.chosen+by)%n + n) % n
	p.picked = true
	p.top = min(max(p.top, p.chosen-popupRows+1), p.chosen)
	m.touch()
}

func (m *Model) closePopup() {
	m.popup = popup{}
	m.touch()
}

// accept writes the chosen completion.
func (m *Model) accept() tea.Cmd {
	p := m.popup
	it, c := p.items[p.chosen], p.context
	b := &m.buffer
	b.past.hold()
	defer b.past.release()
	insert := it.insert
	t := m.tree()
	if c.isKey && c.member >= 0 && t.nodes[c.member].hasColon {
		insert, it.more = quote(it.label)+caret, false
	}
	to := c.token.to
	if c.quoted && !m.isClosed(c.token) {
		to = b.at // what follows was not meant to be in it
	}
	i := strings.LastIndex(insert, caret)
	head, tail := insert[:i], insert[i+len(caret):]
	if !m.replace(c.token.from, to, head+tail) {
		return m.changed()
	}
	b.moveTo(endOf(c.token.from, head))
	m.closers = 0
	if tail == "}" || tail == "]" || tail == `"` {
		m.closers = 1
	}
	if in := m.tree().inside(c.token.from); c.isKey && in > 0 {
		m.fixCommas(in)
	}
	cmd := m.changed()
	if it.more {
		m.offer(false)
		m.popup.picked = false
	}
	return cmd
}

func (m *Model) isClosed(s span) bool {
	t, ok := lex(m.buffer.lines[s.from.line], s.from.col)
	return ok && t.closed
}

// rows draws the popup at most so wide, and tells which row is chosen.
func (p *popup) rows(width int) (rows []string, chosen int) {
	shown := p.items[p.top:min(p.top+popupRows, len(p.items))]
	label, detail := 0, 0
	for _, it := range shown {
		label = max(label, cellsOf(termtext.Line(it.label)))
		detail = max(detail, cellsOf(termtext.Line(it.detail)))
	}
	label, detail = min(label, 40), min(detail, 40)
	full := 0
	for i, it := range shown {
		mark := "  "
		if p.top+i == p.chosen {
			mark = "> "
		}
		row := mark + fit(it.label, label) + "  " + fit(it.detail, detail)
		if it.about != "" {
			row += "  " + termtext.Line(it.about)
		}
		rows = append(rows, row)
		full = max(full, cellsOf(row))
	}
	full = min(full+1, width)
	for i := range rows {
		rows[i] = fit(rows[i], full)
	}
	return rows, p.chosen - p.top
}

// fit shows a text in exactly so many cells, safe for a terminal.
func fit(s string, width int) string {
	var b strings.Builder
	cells := 0
	for i := 0; i < len(s); {
		size, shown, n := cluster(s[i:])
		last := i+size == len(s)
		if cells+n > width || !last && cells+n == width {
			if cells < width {
				b.WriteString("…")
				cells++
			}
			break
		}
		b.WriteString(shown)
		cells += n
		i += size
	}
	b.WriteString(blanks(width - cells))
	return b.String()
}

func cellsOf(s string) int { return cellOf(s, len(s)) }

func blanks(n int) string { return strings.Repeat(" ", max(n, 0)) }
