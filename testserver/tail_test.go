package testserver

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/grpcx/grpcx/testserver/store"
)

// number is an entry of a numberLog.
type number int64

func (n number) number() int64 { return int64(n) }
func (n number) size() int     { return 1 }

// numberLog is a log of 1, 2, 3 and so on, that can fail.
type numberLog struct {
	mu      sync.Mutex
	last    number
	more    chan struct{}
	failure error
	reads   int // of what a tail does not keep
}

func newNumberLog() *numberLog { return &numberLog{more: make(chan struct{}, 1)} }

func (l *numberLog) grow(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last += number(n)
	select {
	case l.more <- struct{}{}:
	default:
	}
}

func (l *numberLog) fail(err error) {
	l.mu.Lock()
	l.failure = err
	l.mu.Unlock()
	l.grow(0)
}

func (l *numberLog) read(after int64) ([]number, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []number
	for n := number(after) + 1; n <= l.last && len(all) < 10; n++ {
		all = append(all, n)
	}
	if l.failure != nil {
		return nil, l.failure
	}
	return all, nil
}

func (l *numberLog) follow(context.Context) (int64, func(context.Context) ([]number, error), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure != nil {
		return 0, nil, l.failure
	}
	last := int64(l.last)
	return last, func(ctx context.Context) ([]number, error) {
		for {
			all, err := l.read(last)
			if len(all) > 0 || err != nil {
				last += int64(len(all))
				return all, err
			}
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-l.more:
			}
		}
	}, nil
}

func (l *numberLog) after(_ context.Context, n int64) ([]number, error) {
	l.mu.Lock()
	l.reads++
	l.mu.Unlock()
	return l.read(n)
}

// follow runs a tail of the log for the length of a test.
func follow(t *testing.T, l *numberLog) *tail[number] {
	t.Helper()
	tl := newTail[number](l, slog.New(slog.DiscardHandler), stuckTime)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tl.run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return tl
}

// wantNumbers delivers from a reader up to the number to.
func wantNumbers(t *testing.T, r *reader[number], from, to int64) {
	t.Helper()
	next := from
	r.end(to)
	err := r.deliver(t.Context(), func(n number) error {
		if int64(n) != next {
			t.Fatalf("entry %d, want %d", n, next)
		}
		next++
		return nil
	})
	if err != nil || next != to+1 {
		t.Fatalf("error %v before entry %d, want entries up to %d", err, next, to)
	}
}

func noDrop(t *testing.T) func(error) {
	return func(err error) { t.Errorf("dropped: %v", err) }
}

func TestTailDeliversOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newNumberLog()
		l.grow(25)
		tl := follow(t, l)
		early := tl.read(25, noDrop(t))
		old := tl.read(0, noDrop(t))
		ahead := tl.read(20, noDrop(t))
		synctest.Wait()
		l.grow(5000) // far more than is kept
		wantNumbers(t, old, 1, 5025)
		synctest.Wait()
		wantNumbers(t, early, 26, 5025)
		wantNumbers(t, ahead, 21, 5025)
		if tl.bytes > maxRecent || len(tl.recent) > maxRecent {
			t.Errorf("%d entries are kept", len(tl.recent))
		}
		late := tl.read(5020, noDrop(t))
		wantNumbers(t, late, 5021, 5025)
	})
}

func TestTailKeepsNothingForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newNumberLog()
		tl := follow(t, l)
		r := tl.read(0, noDrop(t))
		synctest.Wait()
		reads := l.reads
		got := make(chan number)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.deliver(ctx, func(n number) error { got <- n; return nil }) }()
		for i := range 100 {
			l.grow(1)
			if n := <-got; int(n) != i+1 {
				t.Fatalf("entry %d, want %d", n, i+1)
			}
			synctest.Wait()
		}
		if len(tl.recent) > 1 {
			t.Errorf("%d entries are kept for a reader that has them", len(tl.recent))
		}
		if l.reads > reads+1 {
			t.Errorf("%d reads of the log by a reader that kept up", l.reads-reads)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		r.close()
	})
}

func TestTailDropsTheStuckAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newNumberLog()
		tl := follow(t, l)
		dropped := make(chan error, 100)
		stuck := tl.read(0, func(err error) { dropped <- err })
		slow := tl.read(0, noDrop(t))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		hang := make(chan struct{})
		var readers sync.WaitGroup
		readers.Go(func() { _ = stuck.deliver(ctx, func(number) error { <-hang; return errors.New("gone") }) })
		readers.Go(func() {
			_ = slow.deliver(ctx, func(number) error {
				<-time.After(stuckTime / 4)
				return nil
			})
		})
		l.grow(1)
		synctest.Wait()
		l.grow(maxRecent - 1)
		synctest.Wait()
		<-time.After(2 * stuckTime)
		l.grow(1)
		synctest.Wait()
		if len(dropped) != 0 {
			t.Fatal("dropped within the backlog")
		}
		l.grow(10)
		synctest.Wait()
		if len(dropped) == 0 {
			t.Fatal("the stuck reader was not dropped")
		}
		wantStatus(t, <-dropped, codes.ResourceExhausted, "fell too far behind")
		close(hang)
		cancel()
		readers.Wait()
	})
}

func TestTailOutlastsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newNumberLog()
		l.fail(errors.New("connection refused"))
		tl := follow(t, l)
		<-time.After(followTime / 2)
		l.fail(nil)
		<-time.After(followTime / 2)
		r := tl.read(0, noDrop(t))
		l.grow(5)
		wantNumbers(t, r, 1, 5)
		l.fail(errors.New("connection refused"))
		r = tl.read(5, noDrop(t))
		var err error
		for err == nil {
			_, err = r.next(t.Context())
		}
		wantStatus(t, err, codes.Unavailable, "the store does not answer")
	})
	t.Run("at once where waiting does not help", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newNumberLog()
			tl := follow(t, l)
			r := tl.read(0, noDrop(t))
			synctest.Wait()
			l.fail(&store.Error{Code: store.Lagging, Kind: "room", Index: -1})
			if _, err := r.next(t.Context()); store.CodeOf(err) != store.Lagging {
				t.Error(err)
			}
		})
	})
}
