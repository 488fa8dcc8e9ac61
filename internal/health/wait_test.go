package health_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
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

// prompt measures the time from since to the return, and wants it small.
func prompt(t *testing.T, what string, latencies []time.Duration) {
	t.Helper()
	slices.Sort(latencies)
	t.Logf("%s: median %v, worst %v of %d", what, latencies[len(latencies)/2], latencies[len(latencies)-1], len(latencies))
	if worst := latencies[len(latencies)-1]; worst > promptness {
		t.Errorf("%s: returned %v after SERVING", what, worst)
	}
}

func TestWaitIsPrompt(t *testing.T) {
	t.Parallel()
	t.Run("serving already", func(t *testing.T) {
		address, _ := serve(t, "127.0.0.1:0", board(nil))
		began := time.Now()
		prompt(t, "serving already", []time.Duration{(<-waiting(t, client(t, address, health.WaitBackoff), "")).Sub(began)})
	})
	t.Run("a watched service", func(t *testing.T) {
		t.Parallel()
		var all []time.Duration
		for range 10 {
			s := board(map[string]healthpb.HealthCheckResponse_ServingStatus{"s": notServing})
			watched := make(chan struct{})
			address, _ := serve(t, "127.0.0.1:0", &fake{watch: func(service string, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
				close(watched)
				return s.Watch(&healthpb.HealthCheckRequest{Service: service}, stream)
			}})
			returned := waiting(t, client(t, address, health.WaitBackoff), "s")
			<-watched
			s.SetServingStatus("s", serving)
			began := time.Now()
			all = append(all, (<-returned).Sub(began))
		}
		prompt(t, "a watched service", all)
	})
	t.Run("a service that is checked", func(t *testing.T) {
		t.Parallel()
		var all []time.Duration
		for range 10 {
			var serves atomic.Int32
			serves.Store(int32(notServing))
			checked := make(chan struct{}, 1000)
			address, _ := serve(t, "127.0.0.1:0", &fake{check: func(context.Context, string) (*healthpb.HealthCheckResponse, error) {
				checked <- struct{}{}
				return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_ServingStatus(serves.Load())}, nil
			}})
			returned := waiting(t, client(t, address, health.WaitBackoff), "")
			<-checked
			<-checked
			serves.Store(int32(serving))
			began := time.Now()
			all = append(all, (<-returned).Sub(began))
		}
		prompt(t, "a service that is checked", all)
	})
	t.Run("a server that is not there yet", func(t *testing.T) {
		t.Parallel()
		var all []time.Duration
		for i := range 6 {
			address := freeAddress(t)
			returned := waiting(t, client(t, address, health.WaitBackoff), "")
			<-time.After(time.Duration(i) * 110 * time.Millisecond)
			began := time.Now()
			serve(t, address, board(nil))
			all = append(all, (<-returned).Sub(began))
		}
		prompt(t, "a server that is not there yet", all)
	})
	t.Run("a server that restarts", func(t *testing.T) {
		t.Parallel()
		var all []time.Duration
		for range 5 {
			down := board(map[string]healthpb.HealthCheckResponse_ServingStatus{"": notServing})
			address, kill := serve(t, "127.0.0.1:0", down)
			returned := waiting(t, client(t, address, health.WaitBackoff), "")
			kill()
			<-time.After(400 * time.Millisecond)
			began := time.Now()
			serve(t, address, board(nil))
			all = append(all, (<-returned).Sub(began))
		}
		prompt(t, "a server that restarts", all)
	})
}

func TestWaitTellsWhatItSawLast(t *testing.T) {
	down, _ := serve(t, "127.0.0.1:0", board(map[string]healthpb.HealthCheckResponse_ServingStatus{"": notServing}))
	for _, tc := range []struct {
		name, address, service string
		want                   health.Status
	}{
		{"not serving", down, "", health.NotServing},
		{"unknown", down, "not there", health.ServiceUnknown},
		{"no server", freeAddress(t), "", health.Unreachable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			last, err := client(t, tc.address, health.WaitBackoff).Wait(ctx, tc.service)
			if !errors.Is(err, context.DeadlineExceeded) || last.Status != tc.want || last.Service != tc.service {
				t.Errorf("got %v, %v; want %v", last, err, tc.want)
			}
			if (last.Err != nil) != (tc.want == health.Unreachable) {
				t.Errorf("reason %v", last.Err)
			}
		})
	}
}

func TestWaitEndsWhenTheServerRefuses(t *testing.T) {
	address, _ := serve(t, "127.0.0.1:0", &fake{})
	last, err := client(t, address, health.WaitBackoff).Wait(t.Context(), "")
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
