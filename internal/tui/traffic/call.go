// Package traffic runs one call and keeps what went over it: exact counts of
// everything, and as many of the newest messages, as wire bytes, as fit into a
// bound. Who shows it asks for a Snapshot as often as the eye needs, and for
// the entries that are on the screen.
package traffic

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/message"
)

var (
	// ErrFull tells that too many messages wait to be sent: the server does not
	// read. The message was not taken; it can be sent later.
	ErrFull = errors.New("send queue is full: the server is not reading")
	// ErrSendClosed tells that no further message can be sent: the requests were
	// ended, the method takes only one, or the call is over.
	ErrSendClosed = errors.New("call takes no further message")
)

// Options say what to call. Method is needed; all else may be left out.
type Options struct {
	Method protoreflect.MethodDescriptor
	// Metadata goes with the call; values of "-bin" keys are raw bytes.
	Metadata metadata.MD
	// Timeout is the call's own deadline; 0 is none.
	Timeout time.Duration
	// Requests are sent before those of Send, and count for no queue. The call
	// owns them from then on.
	Requests [][]byte
	// CloseSend ends the requests with the last of Requests.
	CloseSend bool
	// Types resolves Any messages and extensions in what is saved.
	Types message.Resolver
	// MaxBytes bounds the messages kept, their bookkeeping included; 0 is 32 MiB.
	// The newest message is kept even if it is larger.
	MaxBytes int
	// Done is called once, on the call's goroutine, when all is over.
	Done func()
}

const defaultMaxBytes = 32 << 20

// Call is a call under way, or one that has ended. All methods may be called at
// once, from any goroutine, and none of them but Save, SaveEntry, Record and
// StopRecording waits for anything.
type Call struct {
	options  Options
	start    time.Time
	cancel   context.CancelFunc
	requests *queue
	ended    chan struct{}

	// order is held while an entry is added and recorded, so that a record has
	// the entries in their order and none is evicted before it is written. It is
	// taken before mu.
	order  sync.Mutex
	record *recording

	mu        sync.Mutex
	ring      ring
	progress  progress
	meter     meter
	resumed   chan struct{} // closed by the end of holding; nil when not held
	cancelled bool          // by Cancel
}

// Start makes the call on cc. It ends with ctx, with Cancel, or when the server
// ends it; the call's goroutines end with it.
func Start(ctx context.Context, cc grpc.ClientConnInterface, o Options) *Call {
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &Call{
		options:  o,
		start:    time.Now(),
		cancel:   cancel,
		requests: newQueue(o.Requests, o.CloseSend, !o.Method.IsStreamingClient()),
		ended:    make(chan struct{}),
		ring:     ring{limit: o.MaxBytes},
	}
	c.options.Requests = nil // the queue lets go of them one by one
	go c.run(ctx, cc)
	return c
}

func (c *Call) run(ctx context.Context, cc grpc.ClientConnInterface) {
	defer c.cancel()
	sink := &sink{call: c, ctx: ctx}
	result, err := invoke.Do(ctx, &observedConn{ClientConnInterface: cc, call: c, sink: sink}, invoke.Call{
		Method:    c.options.Method,
		Metadata:  c.options.Metadata,
		Timeout:   c.options.Timeout,
		Requests:  c.requests,
		Responses: sink,
	})
	c.requests.end()
	c.mu.Lock()
	c.progress.Elapsed = c.now()
	c.progress.Status = result.Status
	c.progress.Err = err
	c.progress.over = true
	c.mu.Unlock()
	_ = c.stopRecording() // its error is in the snapshot
	close(c.ended)
	if c.options.Done != nil {
		c.options.Done()
	}
}

// Method is what is called.
func (c *Call) Method() protoreflect.MethodDescriptor { return c.options.Method }

// Metadata is what was sent with the call. It must not be changed.
func (c *Call) Metadata() metadata.MD { return c.options.Metadata }

// Started is when the call began; the times of entries and snapshots count from
// there.
func (c *Call) Started() time.Time { return c.start }

// Ended is closed when the call is over and its record closed.
func (c *Call) Ended() <-chan struct{} { return c.ended }

// Send queues an encoded request, which the call owns from then on. The error is
// ErrFull or ErrSendClosed. A method that takes one request has its send side
// closed by the first.
func (c *Call) Send(wire []byte) error { return c.requests.add(wire) }

// CloseSend ends the requests, after those that are queued: the half-close.
func (c *Call) CloseSend() { c.requests.close() }

// Cancel ends the call with CANCELLED, soon.
func (c *Call) Cancel() {
	c.mu.Lock()
	c.cancelled = c.cancelled || !c.progress.over
	c.mu.Unlock()
	c.cancel()
}

// Hold stops reading what the server sends, or goes on with it. A server that
// sends more than the connection buffers has to wait. A call that is held does
// not learn that the server has ended it.
func (c *Call) Hold(held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if held == (c.resumed != nil) {
		return
	}
	if held {
		c.resumed = make(chan struct{})
		return
	}
	close(c.resumed)
	c.resumed = nil
}

// waitWhileHeld returns when the call is not held, or ctx has ended.
func (c *Call) waitWhileHeld(ctx context.Context) {
	for {
		c.mu.Lock()
		resumed := c.resumed
		c.mu.Unlock()
		if resumed == nil {
			return
		}
		select {
		case <-resumed:
		case <-ctx.Done():
			return
		}
	}
}

// Entry returns the entry of this index, from 0 in the order in which messages
// were sent and received. It is false for an entry that is evicted, or not yet
// there.
func (c *Call) Entry(i int) (Entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ring.entry(i)
}

// Pin keeps the entry of this index until another one is pinned, whatever else
// is evicted, and returns the index. For an entry that is not kept it pins the
// nearest one that is. It is false, and pins nothing, if the call has no entries.
func (c *Call) Pin(i int) (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ring.pin(i)
}

// Unpin lets the pinned entry go with the others of its age.
func (c *Call) Unpin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring.unpin()
}

// add appends a message, which is kept as it is, and records it.
func (c *Call) add(d Direction, wire []byte) {
	c.order.Lock()
	defer c.order.Unlock()
	c.mu.Lock()
	at := c.now()
	p := &c.progress
	entry := Entry{Direction: d, At: at, Wire: wire}
	if d == Received {
		p.Received++
		p.ReceivedBytes += int64(len(wire))
		entry.Number = p.Received
		c.meter.add(at)
		if p.FirstMessage == 0 {
			p.FirstMessage = at
		}
		p.LastMessage = at
	} else {
		p.handed++
		entry.Number = p.handed
	}
	c.ring.add(entry)
	c.mu.Unlock()
	c.record.write(entry)
}

// cancelledByUs reports whether the status says what Cancel has done.
func cancelledByUs(asked bool, st *status.Status) bool {
	return asked && st.Code() == codes.Canceled
}
