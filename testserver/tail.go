package testserver

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/testserver/store"
)

const (
	// What a tail keeps for readers that have not come to it.
	maxRecent      = 1024
	maxRecentBytes = 512 << 10
	// followTime is how long the store may fail before the readers of a tail do,
	// and followPause the time between attempts.
	followTime  = 10 * time.Second
	followPause = 100 * time.Millisecond
)

// entry is one entry of a log that a tail follows.
type entry interface {
	number() int64 // never falls; what is not in the store has that of the entry before
	size() int     // bytes that it holds, about
}

// source is the log that a tail follows.
type source[E entry] interface {
	// follow returns the number of the last entry, and a function that waits for
	// those after it, which can be called again after an error.
	follow(context.Context) (last int64, next func(context.Context) ([]E, error), err error)
	// after returns the next entries after that number, none if there are none.
	after(ctx context.Context, number int64) ([]E, error)
}

// tail follows a log of the store for all its readers on this node: it reads
// each new entry once, and keeps the latest for the readers. It never waits for
// one of them. A reader that falls behind what is kept reads the store itself,
// so that little is held for it; one that is also stuck in sending is dropped.
type tail[E entry] struct {
	source source[E]
	log    *slog.Logger
	stuck  time.Duration // after which a reader that is behind is dropped in sending one entry

	mu      sync.Mutex
	readers map[*reader[E]]struct{}
	recent  []E
	first   int64 // position of recent[0], counted from the beginning
	floor   int64 // number of the last entry before recent
	last    int64 // number of the last entry that was read
	bytes   int   // size of recent
	failed  error // why there will be nothing more
}

func newTail[E entry](s source[E], log *slog.Logger, stuck time.Duration) *tail[E] {
	// Until the tail is at work, every reader is behind it.
	return &tail[E]{source: s, log: log, stuck: stuck, readers: map[*reader[E]]struct{}{}, floor: math.MaxInt64}
}

// run follows the log until ctx ends, or the readers fail.
func (t *tail[E]) run(ctx context.Context) {
	var next func(context.Context) ([]E, error)
	var failing time.Time // zero while all is well
	for ctx.Err() == nil {
		var err error
		if next == nil {
			next, err = t.begin(ctx)
		} else {
			var entries []E
			entries, err = next(ctx)
			t.append(entries)
		}
		switch {
		case err == nil:
			failing = time.Time{}
			continue
		case ctx.Err() != nil:
			return
		case store.CodeOf(err) != 0:
			t.fail(err)
			return
		case failing.IsZero():
			failing = time.Now()
			t.log.LogAttrs(ctx, slog.LevelError, "follow", slog.Any("error", err))
		case time.Since(failing) > followTime:
			t.fail(&statusError{status: status.New(codes.Unavailable, "the store does not answer"), cause: err})
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(followPause):
		}
	}
}

func (t *tail[E]) begin(ctx context.Context) (func(context.Context) ([]E, error), error) {
	last, next, err := t.source.follow(ctx)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.floor, t.last = last, last
	t.wake()
	return next, nil
}

func (t *tail[E]) append(entries []E) {
	if len(entries) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range entries {
		t.recent = append(t.recent, e)
		t.bytes += e.size()
		t.last = e.number()
	}
	t.trim()
	t.wake()
}

// trim drops the entries that every reader has, and those that are too many.
func (t *tail[E]) trim() {
	read := t.first + int64(len(t.recent))
	for r := range t.readers {
		if r.live {
			read = min(read, r.pos)
		} else {
			read = t.first // it may come to what is kept
		}
	}
	n := 0
	for n < len(t.recent) && (t.first+int64(n) < read || len(t.recent)-n > maxRecent || t.bytes > maxRecentBytes) {
		t.bytes -= t.recent[n].size()
		t.floor = t.recent[n].number()
		n++
	}
	t.first += int64(n)
	t.recent = slices.Delete(t.recent, 0, n)
	for r := range t.readers {
		r.judge()
	}
}

func (t *tail[E]) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = err
	t.wake()
}

func (t *tail[E]) hasFailed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed != nil
}

// wake is called with the tail locked.
func (t *tail[E]) wake() {
	for r := range t.readers {
		select {
		case r.ready <- struct{}{}:
		default:
		}
	}
}
