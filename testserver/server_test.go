package testserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

func TestMain(m *testing.M) {
	if store := os.Getenv(storeOfNode); store != "" {
		if err := runNode(store); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// Most tests wait more than they work; the flag of a command line goes before.
	if err := flag.Set("test.parallel", "4"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// dial connects to a server of this test.
func dial(t testing.TB, s *Server, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	opts = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, opts...)
	cc, err := grpc.NewClient(s.Addr(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return cc
}

// withDeadline returns a context that keeps a failing test from hanging.
func withDeadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func wantStatus(t testing.TB, err error, code codes.Code, message string) *status.Status {
	t.Helper()
	st := status.Convert(err)
	if st.Code() != code || !strings.Contains(st.Message(), message) {
		t.Fatalf("status %v, want %v with %q", st, code, message)
	}
	return st
}

// detail returns the only detail of a status.
func detail[M proto.Message](t testing.TB, st *status.Status) M {
	t.Helper()
	var m M
	ok := false
	if d := st.Details(); len(d) == 1 {
		m, ok = d[0].(M)
	}
	if !ok {
		t.Fatalf("details %v of %v, want one %T", st.Details(), st, m)
	}
	return m
}

func TestMetadataOfEveryCall(t *testing.T) {
	s := Start(t, Config{Version: "1.2.3"})
	c := pb.NewUserServiceClient(dial(t, s))
	var header, trailer metadata.MD
	check := func(t *testing.T, wantID string) {
		t.Helper()
		if v := header.Get("server-version"); len(v) != 1 || v[0] != "1.2.3" {
			t.Errorf("server-version %q", v)
		}
		if v := header.Get("request-id"); len(v) != 1 || wantID != "" && v[0] != wantID || wantID == "" && len(v[0]) != 16 {
			t.Errorf("request-id %q, want %q", v, wantID)
		}
		if v := trailer.Get("response-time"); len(v) != 1 || !strings.HasSuffix(v[0], "ms") {
			t.Errorf("response-time %q", v)
		}
	}
	opts := []grpc.CallOption{grpc.Header(&header), grpc.Trailer(&trailer)}
	t.Run("success", func(t *testing.T) {
		if _, err := c.CreateUser(withDeadline(t), &pb.CreateUserRequest{Name: "A", Email: "a@example.com"}, opts...); err != nil {
			t.Fatal(err)
		}
		check(t, "")
	})
	// A response without initial metadata is one that clients retry.
	onlyTrailers := func(t *testing.T) {
		t.Helper()
		if len(header) != 0 {
			t.Errorf("initial metadata of a failure: %v", header)
		}
		header = trailer
	}
	t.Run("failure, with an id of the client", func(t *testing.T) {
		ctx := metadata.AppendToOutgoingContext(withDeadline(t), "x-request-id", "my-id.7")
		_, err := c.GetUser(ctx, &pb.GetUserRequest{UserId: "9"}, opts...)
		wantStatus(t, err, codes.NotFound, "user 9 not found")
		onlyTrailers(t)
		check(t, "my-id.7")
	})
	t.Run("unsound id is replaced", func(t *testing.T) {
		ctx := metadata.AppendToOutgoingContext(withDeadline(t), "request-id", "a b")
		_, err := c.GetUser(ctx, &pb.GetUserRequest{UserId: "9"}, opts...)
		wantStatus(t, err, codes.NotFound, "")
		onlyTrailers(t)
		check(t, "")
	})
	t.Run("stream", func(t *testing.T) {
		stream, err := c.StreamUsers(withDeadline(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		header, _ = stream.Header()
		trailer = stream.Trailer()
		check(t, "")
	})
}

func TestLogAndRecovery(t *testing.T) {
	var log syncBuffer
	s, err := New(Config{Auth: AuthOff, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(withDeadline(t))
	ctx := metadata.NewIncomingContext(withDeadline(t), metadata.Pairs("authorization", "Bearer tok3n", "x-api-key", "k3y"))
	handle := func(h func(context.Context) error) error {
		ctx := grpc.NewContextWithServerTransportStream(ctx, discardStream{})
		return s.handle(ctx, &call{method: "/pkg.Service/Method"}, h)
	}
	wantStatus(t, handle(func(context.Context) error { panic("boom") }), codes.Internal, "internal error")
	wantStatus(t, handle(func(context.Context) error { return errors.New("disk on fire") }), codes.Internal, "internal error")
	wantStatus(t, handle(func(context.Context) error { return status.Error(codes.NotFound, "ada@example.com") }), codes.NotFound, "")
	got := log.String()
	for _, want := range []string{"panic=boom", "cause=\"disk on fire\"", "code=NotFound", "method=/pkg.Service/Method", "authorization"} {
		if !strings.Contains(got, want) {
			t.Errorf("log lacks %q:\n%s", want, got)
		}
	}
	for _, secret := range []string{"tok3n", "k3y", "ada@example.com"} {
		if strings.Contains(got, secret) {
			t.Errorf("log has %q:\n%s", secret, got)
		}
	}
}

// syncBuffer is a buffer that several goroutines may write to.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// discardStream takes the metadata of a call that has no transport.
type discardStream struct{}

func (discardStream) Method() string               { return "" }
func (discardStream) SetHeader(metadata.MD) error  { return nil }
func (discardStream) SendHeader(metadata.MD) error { return nil }
func (discardStream) SetTrailer(metadata.MD) error { return nil }

func TestLimits(t *testing.T) {
	t.Parallel()
	s := Start(t, Config{MaxStreams: 2, MaxHeaderBytes: 2000, MaxMessageBytes: 1000})
	cc := dial(t, s)
	c := pb.NewUserServiceClient(cc)
	t.Run("message size", func(t *testing.T) {
		_, err := c.GetUser(withDeadline(t), &pb.GetUserRequest{UserId: strings.Repeat("9", 1001)})
		wantStatus(t, err, codes.ResourceExhausted, "larger than max")
	})
	t.Run("header size", func(t *testing.T) {
		ctx := metadata.AppendToOutgoingContext(withDeadline(t), "big", strings.Repeat("x", 3000))
		if _, err := c.GetUser(ctx, &pb.GetUserRequest{UserId: "9"}); status.Code(err) == codes.NotFound {
			t.Error("the server took 3000 bytes of headers")
		}
	})
	t.Run("streams of a connection", func(t *testing.T) {
		ctx, cancel := context.WithCancel(withDeadline(t))
		defer cancel()
		for range 2 {
			w, err := c.WatchUser(ctx, &pb.WatchUserRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		short, done := context.WithTimeout(ctx, 100*time.Millisecond)
		defer done()
		_, err := c.GetUser(short, &pb.GetUserRequest{UserId: "9"})
		wantStatus(t, err, codes.DeadlineExceeded, "")
	})
}

func TestGzip(t *testing.T) {
	c := grpc_testing.NewTestServiceClient(dial(t, Start(t, Config{})))
	resp, err := c.UnaryCall(withDeadline(t), &grpc_testing.SimpleRequest{ResponseSize: 100_000}, grpc.UseCompressor(gzip.Name))
	if err != nil || len(resp.GetPayload().GetBody()) != 100_000 {
		t.Errorf("%d bytes, %v", len(resp.GetPayload().GetBody()), err)
	}
}

func TestTLSConfig(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	s := Start(t, Config{TLSConfig: &tls.Config{Certificates: web.TLS.Certificates}})
	pool := x509.NewCertPool()
	pool.AddCert(web.Certificate())
	roots := &tls.Config{RootCAs: pool, ServerName: "example.com", MinVersion: tls.VersionTLS12}
	cc := dial(t, s, grpc.WithTransportCredentials(credentials.NewTLS(roots)))
	if _, err := healthpb.NewHealthClient(cc).Check(withDeadline(t), &healthpb.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"short signing key": {SigningKey: []byte("short")},
		"tiny token time":   {AccessTTL: time.Millisecond},
		"bad store":         {Store: filepath.Join(t.TempDir(), "no", "such.db")},
	} {
		if s, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
			_ = s.Shutdown(withDeadline(t))
		}
	}
}

func TestDefaultAdminOnlyOnLoopback(t *testing.T) {
	for name, c := range map[string]struct {
		cfg     Config
		refused bool
	}{
		"default password": {Config{DefaultAdmin: true}, true},
		"own password":     {Config{DefaultAdmin: true, AdminPassword: "s3cret"}, false},
		"nobody":           {Config{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- s.Serve(elsewhere{l}) }()
			if c.refused {
				if err := <-served; err == nil || !strings.Contains(err.Error(), "loopback") {
					t.Errorf("error %v", err)
				}
				served <- nil
			}
			if err := s.Shutdown(withDeadline(t)); err != nil {
				t.Error(err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// elsewhere is a listener that says it listens on all addresses.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 1} }

func TestShutdown(t *testing.T) {
	t.Parallel()
	t.Run("watches end and health is told first", func(t *testing.T) {
		s := Start(t, Config{})
		cc := dial(t, s)
		health, err := healthpb.NewHealthClient(cc).Watch(withDeadline(t), &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := health.Recv(); err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Fatal(resp, err)
		}
		users, err := pb.NewUserServiceClient(cc).WatchUser(withDeadline(t), &pb.WatchUserRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := users.Recv(); err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(withDeadline(t)); err != nil { // at the deadline, if a watch did not end
			t.Error(err)
		}
		if resp, err := health.Recv(); err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
			t.Errorf("%v, %v, want NOT_SERVING", resp, err)
		}
		_, err = health.Recv()
		wantStatus(t, err, codes.Unavailable, "shutting down")
		_, err = users.Recv()
		wantStatus(t, err, codes.Unavailable, "shutting down")
		if err := s.Shutdown(withDeadline(t)); err != nil {
			t.Errorf("second shutdown: %v", err)
		}
	})
	t.Run("calls under way finish", func(t *testing.T) {
		s := Start(t, Config{})
		c := grpc_testing.NewTestServiceClient(dial(t, s))
		stream, err := c.StreamingOutputCall(withDeadline(t), &grpc_testing.StreamingOutputCallRequest{
			ResponseParameters: []*grpc_testing.ResponseParameters{{Size: 1}, {Size: 2, IntervalUs: 200_000}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(withDeadline(t)); err != nil {
			t.Error(err)
		}
		if resp, err := stream.Recv(); err != nil || len(resp.GetPayload().GetBody()) != 2 {
			t.Errorf("%v, %v, want the second response", resp, err)
		}
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
	t.Run("calls that do not end are cut off", func(t *testing.T) {
		s := Start(t, Config{})
		stream, err := grpc_testing.NewTestServiceClient(dial(t, s)).FullDuplexCall(withDeadline(t))
		if err != nil {
			t.Fatal(err)
		}
		one := &grpc_testing.StreamingOutputCallRequest{ResponseParameters: []*grpc_testing.ResponseParameters{{Size: 1}}}
		if err := stream.Send(one); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the deadline", err)
		}
		if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
			t.Errorf("error %v", err)
		}
	})
	t.Run("never served", func(t *testing.T) {
		s, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(withDeadline(t)); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		s, err := New(Config{DefaultAdmin: true})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Shutdown(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetUser(b *testing.B) {
	c := pb.NewUserServiceClient(dial(b, Start(b, Config{})))
	if _, err := c.CreateUser(b.Context(), &pb.CreateUserRequest{Name: "A", Email: "a@example.com"}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.GetUser(b.Context(), &pb.GetUserRequest{UserId: "1"}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestStoreName(t *testing.T) {
	s := Start(t, Config{Store: "memory"})
	if got := s.StoreName(); got != "memory" {
		t.Errorf("name %q", got)
	}
	_, err := New(Config{Store: "postgres://ada:s3cret@127.0.0.1:1/db?sslmode=nonsense"})
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}
