package health_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/health"
	"github.com/grpcx/grpcx/testserver"
)

const (
	serving    = healthpb.HealthCheckResponse_SERVING
	notServing = healthpb.HealthCheckResponse_NOT_SERVING
)

func TestWatchReportsEachChangeOnce(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	w := watch(t, client(t, server.Addr(), health.WatchBackoff), "s")
	w.next(health.ServiceUnknown)
	for range 5 {
		server.SetServingStatus("s", serving)
		server.SetServingStatus("s", serving)
		w.next(health.Serving)
		server.SetServingStatus("s", notServing)
		w.next(health.NotServing)
	}
	w.end()
}

func TestWatchOfAServerThatRepeatsItself(t *testing.T) {
	address, _ := serve(t, "127.0.0.1:0", &fake{watch: func(_ string, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
		for _, st := range []healthpb.HealthCheckResponse_ServingStatus{serving, notServing, 77} {
			for range 5000 {
				if err := stream.Send(&healthpb.HealthCheckResponse{Status: st}); err != nil {
					return err
				}
			}
		}
		<-stream.Context().Done()
		return nil
	}})
	w := watch(t, client(t, address, health.WatchBackoff), "")
	w.next(health.Serving)
	w.next(health.NotServing)
	w.next(health.Unknown)
	w.end()
}

// The server is killed, and comes back on the same port after an outage that
// the test holds for a while.
func TestWatchOutlivesTheServer(t *testing.T) {
	t.Parallel()
	for _, outage := range []time.Duration{0, 300 * time.Millisecond, 1200 * time.Millisecond} {
		t.Run(outage.String(), func(t *testing.T) {
			t.Parallel()
			address, kill := serve(t, "127.0.0.1:0", board(nil))
			w := watch(t, client(t, address, health.WatchBackoff), "")
			w.next(health.Serving)
			for range 2 {
				kill()
				r := w.next(health.Unreachable)
				if r.Err == nil {
					t.Error("unreachable without a reason")
				}
				<-time.After(outage)
				_, kill = serve(t, address, board(nil))
				back := time.Now()
				recovered := w.next(health.Serving).Time.Sub(back)
				t.Logf("away for %v, seen %v after it was back", outage, recovered)
				if recovered > 500*time.Millisecond {
					t.Errorf("recovery took %v", recovered)
				}
			}
			w.end()
		})
	}
}

func TestWatchBeginsBeforeTheServer(t *testing.T) {
	address := freeAddress(t)
	w := watch(t, client(t, address, health.WatchBackoff), "")
	w.next(health.Unreachable)
	serve(t, address, board(nil))
	w.next(health.Serving)
	w.end()
}

func TestWatchOfAServerThatShutsDownGracefully(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	w := watch(t, client(t, server.Addr(), health.WatchBackoff), "")
	w.next(health.Serving)
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	w.next(health.NotServing)
	w.next(health.Unreachable)
	w.end()
}

// ending answers each watch once and ends it.
func ending(current *atomic.Int32, calls *atomic.Int32) *fake {
	return &fake{watch: func(_ string, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
		calls.Add(1)
		return stream.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_ServingStatus(current.Load())})
	}}
}

func TestWatchWhereTheServerEndsTheStream(t *testing.T) {
	t.Parallel()
	var current, calls atomic.Int32
	current.Store(int32(serving))
	address, _ := serve(t, "127.0.0.1:0", ending(&current, &calls))
	w := watch(t, client(t, address, health.WatchBackoff), "")
	w.next(health.Serving)
	for range 3 {
		current.Store(int32(notServing))
		w.next(health.NotServing)
		current.Store(int32(serving))
		w.next(health.Serving)
	}
	w.end()
	if n := calls.Load(); n > 100 {
		t.Errorf("%d calls: the watch does not pace itself", n)
	}
}

func TestWatchFallsBackToChecks(t *testing.T) {
	t.Parallel()
	var current, calls atomic.Int32
	current.Store(int32(serving))
	old := &fake{check: func(context.Context, string) (*healthpb.HealthCheckResponse, error) {
		calls.Add(1)
		return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_ServingStatus(current.Load())}, nil
	}}
	address, kill := serve(t, "127.0.0.1:0", old)
	w := watch(t, client(t, address, health.WatchBackoff), "")
	w.next(health.Serving)
	current.Store(int32(notServing))
	w.next(health.NotServing)
	kill()
	w.next(health.Unreachable)
	current.Store(int32(serving))
	_, kill = serve(t, address, old)
	w.next(health.Serving)
	kill()
	w.next(health.Unreachable)
	// The next version has Watch.
	serve(t, address, board(nil))
	w.next(health.Serving)
	w.end()
	if n := calls.Load(); n > 20 {
		t.Errorf("%d checks", n)
	}
}

func TestWatchEndsWhenTheServerRefuses(t *testing.T) {
	for name, service := range map[string]*fake{
		"no protocol": {},
		"no rights": {watch: func(string, grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
			return status.Error(codes.Unauthenticated, "who are you")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, "127.0.0.1:0", service)
			w := watch(t, client(t, address, health.WatchBackoff), "")
			if err := w.wait(); status.Code(err) != codes.Unimplemented && status.Code(err) != codes.Unauthenticated {
				t.Errorf("ended with %v", err)
			}
			for r := range w.reports {
				t.Errorf("report %v", r)
			}
		})
	}
}

// A proxy may refuse for a while what it let through before.
func TestWatchLivesThroughLaterRefusals(t *testing.T) {
	var step atomic.Int32
	address, _ := serve(t, "127.0.0.1:0", &fake{watch: func(_ string, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
		if n := step.Add(1); n == 2 || n == 3 {
			return status.Error(codes.PermissionDenied, "for now")
		}
		return stream.Send(&healthpb.HealthCheckResponse{Status: serving})
	}})
	w := watch(t, client(t, address, health.WatchBackoff), "")
	w.next(health.Serving)
	if r := w.next(health.Failed); status.Code(r.Err) != codes.PermissionDenied {
		t.Errorf("failed with %v", r.Err)
	}
	w.next(health.Serving)
	w.end()
}

func TestWatchOfASilentServer(t *testing.T) {
	var silent atomic.Bool
	silent.Store(true)
	address, _ := serve(t, "127.0.0.1:0", &fake{watch: func(_ string, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
		if !silent.Load() {
			if err := stream.Send(&healthpb.HealthCheckResponse{Status: serving}); err != nil {
				return err
			}
		}
		<-stream.Context().Done()
		return nil
	}})
	c := client(t, address, health.WatchBackoff)
	c.Timeout = 100 * time.Millisecond
	w := watch(t, c, "")
	if r := w.next(health.Failed); r.Err == nil || status.Convert(r.Err).Message() != "no answer within 100ms" {
		t.Errorf("failed with %v", r.Err)
	}
	silent.Store(false)
	w.next(health.Serving)
	w.end()
}

func TestWatchReturnsTheErrorOfTheReport(t *testing.T) {
	address, _ := serve(t, "127.0.0.1:0", board(nil))
	want := errors.New("enough")
	for name, at := range map[string]string{"a status": address, "no connection": freeAddress(t)} {
		t.Run(name, func(t *testing.T) {
			c := client(t, at, health.WatchBackoff)
			if got := c.Watch(t.Context(), "", func(health.Report) error { return want }); !errors.Is(got, want) {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	t.Run("before it begins", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c := client(t, freeAddress(t), health.WatchBackoff)
		err := c.Watch(ctx, "", func(r health.Report) error { t.Errorf("report %v", r); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("while there is no connection", func(t *testing.T) {
		w := watch(t, client(t, freeAddress(t), health.WatchBackoff), "")
		w.next(health.Unreachable)
		w.end()
	})
}
