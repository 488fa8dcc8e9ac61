// Package response is the pane of the terminal UI that shows a call: its messages
// as they come, one of them in full, metadata, status and timing.
//
// The pane has no border: View draws what is inside, and Title and Tabs tell what
// goes on it. The shell binds keys to the methods; Update takes only the keys of a
// search that is being typed. While a call runs the shell calls Tick about 30 times
// a second, and View after it.
package response

import (
	"io"

	tea "charm.land/bubbletea/v2"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/tui/traffic"
)

// Options are what the pane needs. The zero value is ready for use.
type Options struct {
	Styles Styles
	// Secret tells of a metadata key whether its values are shown as ***; nil
	// hides all those that were sent, and none of those received.
	Secret func(key string) bool
	// Wake is called, on a goroutine of its own, when View has something new to
	// show that no Tick told of: the type of an Any message was found. It may be
	// nil.
	Wake func()
}

// Tab is a page of the pane.
type Tab int

// The pages, from left to right.
const (
	Messages Tab = iota
	Metadata
	Status
	Timing
)

// Model is the pane. It is not for concurrent use.
type Model struct {
	options Options
	call    *traffic.Call
	types   message.Resolver
	snap    traffic.Snapshot
	tab     Tab
}

// New returns a pane without a call.
func New(o Options) *Model { return &Model{options: o} }

// SetCall shows this call from now on, nil for none. types resolves the Any messages
// and extensions in it; it may be slow, for nothing waits for it.
func (m *Model) SetCall(c *traffic.Call, types message.Resolver) { m.call, m.types = c, types }

// Call returns the call that is shown, nil for none.
func (m *Model) Call() *traffic.Call { return m.call }

// Tick looks at the call, and reports whether it goes on: whether another Tick is
// wanted.
func (m *Model) Tick() bool { return false }

// Snapshot is the call as Tick last saw it.
func (m *Model) Snapshot() traffic.Snapshot { return m.snap }

// Update takes a key press or a paste while Typing, and mouse events with places
// relative to the pane's inside.
func (m *Model) Update(msg tea.Msg) tea.Cmd { return nil }

// View draws the inside of the pane: height lines, each of at most width cells,
// joined by line breaks.
func (m *Model) View(width, height int, focused bool) string { return "" }

// DetailView draws the selected message in full, for a pane of its own beside this
// one. View draws no detail itself as long as SetDetailBeside is on.
func (m *Model) DetailView(width, height int, focused bool) string { return "" }

// SetDetailBeside says whether DetailView has a place on the screen.
func (m *Model) SetDetailBeside(on bool) {}

// Title is the pane's name with what is special about its state.
func (m *Model) Title() string { return "Response" }

// DetailTitle names the message in DetailView.
func (m *Model) DetailTitle() string { return "" }

// Tabs names the pages within width cells, the current one in brackets.
func (m *Model) Tabs(width int) string { return "" }

// Typing reports whether a search is being typed, so that keys belong to Update.
func (m *Model) Typing() bool { return false }

// Detail reports whether one message, rather than the list, takes the keys.
func (m *Model) Detail() bool { return false }

// Up moves the selection, or scrolls.
func (m *Model) Up() {}

// Down moves the selection, or scrolls.
func (m *Model) Down() {}

// PageUp moves by a page.
func (m *Model) PageUp() {}

// PageDown moves by a page.
func (m *Model) PageDown() {}

// Top goes to the oldest message kept, or the first line.
func (m *Model) Top() {}

// Bottom goes to the newest message and follows, or to the last line.
func (m *Model) Bottom() {}

// Expand shows the selected message in full.
func (m *Model) Expand() {}

// Back leaves a search, then the message in full. It reports whether there was
// anything to leave.
func (m *Model) Back() bool { return false }

// Follow follows the newest message, or stops to.
func (m *Model) Follow() {}

// Hold stops reading what the server sends, or goes on with it.
func (m *Model) Hold() {}

// NextTab turns to the page to the right.
func (m *Model) NextTab() {}

// PrevTab turns to the page to the left.
func (m *Model) PrevTab() {}

// SetTab turns to a page.
func (m *Model) SetTab(t Tab) {}

// Search begins to search in the text that is shown; in the list, in the selected
// message.
func (m *Model) Search() {}

// NextMatch goes to the next place that the search has found.
func (m *Model) NextMatch() {}

// PrevMatch goes to the place before.
func (m *Model) PrevMatch() {}

// ToggleHex shows the bytes of a message instead of its JSON, or the JSON again.
func (m *Model) ToggleHex() {}

// Copy returns the text of the page or, in the list, of the selected message, for
// the clipboard.
func (m *Model) Copy() (string, error) { return "", nil }

// SaveMessage writes the selected message to w.
func (m *Model) SaveMessage(w io.Writer, f message.Format) error { return nil }

// SaveAll writes the messages of one direction to w, and closes it: those kept and,
// as long as the call goes on, every one that comes, until StopSaving or its end. It
// may take as long as w and the messages do, so it belongs into a tea.Cmd; it may
// run beside all other methods.
func (m *Model) SaveAll(w io.WriteCloser, f message.Format, d traffic.Direction) error { return nil }
