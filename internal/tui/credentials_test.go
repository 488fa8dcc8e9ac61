package tui

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/testdata/testnet"
	"github.com/grpcx/grpcx/testserver"
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
	return testnet.Serve(t, server)
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

// TestSecretsStayWithTheirServer opens, at another server, a request whose reference
// has the name of a secret that was typed for the first one.
func TestSecretsStayWithTheirServer(t *testing.T) {
	one, other := testserver.Start(t, testserver.Config{}), testserver.Start(t, testserver.Config{})
	cfg := config(t, one.Addr())
	cfg.HistoryDir = t.TempDir()
	cfg.Secret = func(name string) bool { return name == "x-token" }
	cfg.LookupEnv = func(name string) (string, bool) { return "of the environment", name == "X_TOKEN_2" }
	var sent, reflected []Header
	cfg.Metadata = func(headers []Header) (metadata.MD, error) {
		sent = headers
		return metadataOf(headers), nil
	}
	cfg.Connect = func(ctx context.Context, target Target) (*Session, error) {
		reflected = target.Headers
		return connectPlain(ctx, target)
	}
	const method = "userservice.UserService/GetUser"
	h, err := openHistory(cfg.HistoryDir, other.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{"${env.X_TOKEN}", "${env.X_TOKEN_2}"} {
		kept := Request{Address: other.Addr(), Method: method, Headers: []Header{{"x-token", reference}}, Messages: []string{"{}"}}
		if err := h.add(entry{Outcome: "OK", Request: kept}); err != nil {
			t.Fatal(err)
		}
	}
	s := newTerminal(t, cfg, 100, 30)
	s.until("all methods", func() bool { return s.m.link.state == ready && !s.m.loading() })
	s.open("GetUser")
	s.press("f3", "a")
	s.write("x-token: of the first server\n")
	call := func() {
		t.Helper()
		before := s.m.call
		s.press("ctrl+s")
		s.until("the end", func() bool { return s.m.call != before && !s.m.running() && !s.m.ticking })
	}
	call()
	s.press("1", "o", "ctrl+u")
	s.write(other.Addr() + "\n")
	s.until("the other server", func() bool { return s.m.link.state == ready && s.m.link.number == 2 && !s.m.loading() })
	reopen := func(keys ...string) {
		t.Helper()
		s.press(append([]string{"ctrl+r"}, keys...)...)
		s.until("the request", func() bool { return s.m.method != nil && s.m.picking == nil })
	}
	reopen("down", "enter")
	s.press("ctrl+s")
	s.see("metadata x-token: expand ${env.X_TOKEN}: not set")
	reopen("enter")
	call()
	s.press("R")
	s.until("the server again", func() bool { return s.m.link.state == ready && s.m.link.number == 3 })
	want := []Header{{"x-token", "of the environment"}}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("sent with the call (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, reflected); diff != "" {
		t.Errorf("sent with reflection (-want +got):\n%s", diff)
	}
}

// TestMetadataInThePlaceOfAnother types metadata of a name that goes with every call.
func TestMetadataInThePlaceOfAnother(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	cfg := config(t, server.Addr())
	cfg.Headers = []Header{{"x-tenant", "red"}, {"x-trace", "on"}}
	s := newTerminal(t, cfg, 100, 30)
	s.until("all methods", func() bool { return s.m.link.state == ready && !s.m.loading() })
	s.open("grpc.testing.TestService/EmptyCall")
	s.press("f3")
	s.see("x-tenant: red  (with every call)")
	s.press("a")
	s.write("x-tenant: blue\n")
	if strings.Contains(s.frame, "red") || !strings.Contains(s.frame, "x-trace: on  (with every call)") {
		t.Errorf("what goes with every call is shown as\n%s", s.frame)
	}
	s.press("ctrl+s")
	s.until("the history", func() bool { return s.m.call != nil && s.m.remembered == s.m.call })
	kept := []Header{{"x-trace", "on"}, {"x-tenant", "blue"}}
	if diff := cmp.Diff(kept, s.m.sent.Headers); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	s.m.headers.reset(nil, 0)
	s.press("ctrl+r", "enter")
	s.until("the request", func() bool { return s.m.picking == nil })
	if diff := cmp.Diff([]Header{{"x-tenant", "blue"}}, s.m.headers.list); diff != "" {
		t.Errorf("opened again (-want +got):\n%s", diff)
	}
	both := []Header{{"x-tenant", "red"}, {"x-tenant", "blue"}}
	if diff := cmp.Diff(both, without(append(both, cfg.Headers[1]), cfg.Headers)); diff != "" {
		t.Errorf("two of the name (-want +got):\n%s", diff)
	}
}

// TestMetadataThatCannotBeSent holds that it is told as soon as that is known, and
// costs no connection.
func TestMetadataThatCannotBeSent(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	cfg := config(t, server.Addr())
	cfg.LookupEnv = func(string) (string, bool) { return "no base64", true }
	cfg.Metadata = func(headers []Header) (metadata.MD, error) {
		for _, h := range headers {
			switch {
			case strings.Contains(h.Name, "@"):
				return nil, errors.New("a name has letters")
			case strings.HasSuffix(h.Name, "-bin") && strings.Contains(h.Value, " "):
				return nil, errors.New("the value is not base64")
			}
		}
		return metadataOf(headers), nil
	}
	s := newTerminal(t, cfg, 100, 30)
	s.until("all methods", func() bool { return s.m.link.state == ready && !s.m.loading() })
	s.open("FullDuplexCall")
	s.press("ctrl+s", "f3")
	for _, tc := range []struct{ line, why string }{
		{"x@y: 1", "a name has letters"},
		{"x@y: ${env.X}", "a name has letters"},
		{"x-bin: a b", "the value is not base64"},
	} {
		s.press("a")
		s.write(tc.line + "\n")
		if !s.m.headers.open || !strings.Contains(s.frame, tc.why) {
			t.Errorf("%s is kept:\n%s", tc.line, s.frame)
		}
		s.press("esc")
	}
	s.press("a")
	s.write("x-bin: ${env.X}\n")
	session := s.m.link.session
	s.press("R")
	s.see("not connected: the value is not base64")
	if s.m.link.session != session || s.m.link.state != ready || !s.m.running() {
		t.Errorf("the connection is given up; the call goes on: %v", s.m.running())
	}
}
