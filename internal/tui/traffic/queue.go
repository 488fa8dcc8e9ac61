package traffic

import (
	"io"
	"sync"
)

// What may wait to be sent.
const (
	maxQueued      = 1024
	maxQueuedBytes = 16 << 20
)

// queue is the source of a call's requests. Its methods may be called at once.
type queue struct {
	single bool // the method takes one request

	mu      sync.Mutex
	changed sync.Cond
	pending [][]byte
	bytes   int
	closed  bool
}

// newQueue returns a queue that gives first what is in requests.
func newQueue(requests [][]byte, closed, single bool) *queue {
	q := &queue{single: single, pending: requests, closed: closed || single && len(requests) > 0}
	q.changed.L = &q.mu
	for _, r := range requests {
		q.bytes += len(r)
	}
	return q
}

func (q *queue) add(wire []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrSendClosed
	}
	// A message larger than all that may wait goes alone.
	if len(q.pending) >= maxQueued || len(q.pending) > 0 && q.bytes+len(wire) > maxQueuedBytes {
		return ErrFull
	}
	q.pending = append(q.pending, wire)
	q.bytes += len(wire)
	q.closed = q.single
	q.changed.Signal()
	return nil
}

// Next waits for the next request; io.EOF is the end of them, or of the call.
func (q *queue) Next() ([]byte, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.pending) == 0 && !q.closed {
		q.changed.Wait()
	}
	if len(q.pending) == 0 {
		return nil, io.EOF
	}
	wire := q.pending[0]
	q.pending[0] = nil
	q.pending = q.pending[1:]
	q.bytes -= len(wire)
	return wire, nil
}

// close lets the requests end with those that wait.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}

// end drops what waits, and ends the requests.
func (q *queue) end() {
	q.mu.Lock()
	q.pending, q.bytes = nil, 0
	q.mu.Unlock()
	q.close()
}

// waiting returns how many requests wait.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending)
}
