package response

import (
	"errors"
	"fmt"
	"io"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/termtext"
	"github.com/grpcx/grpcx/internal/tui/traffic"
)

// ErrNothing tells that there is nothing to copy or to save.
var ErrNothing = errors.New("no message is selected")

// maxCopy bounds what goes to a terminal's clipboard; most take no more.
const maxCopy = 256 << 10

// SetDetailBeside says whether DetailView has a place on the screen; View shows the
// list all the time then.
func (m *Model) SetDetailBeside(on bool) {
	if m.detail.beside != on {
		m.detail.beside = on
		m.changed++
	}
}

// Detail reports whether the keys go to one message in full, rather than the list.
func (m *Model) Detail() bool { return m.tab == Messages && m.detail.open }

// document returns the text that the keys go to, nil for the list.
func (m *Model) document() *document {
	switch {
	case m.call == nil:
		return nil
	case m.tab != Messages:
		return m.page(m.tab)
	case m.detail.open:
		return &m.detail.document
	}
	return nil
}

// move goes n rows down, or up.
func (m *Model) move(n int) {
	m.changed++
	if d := m.document(); d != nil {
		d.scroll(n)
		return
	}
	if m.call == nil || m.snap.Next == 0 {
		return
	}
	i := m.list.selected + n
	if i < m.snap.First && n > 0 { // from one that only the selection has kept
		i = m.snap.First + n - 1
	}
	i = max(m.snap.First, min(i, m.snap.Next-1))
	if n > 0 && i == m.snap.Next-1 {
		m.followNewest()
		return
	}
	m.choose(i)
}

// Up moves the selection, or scrolls.
func (m *Model) Up() { m.move(-1) }

// Down moves the selection, or scrolls. From the newest message on, it follows.
func (m *Model) Down() { m.move(1) }

// PageUp moves by a page.
func (m *Model) PageUp() { m.move(-m.pageHeight()) }

// PageDown moves by a page.
func (m *Model) PageDown() { m.move(m.pageHeight()) }

func (m *Model) pageHeight() int {
	if d := m.document(); d != nil {
		return max(1, d.height-1)
	}
	return max(1, m.list.height-1)
}

// Top goes to the oldest message kept, or the first line.
func (m *Model) Top() {
	m.changed++
	if d := m.document(); d != nil {
		d.top = 0
		return
	}
	if m.snap.Next > 0 {
		m.choose(m.snap.First)
	}
}

// Bottom goes to the newest message and follows, or to the last line.
func (m *Model) Bottom() {
	m.changed++
	if d := m.document(); d != nil {
		d.scroll(len(d.rows))
		return
	}
	m.followNewest()
}

func (m *Model) followNewest() {
	if m.call == nil {
		return
	}
	m.follow = true
	m.call.Unpin()
	m.list.selected = m.snap.Next - 1
}

// Following reports whether the newest message is always the selected one.
func (m *Model) Following() bool { return m.follow }

// Follow follows the newest message, or stops to.
func (m *Model) Follow() {
	m.changed++
	if m.follow {
		m.choose(m.list.selected)
		return
	}
	m.detail.open, m.typing = false, false
	m.followNewest()
}

// Expand shows the selected message in full, or the list again.
func (m *Model) Expand() {
	if m.Detail() {
		m.detail.open, m.typing = false, false
		m.changed++
		return
	}
	m.Open()
}

// Open shows the selected message in full.
func (m *Model) Open() {
	if m.call == nil || m.tab != Messages || m.snap.Next == 0 {
		return
	}
	m.changed++
	if m.follow {
		m.choose(m.list.selected)
	}
	m.detail.open = true
}

// ScrollDetail scrolls what DetailView shows by n rows.
func (m *Model) ScrollDetail(n int) {
	m.changed++
	m.detail.scroll(n)
}

// Back leaves a search, then the message in full. It reports whether there was
// anything to leave.
func (m *Model) Back() bool {
	m.changed++
	if d := m.document(); d != nil && (m.typing || d.query != "") {
		m.typing = false
		d.search("")
		return true
	}
	was := m.Detail()
	if was {
		m.detail.open = false
	}
	return was
}

// Hold stops reading what the server sends, or goes on with it.
func (m *Model) Hold() {
	if m.call == nil || m.snap.State.Over() {
		return
	}
	m.held = !m.held
	m.call.Hold(m.held)
	m.take(m.call.Snapshot())
}

// Tab is the current page.
func (m *Model) Tab() Tab { return m.tab }

// NextTab turns to the page to the right.
func (m *Model) NextTab() { m.SetTab((m.tab + 1) % tabs) }

// PrevTab turns to the page to the left.
func (m *Model) PrevTab() { m.SetTab((m.tab + tabs - 1) % tabs) }

// SetTab turns to a page.
func (m *Model) SetTab(t Tab) {
	if t < 0 || t >= tabs {
		return
	}
	m.tab, m.chosen, m.typing = t, true, false
	m.changed++
}

// Search begins to search in the text that is shown; in the list, in the selected
// message.
func (m *Model) Search() {
	m.Open()
	d := m.document()
	if d == nil {
		return
	}
	m.typing = true
	d.search("")
	m.changed++
}

// Typing reports whether a search is being typed, so that keys belong to Update.
func (m *Model) Typing() bool { return m.typing && m.document() != nil }

// NextMatch goes to the next place that the search has found.
func (m *Model) NextMatch() { m.moveMatch(1) }

// PrevMatch goes to the place before.
func (m *Model) PrevMatch() { m.moveMatch(-1) }

func (m *Model) moveMatch(n int) {
	if d := m.document(); d != nil {
		d.nextMatch(n)
		m.changed++
	}
}

// ToggleHex shows the bytes of messages instead of their JSON, or the JSON again.
func (m *Model) ToggleHex() {
	m.detail.hex = !m.detail.hex
	m.changed++
}

// Copy returns the text of the page or, in the list, of the selected message, for
// the clipboard.
func (m *Model) Copy() (string, error) {
	if m.call == nil {
		return "", ErrNothing
	}
	if m.tab != Messages {
		return m.page(m.tab).text(), nil
	}
	e, ok := m.call.Entry(m.list.selected)
	switch {
	case !ok:
		return "", ErrNothing
	case len(e.Wire) > maxCopy:
	case m.detail.hex:
		d := document{lines: hexLines(e.Wire, 16)}
		return d.text(), nil
	default:
		text, cut, err := m.pretty(e, maxCopy, maxCopy)
		if err != nil {
			return "", fmt.Errorf("copy message: %w", err)
		}
		if !cut {
			return text, nil
		}
	}
	return "", fmt.Errorf("copy message: %s is too much for a clipboard; save it", size(int64(len(e.Wire))))
}

// SaveMessage writes the selected message to w.
func (m *Model) SaveMessage(w io.Writer, f message.Format) error {
	if m.call == nil || m.snap.Next == 0 {
		return ErrNothing
	}
	return m.call.SaveEntry(w, f, m.list.selected)
}

// Saved is what SaveAll has done.
type Saved struct {
	Call     *traffic.Call
	Messages int  // written so far
	Going    bool // every message that comes is written too, until StopSaving or the end
	Err      error
}

// SaveAll writes the messages of one direction to w, and closes it: those kept and,
// as long as the call goes on, every one that comes. Its message is a Saved.
func (m *Model) SaveAll(w io.WriteCloser, f message.Format, d traffic.Direction) tea.Cmd {
	call := m.call
	return func() tea.Msg {
		if call == nil {
			return Saved{Err: errors.Join(ErrNothing, w.Close())}
		}
		err := call.Record(w, f, d)
		switch {
		case err == nil:
			return Saved{Call: call, Messages: call.Snapshot().Recorded, Going: true}
		case errors.Is(err, traffic.ErrOver):
			n, err := call.Save(w, f, d)
			return Saved{Call: call, Messages: n, Err: errors.Join(err, w.Close())}
		}
		return Saved{Call: call, Err: errors.Join(err, w.Close())}
	}
}

// StopSaving ends what SaveAll has begun, and returns what went wrong with it.
func (m *Model) StopSaving() error {
	if m.call == nil {
		return nil
	}
	return m.call.StopRecording()
}

// Update takes a key press or a paste while Typing, and mouse events with places
// relative to the pane's inside.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		if m.Typing() {
			m.typeKey(msg)
		}
	case tea.PasteMsg:
		if m.Typing() {
			m.typeText(msg.Content)
		}
	case tea.MouseWheelMsg:
		m.leaveBeside()
		switch msg.Button {
		case tea.MouseWheelUp:
			m.move(-3)
		case tea.MouseWheelDown:
			m.move(3)
		}
	case tea.MouseClickMsg:
		m.leaveBeside()
		m.click(msg.Y)
	}
	return nil
}

// leaveBeside gives the list the keys, where it is shown beside the message in full.
func (m *Model) leaveBeside() {
	if m.Detail() && m.detail.beside {
		m.Expand()
	}
}

func (m *Model) typeKey(key tea.KeyPressMsg) {
	d := m.document()
	m.changed++
	switch key.String() {
	case "enter":
		m.typing = false
	case "esc":
		m.Back()
	case "backspace":
		_, n := lastCluster(d.query)
		d.search(d.query[:n])
	case "ctrl+u":
		d.search("")
	case "down":
		d.nextMatch(1)
	case "up":
		d.nextMatch(-1)
	default:
		m.typeText(key.Text)
	}
}

func (m *Model) typeText(text string) {
	const maxQuery = 256
	d := m.document()
	first, _, _ := strings.Cut(text, "\n")
	if query := termtext.Line(first); query != "" && len(d.query)+len(query) <= maxQuery {
		m.changed++
		d.search(d.query + query)
	}
}

// lastCluster returns the last character of s, and where it begins.
func lastCluster(s string) (last string, at int) {
	for from := 0; from < len(s); {
		n, _ := cluster(s[from:])
		last, at = s[from:from+n], from
		from += n
	}
	return last, at
}

// click selects the message in this line, or expands it if it is selected.
func (m *Model) click(y int) {
	y -= m.list.offset
	if m.document() != nil || y < 0 || y >= len(m.list.shown) || m.list.shown[y] == nothing {
		return
	}
	m.changed++
	if i := m.list.shown[y]; i != m.list.selected || m.follow {
		m.choose(i)
		return
	}
	m.Expand()
}
