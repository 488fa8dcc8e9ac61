package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/health"
	"github.com/grpcx/grpcx/internal/termtext"
)

// arrival is a target that is waited for, for as long as --wait says.
type arrival struct {
	*program
	limit time.Duration // 0: not at all
	name  string        // of the target
	began time.Time     // by dial
	shown bool          // a line on the terminal
}

func (o *suiteOptions) arrival(address string) *arrival {
	return &arrival{program: o.program, limit: time.Duration(o.wait), name: termtext.Text(address)}
}

// dial connects as soon as the target accepts connections.
func (a *arrival) dial(ctx context.Context, c *connection, address string) (dial.Conn, error) {
	if a.limit == 0 {
		return c.connect(ctx, a.program, address, nil)
	}
	a.began = time.Now()
	ctx, done := a.wait(ctx)
	defer done()
	backoff := grpc.WithConnectParams(health.ConnectParams(health.WaitBackoff))
	conn, err := persist(ctx, health.WaitBackoff, func(ctx context.Context) (dial.Conn, error) {
		return c.connect(ctx, a.program, address, nil, backoff)
	}, func(error) error { a.show(); return nil })
	if err != nil {
		return nil, a.explain(ctx, err)
	}
	return conn, nil
}

// reflection returns as soon as the target answers what source asks it. Only that
// it cannot be reached is an error: what else is wrong, checking tells.
func (a *arrival) reflection(ctx context.Context, source describe.Source) error {
	if a.limit == 0 {
		return nil
	}
	ctx, done := a.wait(ctx)
	defer done()
	pace := health.Backoff{Max: health.WaitBackoff}
	var last error
	for {
		_, err := source.Services(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return a.explain(ctx, cmp.Or(last, err))
		case status.Code(err) != codes.Unavailable && !errors.Is(err, context.DeadlineExceeded):
			return nil
		}
		last = err
		a.show()
		pause(ctx, pace.Next())
	}
}

// wait bounds ctx. done takes what was shown from the terminal.
func (a *arrival) wait(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithDeadlineCause(ctx, a.began.Add(a.limit), errWaited)
	return ctx, func() {
		cancel()
		if a.shown {
			_, _ = io.WriteString(a.Err, "\r\x1b[K")
			a.shown = false
		}
	}
}

// errWaited is the end of --wait.
var errWaited = errors.New("--wait has passed")

// show says on a terminal that the target is waited for.
func (a *arrival) show() {
	if a.ErrTerminal {
		_, _ = fmt.Fprintf(a.Err, "\r\x1b[Kwaiting for %.60s  %v", a.name, rounded(time.Since(a.began)))
		a.shown = true
	}
}

// explain makes an error of one that came before the target did. ctx is what wait
// has given.
func (a *arrival) explain(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case cause == nil:
		return err
	case errors.Is(cause, errWaited):
		return notReached(a.began, err)
	}
	return cause // an interrupt, --max-time
}
