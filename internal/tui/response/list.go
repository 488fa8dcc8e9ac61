package response

import (
	"fmt"
	"strings"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/tui/traffic"
)

// list is the state of the list of messages. Indices are those of the call's
// entries.
type list struct {
	selected int            // -1: none
	top      int            // the first entry shown
	height   int            // rows of the last drawing
	shown    []int          // the entry in each row
	offset   int            // rows above the list
	drawn    map[int]string // rows that were drawn so, but for the selected one
	from     drawnFrom
}

// drawnFrom is what drawn rows depend on, beside their entries.
type drawnFrom struct {
	cells, digits int
	types         uint64 // generation of the types
}

// nothing is the index of a row that shows no entry.
const nothing = -1

// drawList returns height rows.
func (m *Model) drawList(width, height int, focused bool) []string {
	l := &m.list
	l.height = height
	from := drawnFrom{width, m.digits(), m.types.generation.Load()}
	if l.drawn == nil || l.from != from || len(l.drawn) > 4*height {
		l.drawn, l.from = make(map[int]string, height), from
	}
	out := make([]string, height)
	l.shown = m.rows(height)
	for y, i := range l.shown {
		switch {
		case i == nothing:
			lost, _ := fit(fmt.Sprintf("  ⋯ %d earlier messages are no longer kept", m.snap.First), width)
			out[y] = m.paints.dim.on(lost)
		case i == l.selected:
			out[y] = m.drawSelected(i, width, focused)
		default:
			drawn, ok := l.drawn[i]
			if !ok {
				drawn = m.drawEntry(i, width)
				l.drawn[i] = drawn
			}
			out[y] = drawn
		}
	}
	return out
}

// rows returns the entries to be shown in at most height rows, nothing where
// others were evicted.
func (m *Model) rows(height int) []int {
	l, first, next := &m.list, m.snap.First, m.snap.Next
	var rows []int
	if next == 0 || height <= 0 {
		return nil
	}
	if l.selected < first && l.selected >= 0 {
		rows = append(rows, l.selected)
	}
	room := height - len(rows)
	l.top = max(first, min(l.top, next-room))
	if l.selected >= first {
		l.top = min(l.top, l.selected)
		l.top = max(l.top, l.selected-room+1)
	}
	if first > 0 && l.top == first && !m.follow && room > 1 {
		rows = append(rows, nothing)
		room--
		// The selected one must not be pushed out by that.
		if l.selected-l.top >= room {
			l.top++
		}
	}
	for i := l.top; i < min(next, l.top+room); i++ {
		rows = append(rows, i)
	}
	return rows[:min(len(rows), height)]
}

// digits is how wide the numbers of messages are.
func (m *Model) digits() int { return max(3, len(fmt.Sprint(max(m.snap.Received, m.snap.Sent)))) }

// entryText is what stands before the message, and the message in one line.
func (m *Model) entryText(i, width int) (head, body string, k kind) {
	e, ok := m.call.Entry(i)
	if !ok {
		return "", "⋯ no longer kept", dimLine
	}
	head = fmt.Sprintf("%s %*d ", arrow(e.Direction), m.digits(), e.Number)
	if width >= 50 {
		head += fmt.Sprintf("%8s ", seconds(e.At))
	}
	body, k = m.oneLine(e, max(8, width-len(head)))
	return head, body, k
}

func (m *Model) drawEntry(i, width int) string {
	head, body, k := m.entryText(i, width)
	head, cells := fit(" "+head, width)
	body, _ = fit(body, width-cells)
	if k == jsonLine {
		return m.paints.dim.on(head) + m.paints.json(body, 0, len(body))
	}
	return m.paints.dim.on(head) + m.paints.of(k).on(body)
}

func (m *Model) drawSelected(i, width int, focused bool) string {
	head, body, _ := m.entryText(i, width)
	text := pad(">"+head+body, width)
	if focused {
		return m.paints.selected.on(text)
	}
	return m.paints.title.on(text)
}

// oneLine is a message in one line of JSON, which may be longer than width cells,
// but not by much.
func (m *Model) oneLine(e traffic.Entry, width int) (string, kind) {
	md := m.call.MessageType(e.Direction)
	wire, cut := excerptOf(md, m.types, e.Wire, 2*width+64, 2*width+64)
	text, err := m.encoder(e.Direction, message.JSON).Append(nil, wire)
	if err != nil {
		return invalid(md, err).Error(), errorLine
	}
	s := strings.TrimSuffix(string(text), "\n")
	if cut {
		s += "…"
	}
	return s, jsonLine
}

// encoder returns the encoder of messages that go in this direction.
func (m *Model) encoder(d traffic.Direction, f message.Format) *message.Encoder {
	key := encoding{d, f}
	if m.encoders[key] == nil {
		m.encoders[key] = message.NewEncoder(m.call.MessageType(d), message.EncodeOptions{Format: f, Types: m.types})
	}
	return m.encoders[key]
}

func arrow(d traffic.Direction) string {
	if d == traffic.Sent {
		return "→"
	}
	return "←"
}
