package traffic

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/message"
)

var (
	// ErrEvicted tells that a message is no longer kept.
	ErrEvicted = errors.New("message is no longer kept")
	// ErrRecording tells that a call is being recorded already.
	ErrRecording = errors.New("call is being recorded already")
	// ErrOver tells that nothing will come that could be recorded.
	ErrOver = errors.New("call is over")
)

// MessageType is the type of the messages that go in this direction.
func (c *Call) MessageType(d Direction) protoreflect.MessageDescriptor {
	if d == Sent {
		return c.options.Method.Input()
	}
	return c.options.Method.Output()
}

// SaveEntry writes the message of this index.
func (c *Call) SaveEntry(w io.Writer, f message.Format, i int) error {
	e, ok := c.Entry(i)
	if !ok {
		return ErrEvicted
	}
	out := c.newWriter(w, f, e.Direction)
	if err := out.write(e); err != nil {
		return err
	}
	return out.flush()
}

// Save writes the messages of one direction that are kept, as `grpcx call` writes
// or reads them in this format, and returns how many. Messages that come in the
// meantime may be among them; what is evicted in the meantime is not.
func (c *Call) Save(w io.Writer, f message.Format, d Direction) (int, error) {
	out := c.newWriter(w, f, d)
	s := c.Snapshot()
	for i := s.First; i < s.Next; i++ {
		e, ok := c.Entry(i)
		if !ok || e.Direction != d {
			continue
		}
		if err := out.write(e); err != nil {
			return out.count, err
		}
	}
	return out.count, out.flush()
}

// Record writes the messages of one direction to w: those that are kept, and every
// one that comes from now on, whether it will be kept or not. The call owns w, and
// closes it at StopRecording or when it is over; the call waits while w does. What
// goes wrong with w is in the snapshot, and nothing more is written then. An error
// that Record itself returns leaves w to the caller.
func (c *Call) Record(w io.WriteCloser, f message.Format, d Direction) error {
	c.order.Lock()
	defer c.order.Unlock()
	if c.record != nil {
		return ErrRecording
	}
	over := false
	c.note(func(p *progress) {
		if over = p.over; !over {
			p.Recording, p.Recorded, p.RecordErr = true, 0, nil
		}
	})
	if over {
		return ErrOver
	}
	c.record = &recording{call: c, out: c.newWriter(w, f, d), file: w}
	s := c.Snapshot()
	for i := s.First; i < s.Next; i++ {
		if e, ok := c.Entry(i); ok {
			c.record.write(e)
		}
	}
	return nil
}

// StopRecording ends the record, and returns what went wrong with it. It is nil if
// there is none.
func (c *Call) StopRecording() error { return c.stopRecording() }

func (c *Call) stopRecording() error {
	c.order.Lock()
	defer c.order.Unlock()
	r := c.record
	if r == nil {
		return nil
	}
	c.record = nil
	if r.err == nil {
		r.err = r.out.flush()
	}
	if err := r.file.Close(); r.err == nil {
		r.err = err
	}
	c.note(func(p *progress) { p.Recording, p.RecordErr = false, r.err })
	return r.err
}

// recording is a record under way; the call's order guards it.
type recording struct {
	call *Call
	out  *writer
	file io.Closer
	err  error
}

// write adds an entry if it goes in the record's direction. A nil recording takes
// none.
func (r *recording) write(e Entry) {
	if r == nil || r.err != nil || e.Direction != r.out.direction {
		return
	}
	r.err = r.out.write(e)
	r.call.note(func(p *progress) { p.Recorded, p.RecordErr = r.out.count, r.err })
}

// writer writes messages of one type in one format.
type writer struct {
	direction Direction
	encoder   *message.Encoder
	out       *bufio.Writer
	text      []byte
	count     int
}

func (c *Call) newWriter(w io.Writer, f message.Format, d Direction) *writer {
	return &writer{
		direction: d,
		encoder:   message.NewEncoder(c.MessageType(d), message.EncodeOptions{Format: f, Types: c.options.Types}),
		out:       bufio.NewWriter(w),
	}
}

func (w *writer) write(e Entry) error {
	text, err := w.encoder.Append(w.text[:0], e.Wire)
	if err != nil {
		return fmt.Errorf("write message %d: %w", e.Number, err)
	}
	w.text = text
	if _, err := w.out.Write(text); err != nil {
		return fmt.Errorf("write message %d: %w", e.Number, err)
	}
	w.count++
	return nil
}

func (w *writer) flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write messages: %w", err)
	}
	return nil
}
