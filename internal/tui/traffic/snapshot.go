package traffic

import (
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// State is how far a call has come.
type State uint8

// The states of a call, the latter two of them its end.
const (
	Connecting State = iota
	Streaming
	HalfClosed     // our side of a stream has ended; the server's goes on
	Held           // nothing is read
	CancelledByYou // by Cancel
	Done           // with any status
)

// Over reports whether the call has ended.
func (s State) Over() bool { return s >= CancelledByYou }

func (s State) String() string {
	switch s {
	case Connecting:
		return "connecting"
	case Streaming:
		return "streaming"
	case HalfClosed:
		return "half-closed"
	case Held:
		return "held"
	case CancelledByYou:
		return "cancelled by you"
	case Done:
		return "done"
	}
	return "unknown"
}

// Progress is what is known of a call. Times count from its start; 0 means not
// yet, or never.
type Progress struct {
	Sent, Received           int // messages, all of them
	SentBytes, ReceivedBytes int64

	Connected    time.Duration // the call could begin
	FirstSent    time.Duration // the first request was given to the transport
	SendClosed   time.Duration
	FirstByte    time.Duration // of what the server sent: its metadata
	FirstMessage time.Duration
	LastMessage  time.Duration
	Elapsed      time.Duration // until now, or the end

	Header, Trailer metadata.MD    // must not be changed
	Status          *status.Status // nil until the end, and if Err kept the call from beginning
	Err             error          // our own failure, not the server's

	Recorded  int   // messages written to the record under way, or the last one
	Recording bool  // whether there is one under way
	RecordErr error // what ended the last one early
}

type progress struct {
	Progress
	over   bool
	handed int // requests given to the transport
}

// Snapshot is a call at one moment.
type Snapshot struct {
	Progress
	State State
	// Queued is how many messages wait to be sent.
	Queued int
	// First and Next bound the indices of the entries kept: First <= i < Next.
	// A pinned one may be before First. First is also how many were evicted.
	First, Next int
	// Rate is of messages received a second: over the last second or, when the
	// call is over, all of it.
	Rate float64
	Gaps Gaps
}

// Snapshot returns the call as it is now. It costs about as much as a look at the
// clock.
func (c *Call) Snapshot() Snapshot {
	queued := c.requests.waiting()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Snapshot{
		Progress: c.progress.Progress,
		State:    c.state(),
		Queued:   queued,
		First:    c.ring.first,
		Next:     c.ring.next,
		Gaps:     c.meter.gaps,
	}
	if s.State.Over() {
		if s.Elapsed > 0 {
			s.Rate = float64(s.Received) / s.Elapsed.Seconds()
		}
		return s
	}
	s.Elapsed = c.now()
	s.Rate = c.meter.rate(s.Elapsed)
	return s
}

func (c *Call) state() State {
	p := &c.progress
	switch {
	case p.over && cancelledByUs(c.cancelled, p.Status):
		return CancelledByYou
	case p.over:
		return Done
	case p.Connected == 0:
		return Connecting
	case c.resumed != nil:
		return Held
	case p.SendClosed > 0 && c.options.Method.IsStreamingClient():
		return HalfClosed
	}
	return Streaming
}
