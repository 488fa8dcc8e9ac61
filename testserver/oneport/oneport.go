// Package oneport serves gRPC, gRPC-Web and Connect on one port, over plaintext
// and TLS, for the same handlers.
//
// A Server stands in the place of a *grpc.Server. It ends TLS itself and looks at
// how each connection begins: HTTP/2 whose first call is gRPC goes to grpc-go,
// untouched from there on, and everything else (browsers, HTTP/1.1, proxies) goes
// to net/http, where connect-go speaks all three protocols to the same handlers.
// The choice is for the life of a connection; a proxy that mixes other protocols
// into a connection that began with gRPC finds them refused with HTTP 415.
package oneport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
)

// Limits of a Config that has none.
const (
	DefaultMaxConnections = 500
	DefaultMaxCalls       = 500
)

// Config says how a Server behaves. The zero value serves plaintext.
type Config struct {
	// TLS is nil for plaintext. Its NextProtos and MinVersion are set where they
	// are not; see LoadTLS.
	TLS *tls.Config

	// UnaryInterceptor and StreamInterceptor surround the calls of every
	// protocol, and UnknownHandler answers those of methods that are not
	// registered. A StreamInterceptor may return before its handler does.
	UnaryInterceptor  grpc.UnaryServerInterceptor
	StreamInterceptor grpc.StreamServerInterceptor
	UnknownHandler    grpc.StreamHandler

	// CORSOrigins are the origins whose pages may call, as browsers write them
	// ("https://app.example.com"); "*" is every origin. nil allows the pages that
	// are served from this very machine, on any port.
	CORSOrigins []string

	// MaxConnections is how many connections may be open; 0 means 500. One more
	// takes the place of the connection that is missed least, so that idle and
	// mute ones do not keep a client out.
	MaxConnections int
	// MaxCalls is how many calls may be open over all connections; 0 means 500.
	// From there on a connection gets no more than its share. A call with large
	// headers counts for several.
	MaxCalls int
	// MaxStreams is how many calls a connection may have open; 0 means 100.
	MaxStreams uint32
	// MaxHeaderBytes bounds the headers of a call; 0 means 16 KiB.
	MaxHeaderBytes uint32
	// MaxMessageBytes bounds a received message; 0 means 4 MiB.
	MaxMessageBytes int
	// HandshakeTimeout bounds each step of setting up a connection and of reading
	// the headers of its first call; 0 means 5 s.
	HandshakeTimeout time.Duration

	// Logger is told of what goes wrong with connections; nil is silent.
	Logger *slog.Logger
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	c.MaxConnections = cmp.Or(c.MaxConnections, DefaultMaxConnections)
	c.MaxCalls = cmp.Or(c.MaxCalls, DefaultMaxCalls)
	c.MaxStreams = cmp.Or(c.MaxStreams, 100)
	c.MaxHeaderBytes = cmp.Or(c.MaxHeaderBytes, 16<<10)
	c.MaxMessageBytes = cmp.Or(c.MaxMessageBytes, 4<<20)
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, 5*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		c.TLS.MinVersion = max(c.TLS.MinVersion, tls.VersionTLS12)
		if c.TLS.NextProtos == nil {
			c.TLS.NextProtos = protocols()
		}
	}
	return c
}

// protocols are what clients may choose from by ALPN.
func protocols() []string { return []string{"h2", "http/1.1"} }

// Server is a gRPC server that browsers can call. Its methods may be called from
// several goroutines, but services are registered before Serve.
type Server struct {
	cfg     Config
	log     *slog.Logger
	native  *grpc.Server
	web     *http.Server
	methods map[string]*method // by path
	origins origins
	errors  *connect.ErrorWriter

	connections *connections
	calls       atomic.Int64 // open ones
	weight      atomic.Int64 // of the open calls
	handlers    atomic.Int64 // that run

	start     sync.Once
	toNative  *handoff
	toWeb     *handoff
	serving   sync.WaitGroup // goroutines of ours, from accepting to handing over
	requests  sync.WaitGroup // handlers of net/http
	forced    context.Context
	force     context.CancelFunc
	mu        sync.Mutex
	listeners map[net.Listener]struct{} // nil when the server has stopped
}

// NewServer returns a server without services. The options are for what grpc-go
// does with native connections: keepalive, buffers and the like; credentials,
// interceptors and limits are in cfg.
func NewServer(cfg Config, opts ...grpc.ServerOption) *Server {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg:         cfg,
		log:         cfg.Logger,
		methods:     map[string]*method{},
		origins:     newOrigins(cfg.CORSOrigins),
		errors:      connect.NewErrorWriter(codecs()...),
		connections: newConnections(cfg.MaxConnections),
		toNative:    newHandoff(),
		toWeb:       newHandoff(),
		listeners:   map[net.Listener]struct{}{},
	}
	s.forced, s.force = context.WithCancel(context.Background())
	s.native = grpc.NewServer(append(s.nativeOptions(), opts...)...)
	s.web = s.newWebServer()
	return s
}

func (s *Server) nativeOptions() []grpc.ServerOption {
	opts := []grpc.ServerOption{
		grpc.Creds(handover{}),
		grpc.InTapHandle(s.admitNative),
		grpc.MaxConcurrentStreams(s.cfg.MaxStreams),
		grpc.MaxHeaderListSize(s.cfg.MaxHeaderBytes),
		grpc.MaxRecvMsgSize(s.cfg.MaxMessageBytes),
		grpc.ConnectionTimeout(s.cfg.HandshakeTimeout),
		// Held by idle connections too; larger messages do not pass through it.
		grpc.ReadBufferSize(4 << 10),
	}
	unary, stream := []grpc.UnaryServerInterceptor{s.countUnary}, []grpc.StreamServerInterceptor{s.countStream}
	if s.cfg.UnaryInterceptor != nil {
		unary = append(unary, s.cfg.UnaryInterceptor)
	}
	if s.cfg.StreamInterceptor != nil {
		stream = append(stream, s.cfg.StreamInterceptor)
	}
	opts = append(opts, grpc.ChainUnaryInterceptor(unary...), grpc.ChainStreamInterceptor(stream...))
	if s.cfg.UnknownHandler != nil {
		opts = append(opts, grpc.UnknownServiceHandler(s.cfg.UnknownHandler))
	}
	return opts
}

// RegisterService registers a service for all protocols. It is called by
// generated code.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	s.native.RegisterService(desc, impl)
	s.registerMethods(desc, impl)
}

// GetServiceInfo describes the registered services.
func (s *Server) GetServiceInfo() map[string]grpc.ServiceInfo { return s.native.GetServiceInfo() }

// Stats are figures of a server at one moment.
type Stats struct {
	Connections int    // open connections
	Calls       int    // open calls
	Evicted     uint64 // connections closed to make room for others
	Refused     uint64 // connections closed because there was no room
}

// Stats returns the figures of now.
func (s *Server) Stats() Stats {
	st := s.connections.stats()
	st.Calls = int(s.calls.Load())
	return st
}

// Serve accepts connections on l and closes it in the end. It returns nil after
// GracefulStop or Stop. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.listeners == nil {
		s.mu.Unlock()
		return errors.Join(grpc.ErrServerStopped, l.Close())
	}
	s.listeners[l] = struct{}{}
	s.serving.Add(1)
	s.mu.Unlock()
	defer s.serving.Done()
	s.start.Do(func() { s.startServers(l.Addr()) })
	err := s.accept(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil {
		return nil
	}
	delete(s.listeners, l)
	_ = l.Close()
	return fmt.Errorf("accept on %s: %w", l.Addr(), err)
}

// startServers runs both servers on what they are handed over.
func (s *Server) startServers(addr net.Addr) {
	s.toNative.addr, s.toWeb.addr = addr, addr
	s.serving.Go(func() { _ = s.native.Serve(s.toNative) }) // ends with ErrServerStopped alone
	s.serving.Go(func() { _ = s.web.Serve(s.toWeb) })       // ends with ErrServerClosed alone
}

// GracefulStop stops to accept connections and calls, and waits for the calls
// under way. Stop ends the waiting.
func (s *Server) GracefulStop() {
	s.closeListeners()
	var both sync.WaitGroup
	both.Go(s.native.GracefulStop)
	both.Go(func() { _ = s.web.Shutdown(s.forced) })
	both.Wait()
	s.finish()
}

// Stop closes all connections, and returns when no handler runs any more that
// heeds its context.
func (s *Server) Stop() {
	s.closeListeners()
	s.force()
	var both sync.WaitGroup
	both.Go(s.native.Stop)
	both.Go(func() { _ = s.web.Close() })
	both.Wait()
	s.finish()
}

func (s *Server) finish() {
	s.requests.Wait()
	_ = s.toNative.Close()
	_ = s.toWeb.Close()
	s.serving.Wait()
	s.connections.close() // net/http forgets connections shortly before it closes them
}

// closeListeners stops accepting, and dismisses the clients that have not made a
// call yet.
func (s *Server) closeListeners() {
	s.mu.Lock()
	listeners := s.listeners
	s.listeners = nil
	s.mu.Unlock()
	for l := range listeners {
		_ = l.Close()
	}
	s.connections.dismiss()
}

func (s *Server) stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listeners == nil
}
