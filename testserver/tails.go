package testserver

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"
)

// tails has a tail for each log that has readers on this node, by its name.
type tails[E entry] struct {
	source func(name string) source[E]
	log    *slog.Logger
	stuck  time.Duration // see tail

	mu      sync.Mutex
	open    map[string]*openTail[E]
	running sync.WaitGroup
}

// openTail runs for as long as it has users.
type openTail[E entry] struct {
	*tail[E]
	name  string
	users int
	stop  context.CancelFunc
}

func newTails[E entry](log *slog.Logger, stuck time.Duration, source func(name string) source[E]) *tails[E] {
	return &tails[E]{source: source, log: log, stuck: cmp.Or(stuck, stuckTime), open: map[string]*openTail[E]{}}
}

// acquire returns the tail of that log, which runs until it is released as often.
func (t *tails[E]) acquire(name string) *openTail[E] {
	t.mu.Lock()
	defer t.mu.Unlock()
	o, ok := t.open[name]
	if !ok || o.hasFailed() {
		ctx, stop := context.WithCancel(context.Background()) //nolint:gosec // release calls stop
		o = &openTail[E]{tail: newTail(t.source(name), t.log, t.stuck), name: name, stop: stop}
		t.open[name] = o
		t.running.Go(func() { o.run(ctx) })
	}
	o.users++
	return o
}

func (t *tails[E]) release(o *openTail[E]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o.users--; o.users > 0 {
		return
	}
	o.stop()
	if t.open[o.name] == o {
		delete(t.open, o.name)
	}
}

// wait returns when no tail runs any more, which all must be released for.
func (t *tails[E]) wait() { t.running.Wait() }
