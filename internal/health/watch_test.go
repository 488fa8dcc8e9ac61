package health_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
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
	synctest.Test(t, func(t *testing.T) {
		h := &host{tb: t}
		h.serve(&fake{watch: func(_ string, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
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
		w := watch(t, h.client(health.WatchBackoff), "")
		w.next(health.Serving)
		w.next(health.NotServing)
		w.next(health.Unknown)
		w.end()
	})
}

// The return of a server is seen soon: where it was away for long, within half of
// that time, as the delays between attempts grow by no more.
func TestWatchOutlivesTheServer(t *testing.T) {
	for _, outage := range []time.Duration{0, 300 * time.Millisecond, 1200 * time.Millisecond, 5 * time.Second} {
		t.Run(outage.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{tb: t}
				kill := h.serve(board(nil))
				w := watch(t, h.client(health.WatchBackoff), "")
				w.next(health.Serving)
				for range 2 {
					kill()
					if r := w.next(health.Unreachable); r.Err == nil {
						t.Error("unreachable without a reason")
					}
					<-time.After(outage)
					kill = h.serve(board(nil))
					back := time.Now()
					recovered := w.next(health.Serving).Time.Sub(back)
					t.Logf("away for %v, seen %v after it was back", outage, recovered)
					if recovered > outage/2+250*time.Millisecond {
						t.Errorf("recovery took %v", recovered)
					}
				}
				w.end()
			})
		})
	}
}

func TestWatchBeginsBeforeTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{tb: t}
		w := watch(t, h.client(health.WatchBackoff), "")
		w.next(health.Unreachable)
		h.serve(board(nil))
		w.next(health.Serving)
		w.end()
	})
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
	synctest.Test(t, func(t *testing.T) {
		var current, calls atomic.Int32
		current.Store(int32(serving))
		h := &host{tb: t}
		h.serve(ending(&current, &calls))
		w := watch(t, h.client(health.WatchBackoff), "")
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
	})
}

func TestWatchFallsBackToChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var current, calls atomic.Int32
		current.Store(int32(serving))
		old := &fake{check: func(context.Context, string) (*healthpb.HealthCheckResponse, error) {
			calls.Add(1)
			return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_ServingStatus(current.Load())}, nil
		}}
		h := &host{tb: t}
		kill := h.serve(old)
		w := watch(t, h.client(health.WatchBackoff), "")
		w.next(health.Serving)
		current.Store(int32(notServing))
		w.next(health.NotServing)
		kill()
		w.next(health.Unreachable)
		current.Store(int32(serving))
		kill = h.serve(old)
		w.next(health.Serving)
		kill()
		w.next(health.Unreachable)
		// The next version has Watch.
		h.serve(board(nil))
		w.next(health.Serving)
		w.end()
		if n := calls.Load(); n > 20 {
			t.Errorf("%d checks", n)
		}
	})
}

func TestWatchEndsWhenTheServerRefuses(t *testing.T) {
	for name, service := range map[string]*fake{
		"no protocol": {},
		"no rights": {watch: func(string, grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
			return status.Error(codes.Unauthenticated, "who are you")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			address := serveTCP(t, service)
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
	synctest.Test(t, func(t *testing.T) {
		var step atomic.Int32
		h := &host{tb: t}
		h.serve(&fake{watch: func(_ string, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
			if n := step.Add(1); n == 2 || n == 3 {
				return status.Error(codes.PermissionDenied, "for now")
			}
			return stream.Send(&healthpb.HealthCheckResponse{Status: serving})
		}})
		w := watch(t, h.client(health.WatchBackoff), "")
		w.next(health.Serving)
		if r := w.next(health.Failed); status.Code(r.Err) != codes.PermissionDenied {
			t.Errorf("failed with %v", r.Err)
		}
		w.next(health.Serving)
		w.end()
	})
}

func TestWatchOfASilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var silent atomic.Bool
		silent.Store(true)
		h := &host{tb: t}
		h.serve(&fake{watch: func(_ string, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
			if !silent.Load() {
				if err := stream.Send(&healthpb.HealthCheckResponse{Status: serving}); err != nil {
					return err
				}
			}
			<-stream.Context().Done()
			return nil
		}})
		c := h.client(health.WatchBackoff)
		c.Timeout = 100 * time.Millisecond
		w := watch(t, c, "")
		if r := w.next(health.Failed); r.Err == nil || status.Convert(r.Err).Message() != "no answer within 100ms" {
			t.Errorf("failed with %v", r.Err)
		}
		silent.Store(false)
		w.next(health.Serving)
		w.end()
	})
}

func TestWatchReturnsTheErrorOfTheReport(t *testing.T) {
	want := errors.New("enough")
	for name, reached := range map[string]bool{"a status": true, "no connection": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{tb: t}
				if reached {
					h.serve(board(nil))
				}
				if got := h.client(health.WatchBackoff).Watch(t.Context(), "", func(health.Report) error { return want }); !errors.Is(got, want) {
					t.Errorf("got %v", got)
				}
			})
		})
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	t.Run("before it begins", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			c := (&host{tb: t}).client(health.WatchBackoff)
			err := c.Watch(ctx, "", func(r health.Report) error { t.Errorf("report %v", r); return nil })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	})
	for _, tc := range []struct {
		name    string
		service *fake // nil: there is no server
		first   health.Status
	}{
		{"while there is no connection", nil, health.Unreachable},
		{"between two checks", &fake{check: func(context.Context, string) (*healthpb.HealthCheckResponse, error) {
			return &healthpb.HealthCheckResponse{Status: serving}, nil
		}}, health.Serving},
		{"while the server has no news", &fake{watch: func(_ string, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
			_ = stream.Send(&healthpb.HealthCheckResponse{Status: serving})
			<-stream.Context().Done()
			return nil
		}}, health.Serving},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{tb: t}
				if tc.service != nil {
					h.serve(tc.service)
				}
				w := watch(t, h.client(health.WatchBackoff), "")
				w.next(tc.first)
				synctest.Wait()
				began := time.Now()
				w.end()
				if took := time.Since(began); took > 0 {
					t.Errorf("the watch took %v to end", took)
				}
			})
		})
	}
}
