package oneport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// accept takes connections from l until that fails for good.
func (s *Server) accept(l net.Listener) error {
	const longest = time.Second
	delay := time.Duration(0)
	for {
		raw, err := l.Accept()
		if err == nil {
			delay = 0
			s.admit(raw)
			continue
		}
		var passing interface{ Temporary() bool } // lack of file descriptors, say
		if !errors.As(err, &passing) || !passing.Temporary() || s.stopped() {
			return err
		}
		delay = min(max(2*delay, 5*time.Millisecond), longest)
		s.log.Warn("accept", "error", err, "retry", delay)
		select {
		case <-time.After(delay):
		case <-s.forced.Done():
		}
	}
}

// admit makes room for a connection and looks after it in the background.
func (s *Server) admit(raw net.Conn) {
	c := &conn{Conn: raw, server: s, host: clientHost(raw.RemoteAddr()), opening: true}
	c.lastUsed.Store(time.Now().UnixNano())
	victim, ok := s.connections.add(c)
	if victim != nil {
		// It may have to send something first, which takes its time.
		s.serving.Go(func() { _ = victim.evict() })
	}
	if !ok {
		_ = raw.Close()
		return
	}
	s.serving.Go(func() { s.welcome(c) })
}

// welcome makes the handshake, finds out what the client speaks, and hands the
// connection over.
func (s *Server) welcome(c *conn) {
	if err := s.handshake(c); err != nil {
		s.log.LogAttrs(s.forced, slog.LevelDebug, "handshake", slog.String("peer", c.RemoteAddr().String()), slog.Any("error", err))
		_ = c.Close()
		return
	}
	c.auth = authInfo(c, c.tls)
	o := opening{conn: c}
	native, err := o.inspect()
	if err != nil || !c.settle(o.http2, o.replay()) {
		if s.stopped() {
			o.dismiss()
		}
		_ = c.Close()
		return
	}
	if native {
		s.toNative.give(c)
	} else {
		s.toWeb.give(c)
	}
}

// handshake ends TLS.
func (s *Server) handshake(c *conn) error {
	if s.cfg.TLS == nil {
		return nil
	}
	if !c.wait(s.cfg.HandshakeTimeout) {
		return net.ErrClosed
	}
	secure := tls.Server(c.Conn, s.cfg.TLS)
	if err := secure.HandshakeContext(s.forced); err != nil {
		var record tls.RecordHeaderError
		if errors.As(err, &record) && record.Conn != nil && looksLikeHTTP(record.RecordHeader) {
			_, _ = io.WriteString(record.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nThis port speaks TLS: use https.\n")
		}
		return err
	}
	state := secure.ConnectionState()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Conn, c.tls = secure, &state
	return nil
}

// looksLikeHTTP reports whether a request of HTTP/1 begins with these bytes.
func looksLikeHTTP(b [5]byte) bool {
	switch string(b[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}

// admitNative refuses calls where there are too many, and those that grpc-go would
// take for protobuf though they are not: connections that begin with such a call
// get to connect-go, but this one has begun otherwise.
func (s *Server) admitNative(ctx context.Context, info *tap.Info) (context.Context, error) {
	if t := info.Header["content-type"]; len(t) == 1 && t[0] != "application/grpc" && !nativeContentType(t[0]) {
		return ctx, status.Errorf(codes.Unimplemented, "content type %.40q on a connection that began with application/grpc", t[0])
	}
	if c := connOf(ctx); c != nil && c.crowded(0) {
		return ctx, tooManyCalls()
	}
	return ctx, nil
}

// countUnary counts the handlers of native gRPC while they run, which may be
// longer than their clients stay.
func (s *Server) countUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	defer s.countHandler(ctx)()
	return handler(ctx, req)
}

// countStream is countUnary for streams.
func (s *Server) countStream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	defer s.countHandler(stream.Context())()
	return handler(srv, stream)
}

func (s *Server) countHandler(ctx context.Context) (end func()) {
	c := connOf(ctx)
	if c == nil {
		return func() {}
	}
	s.handlers.Add(1)
	c.handlers.Add(1)
	return func() {
		c.handlers.Add(-1)
		s.handlers.Add(-1)
	}
}

// connOf returns the connection of a native call.
func connOf(ctx context.Context) *conn {
	if p, ok := peer.FromContext(ctx); ok {
		if local, ok := p.LocalAddr.(localAddr); ok {
			return local.conn
		}
	}
	return nil
}

func tooManyCalls() error {
	return status.Error(codes.ResourceExhausted, "too many calls are open on this server")
}
