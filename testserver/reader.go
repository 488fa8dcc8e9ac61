package testserver

import (
	"context"
	"io"
	"math"
	"sort"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/testserver/store"
)

const (
	// What a reader takes at a time.
	entriesPerTake = 64
	bytesPerTake   = 128 << 10
	// stuckTime is how long a reader that is behind what its tail keeps may be held
	// up in sending one entry, unless the tail says otherwise.
	stuckTime = 2 * time.Second
)

// errSlow ends the streams of those who do not read them.
func errSlow() error {
	return status.Error(codes.ResourceExhausted, "the stream fell too far behind; begin it again")
}

// reader is one stream's way through a log.
type reader[E entry] struct {
	tail  *tail[E]
	drop  func(error)   // ends the stream, even while it hangs in sending
	ready chan struct{} // holds a token when there may be something to read
	taken []E           // what next returned
	busy  atomic.Int64  // when it began to send something, in Unix nanoseconds; 0 while it does not

	// With the tail locked:
	seen  int64 // number of the last entry that was taken
	until int64 // number of the last entry to take
	live  bool  // reads what the tail keeps, from pos on
	pos   int64
}

// read begins to read the log after that number. The caller ends it by close.
func (t *tail[E]) read(after int64, drop func(error)) *reader[E] {
	r := &reader[E]{tail: t, drop: drop, ready: make(chan struct{}, 1), seen: after, until: math.MaxInt64}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.readers[r] = struct{}{}
	return r
}

func (r *reader[E]) close() {
	r.tail.mu.Lock()
	defer r.tail.mu.Unlock()
	delete(r.tail.readers, r)
}

// end makes the reader end after the entry of that number, or at once if it is
// past it.
func (r *reader[E]) end(number int64) {
	r.tail.mu.Lock()
	defer r.tail.mu.Unlock()
	r.until = min(r.until, number)
	r.tail.wake()
}

// deliver sends each entry, in order, once, until the reader is told to end or
// send returns io.EOF. Other errors, and the end of ctx, are returned.
func (r *reader[E]) deliver(ctx context.Context, send func(E) error) error {
	for {
		entries, err := r.next(ctx)
		for _, e := range entries {
			r.busy.Store(time.Now().UnixNano())
			if err = send(e); err != nil {
				break
			}
		}
		r.busy.Store(0)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// next waits for entries and returns them, each once, in order; they are valid
// until the next call. io.EOF ends them.
func (r *reader[E]) next(ctx context.Context) ([]E, error) {
	for {
		entries, behind, err := r.take()
		var again <-chan time.Time
		if behind {
			// Nothing is there to catch up with until the tail has begun.
			if entries, err = r.catchUp(ctx); err != nil && store.CodeOf(err) == 0 {
				err, again = nil, time.After(followPause) // for as long as the tail bears it, too
			}
		}
		if len(entries) > 0 || err != nil {
			return entries, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-r.ready:
		case <-again:
		}
	}
}

// take returns what the tail keeps for the reader, or that the reader is behind that.
func (r *reader[E]) take() (entries []E, behind bool, err error) {
	t := r.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.seen >= r.until {
		return nil, false, io.EOF
	}
	if t.failed != nil {
		return nil, false, t.failed
	}
	if !r.live && r.seen >= t.floor {
		if r.seen > t.last {
			return nil, false, nil // ahead of the tail, having read the store
		}
		r.live = true
		r.pos = t.first + int64(sort.Search(len(t.recent), func(i int) bool { return t.recent[i].number() > r.seen }))
	}
	if !r.live {
		return nil, true, nil
	}
	rest := t.recent[r.pos-t.first:]
	r.accept(rest)
	r.pos += int64(len(r.taken))
	return r.taken, false, nil
}

// catchUp reads from the store what the tail does not keep.
func (r *reader[E]) catchUp(ctx context.Context) ([]E, error) {
	entries, err := r.tail.source.after(ctx, r.seen)
	if err != nil {
		return nil, err
	}
	r.tail.mu.Lock()
	defer r.tail.mu.Unlock()
	r.accept(entries)
	return r.taken, nil
}

// accept takes the first of the entries, up to the bounds.
func (r *reader[E]) accept(entries []E) {
	clear(r.taken)
	r.taken = r.taken[:0]
	for size := 0; len(r.taken) < len(entries) && len(r.taken) < entriesPerTake && size < bytesPerTake; {
		e := entries[len(r.taken)]
		if e.number() > r.until {
			break
		}
		r.taken = append(r.taken, e)
		r.seen = e.number()
		size += e.size()
	}
}

// judge is called with the tail locked, after it dropped entries.
func (r *reader[E]) judge() {
	if r.live && r.pos < r.tail.first {
		r.live = false
	}
	since := r.busy.Load()
	behind := !r.live && r.seen < r.tail.floor
	if behind && since != 0 && time.Now().UnixNano()-since > int64(r.tail.stuck) {
		r.drop(errSlow())
	}
}
