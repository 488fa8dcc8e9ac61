package tui

import (
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
)

// guarded serves health and reflection to those who have the token, and refuses
// others with the code.
func guarded(t *testing.T, code codes.Code) (address string) {
	t.Helper()
	permitted := func(stream grpc.ServerStream) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		if token := md.Get("x-token"); len(token) != 1 || token[0] != "open sesame" {
			return status.Error(code, "who is there?")
		}
		return nil
	}
	server := grpc.NewServer(grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if err := permitted(stream); err != nil {
			return err
		}
		return handler(srv, stream)
	}))
	healthpb.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// TestReflectionWantsCredentials leads from a server that does not show its schema to
// anybody to a call, by metadata that is typed.
func TestReflectionWantsCredentials(t *testing.T) {
	for _, code := range []codes.Code{codes.Unauthenticated, codes.PermissionDenied} {
		t.Run(code.String(), func(t *testing.T) {
			cfg := config(t, guarded(t, code))
			cfg.LookupEnv = func(name string) (string, bool) { return "open sesame", name == "TOKEN" }
			s := newTerminal(t, cfg, 80, 24)
			s.see("enter  give metadata")
			s.press("enter")
			s.see("Metadata")
			s.write("x-token: wrong\n") // enter keeps it, and tries again
			s.until("the second refusal", func() bool { return s.m.link.number == 2 && s.m.link.state == schemaless })
			s.press("enter", "j", "enter", "ctrl+u")
			s.write("x-token: ${env.NOWHERE}\n")
			s.see("not set")
			s.press("enter", "ctrl+u")
			s.write("x-token: ${env.TOKEN}\n")
			s.see("grpc.health.v1.Health")
			s.open("Check")
			s.press("ctrl+s")
			s.see(`"status": "SERVING"`)
		})
	}
}

// TestReflectionWantsCredentialsLineByLine does the same without a screen.
func TestReflectionWantsCredentialsLineByLine(t *testing.T) {
	cfg := config(t, guarded(t, codes.Unauthenticated))
	var out strings.Builder
	if err := RunAccessible(t.Context(), cfg, strings.NewReader("metadata x-token: open sesame\nreconnect\nlist check\n"), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"metadata NAME: VALUE gives credentials", "Connected to ", "grpc.health.v1.Health/Check"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not told:\n%s", want, out.String())
		}
	}
}
