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
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/health"
)

// promptness is what Wait promises, from SERVING to its return.
const promptness = 200 * time.Millisecond

// waiting runs Wait, and returns the channel on which the time of its return comes.
func waiting(t *testing.T, c *health.Client, service string) <-chan time.Time {
	t.Helper()
	returned := make(chan time.Time, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	go func() {
		if _, err := c.Wait(ctx, service); err != nil {
			t.Errorf("wait: %v", err)
		}
		returned <- time.Now()
	}()
	return returned
}

// prompt wants the return within promptness from now on.
func prompt(t *testing.T, returned <-chan time.Time) {
	t.Helper()
	began := time.Now()
	if took := (<-returned).Sub(began); took > promptness {
		t.Errorf("returned %v after SERVING", took)
	}
}

func TestWaitIsPrompt(t *testing.T) {
	down := map[string]healthpb.HealthCheckResponse_ServingStatus{"": notServing}
	t.Run("serving already", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := &host{tb: t}
			h.serve(board(nil))
			prompt(t, waiting(t, h.client(health.WaitBackoff), ""))
		})
	})
	t.Run("a watched service", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h, s := &host{tb: t}, board(down)
			h.serve(s)
			returned := waiting(t, h.client(health.WaitBackoff), "")
			synctest.Wait()
			s.SetServingStatus("", serving)
			prompt(t, returned)
		})
	})
	t.Run("a service that is checked", func(t *testing.T) {
		for away := time.Duration(0); away < time.Second; away += 70 * time.Millisecond {
			synctest.Test(t, func(t *testing.T) {
				var serves atomic.Int32
				serves.Store(int32(notServing))
				h := &host{tb: t}
				h.serve(&fake{check: func(context.Context, string) (*healthpb.HealthCheckResponse, error) {
					return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_ServingStatus(serves.Load())}, nil
				}})
				returned := waiting(t, h.client(health.WaitBackoff), "")
				<-time.After(away)
				serves.Store(int32(serving))
				prompt(t, returned)
			})
		}
	})
	t.Run("a server that is not there yet", func(t *testing.T) {
		for away := time.Duration(0); away < 10*time.Second; away += 370 * time.Millisecond {
			synctest.Test(t, func(t *testing.T) {
				h := &host{tb: t}
				returned := waiting(t, h.client(health.WaitBackoff), "")
				<-time.After(away)
				h.serve(board(nil))
				prompt(t, returned)
			})
		}
	})
	t.Run("a server that restarts", func(t *testing.T) {
		for away := time.Duration(0); away < 10*time.Second; away += 370 * time.Millisecond {
			synctest.Test(t, func(t *testing.T) {
				h := &host{tb: t}
				kill := h.serve(board(down))
				returned := waiting(t, h.client(health.WaitBackoff), "")
				synctest.Wait()
				kill()
				<-time.After(away)
				h.serve(board(nil))
				prompt(t, returned)
			})
		}
	})
}

func TestWaitTellsWhatItSawLast(t *testing.T) {
	for _, tc := range []struct {
		name, service string
		reached       bool
		want          health.Status
	}{
		{"not serving", "", true, health.NotServing},
		{"unknown", "not there", true, health.ServiceUnknown},
		{"no server", "", false, health.Unreachable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{tb: t}
				if tc.reached {
					h.serve(board(map[string]healthpb.HealthCheckResponse_ServingStatus{"": notServing}))
				}
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				last, err := h.client(health.WaitBackoff).Wait(ctx, tc.service)
				if !errors.Is(err, context.DeadlineExceeded) || last.Status != tc.want || last.Service != tc.service {
					t.Errorf("got %v, %v; want %v", last, err, tc.want)
				}
				if (last.Err != nil) == tc.reached {
					t.Errorf("reason %v", last.Err)
				}
			})
		})
	}
}

func TestWaitEndsWhenTheServerRefuses(t *testing.T) {
	last, err := client(t, serveTCP(t, &fake{}), health.WaitBackoff).Wait(t.Context(), "")
	if status.Code(err) != codes.Unimplemented || !last.Time.IsZero() {
		t.Errorf("got %v, %v", last, err)
	}
}

// dial returns a connection for the examples.
func dial(address string) *grpc.ClientConn {
	cc, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(health.ConnectParams(health.WatchBackoff)))
	if err != nil {
		panic(err)
	}
	return cc
}
