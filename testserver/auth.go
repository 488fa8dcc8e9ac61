package testserver

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
	"github.com/grpcx/grpcx/testserver/store"
)

const (
	adminName       = "admin"
	defaultPassword = "password" // on loopback only; see Config.DefaultAdmin
	maxLoginText    = 1024       // bytes of a username or a password
)

// authServer is userservice.AuthService.
type authServer struct {
	pb.UnimplementedAuthServiceServer
	store    *store.Store
	tokens   *tokens
	throttle *throttle
	decoy    string        // checked where there is no credential, to take as long
	hashing  chan struct{} // bounds the memory that password hashes use

	admin        string // admin's password; "": no login is seeded
	allowBuiltin bool

	seeding sync.Mutex
	seeded  bool
}

func newAuthServer(cfg Config, s *store.Store, t *tokens) *authServer {
	a := &authServer{
		store:    s,
		tokens:   t,
		throttle: newThrottle(cfg.now, cmp.Or(cfg.loginDelay, 200*time.Millisecond)),
		decoy:    decoyHash(),
		hashing:  make(chan struct{}, runtime.GOMAXPROCS(0)),
		admin:    cfg.AdminPassword,
	}
	if a.admin == "" && cfg.DefaultAdmin {
		a.admin, a.allowBuiltin = defaultPassword, true
	}
	return a
}

func (a *authServer) Login(ctx context.Context, req *pb.LoginRequest) (*pb.LoginResponse, error) {
	name, password := req.GetUsername(), req.GetPassword()
	if len(name) > maxLoginText || len(password) > maxLoginText || strings.ContainsRune(name, 0) {
		return nil, errCredentials()
	}
	who := name + "\x00" + peerHost(ctx)
	if err := a.admit(ctx, who, true); err != nil {
		return nil, err
	}
	select {
	case a.hashing <- struct{}{}:
		defer func() { <-a.hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// Attempts that waited together do not all get the same answer.
	if err := a.admit(ctx, who, false); err != nil {
		return nil, err
	}
	c, ok, err := a.verify(ctx, name, password)
	if err != nil {
		return nil, err
	}
	if !ok {
		a.throttle.failed(who)
		return nil, errCredentials()
	}
	a.throttle.succeeded(who)
	return a.login(ctx, c)
}

// admit refuses or, if so asked, delays an attempt after repeated failures.
func (a *authServer) admit(ctx context.Context, who string, delayed bool) error {
	delay, locked := a.throttle.check(who)
	if locked > 0 {
		return retryAfter("too many failed logins", locked)
	}
	if !delayed {
		return nil
	}
	return sleep(ctx, delay)
}

// verify returns the credential if the password is right. It hashes once in any
// case, so that the time does not tell whether the username exists.
func (a *authServer) verify(ctx context.Context, name, password string) (store.Credential, bool, error) {
	if err := a.seed(ctx); err != nil {
		return store.Credential{}, false, err
	}
	c, err := a.store.Credential(ctx, name)
	known := err == nil && a.allowed(c)
	if err != nil && store.CodeOf(err) != store.NotFound {
		return store.Credential{}, false, err
	}
	hash := a.decoy
	if known {
		hash = c.Hash
	}
	right, err := verifyPassword(hash, password)
	return c, known && right, err
}

// allowed refuses a default credential that a store kept from a server that had them.
func (a *authServer) allowed(c store.Credential) bool {
	return a.allowBuiltin || !c.Builtin
}

// seed stores the admin's credential before the first login, and not when the
// server starts, for hashing takes longer than all else that it does then.
func (a *authServer) seed(ctx context.Context) error {
	a.seeding.Lock()
	defer a.seeding.Unlock()
	if a.seeded || a.admin == "" {
		return nil
	}
	c, err := a.store.Credential(ctx, adminName)
	if err != nil && store.CodeOf(err) != store.NotFound {
		return err
	}
	same := false
	if err == nil && c.Builtin == a.allowBuiltin {
		// A hash that cannot be read is replaced like one of another password.
		same, _ = verifyPassword(c.Hash, a.admin)
	}
	if !same {
		c = store.Credential{
			Username: adminName, UserID: adminName, Roles: []string{adminName, "user"},
			Hash: hashPassword(a.admin), Builtin: a.allowBuiltin,
		}
		if err := a.store.PutCredential(ctx, c); err != nil {
			return err
		}
	}
	a.seeded = true
	return nil
}

func (a *authServer) login(ctx context.Context, c store.Credential) (*pb.LoginResponse, error) {
	session := store.Session{ID: rand.Text(), Credential: c}
	refresh, token := a.tokens.refresh()
	if err := a.store.CreateSession(ctx, session.ID, c.Username, token); err != nil {
		return nil, err
	}
	access, err := a.tokens.access(session)
	if err != nil {
		return nil, fmt.Errorf("sign token: %w", err)
	}
	return &pb.LoginResponse{AccessToken: access, RefreshToken: refresh, ExpiresIn: int64(a.tokens.accessTTL.Seconds())}, nil
}

func (a *authServer) ValidateToken(ctx context.Context, req *pb.TokenRequest) (*pb.TokenResponse, error) {
	c, expired, err := a.tokens.read(req.GetToken())
	if err != nil || expired {
		return nil, errToken("token", expired)
	}
	session, err := a.store.Session(ctx, c.Session)
	if store.CodeOf(err) == store.NotFound || err == nil && !a.allowed(session.Credential) {
		return nil, errToken("token", false)
	}
	if err != nil {
		return nil, err
	}
	return &pb.TokenResponse{
		Valid: true, UserId: c.Subject, Roles: c.Roles,
		ExpiresIn: int64(c.ExpiresAt.Sub(a.tokens.now()).Seconds()),
	}, nil
}

func (a *authServer) RefreshToken(ctx context.Context, req *pb.TokenRequest) (*pb.TokenResponse, error) {
	refresh, next := a.tokens.refresh()
	session, err := a.store.RotateToken(ctx, tokenHash(req.GetToken()), next)
	switch code := store.CodeOf(err); {
	case code == store.Expired:
		return nil, errToken("refresh token", true)
	case code != 0 || err == nil && !a.allowed(session.Credential):
		return nil, errToken("refresh token", false)
	case err != nil:
		return nil, err
	}
	access, err := a.tokens.access(session)
	if err != nil {
		return nil, fmt.Errorf("sign token: %w", err)
	}
	return &pb.TokenResponse{
		Valid: true, UserId: session.Credential.UserID, Roles: session.Credential.Roles,
		AccessToken: access, RefreshToken: refresh, ExpiresIn: int64(a.tokens.accessTTL.Seconds()),
	}, nil
}

// Logout takes an access token even when it is past its time: the session that
// it belongs to may live on.
func (a *authServer) Logout(ctx context.Context, req *pb.TokenRequest) (*emptypb.Empty, error) {
	c, _, err := a.tokens.read(req.GetToken())
	if err == nil {
		err = a.store.RevokeSession(ctx, c.Session)
	} else {
		err = a.store.RevokeToken(ctx, tokenHash(req.GetToken()))
	}
	if store.CodeOf(err) == store.NotFound {
		return nil, errToken("token", false)
	}
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// errCredentials is the same for a wrong username and a wrong password.
func errCredentials() error {
	return status.Error(codes.Unauthenticated, "wrong username or password")
}

// errToken tells a token past its time from any other bad one.
func errToken(kind string, expired bool) error {
	state, reason := "invalid", "TOKEN_INVALID"
	if expired {
		state, reason = "expired", "TOKEN_EXPIRED"
	}
	return withDetails(codes.Unauthenticated, kind+" is "+state, &errdetails.ErrorInfo{Reason: reason, Domain: "grpcx"})
}

// peerHost is where a call comes from, without the port.
func peerHost(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	host, _, err := net.SplitHostPort(p.Addr.String())
	if err != nil {
		return p.Addr.String()
	}
	return host
}
