package testserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// stoppingError ends the streams that would last until the client ends them.
type stoppingError struct{}

func (stoppingError) Error() string { return "the server is shutting down" }

func (e stoppingError) GRPCStatus() *status.Status { return status.New(codes.Unavailable, e.Error()) }

// stage surrounds the handling of a call of any kind. It calls next once, with a
// context made from its own.
type stage func(ctx context.Context, method string, next func(context.Context) error) error

// handle runs a call through all stages, the first being the outermost.
func (s *Server) handle(ctx context.Context, method string, handler func(context.Context) error) error {
	next := handler
	for _, st := range slices.Backward([]stage{s.recovered, s.identified, s.logged, mapped}) {
		inner := next
		next = func(ctx context.Context) error { return st(ctx, method, inner) }
	}
	return next(ctx)
}

func (s *Server) interceptUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	err = s.handle(ctx, info.FullMethod, func(ctx context.Context) error {
		var err error
		resp, err = handler(ctx, req)
		return err
	})
	return resp, err
}

func (s *Server) interceptStream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return s.handle(ss.Context(), info.FullMethod, func(ctx context.Context) error {
		return handler(srv, &serverStream{ServerStream: ss, ctx: ctx})
	})
}

type serverStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *serverStream) Context() context.Context { return s.ctx }

// recovered turns a panic of the handler into INTERNAL.
func (s *Server) recovered(ctx context.Context, method string, next func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("method", method),
				slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
			err = status.Error(codes.Internal, "internal error")
		}
	}()
	return next(ctx)
}

type requestIDKey struct{}

// identified gives the call its request id, the client's own if it sent a sound
// one, and sets the metadata that every response carries.
func (s *Server) identified(ctx context.Context, _ string, next func(context.Context) error) error {
	start := time.Now()
	id := requestID(ctx)
	if err := grpc.SetHeader(ctx, metadata.Pairs("server-version", s.cfg.Version, "request-id", id)); err != nil {
		return err
	}
	defer func() {
		ms := strconv.FormatFloat(float64(time.Since(start).Microseconds())/1000, 'f', 3, 64)
		// Fails only where no trailer can be sent any more.
		_ = grpc.SetTrailer(ctx, metadata.Pairs("response-time", ms+"ms"))
	}()
	return next(context.WithValue(ctx, requestIDKey{}, id))
}

func requestID(ctx context.Context) string {
	for _, name := range []string{"request-id", "x-request-id"} {
		if v := metadata.ValueFromIncomingContext(ctx, name); len(v) == 1 && soundID(v[0]) {
			return v[0]
		}
	}
	var b [8]byte
	rand.Read(b[:]) // never fails, by its contract
	return hex.EncodeToString(b[:])
}

func soundID(id string) bool {
	return id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// logged writes one record a call. It has the names of the metadata but not the
// values, and the cause of a server's failure but not the text of other
// statuses, which may quote the request.
func (s *Server) logged(ctx context.Context, method string, next func(context.Context) error) error {
	start := time.Now()
	err := next(ctx)
	code := status.Code(err)
	level := slog.LevelInfo
	if code == codes.Internal || code == codes.Unknown || code == codes.DataLoss {
		level = slog.LevelError
	}
	if !s.log.Enabled(ctx, level) {
		return err
	}
	id, _ := ctx.Value(requestIDKey{}).(string)
	attrs := []slog.Attr{
		slog.String("method", method), slog.String("code", code.String()),
		slog.Duration("elapsed", time.Since(start)), slog.String("request_id", id),
	}
	if p, ok := peer.FromContext(ctx); ok {
		attrs = append(attrs, slog.String("peer", p.Addr.String()))
	}
	if cause := errors.Unwrap(err); cause != nil {
		attrs = append(attrs, slog.String("cause", cause.Error()))
	}
	if md, ok := metadata.FromIncomingContext(ctx); ok && s.log.Enabled(ctx, slog.LevelDebug) {
		names := make([]string, 0, len(md))
		for name := range md {
			names = append(names, name)
		}
		slices.Sort(names)
		attrs = append(attrs, slog.Any("metadata", names))
	}
	s.log.LogAttrs(ctx, level, "call", attrs...)
	return err
}

// mapped gives every error its gRPC status.
func mapped(ctx context.Context, _ string, next func(context.Context) error) error {
	return toStatus(next(ctx))
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
