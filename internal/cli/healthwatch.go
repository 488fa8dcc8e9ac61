package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/health"
)

// maxWatched keeps the watches below the 100 streams that servers usually
// allow a connection.
const maxWatched = 90

// persist connects; away hears of failures that may pass. Later the connection
// comes back by itself, after at most longest.
func (c *checkup) persist(ctx context.Context, longest time.Duration, away func(error) error) (dial.Conn, error) {
	return persist(ctx, longest, func(ctx context.Context) (dial.Conn, error) {
		conn, err := c.lasting(ctx, longest)
		if err != nil {
			return nil, connectVerdict(err)
		}
		return conn, nil
	}, away)
}

func (c *checkup) lasting(ctx context.Context, longest time.Duration) (dial.Conn, error) {
	if c.address == dial.Demo {
		return c.connect(ctx, c.program, c.address, c.narrator.trace())
	}
	cfg, err := c.config(c.program, c.address)
	if err != nil {
		return nil, err
	}
	params := health.ConnectParams(longest)
	if c.connectTimeout > 0 {
		params.MinConnectTimeout = time.Duration(c.connectTimeout)
	}
	cfg.Trace = c.narrator.trace()
	cfg.Options = append(cfg.Options, grpc.WithConnectParams(params))
	return dial.Dial(ctx, cfg)
}

// await waits until all services serve.
func (c *checkup) await(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.wait))
	defer cancel()
	conn, err := c.persist(ctx, health.WaitBackoff, func(error) error { return nil })
	if err != nil {
		var found *verdict
		if errors.As(err, &found) && ctx.Err() != nil {
			found.error = notReached(began, found.error)
		}
		return err
	}
	defer func() { _ = conn.Close() }()
	client, ask := c.client(ctx, conn)
	names := c.named()
	if len(names) > maxWatched {
		return &usageError{err: fmt.Errorf("%d services are more than the %d that one connection waits for", len(names), maxWatched)}
	}
	reports := make([]health.Report, len(names))
	var waiting sync.WaitGroup
	for i, service := range names {
		waiting.Go(func() {
			last, err := client.Wait(ask, service)
			if err != nil && (ctx.Err() == nil || last.Time.IsZero()) {
				last = failed(service, err)
			}
			reports[i] = last
		})
	}
	waiting.Wait()
	if err := c.show(reports); err != nil {
		if ctx.Err() != nil {
			_, _ = fmt.Fprintf(c.Err, "grpcx: not serving after %v\n", rounded(time.Since(began)))
		}
		return err
	}
	return nil
}

// follow shows the changes until ctx ends or the server refuses to be watched.
func (c *checkup) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reports := make(chan health.Report)
	ended := make(chan error, 1)
	var watching sync.WaitGroup
	watching.Go(func() {
		ended <- c.watchAll(ctx, func(r health.Report) error {
			select {
			case reports <- r:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	})
	last := map[string]health.Report{}
	view := c.view()
	err := view.run(reports, ended, func(r health.Report) { last[r.Service] = r })
	if closeErr := view.close(); err == nil {
		err = closeErr
	}
	timeUp := ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded)
	cancel()
	watching.Wait()
	states := slices.Collect(maps.Values(last))
	var exit exitError
	switch {
	case errors.As(err, &exit):
		c.advise(states)
	case timeUp && len(states) > 0:
		return c.outcome(states)
	}
	return err
}

// watchAll connects, and passes on every change until ctx ends or a watch does.
// One call of report at a time is not promised.
func (c *checkup) watchAll(ctx context.Context, report func(health.Report) error) error {
	names := c.named()
	told := false
	conn, err := c.persist(ctx, health.WatchBackoff, func(err error) error {
		if told {
			return nil
		}
		told = true
		for _, service := range names {
			if err := report(health.Report{Service: service, Status: health.Unreachable, Err: err, Time: time.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	client, ask := c.client(ctx, conn)
	if names, err = c.watched(ctx, ask, client, conn); err != nil {
		return err
	}
	ask, cancel := context.WithCancelCause(ask)
	defer cancel(nil)
	var watching sync.WaitGroup
	for _, service := range names {
		watching.Go(func() {
			err := client.Watch(ask, service, report)
			if ask.Err() == nil {
				// The server refuses; a report that fails is the end of ctx.
				err = cmp.Or[error](report(failed(service, err)), exitError(probeCall))
			}
			cancel(err)
		})
	}
	watching.Wait()
	return context.Cause(ask)
}

// watched returns the services to watch.
func (c *checkup) watched(ctx, ask context.Context, client *health.Client, conn dial.Conn) ([]string, error) {
	names := []string{""}
	if c.list {
		statuses, err := client.List(ask)
		switch {
		case status.Code(err) == codes.Unimplemented:
			c.noList()
		case err != nil:
			return nil, err
		}
		for _, r := range listed(statuses) {
			names = append(names, r.Service)
		}
	}
	if !c.list {
		var err error
		if names, err = c.names(ctx, conn); err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > maxWatched {
		return nil, &usageError{err: fmt.Errorf("%d services are more than the %d that one connection watches; name those that matter", len(names), maxWatched)}
	}
	return names, nil
}
