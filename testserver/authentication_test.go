package testserver

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/grpcx/grpcx/testdata/testcert"
	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// identityFixture is a file of identities that tests change.
type identityFixture struct {
	t    testing.TB
	path string
}

func newIdentities(t testing.TB, lines ...string) *identityFixture {
	t.Helper()
	f := &identityFixture{t: t, path: filepath.Join(t.TempDir(), "identities.yaml")}
	f.write(lines...)
	return f
}

// write replaces the file in one step, as careful editors and orchestrators do.
func (f *identityFixture) write(lines ...string) {
	f.t.Helper()
	next := f.path + ".next"
	if err := os.WriteFile(next, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(next, f.path); err != nil {
		f.t.Fatal(err)
	}
}

// eventually calls try again and again until it is content, for as long as the
// test has.
func eventually(t testing.TB, what string, try func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	ctx := withDeadline(t)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !try() {
		select {
		case <-ctx.Done():
			t.Fatalf("still not so: %s", what)
		case <-ticker.C:
		}
	}
	return time.Since(begin)
}

// observed makes a server that tells who made the last unary call, nobody being
// the zero identity.
func observed(cfg Config) (Config, func() identity) {
	var mu sync.Mutex
	var last identity
	cfg.ServerOptions = append(cfg.ServerOptions, grpc.ChainUnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			mu.Lock()
			last, _ = caller(ctx)
			mu.Unlock()
			return handler(ctx, req)
		}))
	return cfg, func() identity {
		mu.Lock()
		defer mu.Unlock()
		return last
	}
}

// wantReason checks a status whose only detail is a reason.
func wantReason(t testing.TB, err error, code codes.Code, reason string) *errdetails.ErrorInfo {
	t.Helper()
	info := detail[*errdetails.ErrorInfo](t, wantStatus(t, err, code, ""))
	if info.GetReason() != reason || info.GetDomain() != "grpcx" {
		t.Errorf("reason %v, want %s", info, reason)
	}
	return info
}

func getUser(t testing.TB, cc grpc.ClientConnInterface, md ...string) error {
	t.Helper()
	ctx := metadata.AppendToOutgoingContext(withDeadline(t), md...)
	_, err := pb.NewUserServiceClient(cc).GetUser(ctx, &pb.GetUserRequest{UserId: "999"})
	if status.Code(err) == codes.NotFound {
		return nil // the handler said so
	}
	return err
}

func apiKeyLine(name, key, more string) string {
	sum := sha256.Sum256([]byte(key))
	return fmt.Sprintf("  - {name: %s, sha256: %q%s}", name, hex.EncodeToString(sum[:]), more)
}

// callEmpty calls a method of any kind with one empty message.
func callEmpty(ctx context.Context, cc *grpc.ClientConn, method string) (metadata.MD, error) {
	stream, err := cc.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(&emptypb.Empty{}); err == nil {
		_ = stream.CloseSend()
	}
	err = stream.RecvMsg(&emptypb.Empty{})
	header, _ := stream.Header()
	return header, err
}

func TestRequiredCredentials(t *testing.T) {
	t.Parallel()
	s := Start(t, Config{Auth: AuthRequired})
	cc := dial(t, s)
	methods := []string{"/userservice.UserService/Nope", "/nope.Service/Nope", "/grpc.health.v1.Health/Nope", "//userservice.AuthService/Login"}
	for service, info := range s.grpc.GetServiceInfo() {
		for _, m := range info.Methods {
			methods = append(methods, "/"+service+"/"+m.Name)
		}
	}
	open := 0
	for _, method := range methods {
		ctx, cancel := context.WithCancel(withDeadline(t))
		header, err := callEmpty(ctx, cc, method)
		cancel()
		service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
		switch service {
		case "userservice.AuthService", "userservice.HealthCheck", "grpc.health.v1.Health":
			if !strings.HasSuffix(method, "/Nope") {
				open++
				if strings.Contains(status.Convert(err).Message(), "credentials are required") {
					t.Errorf("%s: %v", method, err)
				}
				continue
			}
		}
		st := status.Convert(err)
		if st.Code() != codes.Unauthenticated {
			t.Errorf("%s: %v", method, err)
			continue
		}
		if info := detail[*errdetails.ErrorInfo](t, st); info.GetReason() != "NO_CREDENTIALS" {
			t.Errorf("%s: %v", method, info)
		}
		if v := header.Get("www-authenticate"); len(v) != 1 || !strings.HasPrefix(v[0], "Bearer") {
			t.Errorf("%s: www-authenticate %q", method, v)
		}
	}
	if open != 9 {
		t.Errorf("%d methods need no credentials, want the 4 of AuthService, 2 of HealthCheck and 3 of Health", open)
	}
	pair := login(t, pb.NewAuthServiceClient(cc))
	if err := getUser(t, cc, "authorization", "Bearer "+pair.GetAccessToken()); err != nil {
		t.Error(err)
	}
	_, err := callEmpty(withMetadata(t, "authorization", "Bearer "+pair.GetAccessToken()), cc, "/nope.Service/Nope")
	wantStatus(t, err, codes.Unimplemented, "unknown service")
}

func TestAuthModes(t *testing.T) {
	for mode, want := range map[AuthMode][3]codes.Code{ // of no, a wrong and a right credential
		"":           {codes.OK, codes.Unauthenticated, codes.OK},
		AuthOptional: {codes.OK, codes.Unauthenticated, codes.OK},
		AuthRequired: {codes.Unauthenticated, codes.Unauthenticated, codes.OK},
		AuthOff:      {codes.OK, codes.OK, codes.OK},
	} {
		t.Run(string(mode), func(t *testing.T) {
			ids := newIdentities(t, "api_keys:", apiKeyLine("ci", "k3y", ""))
			cfg, who := observed(Config{Auth: mode, Identities: ids.path})
			cc := dial(t, Start(t, cfg))
			got := [3]codes.Code{
				status.Code(getUser(t, cc)), status.Code(getUser(t, cc, "x-api-key", "wrong")), status.Code(getUser(t, cc, "x-api-key", "k3y")),
			}
			if got != want {
				t.Errorf("%v, want %v", got, want)
			}
			if id := who(); (id.UserID == "ci" && id.has("api")) != (mode != AuthOff) {
				t.Errorf("caller %+v", id)
			}
		})
	}
	if _, err := New(Config{Auth: "maybe"}); err == nil || !strings.Contains(err.Error(), `auth "maybe": want optional, required or off`) {
		t.Error(err)
	}
}

func TestFormsOfCredentials(t *testing.T) {
	ids := newIdentities(t, "api_keys:", apiKeyLine("ci", "k3y", ", user_id: robot, roles: [api, user]"))
	cfg, who := observed(Config{Auth: AuthRequired, Identities: ids.path})
	cc := dial(t, Start(t, cfg))
	token := login(t, pb.NewAuthServiceClient(cc)).GetAccessToken()
	for name, c := range map[string]struct {
		md     []string
		caller string // "" is refused
		reason string
	}{
		"bearer":                   {[]string{"authorization", "Bearer " + token}, "admin", ""},
		"scheme in lower case":     {[]string{"authorization", "bearer  " + token}, "admin", ""},
		"token alone":              {[]string{"authorization", token}, "admin", ""},
		"API key":                  {[]string{"x-api-key", "k3y"}, "robot", ""},
		"token and key":            {[]string{"authorization", token, "x-api-key", "k3y"}, "admin", ""},
		"token and wrong key":      {[]string{"authorization", token, "x-api-key", "x"}, "", "API_KEY_INVALID"},
		"wrong token and key":      {[]string{"authorization", "x", "x-api-key", "k3y"}, "", "TOKEN_INVALID"},
		"another scheme":           {[]string{"authorization", "Basic YWRtaW46cGFzc3dvcmQ="}, "", "TOKEN_INVALID"},
		"empty":                    {[]string{"authorization", ""}, "", "TOKEN_INVALID"},
		"scheme alone":             {[]string{"authorization", "Bearer "}, "", "TOKEN_INVALID"},
		"two tokens":               {[]string{"authorization", token, "authorization", token}, "", "TOKEN_INVALID"},
		"two keys":                 {[]string{"x-api-key", "k3y", "x-api-key", "k3y"}, "", "API_KEY_INVALID"},
		"key's hash":               {[]string{"x-api-key", hex.EncodeToString(sha256.New().Sum(nil))}, "", "API_KEY_INVALID"},
		"long key":                 {[]string{"x-api-key", strings.Repeat("k", 5000)}, "", "API_KEY_INVALID"},
		"token in another's place": {[]string{"x-api-key", token}, "", "API_KEY_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			err := getUser(t, cc, c.md...)
			if c.caller == "" {
				wantReason(t, err, codes.Unauthenticated, c.reason)
			} else if id := who(); err != nil || id.UserID != c.caller {
				t.Errorf("caller %+v, %v, want %s", id, err, c.caller)
			}
		})
	}
	// A client whose token ran out sends it along when it gets a new one.
	_, err := pb.NewAuthServiceClient(cc).Login(withMetadata(t, "authorization", "Bearer stale"), &pb.LoginRequest{Username: "admin", Password: "password"})
	if err != nil {
		t.Error(err)
	}
}

func TestUsersOfTheFile(t *testing.T) {
	t.Parallel()
	ids := newIdentities(t, "users:",
		"  - {username: ada, password_hash: '"+HashPassword("lovelace")+"'}",
		"  - {username: grace, password_hash: '"+HashPassword("hopper")+"', user_id: g, roles: [admin]}",
		"  - {username: admin, password_hash: '"+HashPassword("s3cret")+"'}")
	cfg, who := observed(Config{Identities: ids.path})
	cc := dial(t, Start(t, cfg))
	c := pb.NewAuthServiceClient(cc)
	for _, u := range []struct{ name, password, id, roles string }{
		{"ada", "lovelace", "ada", "user"}, {"grace", "hopper", "g", "admin"}, {"admin", "s3cret", "admin", "user"},
	} {
		pair, err := c.Login(withDeadline(t), &pb.LoginRequest{Username: u.name, Password: u.password})
		if err != nil {
			t.Fatal(err)
		}
		if err := getUser(t, cc, "authorization", "Bearer "+pair.GetAccessToken()); err != nil {
			t.Error(err)
		}
		if id := who(); id.UserID != u.id || strings.Join(id.Roles, " ") != u.roles {
			t.Errorf("%s is %+v, want %s with %s", u.name, id, u.id, u.roles)
		}
		next, err := c.RefreshToken(withDeadline(t), &pb.TokenRequest{Token: pair.GetRefreshToken()})
		if err != nil || next.GetUserId() != u.id || strings.Join(next.GetRoles(), " ") != u.roles {
			t.Errorf("%v, %v", next, err)
		}
	}
	for name, password := range map[string]string{"ada": "hopper", "grace": "", "admin": "password"} {
		_, err := c.Login(withDeadline(t), &pb.LoginRequest{Username: name, Password: password})
		wantReason(t, err, codes.Unauthenticated, "WRONG_CREDENTIALS")
	}
}

func TestClientCertificate(t *testing.T) {
	ca := testcert.New(t)
	serverCert, serverKey := ca.Issue("localhost", time.Now().Add(time.Hour))
	ids := newIdentities(t, "certificates:",
		"  - {dns: ci.example, user_id: ci, roles: [api]}",
		"  - {common_name: root.example, roles: [admin]}")
	config := ca.Server(serverCert, serverKey)
	config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, ca.Pool()
	cfg, who := observed(Config{Auth: AuthRequired, Identities: ids.path, TLSConfig: config})
	s := Start(t, cfg)
	with := func(name string) *grpc.ClientConn {
		client := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
		if name != "" {
			pair, err := tls.LoadX509KeyPair(ca.Issue(name, time.Now().Add(time.Hour)))
			if err != nil {
				t.Fatal(err)
			}
			client.Certificates = []tls.Certificate{pair}
		}
		return dial(t, s, grpc.WithTransportCredentials(credentials.NewTLS(client)))
	}
	wantReason(t, getUser(t, with("")), codes.Unauthenticated, "NO_CREDENTIALS")
	wantReason(t, getUser(t, with("stranger.example")), codes.Unauthenticated, "NO_CREDENTIALS")
	ci := with("ci.example")
	if err := getUser(t, ci); err != nil || who().UserID != "ci" || !who().has("api") {
		t.Error(err, who())
	}
	if err := getUser(t, with("root.example")); err != nil || who().UserID != "root.example" || !who().has("admin") {
		t.Error(err, who())
	}
	token := login(t, pb.NewAuthServiceClient(ci)).GetAccessToken()
	if err := getUser(t, ci, "authorization", "Bearer "+token); err != nil || who().UserID != "admin" {
		t.Error("a token goes before the certificate:", err, who())
	}
	wantReason(t, getUser(t, ci, "authorization", "Bearer x"), codes.Unauthenticated, "TOKEN_INVALID")

	t.Run("certificate that nobody verified", func(t *testing.T) {
		cfg := config.Clone()
		cfg.ClientAuth = tls.RequestClientCert
		s = Start(t, Config{Auth: AuthRequired, Identities: ids.path, TLSConfig: cfg})
		wantReason(t, getUser(t, with("ci.example")), codes.Unauthenticated, "NO_CREDENTIALS")
	})
}

func TestCertificateNames(t *testing.T) {
	ids, err := parseIdentities([]byte(`certificates:
- {uri: "spiffe://example.org/ci", user_id: by-uri}
- {dns: ci.example, user_id: by-dns}
- {common_name: ci, user_id: by-name}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	spiffe, err := url.Parse("spiffe://example.org/ci")
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{URIs: []*url.URL{{Scheme: "https", Host: "x"}, spiffe}, DNSNames: []string{"x", "ci.example"}}
	cert.Subject.CommonName = "ci"
	for _, want := range []string{"by-uri", "by-dns", "by-name", ""} {
		id, ok := ids.ofCertificate(cert)
		if id.UserID != want || ok != (want != "") {
			t.Errorf("%+v, %t, want %q", id, ok, want)
		}
		switch {
		case cert.URIs != nil:
			cert.URIs = nil
		case cert.DNSNames != nil:
			cert.DNSNames = nil
		default:
			cert.Subject.CommonName = ""
		}
	}
}

func TestUserOfCredentialsMustBeActive(t *testing.T) {
	t.Parallel()
	ids := newIdentities(t, "users:", "  - {username: ada, password_hash: '"+HashPassword("lovelace")+`', user_id: "1"}`,
		"api_keys:", apiKeyLine("ada", "k3y", `, user_id: 1`), apiKeyLine("later", "l4ter", `, user_id: 2`))
	cc := dial(t, Start(t, Config{Identities: ids.path}))
	users, c := pb.NewUserServiceClient(cc), pb.NewAuthServiceClient(cc)
	logIn := func() (*pb.LoginResponse, error) {
		return c.Login(withDeadline(t), &pb.LoginRequest{Username: "ada", Password: "lovelace"})
	}
	_, err := logIn()
	wantReason(t, err, codes.Unauthenticated, "USER_NOT_ACTIVE")
	if _, err := users.CreateUser(withDeadline(t), &pb.CreateUserRequest{Name: "Ada", Email: "ada@example.com"}); err != nil {
		t.Fatal(err)
	}
	var pair *pb.LoginResponse
	eventually(t, "the new user logs in", func() bool {
		pair, err = logIn()
		return err == nil
	})
	wantReason(t, getUser(t, cc, "x-api-key", "l4ter"), codes.Unauthenticated, "USER_NOT_ACTIVE")
	set := func(st pb.User_Status) {
		t.Helper()
		if _, err := users.UpdateUser(withDeadline(t), &pb.UpdateUserRequest{UserId: "1", User: &pb.User{Status: st}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, md := range [][]string{{"authorization", "Bearer " + pair.GetAccessToken()}, {"x-api-key", "k3y"}} {
		if err := getUser(t, cc, md...); err != nil {
			t.Fatal(err)
		}
		set(pb.User_SUSPENDED)
		took := eventually(t, "credentials of a suspended user are refused", func() bool { return getUser(t, cc, md...) != nil })
		t.Logf("suspended after %v", took)
		wantReason(t, getUser(t, cc, md...), codes.Unauthenticated, "USER_NOT_ACTIVE")
		set(pb.User_ACTIVE)
		eventually(t, "credentials are good again", func() bool { return getUser(t, cc, md...) == nil })
	}
	set(pb.User_INACTIVE)
	eventually(t, "the refresh token is refused", func() bool {
		var next *pb.TokenResponse
		if next, err = c.RefreshToken(withDeadline(t), &pb.TokenRequest{Token: pair.GetRefreshToken()}); err == nil {
			pair.RefreshToken = next.GetRefreshToken()
		}
		return err != nil
	})
	wantReason(t, err, codes.Unauthenticated, "USER_NOT_ACTIVE")
}
