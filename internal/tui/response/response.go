// Package response is the pane of the terminal UI that shows a call: its messages
// as they come, one of them in full, metadata, status and timing.
//
// The pane has no border: View draws what is inside, and Title and Tabs tell what
// goes on it. The shell binds keys to the methods; Update takes only the keys of a
// search that is being typed, and the mouse. While a call runs the shell calls Tick
// about 30 times a second, and View after it.
package response

import (
	"time"

	"google.golang.org/grpc/codes"

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
	tabs = iota
)

// Model is the pane. It is not for concurrent use.
type Model struct {
	options Options
	paints  paints

	call     *traffic.Call
	types    *lazyTypes
	snap     traffic.Snapshot
	encoders map[encoding]*message.Encoder
	held     bool

	tab      Tab
	chosen   bool // the tab, by the user
	follow   bool
	list     list
	detail   detail
	pages    [tabs]document // of all tabs but Messages
	pageFrom [tabs]pageKey
	typing   bool   // a search
	changed  uint64 // counts what View depends on
	taken    uint64 // counts snapshots
	view     view
}

type encoding struct {
	direction traffic.Direction
	format    message.Format
}

// New returns a pane without a call.
func New(o Options) *Model {
	m := &Model{options: o, paints: newPaints(o.Styles)}
	m.SetCall(nil, nil)
	return m
}

// SetStyles changes the colours.
func (m *Model) SetStyles(s Styles) {
	m.options.Styles, m.paints = s, newPaints(s)
	m.list.drawn = nil
	m.changed++
}

// SetCall shows this call from now on, nil for none. types resolves the Any messages
// and extensions in it; it may be slow, for nothing waits for it.
func (m *Model) SetCall(c *traffic.Call, types message.Resolver) {
	if m.types != nil {
		m.types.stop()
	}
	m.call, m.types = c, newLazyTypes(types, m.options.Wake)
	m.snap, m.encoders, m.held = traffic.Snapshot{}, map[encoding]*message.Encoder{}, false
	m.tab, m.chosen, m.follow, m.typing = Messages, false, true, false
	m.list = list{}
	m.detail = detail{beside: m.detail.beside}
	m.pages, m.pageFrom = [tabs]document{}, [tabs]pageKey{}
	m.changed++
	m.taken++
	m.Tick()
}

// Call returns the call that is shown, nil for none.
func (m *Model) Call() *traffic.Call { return m.call }

// Snapshot is the call as it is shown.
func (m *Model) Snapshot() traffic.Snapshot { return m.snap }

// What comes faster than can be read is shown this often, but for what comes first: a
// terminal that is drawn anew at each tick costs its connection more than it tells its
// reader.
const (
	fastRate    = 50 // messages a second
	fastRefresh = 120 * time.Millisecond
)

// Tick looks at the call, and reports whether it goes on: whether another Tick is
// wanted.
func (m *Model) Tick() bool {
	if m.call == nil || m.snap.State.Over() {
		return false
	}
	s := m.call.Snapshot()
	same := s.State == m.snap.State && s.Recording == m.snap.Recording
	if same && m.snap.Received > 0 && s.Rate > fastRate && s.Elapsed-m.snap.Elapsed < fastRefresh {
		return true
	}
	m.take(s)
	return !s.State.Over()
}

// take shows the call as it is in s.
func (m *Model) take(s traffic.Snapshot) {
	m.snap = s
	m.changed++
	m.taken++
	if m.follow {
		m.list.selected = s.Next - 1
	}
	if s.State.Over() && s.Received == 1 && !m.call.Method().IsStreamingServer() {
		m.openResponse()
	}
	if s.State == traffic.Done && s.Received == 0 && s.Status.Code() != codes.OK && !m.chosen {
		m.tab, m.typing = Status, false
	}
}

// openResponse shows the newest response in full.
func (m *Model) openResponse() {
	for i := m.snap.Next - 1; i >= m.snap.First; i-- {
		if e, ok := m.call.Entry(i); ok && e.Direction == traffic.Received {
			m.choose(i)
			m.detail.open = true
			return
		}
	}
}

// choose selects an entry, which is kept from now on.
func (m *Model) choose(i int) {
	if m.call == nil {
		return
	}
	if pinned, ok := m.call.Pin(i); ok {
		m.list.selected, m.follow = pinned, false
	}
}
