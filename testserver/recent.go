package testserver

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const maxLookups = 10_000

// recent looks things up and remembers what it found for cacheTime. Several
// calls that ask for one thing at once share a lookup. Failures are not
// remembered.
type recent[V any] struct {
	find func(ctx context.Context, name string) (V, error)

	mu    sync.Mutex
	found map[string]*lookedUp[V]
}

type lookedUp[V any] struct {
	last atomic.Pointer[lookup[V]]
	turn chan struct{} // holds a token while a lookup is under way
}

type lookup[V any] struct {
	at    time.Time
	value V
}

func newRecent[V any](find func(context.Context, string) (V, error)) *recent[V] {
	return &recent[V]{find: find, found: map[string]*lookedUp[V]{}}
}

func (r *recent[V]) get(ctx context.Context, name string) (value V, err error) {
	e := r.entry(name)
	if v := e.last.Load(); v != nil && time.Since(v.at) < cacheTime {
		return v.value, nil
	}
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return value, context.Cause(ctx)
	}
	if v := e.last.Load(); v != nil && time.Since(v.at) < cacheTime {
		return v.value, nil
	}
	begin := time.Now() // what is found is at least as new as this
	if value, err = r.find(ctx, name); err != nil {
		r.forget(name)
		return value, err
	}
	e.last.Store(&lookup[V]{begin, value})
	return value, nil
}

// forget makes the next get look the thing up, in the present and no earlier.
func (r *recent[V]) forget(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.found, name)
}

func (r *recent[V]) entry(name string) *lookedUp[V] {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.found[name]
	if !ok {
		if len(r.found) >= maxLookups {
			clear(r.found)
		}
		e = &lookedUp[V]{turn: make(chan struct{}, 1)}
		r.found[name] = e
	}
	return e
}
