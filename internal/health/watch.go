package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const (
	// settled is how long a stream of statuses must last for its end to be an
	// event of its own; a server that ends each at once is in effect polled.
	settled = time.Second
	// pollInterval is the time between checks where the server has no Watch.
	pollInterval = time.Second
)

// Report is a change of a service's state.
type Report struct {
	Service string
	Status  Status
	// Err says why the service is Unreachable or Failed.
	Err error
	// Time is when the change was seen.
	Time time.Time
}

// Watch calls report with the state of a service and then with each change of
// it, once. It lives through restarts of the server and the ends of streams:
// while there is no connection the service is Unreachable. Where the server
// has no Watch it is asked by Check, once a second.
//
// Watch returns the error of report, the cause of ctx's end, or the refusal of
// a server (Unimplemented, Unauthenticated, PermissionDenied, InvalidArgument)
// that never answered.
func (c *Client) Watch(ctx context.Context, service string, report func(Report) error) error {
	w := &watcher{Client: c, service: service, report: report, poll: pollInterval, backoff: Backoff{Max: WatchBackoff}}
	return w.run(ctx)
}

// watcher follows one service.
type watcher struct {
	*Client
	service string
	report  func(Report) error
	poll    time.Duration
	backoff Backoff

	last    Report
	begun   bool // last is one
	trusted bool // the server has answered
}

// reportError is what the receiver of reports ended a watch with.
type reportError struct{ error }

// errSilent ends an attempt that the server does not answer.
var errSilent = errors.New("no answer in time")

// run makes one attempt after another.
func (w *watcher) run(ctx context.Context) error {
	for {
		began := time.Now()
		answered, err := w.attempt(ctx)
		settle(ctx, err)
		var stop *reportError
		if !answered && ctx.Err() == nil && !errors.As(err, &stop) {
			if refused(err) && !w.trusted {
				return err
			}
			err = w.see(stateOf(err), err)
		}
		if errors.As(err, &stop) {
			return stop.error
		}
		var delay time.Duration
		switch {
		case !answered:
			delay = w.backoff.Next()
		case time.Since(began) < settled:
			delay = min(w.backoff.Next(), w.poll)
		default:
			w.backoff.Reset()
		}
		if !pause(ctx, delay) {
			return context.Cause(ctx)
		}
	}
}

// attempt follows the service until the stream, or the polling in place of
// one, ends, and tells whether it had any answer.
func (w *watcher) attempt(ctx context.Context) (answered bool, err error) {
	answered, err = w.stream(ctx)
	if !answered && status.Code(err) == codes.Unimplemented {
		return w.polling(ctx)
	}
	return answered, err
}

// stream follows one Watch call to its end. While the server is known to be
// unreachable the call waits for the connection, which has a pace of its own.
func (w *watcher) stream(ctx context.Context) (answered bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(w.timeout(), func() { cancel(errSilent) })
	defer silence.Stop()
	var options []grpc.CallOption
	if w.begun && w.last.Status == Unreachable {
		silence.Stop()
		options = append(options, grpc.WaitForReady(true))
	}
	stream, err := w.open(ctx, w.service, options...)
	if err != nil {
		if errors.Is(context.Cause(ctx), errSilent) {
			err = status.Errorf(codes.Unavailable, "no connection within %v", w.timeout())
		}
		return false, err
	}
	silence.Reset(w.timeout())
	for {
		var resp healthpb.HealthCheckResponse
		if err := stream.RecvMsg(&resp); err != nil {
			if errors.Is(context.Cause(ctx), errSilent) {
				err = status.Errorf(codes.DeadlineExceeded, "no answer within %v", w.timeout())
			}
			return answered, ended(err)
		}
		silence.Stop()
		answered, w.trusted = true, true
		if err := w.see(fromWire(resp.GetStatus()), nil); err != nil {
			return true, err
		}
	}
}

// polling checks again and again until a check fails.
func (w *watcher) polling(ctx context.Context) (answered bool, err error) {
	for {
		st, err := w.Check(ctx, w.service)
		if err != nil {
			return answered, err
		}
		answered, w.trusted = true, true
		if err := w.see(st, nil); err != nil {
			return true, err
		}
		if !pause(ctx, w.poll) {
			return true, context.Cause(ctx)
		}
	}
}

// see reports st if it is a change. Its error is a *reportError.
func (w *watcher) see(st Status, cause error) error {
	if w.begun && w.last.Status == st {
		w.last.Err = cause
		return nil
	}
	w.last, w.begun = Report{Service: w.service, Status: st, Err: cause, Time: time.Now()}, true
	if err := w.report(w.last); err != nil {
		return &reportError{err}
	}
	return nil
}

// open begins a Watch call. Cancelling ctx ends it.
func (c *Client) open(ctx context.Context, service string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := c.Conn.NewStream(ctx, &grpc.StreamDesc{StreamName: "Watch", ServerStreams: true}, c.path("Watch"), o...)
	if err != nil {
		return nil, err
	}
	// io.EOF means that the call is over already; RecvMsg tells why.
	if err := stream.SendMsg(&healthpb.HealthCheckRequest{Service: service}); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, fmt.Errorf("close request: %w", err)
	}
	return stream, nil
}

// ended makes the clean end of a stream that has no end a status.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return status.Error(codes.Unavailable, "the server ended the watch without a status")
	}
	return err
}

// stateOf is the state of a service that could not be asked.
func stateOf(err error) Status {
	if status.Code(err) == codes.Unavailable {
		return Unreachable
	}
	return Failed
}

// refused reports whether asking again cannot help.
func refused(err error) bool {
	switch status.Code(err) {
	case codes.Unimplemented, codes.Unauthenticated, codes.PermissionDenied, codes.InvalidArgument:
		return true
	}
	return false
}

// deadlineSlack is how much earlier than our clock a server, which is told the
// time that is left, may find it over.
const deadlineSlack = 50 * time.Millisecond

// settle waits for the end of ctx if err says that its time is over.
func settle(ctx context.Context, err error) {
	deadline, ok := ctx.Deadline()
	if ok && status.Code(err) == codes.DeadlineExceeded && time.Until(deadline) < deadlineSlack {
		<-ctx.Done()
	}
}

// pause waits for d, and returns false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
