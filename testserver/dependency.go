package testserver

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
	filepb "github.com/grpcx/grpcx/testserver/proto/file"
	notificationpb "github.com/grpcx/grpcx/testserver/proto/notification"
	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// Probes in a row that it takes to change a dependency's state.
const (
	failuresToFail     = 3
	successesToRecover = 2
)

// Dependency is something that services need in order to serve: a database, an
// endpoint, or a combination of them. The services are shown
// as UNKNOWN until it was first probed, as NOT_SERVING after three failures in a
// row, and as SERVING again after two successes in a row.
type Dependency struct {
	Name string
	// Services need it; "" is the server as a whole.
	Services []string
	// Probe returns nil if all is well. It must end when its context does. Its
	// errors are logged. See HTTPProbe, AllOf and AnyOf.
	Probe func(context.Context) error
	// Interval is the time between probes, and Timeout the longest that one may
	// take; 0 means 5 s and 1 s.
	Interval, Timeout time.Duration
}

// startProbers begins to probe the store and the configured dependencies.
func (s *Server) startProbers() {
	storeDependency := Dependency{
		Name: "store",
		Services: []string{
			"", pb.UserService_ServiceDesc.ServiceName, pb.AuthService_ServiceDesc.ServiceName,
			chatpb.ChatService_ServiceDesc.ServiceName, filepb.FileService_ServiceDesc.ServiceName,
			notificationpb.NotificationService_ServiceDesc.ServiceName,
		},
		Probe:    s.store.Ping,
		Interval: s.cfg.storeProbe,
	}
	// The store was just opened, which is as good as a probe.
	s.startProber(storeDependency, healthpb.HealthCheckResponse_SERVING)
	s.startFiles()
	for _, d := range s.cfg.Dependencies {
		s.startProber(d, healthpb.HealthCheckResponse_UNKNOWN)
	}
}

func (s *Server) startProber(d Dependency, first servingStatus) {
	d.Services = slices.Clone(d.Services)
	p := &prober{Dependency: d, state: first}
	s.show(p)
	s.probers.Go(func() {
		wait := time.Duration(0)
		if first != healthpb.HealthCheckResponse_UNKNOWN {
			wait = cmp.Or(d.Interval, 5*time.Second)
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		for {
			select {
			case <-s.running.Done():
				return
			case <-timer.C:
			}
			err := p.probe(s.running)
			if s.running.Err() != nil {
				return
			}
			if p.record(err) {
				s.log.LogAttrs(s.running, slog.LevelWarn, "dependency", slog.String("name", d.Name),
					slog.String("status", p.state.String()), slog.Any("error", err))
				s.show(p)
			}
			timer.Reset(cmp.Or(d.Interval, 5*time.Second))
		}
	})
}

func (s *Server) show(p *prober) {
	for _, service := range p.Services {
		s.board.setDependency(service, p.Name, p.state)
	}
}

// prober counts the outcomes of one dependency's probes.
type prober struct {
	Dependency
	state               servingStatus
	failures, successes int // in a row
}

func (p *prober) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(p.Timeout, time.Second))
	defer cancel()
	return p.Probe(ctx)
}

// record takes in the outcome of a probe and tells whether the state changed.
// The first probe decides at once; there is no row before it.
func (p *prober) record(err error) (changed bool) {
	before := p.state
	if err == nil {
		p.failures, p.successes = 0, p.successes+1
	} else {
		p.failures, p.successes = p.failures+1, 0
	}
	switch {
	case p.successes >= successesToRecover || p.successes > 0 && before == healthpb.HealthCheckResponse_UNKNOWN:
		p.state = healthpb.HealthCheckResponse_SERVING
	case p.failures >= failuresToFail:
		p.state = healthpb.HealthCheckResponse_NOT_SERVING
	}
	return p.state != before
}
