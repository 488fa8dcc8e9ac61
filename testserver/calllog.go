package testserver

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// logged writes one record a call. It has the names of the metadata but not the
// values, and the cause of a server's failure but not the text of other
// statuses, which may quote the request. The logger adds the ids of the request
// and of the trace.
func (s *Server) logged(ctx context.Context, c *call, next func(context.Context) error) error {
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
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs, slog.String("method", shorten(c.method)), slog.String("code", code.String()),
		slog.Duration("elapsed", time.Since(start)))
	if c.caller.UserID != "" {
		attrs = append(attrs, slog.String("user", shorten(c.caller.UserID)))
	}
	if p, ok := peer.FromContext(ctx); ok {
		attrs = append(attrs, slog.String("peer", p.Addr.String()))
	}
	attrs = append(attrs, slog.Int64("received_bytes", c.traffic.receivedBytes.Load()),
		slog.Int64("sent_bytes", c.traffic.sentBytes.Load()))
	if c.kind != kindUnary {
		attrs = append(attrs, slog.Int64("received", c.traffic.received.Load()), slog.Int64("sent", c.traffic.sent.Load()))
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
