package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/invoke"
)

// messageSource gives messages in their order. It implements stream.Requests.
type messageSource struct{ messages [][]byte }

func (s *messageSource) Next() ([]byte, error) {
	if len(s.messages) == 0 {
		return nil, io.EOF
	}
	m := s.messages[0]
	s.messages = s.messages[1:]
	return m, nil
}

// requests and responses are what invoke takes.
type requests interface{ Next() ([]byte, error) }

type responses interface {
	Header(metadata.MD) error
	Message([]byte) error
	Trailer(metadata.MD, *status.Status) error
}

// do makes the call and notes its result.
func (c *call) do(ctx context.Context, in requests, out responses) {
	c.result, c.err = invoke.Do(ctx, c.plan.conn.CC, invoke.Call{
		Method: c.plan.method, Metadata: c.metadata, Timeout: c.timeout, Requests: in, Responses: out,
	})
}

// conversation is a call whose script is under way: requests are sent and
// responses taken one at a time.
type conversation struct {
	*call
	ctx   context.Context //nolint:containedctx // of the one call
	send  chan []byte
	ended chan struct{} // closed when the call has ended

	mu      sync.Mutex
	waiting [][]byte // received, not taken
	size    int      // of waiting
	over    bool     // nothing will be taken any more
	arrived chan struct{}
}

// script makes the call by its script. Its goroutine ends before it returns.
func (c *call) script(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v := &conversation{
		call: c, ctx: ctx, send: make(chan []byte),
		ended: make(chan struct{}), arrived: make(chan struct{}, 1),
	}
	go func() {
		defer close(v.ended)
		c.do(ctx, v, v)
	}()
	failure, err := v.run(cancel)
	v.mu.Lock()
	v.over, v.waiting = true, nil
	v.mu.Unlock()
	if failure != nil || err != nil {
		cancel()
	}
	<-v.ended
	if c.failure = failure; err != nil {
		c.err = err
	}
}

// run takes the actions one after the other.
func (v *conversation) run(cancel func()) (*Failure, error) {
	open := true
	closeSend := func() {
		if open {
			open = false
			close(v.send)
		}
	}
	defer closeSend()
	if !v.plan.method.IsStreamingClient() && !v.sendsFirst() {
		v.offer(nil)
		closeSend()
	}
	for _, a := range v.plan.actions {
		switch a.spec.kind {
		case sendAction:
			wire, json, err := a.request.encode(v.ctx, v.values)
			if err != nil {
				return nil, fmt.Errorf("send: %w", err)
			}
			v.sent = append(v.sent, json)
			if !v.offer(wire) && v.ctx.Err() == nil {
				return &Failure{
					Kind: StreamFailure, Position: a.spec.at.position(), Expression: "send",
					Summary: "the call ended before this could be sent",
				}, nil
			}
			if !v.plan.method.IsStreamingClient() {
				closeSend()
			}
		case recvAction:
			if failure := v.receive(a); failure != nil {
				return failure, nil
			}
		case closeAction:
			closeSend()
		case cancelAction:
			v.canceled = true
			cancel()
		}
	}
	return nil, nil
}

func (v *conversation) sendsFirst() bool {
	for _, a := range v.plan.actions {
		if a.spec.kind == sendAction {
			return true
		}
	}
	return false
}

// offer hands a request to the call, and reports whether it took it.
func (v *conversation) offer(wire []byte) bool {
	select {
	case v.send <- wire:
		return true
	case <-v.ended:
	case <-v.ctx.Done():
	}
	return false
}

// Next gives the call its next request; it implements stream.Requests.
func (v *conversation) Next() ([]byte, error) {
	select {
	case m, ok := <-v.send:
		if !ok {
			return nil, io.EOF
		}
		return m, nil
	case <-v.ctx.Done():
		return nil, io.EOF
	}
}

// Message takes a response. It never waits for the script, so that sending does
// not wait for receiving; what waits is bounded.
func (v *conversation) Message(m []byte) error {
	if v.plan.keeps {
		if err := v.call.Message(m); err != nil {
			return err
		}
	} else {
		v.read(m)
	}
	m = bytes.Clone(m)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last = m; v.over {
		return nil
	}
	if v.size += len(m); v.size > keptBytes {
		return errTooMuch
	}
	v.waiting = append(v.waiting, m)
	select {
	case v.arrived <- struct{}{}:
	default:
	}
	return nil
}

// take returns the next response; false if none has come when the call or ctx
// has ended.
func (v *conversation) take(ctx context.Context) ([]byte, bool) {
	for {
		ended := isClosed(v.ended) // what came before the end is waiting by now
		v.mu.Lock()
		if len(v.waiting) > 0 {
			m := v.waiting[0]
			v.waiting = v.waiting[1:]
			v.size -= len(m)
			v.mu.Unlock()
			return m, true
		}
		v.mu.Unlock()
		if ended {
			return nil, false
		}
		select {
		case <-v.arrived:
		case <-v.ended:
		case <-ctx.Done():
			return nil, false
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// receive waits for a message that is as the action wants it.
func (v *conversation) receive(a *actionPlan) *Failure {
	ctx, cancel := context.WithTimeout(v.ctx, a.spec.within)
	defer cancel()
	start := time.Now()
	schema := v.plan.conn.compiler.schema
	seen := 0
	var last *values // that the condition has seen
	var reason error // why it could not be evaluated
	for {
		wire, ok := v.take(ctx)
		if !ok {
			return v.missed(a, seen, last, reason, time.Since(start))
		}
		seen++
		last = v.values.child()
		last.names["msg"] = schema.received(v.plan.method.Output(), wire)
		last.names["headers"] = headerMap(v.header)
		if a.expect == nil {
			return v.captureFrom(a, last)
		}
		var value ref.Val
		if value, reason = a.expect.value(v.ctx, last); reason == nil && value == types.True {
			return v.captureFrom(a, last)
		}
	}
}

// captureFrom keeps what a recv captures of its message.
func (v *conversation) captureFrom(a *actionPlan, inner *values) *Failure {
	for _, c := range a.capture {
		value, err := c.expr.value(v.ctx, inner)
		if err != nil {
			return &Failure{
				Kind: CaptureFailure, Position: c.expr.at.position(), Expression: c.expr.text,
				Summary: fmt.Sprintf("%s has no value: %v", c.name, evaluationError(err)),
			}
		}
		if c.secret {
			v.secrets.addValue(variableName(c.name), value)
		}
		v.values.names[c.name] = value
	}
	return nil
}

// missed tells why nothing that a recv wants has come.
func (v *conversation) missed(a *actionPlan, seen int, last *values, reason error, waited time.Duration) *Failure {
	f := &Failure{Kind: StreamFailure, Position: a.spec.at.position(), Expression: "recv"}
	if a.expect != nil {
		f.Position, f.Expression = a.expect.at.position(), a.expect.text
	}
	what := "no message came"
	switch {
	case seen == 1:
		what = "the one message that came does not match"
	case seen > 1:
		what = fmt.Sprintf("none of the %d messages that came matches", seen)
	}
	if isClosed(v.ended) {
		f.Summary = fmt.Sprintf("%s before the call ended with %s", what, invoke.CodeName(v.status().Code()))
	} else {
		f.Summary = fmt.Sprintf("%s within %s", what, rounded(min(waited, a.spec.within)))
	}
	if reason != nil {
		f.Summary += ": " + evaluationError(reason).Error()
	}
	if a.expect != nil && last != nil {
		explain(context.WithoutCancel(v.ctx), a.expect, last, f, v.secrets)
	}
	return f
}

// evaluationError leaves out the expression, which is told beside it.
func evaluationError(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// rounded is a duration as people read it.
func rounded(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d
}
