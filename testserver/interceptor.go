package testserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// interruptGrace is how long the handler of a stream has to return by itself
// after its context ended, before the stream is ended over its head.
const interruptGrace = 100 * time.Millisecond

// stoppingError ends the streams that would last until the client ends them.
type stoppingError struct{}

func (stoppingError) Error() string { return "the server is shutting down" }

func (e stoppingError) GRPCStatus() *status.Status { return status.New(codes.Unavailable, e.Error()) }

// call is what the stages know of a call.
type call struct {
	method  string   // "/package.Service/Method", as the client sent it
	known   bool     // the server has that method
	kind    string   // see callKind
	caller  identity // set by authenticated, for the stages before it
	traffic traffic

	credentials [sha256.Size]byte // hash of them, set by limited; zero: none

	interrupt context.CancelCauseFunc // ends the call with the cause as its error
	received  []func(message any) error
	sent      []func(message any)
}

// service is the full name of the service that is called.
func (c *call) service() string {
	service, _, _ := strings.Cut(strings.TrimPrefix(c.method, "/"), "/")
	return service
}

// onReceive has fn called with each message of the client before the handler
// gets it; an error is the handler's in its place. Stages call it before next.
func (c *call) onReceive(fn func(message any) error) { c.received = append(c.received, fn) }

// onSend has fn called with each message for the client before it is sent.
func (c *call) onSend(fn func(message any)) { c.sent = append(c.sent, fn) }

func (c *call) receive(message any) error {
	for _, fn := range c.received {
		if err := fn(message); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) send(message any) {
	for _, fn := range c.sent {
		fn(message)
	}
}

// stage surrounds the handling of a call of any kind. It calls next at most
// once, with a context made from its own.
type stage func(ctx context.Context, c *call, next func(context.Context) error) error

// stages are in the order in which a call passes them. Those before mapped see
// errors with the status that the client gets.
func (s *Server) stages() []stage {
	stages := []stage{
		s.recovered, s.identified, s.traced, s.measured, s.logged,
		// Again, for those before it to see a panic as the error that it becomes.
		s.recovered, mapped, s.limited, s.authenticated, s.authorised, s.validated,
	}
	if len(s.cfg.Faults) > 0 {
		stages = append(stages, s.faulted)
	}
	return stages
}

// handle runs a call through all stages.
func (s *Server) handle(ctx context.Context, c *call, handler func(context.Context) error) error {
	ctx, c.interrupt = context.WithCancelCause(ctx)
	defer c.interrupt(nil)
	ctx = context.WithValue(ctx, interruptKey{}, c.interrupt)
	defer context.AfterFunc(s.forced, func() { c.interrupt(context.Cause(s.forced)) })()
	next := handler
	for _, st := range slices.Backward(s.chain) {
		inner := next
		next = func(ctx context.Context) error { return st(ctx, c, inner) }
	}
	return next(ctx)
}

func (s *Server) interceptUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	c := &call{method: info.FullMethod, known: true, kind: callKind(false, false)}
	err = s.handle(ctx, c, func(ctx context.Context) error {
		if err := c.receive(req); err != nil {
			return err
		}
		var err error
		if resp, err = handler(ctx, req); err == nil {
			c.send(resp)
		}
		return err
	})
	return resp, err
}

func (s *Server) interceptStream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	// A method that the server does not have comes with no service, and with unknown
	// as its handler.
	c := &call{method: info.FullMethod, known: srv != nil, kind: callKind(info.IsClientStream, info.IsServerStream)}
	return s.handleStream(ss, c, func(stream grpc.ServerStream) error {
		return handler(srv, stream)
	})
}

// unknown answers the calls of methods that the server does not have, which
// pass the stages like any other.
func (s *Server) unknown(_ any, ss grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(ss)
	service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	if _, ok := s.grpc.GetServiceInfo()[service]; !ok {
		return status.Errorf(codes.Unimplemented, "unknown service %v", shorten(service))
	}
	return status.Errorf(codes.Unimplemented, "unknown method %v for service %v", shorten(name), service)
}

// handleStream runs a stream through all stages. A handler may be held up in
// sending to a client that does not read, or in receiving from one that does not
// write, and neither heeds a context of ours; so it has a goroutine of its own,
// and when the call is interrupted the stream ends without waiting for it. That
// frees the handler, and Shutdown waits for it.
func (s *Server) handleStream(ss grpc.ServerStream, c *call, handler func(grpc.ServerStream) error) error {
	interrupted := make(chan error, 1)
	done := make(chan error, 1)
	s.handlers.Go(func() {
		done <- s.handle(ss.Context(), c, func(ctx context.Context) error {
			detach := context.AfterFunc(ctx, func() { interrupted <- context.Cause(ctx) })
			defer detach()
			return handler(&serverStream{ServerStream: ss, ctx: ctx, call: c})
		})
	})
	select {
	case err := <-done:
		return err
	case cause := <-interrupted:
		if errors.Is(ss.Context().Err(), context.Canceled) {
			// The client has gone, which frees the handler by itself. It counts as
			// one of the connection's until it ends, or a client that begins and
			// cancels calls could have any number of them.
			return <-done
		}
		timer := time.NewTimer(interruptGrace)
		defer timer.Stop()
		select {
		case err := <-done:
			return err
		case <-timer.C:
			return toStatus(cause)
		}
	}
}

// serverStream is a stream as the handler sees it. Once the call is interrupted,
// nothing more is received or sent.
type serverStream struct {
	grpc.ServerStream
	ctx  context.Context
	call *call
}

func (s *serverStream) Context() context.Context { return s.ctx }

func (s *serverStream) RecvMsg(m any) error {
	if err := s.ctx.Err(); err != nil {
		return s.cause(err)
	}
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return s.cause(err)
	}
	return s.call.receive(m)
}

func (s *serverStream) SendMsg(m any) error {
	if err := s.ctx.Err(); err != nil {
		return s.cause(err)
	}
	s.call.send(m)
	return s.cause(s.ServerStream.SendMsg(m))
}

// cause returns why the call was interrupted in the place of the error that
// came of it.
func (s *serverStream) cause(err error) error {
	if err != nil && s.ctx.Err() != nil {
		if cause := context.Cause(s.ctx); cause != context.Canceled { //nolint:errorlint // that very value stands for no cause
			return cause
		}
	}
	return err
}

// mapped gives every error its gRPC status.
func mapped(ctx context.Context, _ *call, next func(context.Context) error) error {
	return toStatus(next(ctx))
}

type interruptKey struct{}

// interrupt ends the call of ctx with that error, even if its handler hangs in
// receiving or sending.
func interrupt(ctx context.Context, err error) {
	if end, ok := ctx.Value(interruptKey{}).(context.CancelCauseFunc); ok {
		end(err)
	}
}

// untilStop returns a context that also ends when the server is told to stop.
func untilStop(ctx, running context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	detach := context.AfterFunc(running, func() { cancel(context.Cause(running)) })
	return ctx, func() {
		detach()
		cancel(nil)
	}
}
