package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grpcx/grpcx/cmd/grpcx/internal/driver"
)

// callTimeout bounds one call. The suite gives a client twenty seconds.
const callTimeout = 15 * time.Second

// client makes calls, any number at once.
type client struct {
	grpcx    string // the binary
	dir      string // for files
	protoset string
	calls    atomic.Int64
}

// answer makes the call of t.
func (c *client) answer(ctx context.Context, t *testCase) answer {
	a := answer{TestName: t.TestName}
	var err error
	if a.Response, err = c.call(ctx, t); err != nil {
		a.Response, a.Error = nil, &failure{err.Error()}
	}
	return a
}

func (c *client) call(ctx context.Context, t *testCase) (*result, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	requests, err := t.requests()
	if err != nil {
		return nil, err
	}
	args, err := t.args(c.protoset, filepath.Join(c.dir, fmt.Sprintf("call-%d", c.calls.Add(1))))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	p, err := driver.Call(ctx, c.grpcx, args...)
	if err != nil {
		return nil, err
	}
	x := &exchange{
		testCase: t,
		process:  p,
		requests: requests,
		arrived:  make(chan struct{}, len(requests)),
		ended:    make(chan struct{}),
	}
	var sender sync.WaitGroup
	sender.Go(func() { x.send(ctx) })
	err = x.receive()
	close(x.ended)
	exit, waitErr := p.Wait()
	sender.Wait()
	if err := errors.Join(err, waitErr); err != nil {
		return nil, fmt.Errorf("%w (exit code %d)\n%s", err, exit, p.Stderr())
	}
	if !x.done {
		return nil, fmt.Errorf("no status event (exit code %d)\n%s", exit, p.Stderr())
	}
	return &x.result, nil
}

// exchange is one call under way.
type exchange struct {
	*testCase
	process  *driver.Process
	requests [][]byte
	arrived  chan struct{} // holds a token for each response
	ended    chan struct{} // closed when there are no more events

	result result // receive's
	done   bool   // the status has come; receive's
}

// send gives the requests at the pace of the test case, and ends them or
// cancels the call. It returns early when the call ends first.
func (x *exchange) send(ctx context.Context) {
	for _, request := range x.requests {
		if !x.pause(ctx, x.RequestDelayMs) || x.process.Send(request) != nil {
			return
		}
		if x.fullDuplex() && !x.answered(ctx) {
			return
		}
	}
	switch {
	case x.Cancel == nil || x.Cancel.AfterNumResponses > 0:
		_ = x.process.CloseSend()
	case x.Cancel.BeforeCloseSend != nil:
		x.cancelAfter(ctx, 0)
	default:
		_ = x.process.CloseSend()
		x.cancelAfter(ctx, x.Cancel.AfterCloseSendMs)
	}
}

// answered waits for a response; false means that the call has ended.
func (x *exchange) answered(ctx context.Context) bool {
	select {
	case <-x.arrived:
		return true
	case <-x.ended:
	case <-ctx.Done():
	}
	return false
}

// pause waits that many milliseconds; false means that the call has ended.
func (x *exchange) pause(ctx context.Context, milliseconds int) bool {
	t := time.NewTimer(time.Duration(milliseconds) * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.ended:
	case <-ctx.Done():
	}
	return false
}

// cancelAfter interrupts the process that many milliseconds after it has
// taken every request.
func (x *exchange) cancelAfter(ctx context.Context, milliseconds int) {
	if x.process.Narrated(ctx, "> message ", len(x.requests)) == nil && x.pause(ctx, milliseconds) {
		_ = x.process.Interrupt()
	}
}

// receive turns the events into the result.
func (x *exchange) receive() error {
	for {
		e, err := x.process.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		switch e.Name {
		case "headers":
			x.result.ResponseHeaders = headers(e.Metadata)
		case "message":
			if err := x.received(e.Message); err != nil {
				return err
			}
		case "trailers":
			x.result.ResponseTrailers = headers(e.Metadata)
		case "status":
			x.done = true
			x.result.NumUnsentRequests = len(x.requests) - e.Sent
			if e.Status.Code != 0 {
				x.result.Error = &callError{e.Status.Code, e.Status.Message, e.Status.Details}
			}
		default:
			return fmt.Errorf("unknown event %q", e.Name)
		}
	}
}

// received takes a response; every response of the suite holds a payload.
func (x *exchange) received(message json.RawMessage) error {
	var response struct{ Payload json.RawMessage }
	if err := json.Unmarshal(message, &response); err != nil {
		return fmt.Errorf("read response: %w", err)
	}
	if response.Payload == nil {
		response.Payload = json.RawMessage("{}")
	}
	x.result.Payloads = append(x.result.Payloads, response.Payload)
	if x.Cancel != nil && x.Cancel.AfterNumResponses == len(x.result.Payloads) {
		if err := x.process.Interrupt(); err != nil {
			return err
		}
	}
	select {
	case x.arrived <- struct{}{}:
	default: // more responses than requests: nobody waits for them
	}
	return nil
}

func headers(md map[string][]string) []header {
	all := make([]header, 0, len(md))
	for name, values := range md {
		all = append(all, header{name, values})
	}
	return all
}
