package oneport

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// webIdleTimeout ends connections of net/http that had no request for so long.
const webIdleTimeout = 5 * time.Minute

type connKey struct{}

func (s *Server) newWebServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // what net/http gets is behind TLS
	return &http.Server{
		Handler:           http.HandlerFunc(s.serveWeb),
		Protocols:         protocols,
		ReadHeaderTimeout: s.cfg.HandshakeTimeout,
		IdleTimeout:       webIdleTimeout,
		MaxHeaderBytes:    int(s.cfg.MaxHeaderBytes),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          int(s.cfg.MaxStreams),
			MaxReceiveBufferPerConnection: 256 << 10,
			MaxReceiveBufferPerStream:     64 << 10,
			SendPingTimeout:               time.Minute,
			PingTimeout:                   20 * time.Second,
		},
		ErrorLog:  slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnState: endLast,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
	}
}

// endLast closes a connection after the answer to its last request. It is for
// HTTP/1.1, where net/http would go on in the midst of a request that an exchange
// stopped reading; over HTTP/2 requests are apart from each other.
func endLast(raw net.Conn, state http.ConnState) {
	if c, ok := raw.(*conn); ok && state == http.StateIdle && c.traffic == nil && c.last.Load() {
		_ = c.Close()
	}
}

// serveWeb serves one request of net/http.
func (s *Server) serveWeb(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(connKey{}).(*conn)
	if r.ProtoMajor == 1 && c.last.Load() {
		panic(http.ErrAbortHandler) // some of the rest, which was read already
	}
	defer s.begin(c, r)()

	w, answered := s.origins.serve(w, r)
	if answered {
		return
	}
	x := &exchange{control: http.NewResponseController(w), conn: c}
	defer x.end()
	// A copy, for net/http looks into the body of its own request in the end, to
	// see whether the connection may have another one.
	r = r.WithContext(x.with(r.Context()))
	r.TLS, r.Body = c.tls, body{r.Body, x}
	if text := newWebText(w, r); text != nil {
		w, r = text, text.request
		defer text.finish()
	}
	x.request = r
	m, known := s.methods[r.URL.Path]
	switch {
	case c.crowded(0):
		s.refuse(w, r, http.StatusServiceUnavailable, tooManyCalls())
	case !known:
		s.serveUnknown(w, r)
	default:
		if m.clientStreams && r.ProtoMajor == 1 {
			_ = x.control.EnableFullDuplex() // the header may be sent before all requests have come
			if m.serverStreams {
				// connect-go refuses what HTTP/1.1 can do by halves: first all requests,
				// then all responses. Some clients can even do both at once.
				r.ProtoMajor = 2
			}
		}
		m.handler().ServeHTTP(w, r)
	}
}

// begin counts a request, until the function that it returns is called.
func (s *Server) begin(c *conn, r *http.Request) (end func()) {
	s.requests.Add(1)
	s.handlers.Add(1)
	c.handlers.Add(1)
	if r.ProtoMajor == 1 { // the calls of HTTP/2 are seen in its frames
		c.count(1, 1)
	}
	return func() {
		if r.ProtoMajor == 1 {
			c.count(-1, -1)
			c.answered.Store(true)
		}
		c.handlers.Add(-1)
		s.handlers.Add(-1)
		s.requests.Done()
	}
}

// serveUnknown answers a request whose path is no method.
func (s *Server) serveUnknown(w http.ResponseWriter, r *http.Request) {
	if !s.isCall(r) {
		http.Error(w, "There are no pages here: this port speaks gRPC, gRPC-Web and Connect.", http.StatusNotFound)
		return
	}
	err := status.Error(codes.Unimplemented, "unknown method")
	if s.cfg.UnknownHandler != nil {
		err = s.callUnknown(w, r)
	}
	s.refuse(notFound{w}, r, http.StatusNotFound, err)
}

// notFound says over HTTP that there is no such method, as Connect wants it.
type notFound struct{ http.ResponseWriter }

func (w notFound) WriteHeader(code int) {
	if code == http.StatusNotImplemented {
		code = http.StatusNotFound
	}
	w.ResponseWriter.WriteHeader(code)
}

// callUnknown runs the handler for unknown methods, as native gRPC does behind the
// interceptor and for no service, on a stream without messages, and leaves its metadata in the headers of the response.
func (s *Server) callUnknown(w http.ResponseWriter, r *http.Request) error {
	stream := newWebStream(r.URL.Path, exchangeOf(r.Context()), nil, nil)
	var err error
	if stream.ctx, err = s.callContext(r.Context(), streamTransport{stream}); err != nil {
		return err
	}
	if s.cfg.StreamInterceptor == nil {
		err = s.cfg.UnknownHandler(nil, stream)
	} else {
		info := &grpc.StreamServerInfo{FullMethod: r.URL.Path, IsClientStream: true, IsServerStream: true}
		err = s.cfg.StreamInterceptor(nil, stream, info, s.cfg.UnknownHandler)
	}
	header, trailer := stream.end()
	setHeaders(w.Header(), header)
	setHeaders(w.Header(), trailer)
	if err == nil {
		return status.Error(codes.Unimplemented, "unknown method")
	}
	return err
}

// isCall tells calls from what browsers and other visitors ask for.
func (s *Server) isCall(r *http.Request) bool {
	if !s.errors.IsSupported(r) {
		return false
	}
	if r.Method == http.MethodGet {
		return r.URL.Query().Has("message")
	}
	contentType, _, _ := strings.Cut(strings.ToLower(r.Header.Get("Content-Type")), ";")
	switch contentType = strings.TrimSpace(contentType); contentType {
	case "application/json", "application/proto":
		return true
	}
	return strings.HasPrefix(contentType, "application/grpc") || strings.HasPrefix(contentType, "application/connect+")
}

// refuse sends an error in the client's protocol, or else as plain text.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, code int, err error) {
	if !s.isCall(r) {
		http.Error(w, status.Convert(err).Message(), code)
		return
	}
	if err := s.errors.Write(w, r, toConnect(err)); err != nil {
		s.log.LogAttrs(r.Context(), slog.LevelDebug, "refuse request", slog.Any("error", err))
	}
}
