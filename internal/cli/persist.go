package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/health"
)

// passing reports whether a failed dial may succeed later: nobody listens yet,
// or hangs up at once. A wrong protocol or certificate has a remedy of its own.
func passing(err error) bool {
	var e *dial.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Phase {
	case dial.PhaseConnect:
		return true
	case dial.PhaseResolve:
		return e.Hint != "" // the name is not found; without a hint the target is malformed
	default:
		return e.Hint == ""
	}
}

// persist connects until there is a connection, ctx ends, or a failure does not
// pass, at most longest apart. away hears of those that may pass, and its error
// ends the attempts. If ctx ends, the error is the last failure before.
func persist(ctx context.Context, longest time.Duration, connect func(context.Context) (dial.Conn, error), away func(error) error) (dial.Conn, error) {
	pace := health.Backoff{Max: longest}
	var last error
	for {
		conn, err := connect(ctx)
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil && last != nil:
			return nil, last
		case ctx.Err() != nil || !passing(err):
			return nil, err
		}
		if err := away(err); err != nil {
			return nil, err
		}
		last = err
		pause(ctx, pace.Next())
	}
}

// pause returns after d, or when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// notReached is the error of a server that was waited for since began.
func notReached(began time.Time, err error) error {
	return fmt.Errorf("not reached after %v: %w", rounded(time.Since(began)), err)
}

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }
