package testserver

import (
	"context"
	"sync"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

type servingStatus = healthpb.HealthCheckResponse_ServingStatus

// maxPendingStatuses bounds what is kept for a watcher that does not keep up.
const maxPendingStatuses = 1024

// board holds the health of every service and tells the watchers of each change.
type board struct {
	mu       sync.Mutex
	services map[string]*boardEntry
	watchers map[*watcher]struct{}
	closed   bool
}

// boardEntry is one service: what it was set to, and what that comes to.
type boardEntry struct {
	set     servingStatus
	needs   map[string]servingStatus // by name of dependency
	current servingStatus
}

// watcher is one watch of one service.
type watcher struct {
	service string
	pending []servingStatus
	lost    bool          // more were pending than are kept
	ready   chan struct{} // holds a token while there is something to take
}

func newBoard() *board {
	return &board{services: map[string]*boardEntry{}, watchers: map[*watcher]struct{}{}}
}

// set makes a service known, or changes it.
func (b *board) set(service string, st servingStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entry(service).set = st
	b.refresh(service)
}

// setDependency records the state of something that the service needs.
func (b *board) setDependency(service, dependency string, st servingStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entry(service).needs[dependency] = st
	b.refresh(service)
}

// close turns every service NOT_SERVING for good.
func (b *board) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for service := range b.services {
		b.refresh(service)
	}
}

func (b *board) status(service string) (servingStatus, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.services[service]
	if !ok {
		return healthpb.HealthCheckResponse_SERVICE_UNKNOWN, false
	}
	return e.current, true
}

func (b *board) statuses() map[string]servingStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[string]servingStatus, len(b.services))
	for service, e := range b.services {
		all[service] = e.current
	}
	return all
}

// watch begins with the status that the service has now. The caller ends it by unwatch.
func (b *board) watch(service string) *watcher {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := healthpb.HealthCheckResponse_SERVICE_UNKNOWN
	if e, ok := b.services[service]; ok {
		st = e.current
	}
	w := &watcher{service: service, ready: make(chan struct{}, 1)}
	w.push(st)
	b.watchers[w] = struct{}{}
	return w
}

func (b *board) unwatch(w *watcher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.watchers, w)
}

// next returns the next status of a watch. What is pending comes before the end
// of ctx, so that a watcher still hears that the server stops.
func (b *board) next(ctx context.Context, w *watcher) (servingStatus, error) {
	for {
		if st, ok, err := b.take(w); ok || err != nil {
			return st, err
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
			if st, ok, err := b.take(w); ok || err != nil {
				return st, err
			}
			return 0, context.Cause(ctx)
		}
	}
}

func (b *board) take(w *watcher) (st servingStatus, ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.lost {
		return 0, false, status.Error(codes.ResourceExhausted, "the watch fell too far behind; watch again")
	}
	if len(w.pending) == 0 {
		return 0, false, nil
	}
	st, w.pending = w.pending[0], w.pending[1:]
	return st, true, nil
}

// push is called with the board locked.
func (w *watcher) push(st servingStatus) {
	if len(w.pending) == maxPendingStatuses {
		w.pending, w.lost = nil, true
	}
	if !w.lost {
		w.pending = append(w.pending, st)
	}
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// entry is called with the board locked. A service that was not known begins as
// such, so that setting it to anything is a change.
func (b *board) entry(service string) *boardEntry {
	e, ok := b.services[service]
	if !ok {
		e = &boardEntry{
			set:     healthpb.HealthCheckResponse_UNKNOWN,
			needs:   map[string]servingStatus{},
			current: healthpb.HealthCheckResponse_SERVICE_UNKNOWN,
		}
		b.services[service] = e
	}
	return e
}

// refresh is called with the board locked; it tells the watchers of a change.
func (b *board) refresh(service string) {
	e := b.services[service]
	st := e.effective()
	if b.closed {
		st = healthpb.HealthCheckResponse_NOT_SERVING
	}
	if st == e.current {
		return
	}
	e.current = st
	for w := range b.watchers {
		if w.service == service {
			w.push(st)
		}
	}
}

// effective is what the service was set to, unless something that it needs fails
// or was not probed yet.
func (e *boardEntry) effective() servingStatus {
	st := e.set
	if st != healthpb.HealthCheckResponse_SERVING {
		return st
	}
	for _, need := range e.needs {
		if need == healthpb.HealthCheckResponse_NOT_SERVING {
			return need
		}
		if need == healthpb.HealthCheckResponse_UNKNOWN {
			st = need
		}
	}
	return st
}
