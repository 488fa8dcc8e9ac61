package editor

import (
	"strconv"
	"strings"
)

// A screen is the last frame, and where the cursor is in it.
type screen struct {
	stale         bool
	width, height int
	focused       bool
	frame         string
	x, y          int
	visible       bool
	gutter        int // cells before the text
	over          overlay
}

// View draws the editor: exactly height lines, each of at most width cells.
// A frame that nothing has changed is not drawn again.
func (m *Model) View(width, height int, focused bool) string {
	s := &m.screen
	if !s.stale && s.frame != "" && s.width == width && s.height == height && s.focused == focused {
		return s.frame
	}
	resized := s.width != width || s.height != height
	*s = screen{width: width, height: height, focused: focused}
	m.width, m.height = width, height
	if width <= 0 || height <= 0 {
		s.frame = strings.Repeat("\n", max(height-1, 0))
		return s.frame
	}
	if m.form.shown {
		s.frame = m.formView()
		return s.frame
	}
	if resized {
		m.scrolled = false
	}
	s.frame = m.textView()
	return s.frame
}

// Cursor tells the cell of the last frame where the terminal's cursor belongs.
func (m *Model) Cursor() (x, y int, visible bool) {
	return m.screen.x, m.screen.y, m.screen.visible && m.screen.focused
}

// gutterWidth is how many cells stand before the text: a sign, the number of
// the line and a blank, if there is room.
func (m *Model) gutterWidth(width int) int {
	numbers := len(strconv.Itoa(len(m.buffer.lines)))
	switch full := 1 + max(numbers, 2) + 1; {
	case width >= full+12:
		return full
	case width >= 8:
		return 2
	}
	return 0
}

func (m *Model) textView() string {
	s := &m.screen
	s.gutter = m.gutterWidth(s.width)
	room := s.width - s.gutter
	b := &m.buffer
	cell := cellOf(b.line(), b.at.col)
	if !m.scrolled {
		m.top = min(max(m.top, b.at.line-s.height+1), b.at.line)
		if cell < m.left {
			m.left = max(cell-room/4, 0)
		}
		if cell >= m.left+room {
			m.left = max(cell-room+1+room/4, 0)
		}
	}
	m.top = min(max(m.top, 0), len(b.lines)-1)
	s.x, s.y = s.gutter+cell-m.left, b.at.line-m.top
	s.visible = s.x >= s.gutter && s.x < s.width && s.y >= 0 && s.y < s.height
	over := m.placePopup()
	s.over = over
	marks := m.marks()
	var out strings.Builder
	out.Grow(s.width * s.height * 2)
	for y := range s.height {
		if y > 0 {
			out.WriteByte('\n')
		}
		i := m.top + y
		if i >= len(b.lines) && !over.covers(y) {
			continue
		}
		m.writeGutter(&out, i)
		line := ""
		if i < len(b.lines) {
			line = b.lines[i]
		}
		p := painter{out: &out, palette: m.palette, line: line, marks: marks.of(i)}
		if !over.covers(y) {
			p.paint(m.left, m.left+room, false)
			continue
		}
		p.paint(m.left, m.left+over.x-s.gutter, true)
		st := stylePopup
		if y-over.y == over.chosen {
			st = styleSelected
		}
		m.palette.write(&out, st, over.rows[y-over.y])
		p.paint(m.left+over.x-s.gutter+over.width, m.left+room, false)
	}
	return out.String()
}

func (m *Model) writeGutter(out *strings.Builder, line int) {
	width := m.screen.gutter
	if width == 0 {
		return
	}
	sign, st := " ", styleLineNumber
	if p := m.check.problem; p != nil && p.Line == line+1 {
		sign, st = "!", styleProblem
	}
	m.palette.write(out, st, sign)
	if width > 2 {
		number := ""
		if line < len(m.buffer.lines) {
			number = strconv.Itoa(line + 1)
		}
		out.WriteString(blanks(width - 2 - len(number)))
		m.palette.write(out, st, number)
	}
	out.WriteByte(' ')
}

// An overlay is a popup with its place on the screen.
type overlay struct {
	x, y, width, chosen int
	first               int // of the items of the popup
	rows                []string
}

func (o *overlay) covers(y int) bool { return y >= o.y && y < o.y+len(o.rows) }

// placePopup finds the place of the popup: under the cursor if it fits there
// or if there is less room above.
func (m *Model) placePopup() overlay {
	s := &m.screen
	if !m.Completing() || !s.visible || !s.focused {
		return overlay{}
	}
	above, below := s.y, s.height-1-s.y
	rows, chosen := m.popup.rows(s.width - s.gutter)
	o := overlay{rows: rows, chosen: chosen, first: m.popup.top, y: s.y + 1}
	room := below
	if len(rows) > below && above > below {
		room = above
		o.y = max(s.y-len(rows), 0)
	}
	if len(rows) > room {
		skip := min(max(chosen-room+1, 0), len(rows)-room)
		o.rows, o.chosen, o.first = rows[skip:skip+room], chosen-skip, o.first+skip
	}
	if len(o.rows) == 0 {
		return overlay{}
	}
	o.width = cellsOf(o.rows[0])
	start := m.popup.context.token.from
	o.x = s.gutter + cellOf(m.buffer.lines[start.line], start.col) - m.left - len("> ")
	o.x = max(min(o.x, s.width-o.width), s.gutter)
	return o
}
