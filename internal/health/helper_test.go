package health_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/grpcx/grpcx/internal/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of these tests.
const patience = 10 * time.Second

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

// serve runs a server of s on address and returns where it listens and what
// kills it: every connection is cut, nothing is said.
func serve(tb testing.TB, address string, s healthpb.HealthServer) (at string, kill func()) {
	tb.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
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
	return l.Addr().String(), kill
}

// freeAddress returns an address on which nothing listens yet.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	_ = l.Close()
	return l.Addr().String()
}

// client returns one for address, which need not be listened on.
func client(tb testing.TB, address string, longest time.Duration) *health.Client {
	tb.Helper()
	cc, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(health.ConnectParams(longest)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = cc.Close() })
	return &health.Client{Conn: cc, Timeout: patience}
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

// end cancels the watch, and wants it to end at once, with nothing more to say.
func (w *watching) end() {
	w.tb.Helper()
	began := time.Now()
	w.cancel()
	err := w.wait()
	if took := time.Since(began); took > 200*time.Millisecond {
		w.tb.Errorf("the watch took %v to end", took)
	}
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
