// Package testserver is grpcx's reference server: users, authentication, health,
// reflection and the official interop service, over a real store. Tests of gRPC
// clients can run it inside their own process; see Start.
package testserver

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // accept and answer gzip
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/keepalive"

	"github.com/grpcx/grpcx/testserver/oneport"
	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
	filepb "github.com/grpcx/grpcx/testserver/proto/file"
	notificationpb "github.com/grpcx/grpcx/testserver/proto/notification"
	telemetrypb "github.com/grpcx/grpcx/testserver/proto/telemetry"
	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
	"github.com/grpcx/grpcx/testserver/store"
)

// cutOffTime is the part of the time to shut down in which calls that did not
// end are ended with a status.
const cutOffTime = time.Second

// Config says how a Server behaves. The zero value is a silent server on a store
// in memory, to which nobody can log in.
type Config struct {
	// Store is "" or "memory" for a store that ends with the server, the path of a
	// SQLite file, with or without "sqlite://" before it, or the address of a
	// PostgreSQL database, "postgres://user:password@host/database". The servers
	// of one database are nodes of one system.
	Store string
	// Logger receives one record a call, without payloads and secrets; nil is silent.
	Logger *slog.Logger
	// Tracing says where the spans of calls go.
	Tracing Tracing
	// Profiling has AdminHandler serve profiles of the process.
	Profiling bool
	// Version is sent as the metadata server-version; "" means "dev".
	Version string

	// Files is the directory of the content of uploaded files; it is created where
	// it is missing. "" means a directory beside the SQLite file, its name followed
	// by ".files", or, with a store in memory, a temporary one that ends with the
	// server. Other stores need one, shared by all nodes, for without it the file
	// service refuses uploads. With a store in memory, a new directory is made in it.
	Files string
	// MaxFileBytes bounds the size of an uploaded file; 0 means 2 GiB.
	MaxFileBytes int64
	// MaxUploads is how many files may be uploaded at a time; 0 means 100.
	MaxUploads int

	// DefaultAdmin lets "admin" log in with "password". Serve refuses to
	// serve such a server on any address but loopback.
	DefaultAdmin bool
	// AdminPassword is the password of "admin", in the place of the default one.
	AdminPassword string
	// SigningKey signs access tokens, unless Identities has keys; at least 32 bytes.
	// Without any, the server makes keys and keeps them in the store.
	SigningKey []byte
	// AccessTTL and RefreshTTL are the lifetimes of tokens; 0 means 15 minutes and
	// 7 days.
	AccessTTL, RefreshTTL time.Duration
	// Auth says who may call; "" means AuthOptional.
	Auth AuthMode
	// Identities is the path of a YAML file of users, API keys, client certificates,
	// signing keys and rules, read again when it changes; "" is none.
	Identities string
	// RateLimit bounds how often each client may call; the zero value does not.
	RateLimit RateLimit

	// Dependencies are probed, and decide over the health of services.
	Dependencies []Dependency

	// Faults make calls fail or wait; each applies in its turn. New refuses one that
	// names a method which the server does not have.
	Faults []Fault

	// TLS are the files for serving TLS, read again when they change; the zero
	// value is for plaintext.
	TLS oneport.Files
	// TLSConfig is TLS without files, in the place of TLS.
	TLSConfig *tls.Config
	// CORSOrigins are the origins whose pages may call from a browser, "*" being
	// all; nil allows the pages that this machine itself serves.
	CORSOrigins []string

	// MaxConnections is how many connections may be open; 0 means 500.
	MaxConnections int
	// MaxCalls is how many calls may be open over all connections; 0 means 500.
	MaxCalls int
	// MaxStreams is how many streams a connection may have open; 0 means 100.
	MaxStreams uint32
	// MaxHeaderBytes bounds the headers of a call; 0 means 16 KiB.
	MaxHeaderBytes uint32
	// MaxMessageBytes bounds a received message; 0 means 4 MiB.
	MaxMessageBytes int
	// HandshakeTimeout bounds the set-up of a connection; 0 means 5 s.
	HandshakeTimeout time.Duration
	// KeepaliveMinTime is the least time between a client's keepalive pings; a
	// client that sends them faster is disconnected. 0 means 10 s.
	KeepaliveMinTime time.Duration
	// ServerOptions come after all others, for native gRPC alone.
	ServerOptions []grpc.ServerOption

	now        func() time.Time // the clock of tokens; nil means time.Now
	loginDelay time.Duration    // first delay of repeated failures; 0 means 200 ms
	fileIdle   time.Duration    // longest pause of a transfer; 0 means 5 minutes
	storeProbe time.Duration    // between probes of the store; 0 means 5 s
	beat       time.Duration    // between signs of life for other nodes; 0 means 2 s
	poll       time.Duration    // of the store; see store.Options
	noThrottle bool             // failed logins have no consequence
	stuck      time.Duration    // see tail; 0 means 2 s
}

// Server is the reference server. Every Server must be ended by Shutdown.
type Server struct {
	cfg   Config
	log   *slog.Logger
	tls   *tls.Config // nil for plaintext
	grpc  *oneport.Server
	store *store.Store
	board *board
	files *fileServer

	presence      *presence
	chat          *chatServer
	notifications *notificationServer

	metrics *metrics
	tracing *tracing
	tail    *logTail // what LogService shows

	auth    *authenticator
	limiter *limiter // nil: no limit

	chain  []stage // what every call passes
	faults faults

	running  context.Context // ends when the shutdown begins, with stoppingError as its cause
	stop     context.CancelCauseFunc
	forced   context.Context // ends when calls under way are cut off, likewise
	force    context.CancelCauseFunc
	handlers sync.WaitGroup // of streams
	probers  sync.WaitGroup
	served   sync.WaitGroup // the goroutine of Listen

	addr     string
	shutdown func(context.Context) error
}

// New opens the store and builds the server; it does not listen yet.
func New(cfg Config) (*Server, error) {
	cfg.Version = cmp.Or(cfg.Version, "dev")
	if cfg.now == nil {
		cfg.now = time.Now
	}
	s := &Server{cfg: cfg, board: newBoard(), tail: &logTail{}}
	s.log = newLogger(cfg.Logger, s.tail)
	s.metrics = newMetrics(cfg.now)
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close(context.Background()))
	}
	s.running, s.stop = context.WithCancelCause(context.Background())
	s.forced, s.force = context.WithCancelCause(context.Background())
	s.chain = s.stages()
	var once sync.Once
	var ended error
	s.shutdown = func(ctx context.Context) error {
		once.Do(func() { ended = s.end(ctx) })
		return ended
	}
	s.grpc = s.newPort()
	s.register()
	if err := s.useFaults(); err != nil {
		return nil, errors.Join(err, s.Shutdown(context.Background()))
	}
	s.startProbers()
	s.auth.run(s.forced, s.probers.Go)
	s.probers.Go(func() { s.presence.run(s.running, cmp.Or(cfg.beat, beatInterval)) })
	return s, nil
}

// open makes the parts that may fail, or that must be closed.
func (s *Server) open() (err error) {
	if s.limiter, err = newLimiter(s.cfg.RateLimit, s.cfg.now); err != nil {
		return err
	}
	if s.tls, err = s.loadTLS(); err != nil {
		return err
	}
	s.store, err = store.Open(context.Background(), store.Options{
		Path: s.cfg.Store, Now: s.cfg.now, PollInterval: s.cfg.poll, Logger: s.log,
	})
	if err != nil {
		return err
	}
	if s.files, err = newFileServer(s.cfg, s.store); err != nil {
		return err
	}
	if s.tracing, err = newTracing(s.cfg.Tracing, s.cfg.Version, s.log); err != nil {
		return err
	}
	s.auth, err = newAuthenticator(s.cfg, s.store, s.log)
	return err
}

// close closes the parts that open made, after all that uses them has ended.
func (s *Server) close(ctx context.Context) error {
	var errs []error
	if s.presence != nil {
		s.presence.close()
	}
	if s.tracing != nil {
		errs = append(errs, s.tracing.shutdown(ctx))
	}
	if s.files != nil {
		errs = append(errs, s.files.dir.close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}

// newPort builds the server of all protocols.
func (s *Server) newPort() *oneport.Server {
	return oneport.NewServer(oneport.Config{
		TLS:               s.tls,
		UnaryInterceptor:  s.interceptUnary,
		StreamInterceptor: s.interceptStream,
		UnknownHandler:    s.unknown,
		CORSOrigins:       s.cfg.CORSOrigins,
		MaxConnections:    s.cfg.MaxConnections,
		MaxCalls:          s.cfg.MaxCalls,
		MaxStreams:        s.cfg.MaxStreams,
		MaxHeaderBytes:    s.cfg.MaxHeaderBytes,
		MaxMessageBytes:   s.cfg.MaxMessageBytes,
		HandshakeTimeout:  s.cfg.HandshakeTimeout,
		Logger:            s.log,
	}, s.options()...)
}

// loadTLS returns nil for plaintext.
func (s *Server) loadTLS() (*tls.Config, error) {
	if s.cfg.TLSConfig != nil || s.cfg.TLS.Cert == "" && s.cfg.TLS.Key == "" {
		return s.cfg.TLSConfig, nil
	}
	files := s.cfg.TLS
	files.OnReload = func(err error) {
		if err != nil {
			s.log.Error("reload certificates: those of before stay in use", "error", err)
		} else {
			s.log.Info("certificates reloaded")
		}
	}
	return oneport.LoadTLS(files)
}

// options are for native gRPC.
func (s *Server) options() []grpc.ServerOption {
	return append([]grpc.ServerOption{
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             cmp.Or(s.cfg.KeepaliveMinTime, 10*time.Second),
			PermitWithoutStream: true,
		}),
		// Finds clients that vanished without closing their connection.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		// Handlers are gone before the store is closed.
		grpc.WaitForHandlers(true),
	}, s.cfg.ServerOptions...)
}

func (s *Server) register() {
	pb.RegisterUserServiceServer(s.grpc, &userServer{store: s.store, running: s.running})
	pb.RegisterAuthServiceServer(s.grpc, newAuthServer(s.cfg, s.store, s.auth))
	pb.RegisterHealthCheckServer(s.grpc, &legacyHealthServer{board: s.board, running: s.running})
	healthpb.RegisterHealthServer(s.grpc, &healthServer{board: s.board, running: s.running})
	filepb.RegisterFileServiceServer(s.grpc, s.files)
	grpc_testing.RegisterTestServiceServer(s.grpc, &interopServer{})
	s.presence = newPresence(s.store, s.log)
	s.chat = newChatServer(s.running, s.cfg, s.store, s.presence, s.log)
	chatpb.RegisterChatServiceServer(s.grpc, s.chat)
	s.notifications = newNotificationServer(s.running, s.cfg, s.store, s.presence, s.log)
	notificationpb.RegisterNotificationServiceServer(s.grpc, s.notifications)
	telemetrypb.RegisterLogServiceServer(s.grpc, &logServer{tail: s.tail, running: s.running, now: time.Now})
	telemetrypb.RegisterMetricsServiceServer(s.grpc, &metricsServer{clients: s.metrics.clients})
	registerReflection(s.grpc)

	s.board.set("", healthpb.HealthCheckResponse_SERVING)
	for name := range s.grpc.GetServiceInfo() {
		s.board.set(name, healthpb.HealthCheckResponse_SERVING)
	}
}

// Serve accepts connections on l and closes it in the end. It returns nil after
// a Shutdown. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error {
	if a, ok := l.Addr().(*net.TCPAddr); ok && s.cfg.usesDefaultAdmin() && !a.IP.IsLoopback() {
		return errors.Join(fmt.Errorf("serve %s: default credentials are for loopback only", a), l.Close())
	}
	if err := s.grpc.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// StoreName is the Store of the Config as it may be shown: without its password.
func (s *Server) StoreName() string { return store.Redacted(s.cfg.Store) }

// SetServingStatus sets the health of a service, "" being the server as a whole,
// until it is set again. A service is shown as worse than that while a
// dependency of it fails, and after Shutdown has begun.
func (s *Server) SetServingStatus(service string, status healthpb.HealthCheckResponse_ServingStatus) {
	s.board.set(service, status)
}

// Shutdown ends the server: health turns NOT_SERVING, watches end, and calls
// under way may finish until ctx ends, when they are cut off and the context's
// error is returned. Then the store is closed. Further calls wait for the first
// and return its error.
func (s *Server) Shutdown(ctx context.Context) error {
	return s.shutdown(ctx)
}

func (s *Server) end(ctx context.Context) error {
	s.board.close()
	s.stop(stoppingError{})
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.grpc.GracefulStop()
	}()
	cut, cancel := beforeDeadline(ctx)
	defer cancel()
	var late error
	select {
	case <-drained:
	case <-cut.Done():
		late = fmt.Errorf("shut down: calls were cut off: %w", context.Cause(cut))
		s.cutOff(ctx, drained)
	}
	s.force(stoppingError{})
	s.served.Wait()
	s.handlers.Wait()
	s.probers.Wait()
	s.chat.rooms.wait()
	s.notifications.tails.wait()
	return errors.Join(late, s.close(ctx))
}

// cutOff ends the calls under way: with a status, for as long as ctx leaves time
// to send it, and then with their connections.
func (s *Server) cutOff(ctx context.Context, drained <-chan struct{}) {
	s.force(stoppingError{})
	select {
	case <-drained:
	case <-ctx.Done():
		s.grpc.Stop()
		<-drained
	}
}

// beforeDeadline returns a context that ends a little earlier than ctx.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(cutOffTime, time.Until(deadline)/4)))
}
