package testserver

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

func TestEveryMethodHasARule(t *testing.T) {
	s := Start(t, Config{})
	for service, info := range s.grpc.GetServiceInfo() {
		for _, m := range info.Methods {
			method := "/" + service + "/" + m.Name
			if roles := s.auth.rules[method]; (len(roles) > 0) == s.auth.open[method] {
				t.Errorf("%s: roles %q, needs no credentials %t; want the one or the other", method, roles, s.auth.open[method])
			}
		}
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	ids := newIdentities(t, "api_keys:", apiKeyLine("ci", "api", ""), apiKeyLine("ada", "user", ", roles: [user]"),
		apiKeyLine("root", "admin", ", roles: [admin]"), apiKeyLine("nobody", "none", ", roles: []"),
		"rules:", "  userservice.UserService/ListUsers: [auditor]", "  /userservice.UserService/WatchUser: ['*']")
	s := Start(t, Config{Auth: AuthRequired, Identities: ids.path})
	cc := dial(t, s)
	call := func(key, method string) error {
		_, err := callEmpty(withMetadata(t, "x-api-key", key), cc, method)
		return err
	}
	const reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	for method, allowed := range map[string]string{
		"/userservice.UserService/CreateUser": "user api admin",
		"/userservice.UserService/GetUser":    "user api admin",
		"/userservice.UserService/DeleteUser": "admin",
		"/userservice.UserService/ListUsers":  "admin", // by the rule of the file
		"/userservice.UserService/WatchUser":  "user api admin none",
		"/grpc.testing.TestService/EmptyCall": "user api admin",
		"/userservice.AuthService/Login":      "user api admin none",
		"/userservice.UserService/Nope":       "user api admin none",
		reflection:                            "user api admin none",
	} {
		for _, key := range []string{"user", "api", "admin", "none"} {
			err := call(key, method)
			if refused := status.Code(err) == codes.PermissionDenied; refused == strings.Contains(allowed, key) {
				t.Errorf("%s called by %s: %v, want it for %s alone", method, key, err, allowed)
			}
		}
	}
	info := wantReason(t, call("user", "/userservice.UserService/DeleteUser"), codes.PermissionDenied, "ROLE_REQUIRED")
	if info.GetMetadata()["roles"] != "admin" || info.GetMetadata()["method"] != "userservice.UserService/DeleteUser" {
		t.Error(info)
	}
	info = wantReason(t, call("user", "/userservice.UserService/ListUsers"), codes.PermissionDenied, "ROLE_REQUIRED")
	if info.GetMetadata()["roles"] != "auditor,admin" {
		t.Error(info)
	}
	t.Run("a method without a rule needs an admin", func(t *testing.T) {
		s := Start(t, Config{Auth: AuthRequired, Identities: ids.path})
		delete(s.auth.rules, "/userservice.UserService/GetUser") // before any call
		cc := dial(t, s)
		wantReason(t, getUser(t, cc, "x-api-key", "user"), codes.PermissionDenied, "ROLE_REQUIRED")
		if err := getUser(t, cc, "x-api-key", "admin"); err != nil {
			t.Error(err)
		}
	})
}

func TestAnonymousCallersPassWhereCredentialsAreOptional(t *testing.T) {
	c := pb.NewUserServiceClient(dial(t, Start(t, Config{})))
	_, err := c.DeleteUser(withDeadline(t), &pb.DeleteUserRequest{UserId: "1"})
	wantStatus(t, err, codes.NotFound, "")
}

// rawCall makes a call with exactly that :path and returns the grpc-status, or
// what the server said in another way.
func rawCall(t *testing.T, addr, path string, fields ...hpack.HeaderField) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range append([]hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: path}, {Name: ":authority", Value: addr},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
	}, fields...) {
		if err := enc.WriteField(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	// GetUser of user 1.
	if err := framer.WriteData(1, true, []byte{0, 0, 0, 0, 3, 10, 1, '1'}); err != nil {
		t.Fatal(err)
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return "connection closed"
		}
		switch f := frame.(type) {
		case *http2.RSTStreamFrame:
			return "stream reset"
		case *http2.GoAwayFrame:
			return "connection closed"
		case *http2.MetaHeadersFrame:
			for _, h := range f.RegularFields() {
				if h.Name == "grpc-status" {
					return h.Value
				}
			}
			if st := f.PseudoValue("status"); st != "200" && st != "" {
				return "HTTP " + st
			}
		}
	}
}

func TestOddPathsAreRefused(t *testing.T) {
	ids := newIdentities(t, "api_keys:", apiKeyLine("ci", "k3y", ""), apiKeyLine("root", "admin", ", roles: [admin]"))
	s := Start(t, Config{Auth: AuthRequired, Identities: ids.path})
	if _, err := s.store.CreateUser(t.Context(), newUser(&pb.CreateUserRequest{Name: "Ada", Email: "ada@example.com"})); err != nil {
		t.Fatal(err)
	}
	if got := rawCall(t, s.Addr(), "/userservice.UserService/GetUser", hpack.HeaderField{Name: "x-api-key", Value: "k3y"}); got != "0" {
		t.Fatalf("call with a key: %s, want 0", got)
	}
	if got := rawCall(t, s.Addr(), "/userservice.UserService/GetUser"); got != "16" {
		t.Fatalf("call without: %s, want 16", got)
	}
	for _, path := range []string{
		"userservice.UserService/GetUser", "//userservice.UserService/GetUser", "/userservice.UserService//GetUser",
		"/userservice.UserService/GetUser/", "///userservice.UserService/GetUser", "/./userservice.UserService/GetUser",
		"/userservice.AuthService/../userservice.UserService/GetUser", "/grpc.health.v1.Health/../userservice.UserService/GetUser",
		"userservice.AuthService/../userservice.UserService/GetUser", "/userservice.UserService/getuser", "/USERSERVICE.USERSERVICE/GETUSER",
		"/userservice.UserService/GetUser?x=1", "/userservice.UserService/GetUser#x", "/userservice.UserService%2FGetUser",
		"/userservice.UserService/Get%55ser", "http://x/userservice.UserService/GetUser", "x/userservice.UserService/GetUser",
		"", "/", "*", "userservice.UserService", "/userservice.UserService/", " /userservice.UserService/GetUser",
		"/userservice.UserService/GetUser ", "/userservice.UserService/GetUser\x00", `\userservice.UserService\GetUser`,
	} {
		for _, key := range []string{"", "k3y", "admin"} {
			var fields []hpack.HeaderField
			if key != "" {
				fields = append(fields, hpack.HeaderField{Name: "x-api-key", Value: key})
			}
			got := rawCall(t, s.Addr(), path, fields...)
			switch {
			case got == "12", strings.HasPrefix(got, "HTTP 4"), got == "stream reset", got == "connection closed":
			case got == "16" && key == "":
			default:
				t.Errorf("path %q with key %q: %s", path, key, got)
			}
		}
	}
	if got := rawCall(t, s.Addr(), "grpc.health.v1.Health/Check"); got == "0" {
		t.Error("a path without its slash was served")
	}
	if _, err := healthpb.NewHealthClient(dial(t, s)).Check(withDeadline(t), &healthpb.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
}

func TestValidationNamesEveryField(t *testing.T) {
	cc := dial(t, Start(t, Config{}))
	c := pb.NewUserServiceClient(cc)
	for fields, try := range map[string]func() error{
		"name, email, age, roles": func() error {
			_, err := c.CreateUser(withDeadline(t), &pb.CreateUserRequest{Age: -1, Roles: []string{""}})
			return err
		},
		"user_id": func() error { _, err := c.GetUser(withDeadline(t), &pb.GetUserRequest{}); return err },
		"user_id, user, update_mask": func() error {
			_, err := c.UpdateUser(withDeadline(t), &pb.UpdateUserRequest{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"nope"}}})
			return err
		},
		"page, limit": func() error {
			stream, err := c.ListUsers(withDeadline(t), &pb.ListUsersRequest{Page: -1, Limit: 1001})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
	} {
		var got []string
		st := wantStatus(t, try(), codes.InvalidArgument, "")
		for _, v := range detail[*errdetails.BadRequest](t, st).GetFieldViolations() {
			got = append(got, v.GetField())
		}
		if strings.Join(got, ", ") != fields {
			t.Errorf("fields %q, want %s", got, fields)
		}
	}
	// The streams of entries judge each by itself.
	stream, err := c.CreateMultipleUsers(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "Ada"} {
		if err := stream.Send(&pb.CreateUserRequest{Name: name, Email: "ada@example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	if resp, err := stream.CloseAndRecv(); err != nil || resp.GetCreatedCount() != 1 || len(resp.GetErrors()) != 1 {
		t.Error(resp, err)
	}
}

func TestCheckExposure(t *testing.T) {
	public := &net.TCPAddr{IP: net.IPv4zero, Port: 1}
	for name, c := range map[string]struct {
		mode      AuthMode
		addr      net.Addr
		encrypted bool
		want      string
	}{
		"loopback":             {"", &net.TCPAddr{IP: net.IPv6loopback}, false, ""},
		"unix":                 {"", &net.UnixAddr{Net: "unix", Name: "/run/x"}, false, ""},
		"nothing":              {"", public, false, "neither TLS nor required authentication"},
		"TLS alone":            {AuthOptional, public, true, "no required authentication"},
		"authentication off":   {AuthOff, public, true, "no required authentication"},
		"authentication alone": {AuthRequired, public, false, "no TLS"},
		"both":                 {AuthRequired, public, true, ""},
	} {
		err := Config{Auth: c.mode}.CheckExposure(c.addr, c.encrypted)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// BenchmarkAdmission is what a call costs with the stages that this file and its
// neighbours test, in their variants.
func BenchmarkAdmission(b *testing.B) {
	ids := newIdentities(b, "api_keys:", apiKeyLine("ci", "k3y", ""))
	s := Start(b, Config{Identities: ids.path})
	limited := Start(b, Config{Identities: ids.path, RateLimit: RateLimit{PerSecond: 1e9}})
	token := "Bearer " + login(b, pb.NewAuthServiceClient(dial(b, s))).GetAccessToken()
	limitedToken := "Bearer " + login(b, pb.NewAuthServiceClient(dial(b, limited))).GetAccessToken()
	for _, c := range []struct {
		name string
		s    *Server
		md   []string
	}{
		{"off", Start(b, Config{Auth: AuthOff}), nil},
		{"anonymous", s, nil},
		{"token", s, []string{"authorization", token}},
		{"key", s, []string{"x-api-key", "k3y"}},
		{"token and limit", limited, []string{"authorization", limitedToken}},
	} {
		b.Run(c.name, func(b *testing.B) {
			ctx := callContext(b, c.md...)
			handler := func(context.Context) error { return nil }
			for b.Loop() {
				err := c.s.handle(ctx, &call{method: pb.UserService_GetUser_FullMethodName, known: true}, handler)
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// callContext is the context of a call that has no transport.
func callContext(t testing.TB, md ...string) context.Context {
	t.Helper()
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(md...))
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}})
	return grpc.NewContextWithServerTransportStream(ctx, discardStream{})
}
