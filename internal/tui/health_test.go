package tui

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/testserver"
)

// TestServerGone holds that the header does not call a server connected whose
// calls say that it is not there, though it tells nothing of its health.
func TestServerGone(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	s := newTerminal(t, config(t, server.Addr()), 80, 24)
	s.see("● connected")
	s.open("grpc.testing.TestService/EmptyCall")
	s.press("ctrl+s")
	s.see("✓ OK")
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // without grace, as the reflection stream goes on
	_ = server.Shutdown(ctx)
	s.press("ctrl+s")
	s.see("✗ UNAVAILABLE  plaintext")
}

// TestLongAddress holds that the health of the server is seen whatever its address.
func TestLongAddress(t *testing.T) {
	cfg := config(t, "grpc://a-server.with-a-long-name.example.com:50051")
	cfg.Connect = func(context.Context, Target) (*Session, error) { return nil, errors.New("refused") }
	s := newTerminal(t, cfg, 40, 10)
	s.see("grpcx  grpc://a-serve…  ✗ not connected")
}

// TestFilesBesideKeptRequests holds that enter offers schema files where it says
// so, whatever the list has that is out of sight.
func TestFilesBesideKeptRequests(t *testing.T) {
	cfg := config(t, "127.0.0.1:1")
	cfg.Connect = func(context.Context, Target) (*Session, error) {
		return &Session{Close: func() {}}, fmt.Errorf("%w: %w", describe.ErrNoReflection, status.Error(codes.Unimplemented, "unknown service"))
	}
	s := newTerminal(t, cfg, 80, 24)
	s.see("enter  choose .proto files")
	s.m.tree.setSection(savedSection, []kept{{name: "One"}})
	s.press("enter")
	s.see("Schema from ")
}

// TestHealthOfServices holds that the services are watched while their health is
// shown, that each change is told once, and that neither a service that the server
// has no state for nor one that cannot be reached is a change of its own.
func TestHealthOfServices(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	cfg := config(t, server.Addr())
	said := map[string]chan Health{}
	var mu sync.Mutex
	of := func(service string) chan Health {
		mu.Lock()
		defer mu.Unlock()
		if said[service] == nil {
			said[service] = make(chan Health)
		}
		return said[service]
	}
	ended := make(chan string, 64)
	cfg.Connect = func(ctx context.Context, target Target) (*Session, error) {
		session, err := connectPlain(ctx, target)
		if session != nil {
			session.Health = func(ctx context.Context, service string, report func(Health)) error {
				defer func() { ended <- service }()
				for {
					select {
					case h := <-of(service):
						report(h)
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			}
		}
		return session, err
	}
	serving := Health{State: "SERVING", Serving: true, Reached: true}
	s := newTerminal(t, cfg, 80, 24)
	s.see("chat.ChatService")
	of("") <- serving
	s.see("● SERVING")
	s.press("H")
	s.see("chat.ChatService                          …")
	of("chat.ChatService") <- serving
	of("file.FileService") <- Health{State: "SERVICE_UNKNOWN", Reached: true, Unknown: true}
	s.see("file.FileService                          SERVICE_UNKNOWN")
	s.see("chat.ChatService                          SERVING")
	for _, h := range []Health{{State: "UNREACHABLE"}, serving, {State: "NOT_SERVING", Reached: true}} {
		of("chat.ChatService") <- h
		s.see("chat.ChatService                          " + h.State)
	}
	log := func() (lines []string) {
		for _, change := range s.m.healthLog {
			lines = append(lines, change.subject+" "+change.state)
		}
		return lines
	}
	if diff := cmp.Diff([]string{"the server SERVING", "chat.ChatService NOT_SERVING"}, log()); diff != "" {
		t.Error(diff)
	}
	s.press("esc")
	for range s.m.tree.services {
		if service := <-ended; service == "" {
			t.Error("the watch of the server has ended too")
		}
	}
	s.press("H")
	s.see("05:06:07  chat.ChatService  NOT_SERVING")
	of("chat.ChatService") <- serving // while nobody looked
	s.until("the change", func() bool { return len(log()) == 3 })
	s.press("esc")
	for range s.m.tree.services {
		<-ended
	}
	s.press("R")
	<-ended
	s.until("the server again", func() bool { return s.m.link.number == 2 && s.m.link.state == ready })
	of("") <- serving
	s.until("the server's health", func() bool { return s.m.link.number == 2 && s.m.link.told })
	if diff := cmp.Diff([]string{"the server SERVING", "chat.ChatService NOT_SERVING", "chat.ChatService SERVING"}, log()); diff != "" {
		t.Errorf("after a reconnect (-want +got):\n%s", diff)
	}
}
