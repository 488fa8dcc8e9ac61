package testserver

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/interop/grpc_testing"
)

// TestCancelledCallsCountUntilTheyEnd cancels as many calls as a connection may
// have, whose handlers do not end yet: no further handler starts before they do.
func TestCancelledCallsCountUntilTheyEnd(t *testing.T) {
	t.Parallel()
	const streams = 5
	started, release := make(chan struct{}, 2*streams), make(chan struct{})
	s := startWith(t, Config{MaxStreams: streams}, func(ctx context.Context, _ *call, next func(context.Context) error) error {
		started <- struct{}{}
		err := next(ctx)
		<-release
		return err
	})
	c := grpc_testing.NewTestServiceClient(dial(t, s))
	begin := func(ctx context.Context) {
		t.Helper()
		if _, err := c.FullDuplexCall(ctx); err != nil {
			t.Fatal(err)
		}
	}
	wait := func() {
		t.Helper()
		select {
		case <-started:
		case <-withDeadline(t).Done():
			t.Fatal("a call did not start")
		}
	}
	ctx, cancel := context.WithCancel(withDeadline(t))
	for range streams {
		begin(ctx)
		wait()
	}
	cancel()
	ctx, cancel = context.WithCancel(withDeadline(t))
	defer cancel()
	begin(ctx)
	select {
	case <-started:
		t.Error("a further handler started")
	case <-time.After(5 * interruptGrace):
		close(release)
		wait()
		return
	}
	close(release)
}
