package health_test

import (
	"context"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"

	"github.com/grpcx/grpcx/internal/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of these tests.
const patience = time.Minute

// fake is a health service whose methods a test supplies; nil is Unimplemented.
type fake struct {
	healthpb.UnimplementedHealthServer
	check func(context.Context, string) (*healthpb.HealthCheckResponse, error)
	watch func(string, grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error
}

func (f *fake) Check(ctx context.Context, req *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if f.check == nil {
		return f.UnimplementedHealthServer.Check(ctx, req)
	}
	return f.check(ctx, req.GetService())
}

func (f *fake) Watch(req *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	if f.watch == nil {
		return f.UnimplementedHealthServer.Watch(req, stream)
	}
	return f.watch(req.GetService(), stream)
}

// serve runs a server of s on l, until the test ends or kill is called: every
// connection is cut, nothing is said.
func serve(tb testing.TB, l net.Listener, s healthpb.HealthServer) (kill func()) {
	tb.Helper()
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, s)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	kill = sync.OnceFunc(func() {
		server.Stop()
		<-served
	})
	tb.Cleanup(kill)
	return kill
}

// serveTCP runs a server of s and returns where it listens.
func serveTCP(tb testing.TB, s healthpb.HealthServer) (address string) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	serve(tb, l, s)
	return l.Addr().String()
}

// client returns one for address.
func client(tb testing.TB, address string, longest time.Duration, o ...grpc.DialOption) *health.Client {
	tb.Helper()
	cc, err := grpc.NewClient("passthrough:///"+address, append(o,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(health.ConnectParams(longest)))...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = cc.Close() })
	return &health.Client{Conn: cc, Timeout: patience}
}

// host is an address in memory, for tests whose time is that of a bubble of
// [synctest]: what they measure is what health waits for, on any machine. It
// refuses connections unless something serves.
type host struct {
	tb testing.TB
	mu sync.Mutex
	l  *bufconn.Listener
}

// serve begins to accept connections, until killed.
func (h *host) serve(s healthpb.HealthServer) (kill func()) {
	h.tb.Helper()
	l := bufconn.Listen(64 << 10)
	h.mu.Lock()
	h.l = l
	h.mu.Unlock()
	return serve(h.tb, l, s)
}

func (h *host) dial(ctx context.Context, _ string) (net.Conn, error) {
	h.mu.Lock()
	l := h.l
	h.mu.Unlock()
	if l == nil {
		return nil, syscall.ECONNREFUSED
	}
	return l.DialContext(ctx)
}

func (h *host) client(longest time.Duration) *health.Client {
	h.tb.Helper()
	return client(h.tb, "host", longest, grpc.WithContextDialer(h.dial))
}

// board is grpc-go's health service.
func board(statuses map[string]healthpb.HealthCheckResponse_ServingStatus) *grpchealth.Server {
	s := grpchealth.NewServer()
	for service, st := range statuses {
		s.SetServingStatus(service, st)
	}
	return s
}

// watching is a Watch that runs in the background.
type watching struct {
	tb      testing.TB
	reports chan health.Report
	ended   chan error
	cancel  context.CancelFunc
}

func watch(tb testing.TB, c *health.Client, service string) *watching {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watching{tb: tb, reports: make(chan health.Report, 100), ended: make(chan error, 1), cancel: cancel}
	go func() {
		w.ended <- c.Watch(ctx, service, func(r health.Report) error {
			w.reports <- r
			return nil
		})
		close(w.reports)
	}()
	tb.Cleanup(func() {
		cancel()
		// The channel is closed when the watch has ended.
		for range w.reports {
		}
	})
	return w
}

// next wants the next report to be of status want.
func (w *watching) next(want health.Status) health.Report {
	w.tb.Helper()
	select {
	case r, ok := <-w.reports:
		if !ok {
			w.tb.Fatalf("the watch ended with %v, want %v", <-w.ended, want)
		}
		if r.Status != want {
			w.tb.Fatalf("report %v (%v), want %v", r.Status, r.Err, want)
		}
		return r
	case <-time.After(patience):
		w.tb.Fatalf("no report, want %v", want)
	}
	return health.Report{}
}

// end cancels the watch, and wants it to end with nothing more to say.
func (w *watching) end() {
	w.tb.Helper()
	w.cancel()
	err := w.wait()
	if err != context.Canceled { //nolint:errorlint // the very cause
		w.tb.Errorf("the watch ended with %v", err)
	}
	for r := range w.reports {
		w.tb.Errorf("one report too many: %v (%v)", r.Status, r.Err)
	}
}

func (w *watching) wait() error {
	w.tb.Helper()
	select {
	case err := <-w.ended:
		return err
	case <-time.After(patience):
		w.tb.Fatal("the watch does not end")
		return nil
	}
}
