package health

import (
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// The longest times between two attempts to reach a server.
const (
	WatchBackoff = 3 * time.Second
	WaitBackoff  = 75 * time.Millisecond
)

// The delays between attempts begin at baseDelay and grow by growth, so that
// one comes within about a third of the time that the server was away.
const (
	baseDelay = 75 * time.Millisecond
	growth    = 1.3
	jitter    = 0.2
)

// attemptTime bounds an attempt to connect. A host that drops packets is asked
// again by TCP after one and three seconds; then a fresh attempt is sooner.
const attemptTime = 5 * time.Second

// Backoff is the time between failing attempts: it grows up to Max, and is
// jittered. It is not safe for concurrent use.
type Backoff struct {
	// Max is the longest delay before jitter; 0 means WatchBackoff.
	Max   time.Duration
	delay time.Duration
}

// Next returns the delay before the next attempt.
func (b *Backoff) Next() time.Duration {
	limit := b.Max
	if limit <= 0 {
		limit = WatchBackoff
	}
	if b.delay == 0 {
		b.delay = baseDelay
	}
	d := min(b.delay, limit)
	b.delay = min(time.Duration(float64(b.delay)*growth), limit)
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*rand.Float64())) //nolint:gosec // spreads load, keeps no secret
}

// Reset begins anew, after a success.
func (b *Backoff) Reset() { b.delay = 0 }

// ConnectParams are the same delays for the reconnects of a grpc.ClientConn,
// for [grpc.WithConnectParams]. grpc-go's own grow to two minutes.
func ConnectParams(longest time.Duration) grpc.ConnectParams {
	return grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: min(baseDelay, longest), Multiplier: growth, Jitter: jitter, MaxDelay: longest},
		MinConnectTimeout: attemptTime,
	}
}
