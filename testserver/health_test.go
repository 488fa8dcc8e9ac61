package testserver

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

const (
	unknown        = healthpb.HealthCheckResponse_UNKNOWN
	serving        = healthpb.HealthCheckResponse_SERVING
	notServing     = healthpb.HealthCheckResponse_NOT_SERVING
	serviceUnknown = healthpb.HealthCheckResponse_SERVICE_UNKNOWN
)

// statusStream receives statuses from either health service.
type statusStream func() (servingStatus, error)

func watchStandard(t *testing.T, s *Server, service string) statusStream {
	t.Helper()
	w, err := healthpb.NewHealthClient(dial(t, s)).Watch(withDeadline(t), &healthpb.HealthCheckRequest{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	return func() (servingStatus, error) {
		resp, err := w.Recv()
		return resp.GetStatus(), err
	}
}

func watchLegacy(t *testing.T, s *Server, service string) statusStream {
	t.Helper()
	w, err := pb.NewHealthCheckClient(dial(t, s)).Watch(withDeadline(t), &pb.HealthCheckRequest{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	return func() (servingStatus, error) {
		resp, err := w.Recv()
		return servingStatus(resp.GetStatus()), err
	}
}

func (next statusStream) want(t *testing.T, want ...servingStatus) {
	t.Helper()
	for i, w := range want {
		if got, err := next(); err != nil || got != w {
			t.Fatalf("status %d: %v, %v, want %v", i, got, err, w)
		}
	}
}

func TestHealthCheckAndList(t *testing.T) {
	s := Start(t, Config{})
	c := healthpb.NewHealthClient(dial(t, s))
	all := []string{
		"", "userservice.UserService", "userservice.AuthService", "userservice.HealthCheck", "grpc.health.v1.Health",
		"chat.ChatService", "file.FileService", "notification.NotificationService", "telemetry.LogService", "telemetry.MetricsService",
		"grpc.testing.TestService", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
	}
	list, err := c.List(withDeadline(t), &healthpb.HealthListRequest{})
	if err != nil || len(list.GetStatuses()) != len(all) {
		t.Errorf("%v, %v", list, err)
	}
	for _, service := range all {
		if resp, err := c.Check(withDeadline(t), &healthpb.HealthCheckRequest{Service: service}); err != nil || resp.GetStatus() != serving {
			t.Errorf("%q: %v, %v", service, resp, err)
		}
		if st := list.GetStatuses()[service].GetStatus(); st != serving {
			t.Errorf("%q: listed as %v", service, st)
		}
	}
	_, err = c.Check(withDeadline(t), &healthpb.HealthCheckRequest{Service: "nope"})
	wantStatus(t, err, codes.NotFound, `"nope"`)

	legacy := pb.NewHealthCheckClient(dial(t, s))
	s.SetServingStatus("", notServing)
	if resp, err := legacy.Check(withDeadline(t), &emptypb.Empty{}); err != nil || resp.GetStatus() != pb.HealthCheckResponse_NOT_SERVING {
		t.Error(resp, err)
	}
}

func TestHealthWatchersHearEveryChangeOnce(t *testing.T) {
	for name, watch := range map[string]func(*testing.T, *Server, string) statusStream{"standard": watchStandard, "legacy": watchLegacy} {
		t.Run(name, func(t *testing.T) {
			s := Start(t, Config{})
			next, other, late := watch(t, s, ""), watch(t, s, "userservice.UserService"), watch(t, s, "later.Service")
			next.want(t, serving)
			other.want(t, serving)
			late.want(t, serviceUnknown)
			for _, st := range []servingStatus{serving, notServing, notServing, serving, unknown, serving, notServing} {
				s.SetServingStatus("", st) // faster than they are sent
			}
			s.SetServingStatus("later.Service", unknown)
			s.SetServingStatus("userservice.UserService", notServing)
			next.want(t, notServing, serving, unknown, serving, notServing)
			late.want(t, unknown)
			other.want(t, notServing)
			if err := s.Shutdown(withDeadline(t)); err != nil {
				t.Fatal(err)
			}
			late.want(t, notServing)
			for _, w := range []statusStream{next, other, late} { // those that were NOT_SERVING hear nothing new
				if _, err := w(); status.Code(err) != codes.Unavailable {
					t.Errorf("end %v", err)
				}
			}
		})
	}
}

func TestHealthWatcherLeftBehind(t *testing.T) {
	b := newBoard()
	w := b.watch("x")
	for i := range maxPendingStatuses + 1 {
		b.set("x", []servingStatus{serving, notServing}[i%2])
	}
	_, err := b.next(t.Context(), w)
	wantStatus(t, err, codes.ResourceExhausted, "watch again")
	b.unwatch(w)
	if len(b.watchers) != 0 {
		t.Error("the watcher is still on the board")
	}
}

func TestDependencies(t *testing.T) {
	var broken atomic.Bool
	probed := make(chan struct{})
	s := Start(t, Config{Dependencies: []Dependency{{
		Name: "bus", Services: []string{"", "userservice.UserService"}, Interval: time.Millisecond,
		Probe: func(ctx context.Context) error {
			select {
			case <-probed:
			case <-ctx.Done():
				return ctx.Err()
			}
			if broken.Load() {
				return errors.New("no bus")
			}
			return nil
		},
		Timeout: time.Minute,
	}}})
	overall, user := watchStandard(t, s, ""), watchStandard(t, s, "userservice.UserService")
	overall.want(t, unknown)
	user.want(t, unknown)
	close(probed)
	overall.want(t, serving)
	broken.Store(true)
	overall.want(t, notServing)
	s.SetServingStatus("", serving) // does not hide what fails
	if st, _ := s.board.status(""); st != notServing {
		t.Errorf("status %v while the dependency fails", st)
	}
	broken.Store(false)
	overall.want(t, serving)
	user.want(t, serving, notServing, serving)
	if st, _ := s.board.status("userservice.AuthService"); st != serving {
		t.Errorf("AuthService %v, though it does not need the bus", st)
	}
}

func TestProberCounts(t *testing.T) {
	fail := errors.New("down")
	p := &prober{state: unknown}
	for i, step := range []struct {
		err  error
		want servingStatus
	}{
		{fail, unknown}, {fail, unknown}, {fail, notServing}, // three in a row
		{nil, notServing}, {fail, notServing}, {nil, notServing}, {nil, serving}, // two in a row
		{fail, serving}, {fail, serving}, {nil, serving}, {fail, serving}, {fail, serving}, {fail, notServing},
	} {
		before := p.state
		if changed := p.record(step.err); p.state != step.want || changed != (p.state != before) {
			t.Fatalf("step %d: %v, changed %t, want %v", i, p.state, changed, step.want)
		}
	}
	p = &prober{state: unknown}
	if !p.record(nil) || p.state != serving {
		t.Errorf("%v after the first probe, want SERVING", p.state)
	}
}

func TestProbeTimesOut(t *testing.T) {
	p := &prober{Dependency: Dependency{Timeout: 5 * time.Millisecond, Probe: func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("probe: %w", ctx.Err())
	}}}
	if err := p.probe(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
