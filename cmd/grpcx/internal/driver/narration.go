package driver

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
)

// narration collects standard error and tells of every change.
type narration struct {
	mu      sync.Mutex
	text    bytes.Buffer
	closed  bool
	changed chan struct{} // closed and replaced at each change
}

var errEnded = errors.New("grpcx has ended")

func newNarration() *narration { return &narration{changed: make(chan struct{})} }

func (n *narration) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notify()
	return n.text.Write(b)
}

// close says that nothing more will be written.
func (n *narration) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	n.notify()
}

func (n *narration) notify() {
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *narration) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// wait returns nil once count whole lines begin with prefix.
func (n *narration) wait(ctx context.Context, prefix string, count int) error {
	for {
		n.mu.Lock()
		found, closed, changed := lines(n.text.String(), prefix), n.closed, n.changed
		n.mu.Unlock()
		switch {
		case found >= count:
			return nil
		case closed:
			return errEnded
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lines counts the whole lines of text that begin with prefix.
func lines(text, prefix string) int {
	n := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) && strings.HasSuffix(line, "\n") {
			n++
		}
	}
	return n
}
