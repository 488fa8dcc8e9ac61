package testserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// faults are those of each method, by "/package.Service/Method", in the order of
// the configuration.
type faults map[string][]*methodFault

// methodFault is a fault at one method.
type methodFault struct {
	*sharedFault
	// requests and responses say which of them are streamed.
	requests, responses bool
}

// sharedFault is a fault with what its methods have in common.
type sharedFault struct {
	Fault
	failure error

	mu     sync.Mutex
	random func() float64 // in [0,1); called with mu held
	struck int            // calls
}

// newFaults resolves the methods that the faults name. random is the source of
// chance of those without a seed.
func newFaults(configured []Fault, services map[string]grpc.ServiceInfo, random func() float64) (faults, error) {
	all := faults{}
	for _, f := range configured {
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("fault %q: %w", f.Method, err)
		}
		shared := &sharedFault{Fault: f, failure: f.failure(), random: random}
		if f.Seed != 0 {
			shared.random = rand.New(rand.NewPCG(f.Seed, 0)).Float64 //nolint:gosec // chance that can be repeated, not a secret
		}
		if err := all.add(shared, services); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// add enters the fault at every method that it names.
func (all faults) add(f *sharedFault, services map[string]grpc.ServiceInfo) error {
	wanted, method, single := strings.Cut(strings.TrimPrefix(f.Method, "/"), "/")
	found := false
	for service, info := range services {
		if wanted != service && (wanted != "*" || isProbed(service)) {
			continue
		}
		for _, m := range info.Methods {
			if single && m.Name != method {
				continue
			}
			if single && f.After > 0 && !m.IsClientStream && !m.IsServerStream {
				return fmt.Errorf("fault %s: after: the method streams neither requests nor responses", f.Method)
			}
			found = true
			full := "/" + service + "/" + m.Name
			all[full] = append(all[full], &methodFault{f, m.IsClientStream, m.IsServerStream})
		}
	}
	if !found {
		return fmt.Errorf("fault %s: the server has no such method; it has %s", f.Method, known(wanted, services))
	}
	return nil
}

// isProbed reports whether "*" leaves the service out: with it, nothing would
// find out what the server is and whether it runs.
func isProbed(service string) bool {
	return strings.HasPrefix(service, "grpc.health.") || strings.HasPrefix(service, "grpc.reflection.")
}

// known lists the methods of the service, or else the services.
func known(service string, services map[string]grpc.ServiceInfo) string {
	var names []string
	for _, m := range services[service].Methods {
		names = append(names, m.Name)
	}
	if names == nil {
		for name := range services {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// failure is the error of calls that fail, nil if none does.
func (f *Fault) failure() error {
	if f.Code == codes.OK {
		return nil
	}
	message := cmp.Or(f.Message, "injected fault")
	if f.RetryAfter == 0 {
		return status.Error(f.Code, message)
	}
	return withDetails(f.Code, message, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.RetryAfter)})
}

// draw decides what befalls a call.
func (f *methodFault) draw() (delay time.Duration, failure error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Times > 0 && f.struck == f.Times {
		return 0, nil
	}
	if f.Delay > 0 && f.random() < cmp.Or(f.DelayChance, 1) {
		delay = f.Delay
	}
	reached := f.After == 0 || f.requests || f.responses
	if f.failure != nil && reached && f.random() < cmp.Or(f.Chance, 1) {
		failure = f.failure
	}
	if delay != 0 || failure != nil {
		f.struck++
	}
	return delay, failure
}

// strike delays or fails the call, or has it fail later.
func (f *methodFault) strike(ctx context.Context, c *call, log *slog.Logger) error {
	delay, failure := f.draw()
	if delay == 0 && failure == nil {
		return nil
	}
	id, _ := ctx.Value(requestIDKey{}).(string)
	log.LogAttrs(ctx, slog.LevelInfo, "fault", slog.String("method", c.method), slog.String("fault", f.String()),
		slog.Duration("delay", delay), slog.String("code", status.Code(failure).String()), slog.String("request_id", id))
	if err := pause(ctx, delay); err != nil || failure == nil {
		return err
	}
	if f.RetryAfter > 0 {
		pushback := strconv.FormatInt(f.RetryAfter.Milliseconds(), 10)
		if err := grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", pushback)); err != nil {
			return err
		}
	}
	if f.After == 0 {
		return failure
	}
	f.breakOff(c, failure)
	return nil
}

// breakOff ends the call when After messages have passed. The hooks of one
// direction run one at a time.
func (f *methodFault) breakOff(c *call, failure error) {
	passed := 0
	count := func() {
		if passed++; passed == f.After {
			c.interrupt(&brokenOff{failure})
		}
	}
	if f.responses {
		c.onSend(func(any) { count() })
		return
	}
	c.onReceive(func(any) error {
		count()
		return nil
	})
}

// brokenOff is the cause of an interruption by a fault.
type brokenOff struct{ error }

func (e *brokenOff) Unwrap() error              { return e.error }
func (e *brokenOff) GRPCStatus() *status.Status { return status.Convert(e.error) }

// pause waits for d or until ctx ends, and returns its cause then.
func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// useFaults makes ready what the configuration has the server do wrong.
func (s *Server) useFaults() (err error) {
	s.faults, err = newFaults(s.cfg.Faults, s.grpc.GetServiceInfo(), rand.Float64)
	if err != nil {
		return err
	}
	for _, f := range s.cfg.Faults {
		s.log.LogAttrs(s.running, slog.LevelWarn, "faults are injected", slog.String("fault", f.String()))
	}
	return nil
}

// faulted does wrong what the configuration asks for.
func (s *Server) faulted(ctx context.Context, c *call, next func(context.Context) error) error {
	for _, f := range s.faults[c.method] {
		if err := f.strike(ctx, c, s.log); err != nil {
			return err
		}
	}
	err := next(ctx)
	if broken, ok := errors.AsType[*brokenOff](context.Cause(ctx)); ok {
		return broken.error // whatever the handler makes of its interruption
	}
	return err
}
