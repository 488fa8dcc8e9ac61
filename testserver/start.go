package testserver

import (
	"context"
	"fmt"
	"net"
	"time"
)

// TB is the part of testing.TB that Start needs.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Start runs a server for the length of a test, on a free loopback port; Addr
// tells which. The default credentials are on unless cfg has an AdminPassword.
func Start(tb TB, cfg Config) *Server {
	tb.Helper()
	s, err := Listen(cfg)
	if err != nil {
		tb.Fatalf("start test server: %v", err)
		return nil
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		// Calls that the test left open are cut off, which is no fault of the test.
		_ = s.Shutdown(ctx)
	})
	return s
}

// Listen runs a server in the background on a free loopback port, until
// Shutdown. The default credentials are on unless cfg has an AdminPassword.
func Listen(cfg Config) (*Server, error) {
	cfg.DefaultAdmin = true
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		_ = s.Shutdown(context.Background())
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.addr = l.Addr().String()
	s.served.Go(func() {
		if err := s.Serve(l); err != nil {
			s.log.Error("serve", "error", err)
		}
	})
	return s, nil
}

// Addr is the address, host:port, of a server made by Start or Listen.
func (s *Server) Addr() string { return s.addr }
