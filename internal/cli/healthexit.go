package cli

import (
	"context"
	"errors"

	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/health"
)

// The exit codes of grpc_health_probe.
const (
	probeServing    = 0
	probeArguments  = 1
	probeConnection = 2
	probeCall       = 3
	probeNotServing = 4
)

// verdict is an error with the exit code that belongs to it.
type verdict struct {
	error
	code int
}

func (v *verdict) Unwrap() error { return v.error }

// conclude shows err, and returns the exit code in the form of an error.
func (o *healthOptions) conclude(ctx context.Context, err error) error {
	var exit exitError
	var found *verdict
	var usage *usageError
	code := probeCall
	switch {
	case err == nil:
		return nil
	case ctx != nil && errors.Is(ctx.Err(), context.Canceled):
		return exitError(exitInterrupted)
	case errors.As(err, &exit):
		return err
	case errors.As(err, &found):
		code, err = found.code, found.error
	case errors.As(err, &usage):
		code = probeArguments
		if usage.command == "" {
			usage.command = "grpcx health"
		}
	}
	o.printError(o.Err, err)
	return exitError(code)
}

// connectVerdict is the exit code of a dial that failed: what the command line
// says may be wrong, or the server away.
func connectVerdict(err error) error {
	var dialled *dial.Error
	if errors.As(err, &dialled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &verdict{err, probeConnection}
	}
	return &verdict{err, probeArguments}
}

// outcome returns the worst exit code of the reports, nil for serving.
func (c *checkup) outcome(reports []health.Report) error {
	worst := probeServing
	for _, r := range reports {
		if r.Status == health.ServiceUnknown && c.all {
			continue
		}
		worst = max(worst, probeCode(r.Status))
	}
	if worst == probeServing {
		return nil
	}
	return exitError(worst)
}

func probeCode(s health.Status) int {
	switch s {
	case health.Serving:
		return probeServing
	case health.Unreachable:
		return probeConnection
	case health.Failed, health.ServiceUnknown:
		return probeCall
	}
	return probeNotServing
}
