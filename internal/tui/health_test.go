package tui

import (
	"context"
	"fmt"
	"testing"

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
