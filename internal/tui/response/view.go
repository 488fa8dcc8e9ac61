package response

import (
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/termtext"
	"github.com/grpcx/grpcx/internal/tui/traffic"
)

// viewKey is all that a drawing depends on.
type viewKey struct {
	width, height int
	focused       bool
	changed       uint64
	types         uint64
}

// pageKey is what a page's text was made from.
type pageKey struct{ taken, types uint64 }

// view is what was drawn last, here and beside.
type view struct {
	key, besideKey viewKey
	text, beside   string
}

func (m *Model) key(width, height int, focused bool) viewKey {
	return viewKey{width, height, focused, m.changed, m.types.generation.Load()}
}

// View draws the inside of the pane: height lines, each of at most width cells,
// joined by line breaks.
func (m *Model) View(width, height int, focused bool) string {
	if width <= 0 || height <= 0 {
		return strings.Repeat("\n", max(0, height-1))
	}
	key := m.key(width, height, focused)
	if m.view.key == key && m.view.text != "" {
		return m.view.text
	}
	rows := m.draw(width, height, focused)
	m.view.key, m.view.text = key, strings.Join(rows, "\n")
	return m.view.text
}

// DetailView draws the selected message in full, for a pane of its own beside this
// one, in as many lines and cells as View.
func (m *Model) DetailView(width, height int, focused bool) string {
	if width <= 0 || height <= 0 {
		return strings.Repeat("\n", max(0, height-1))
	}
	key := m.key(width, height, focused)
	if m.view.besideKey == key && m.view.beside != "" {
		return m.view.beside
	}
	var rows []string
	if m.Typing() && m.document() == &m.detail.document {
		rows = append(m.drawDetail(width, height-1), m.searchLine(width))
	} else {
		rows = m.drawDetail(width, height)
	}
	m.view.besideKey, m.view.beside = key, strings.Join(rows[:height], "\n")
	return m.view.beside
}

func (m *Model) draw(width, height int, focused bool) []string {
	if m.call == nil {
		out := make([]string, height)
		text, _ := fit(" no call yet", width)
		out[0] = m.paints.dim.on(text)
		return out
	}
	rows := make([]string, 0, height+1)
	if height > 1 {
		rows = append(rows, m.statusLine(width))
	}
	prompt := m.Typing() && !(m.tab == Messages && m.detail.beside) && height > 2
	room := height - len(rows)
	if prompt {
		room--
	}
	switch {
	case m.tab != Messages:
		d := m.page(m.tab)
		rows = append(rows, d.draw(&m.paints, width, room)...)
	case m.detail.open && !m.detail.beside:
		rows = append(rows, m.drawDetail(width, room)...)
	default:
		m.list.offset = len(rows)
		rows = append(rows, m.drawList(width, room, focused)...)
	}
	if prompt {
		rows = append(rows, m.searchLine(width))
	}
	return rows
}

// page returns the text of a tab other than Messages, made anew if the call has
// gone on.
func (m *Model) page(t Tab) *document {
	d := &m.pages[t]
	from := pageKey{taken: m.taken, types: m.types.generation.Load()}
	if m.pageFrom[t] == from {
		return d
	}
	m.pageFrom[t] = from
	switch t {
	case Metadata:
		d.set(m.metadataLines())
	case Status:
		d.set(m.statusLines())
	case Timing:
		d.set(m.timingLines())
	}
	return d
}

// statusLine tells in one line how the call goes.
func (m *Model) statusLine(width int) string {
	s := &m.snap
	mark, style := m.state()
	counts := fmt.Sprintf("  ←%d →%d", s.Received, s.Sent)
	if s.Queued > 0 {
		counts += fmt.Sprintf(" (%d queued)", s.Queued)
	}
	if s.Recording {
		counts += fmt.Sprintf("  saving %d", s.Recorded)
	}
	if s.RecordErr != nil {
		counts += "  not saved: " + termtext.Line(s.RecordErr.Error())
	}
	rest := ""
	if m.call.Method().IsStreamingServer() || m.call.Method().IsStreamingClient() {
		rest = fmt.Sprintf("  %.0f msg/s", s.Rate)
	}
	rest += "  " + size(s.ReceivedBytes+s.SentBytes) + "  " + brief(s)
	if !m.follow && !m.detail.open && m.tab == Messages && !s.State.Over() {
		rest += "  paused"
	}
	// The counts stand whatever the server's message is.
	room := max(width/2, width-cells(counts+rest))
	mark, used := fit(mark, room)
	counts, more := fit(counts, width-used)
	rest, _ = fit(rest, width-used-more)
	return style.on(mark) + counts + m.paints.dim.on(rest)
}

// brief is how long the call has taken.
func brief(s *traffic.Snapshot) string {
	if s.State.Over() {
		return span(s.Elapsed)
	}
	return fmt.Sprintf("%.1fs", s.Elapsed.Seconds())
}

func cells(s string) int {
	_, n := prefix(s, len(s))
	return n
}

// state is the call's state in words.
func (m *Model) state() (string, paint) {
	s, p := &m.snap, &m.paints
	switch s.State {
	case traffic.Connecting:
		return "○ connecting", p.warn
	case traffic.Held:
		return "‖ held", p.warn
	case traffic.HalfClosed:
		return "◐ half-closed", p.ok
	case traffic.Streaming:
		return "● " + s.State.String(), p.ok
	case traffic.CancelledByYou:
		return "■ cancelled by you", p.warn
	}
	switch {
	case s.Err != nil:
		return "✗ " + termtext.Line(cutText(s.Err.Error())), p.bad
	case s.Status.Code() == codes.OK:
		return "✓ OK", p.ok
	case s.Status.Message() == "":
		return "✗ " + invoke.CodeName(s.Status.Code()), p.bad
	}
	return "✗ " + invoke.CodeName(s.Status.Code()) + ": " + termtext.Line(cutText(s.Status.Message())), p.bad
}

// searchLine is what is being searched for.
func (m *Model) searchLine(width int) string {
	d := m.document()
	found := ""
	if d.query != "" {
		found = fmt.Sprintf("  %d/%d", min(d.match+1, len(d.matches)), len(d.matches))
	}
	text, _ := fit("/"+d.query+"▏"+found, width)
	return text
}

// Title is the pane's name, with the message that it shows in full.
func (m *Model) Title() string {
	if m.tab == Messages && m.detail.open && !m.detail.beside {
		if e, ok := m.call.Entry(m.list.selected); ok {
			return fmt.Sprintf("Response %s %d", arrow(e.Direction), e.Number)
		}
	}
	return "Response"
}

// names are those of the pages, the current one in brackets.
func (m *Model) names() [tabs]string {
	names := [tabs]string{"Messages", "Metadata", "Status", "Timing"}
	names[m.tab] = "[" + names[m.tab] + "]"
	return names
}

// ClickTabs turns to the page whose name is in the cell x of Tabs(width), or to the
// next one where they do not all have a place.
func (m *Model) ClickTabs(x, width int) {
	shown := m.Tabs(width)
	if x < 0 || x >= len(shown) {
		return
	}
	names := m.names()
	if shown != strings.Join(names[:], " ") {
		m.NextTab()
		return
	}
	for t, name := range names {
		if x < len(name) {
			m.SetTab(Tab(t))
			return
		}
		if x -= len(name) + 1; x < 0 {
			return // between two
		}
	}
}

// Tabs names the pages within width cells, the current one in brackets.
func (m *Model) Tabs(width int) string {
	names := m.names()
	all := strings.Join(names[:], " ")
	if len(all) <= width {
		return all
	}
	current := names[m.tab]
	short := fmt.Sprintf("%s %d/%d", current, m.tab+1, tabs)
	if len(short) <= width {
		return short
	}
	fitted, _ := fit(current, width)
	return fitted
}
