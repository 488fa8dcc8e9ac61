package health_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/health"
	"github.com/grpcx/grpcx/testserver"
)

func TestCheck(t *testing.T) {
	address := serveTCP(t, board(map[string]healthpb.HealthCheckResponse_ServingStatus{
		"":      healthpb.HealthCheckResponse_SERVING,
		"down":  healthpb.HealthCheckResponse_NOT_SERVING,
		"new":   healthpb.HealthCheckResponse_UNKNOWN,
		"wrong": -1,
		"odd":   1 << 30,
	}))
	c := client(t, address, health.WatchBackoff)
	for service, want := range map[string]health.Status{
		"":                 health.Serving,
		"down":             health.NotServing,
		"new":              health.Unknown,
		"wrong":            health.Unknown,
		"odd":              health.Unknown,
		"not there":        health.ServiceUnknown,
		"\x1b[2J\u202e\n!": health.ServiceUnknown,
	} {
		if got, err := c.Check(t.Context(), service); got != want || err != nil {
			t.Errorf("%q is %v, %v; want %v", service, got, err, want)
		}
	}
}

func TestCheckFails(t *testing.T) {
	for _, tc := range []struct {
		name    string
		service *fake
		timeout time.Duration
		want    error
	}{
		{"by a server without the protocol", &fake{}, patience,
			status.Error(codes.Unimplemented, "method Check not implemented")},
		{"by a server that says so", &fake{check: func(context.Context, string) (*healthpb.HealthCheckResponse, error) {
			return nil, status.Error(codes.PermissionDenied, "no")
		}}, patience, status.Error(codes.PermissionDenied, "no")},
		{"by a server that says nothing", &fake{check: func(ctx context.Context, _ string) (*healthpb.HealthCheckResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}, 50 * time.Millisecond, status.Error(codes.DeadlineExceeded, "no answer within 50ms")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			address := serveTCP(t, tc.service)
			c := client(t, address, health.WatchBackoff)
			c.Timeout = tc.timeout
			got, err := c.Check(t.Context(), "")
			if got != health.Failed || err == nil || err.Error() != tc.want.Error() {
				t.Errorf("got %v, %v; want %v", got, err, tc.want)
			}
		})
	}
}

func TestList(t *testing.T) {
	address := serveTCP(t, board(map[string]healthpb.HealthCheckResponse_ServingStatus{
		"a": healthpb.HealthCheckResponse_NOT_SERVING, "b": 99,
	}))
	got, err := client(t, address, health.WatchBackoff).List(t.Context())
	want := map[string]health.Status{"": health.Serving, "a": health.NotServing, "b": health.Unknown}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestListOfAnOlderServer(t *testing.T) {
	address := serveTCP(t, &fake{})
	if got, err := client(t, address, health.WatchBackoff).List(t.Context()); status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v, %v; want Unimplemented", got, err)
	}
}

// The reference system's own service has another package, and no service name
// in its Check.
func TestLegacy(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	server.SetServingStatus("userservice.UserService", healthpb.HealthCheckResponse_NOT_SERVING)
	c := client(t, server.Addr(), health.WatchBackoff)
	c.API = health.Legacy
	for service, want := range map[string]health.Status{
		"":                        health.Serving,
		"userservice.UserService": health.NotServing,
		"not there":               health.ServiceUnknown,
	} {
		if got, err := c.Check(t.Context(), service); got != want || err != nil {
			t.Errorf("%q is %v, %v; want %v", service, got, err, want)
		}
	}
	w := watch(t, c, "userservice.UserService")
	w.next(health.NotServing)
	server.SetServingStatus("userservice.UserService", healthpb.HealthCheckResponse_SERVING)
	w.next(health.Serving)
	w.end()
}

func TestBackoffGrowsToItsMax(t *testing.T) {
	b := health.Backoff{Max: time.Second}
	var last time.Duration
	for range 50 {
		last = b.Next()
		if last <= 0 || last > 1200*time.Millisecond {
			t.Fatalf("delay %v", last)
		}
	}
	if last < 800*time.Millisecond {
		t.Errorf("delay %v after 50 failures, want about 1s", last)
	}
	b.Reset()
	if d := b.Next(); d > 100*time.Millisecond {
		t.Errorf("first delay %v after a success", d)
	}
}

func ExampleClient_Check() {
	server, err := testserver.Listen(testserver.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Shutdown(context.Background()) }()
	cc := dial(server.Addr())
	defer func() { _ = cc.Close() }()

	c := &health.Client{Conn: cc}
	for _, service := range []string{"", "userservice.UserService", "no.Such"} {
		st, err := c.Check(context.Background(), service)
		fmt.Printf("%q %v %v\n", service, st, err)
	}
	// Output:
	// "" SERVING <nil>
	// "userservice.UserService" SERVING <nil>
	// "no.Such" SERVICE_UNKNOWN <nil>
}

func BenchmarkCheck(b *testing.B) {
	address := serveTCP(b, board(nil))
	c := client(b, address, health.WatchBackoff)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Check(b.Context(), ""); err != nil {
			b.Fatal(err)
		}
	}
}
