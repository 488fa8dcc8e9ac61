package testserver

import (
	"cmp"
	"context"
	"crypto/rand"
	"runtime"
	"strings"
	"sync"
	"time"

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
	auth     *authenticator
	tokens   *tokens
	throttle *throttle
	decoy    string        // checked where there is no credential, to take as long
	hashing  chan struct{} // bounds the memory and the processors that password hashes use

	admin string // admin's password; "": no login is seeded

	seeding sync.Mutex
	seeded  bool
}

func newAuthServer(cfg Config, s *store.Store, auth *authenticator) *authServer {
	a := &authServer{
		store:    s,
		auth:     auth,
		tokens:   auth.tokens,
		throttle: newThrottle(cfg.now, cmp.Or(cfg.loginDelay, 200*time.Millisecond)),
		decoy:    decoyHash(),
		// Half of the processors are left to all other calls.
		hashing: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		admin:   cfg.AdminPassword,
	}
	if auth.allowBuiltin {
		a.admin = defaultPassword
	}
	if cfg.noThrottle {
		a.throttle = nil
	}
	return a
}

func (a *authServer) Login(ctx context.Context, req *pb.LoginRequest) (*pb.LoginResponse, error) {
	name, password := req.GetUsername(), req.GetPassword()
	if len(name) > maxLoginText || len(password) > maxLoginText || strings.ContainsRune(name, 0) {
		return nil, errCredentials()
	}
	host := peerHost(ctx)
	if a.throttle == nil {
		return a.attempt(ctx, name, password, host)
	}
	if !a.throttle.enter(host) {
		return nil, retryAfter("too many logins at once", time.Second)
	}
	defer a.throttle.leave(host)
	delay, err := a.admit(name, host)
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, delay); err != nil {
		return nil, err
	}
	return a.attempt(ctx, name, password, host)
}

// admit refuses an attempt after many failures, or returns how long to delay it.
func (a *authServer) admit(name, host string) (time.Duration, error) {
	if a.throttle == nil {
		return 0, nil
	}
	delay, locked := a.throttle.check(name, host)
	if locked > 0 {
		return 0, retryAfter("too many failed logins", locked)
	}
	return delay, nil
}

func (a *authServer) attempt(ctx context.Context, name, password, host string) (*pb.LoginResponse, error) {
	select {
	case a.hashing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// Attempts that waited together do not all get the same answer.
	_, err := a.admit(name, host)
	var sess store.Session
	var ok bool
	if err == nil {
		sess, ok, err = a.verify(ctx, name, password)
	}
	if err == nil && a.throttle != nil {
		if ok {
			a.throttle.succeeded(name, host)
		} else {
			a.throttle.failed(name, host)
		}
	}
	<-a.hashing
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, errCredentials()
	}
	return a.login(ctx, sess)
}

// verify returns a session of the credential if the password is right. It hashes
// once in any case, so that the time does not tell whether the username exists.
func (a *authServer) verify(ctx context.Context, name, password string) (store.Session, bool, error) {
	if err := a.seed(ctx); err != nil {
		return store.Session{}, false, err
	}
	// Looked up in any case too.
	c, err := a.store.Credential(ctx, name)
	if err != nil && store.CodeOf(err) != store.NotFound {
		return store.Session{}, false, err
	}
	hash := a.decoy
	sess := store.Session{Username: name}
	known := err == nil && (a.auth.allowBuiltin || !c.Builtin)
	if known {
		hash, sess.UserID, sess.Roles, sess.Proof = c.Hash, c.UserID, c.Roles, proofStore
		if c.Builtin {
			sess.Proof = proofBuiltin
		}
	}
	// The file has the last word.
	if u, ok := a.auth.identities().users[name]; ok {
		known = true
		hash, sess.UserID, sess.Roles, sess.Proof = u.hash, u.UserID, u.Roles, u.proof
	}
	right, err := verifyPassword(hash, password)
	return sess, known && right, err
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
	if err == nil && c.Builtin == a.auth.allowBuiltin {
		// A hash that cannot be read is replaced like one of another password.
		same, _ = verifyPassword(c.Hash, a.admin)
	}
	if !same {
		c = store.Credential{
			Username: adminName, UserID: adminName, Roles: []string{adminName, "user"},
			Hash: HashPassword(a.admin), Builtin: a.auth.allowBuiltin,
		}
		if err := a.store.PutCredential(ctx, c); err != nil {
			return err
		}
	}
	a.seeded = true
	return nil
}

func (a *authServer) login(ctx context.Context, sess store.Session) (*pb.LoginResponse, error) {
	if err := a.auth.inForce(ctx, sess.UserID); err != nil {
		return nil, err
	}
	sess.ID = rand.Text()
	refresh, token := a.tokens.refresh()
	if err := a.store.CreateSession(ctx, sess, token); err != nil {
		return nil, err
	}
	access, err := a.tokens.access(ctx, sess)
	if err != nil {
		return nil, err
	}
	return &pb.LoginResponse{AccessToken: access, RefreshToken: refresh, ExpiresIn: int64(a.tokens.accessTTL.Seconds())}, nil
}

func (a *authServer) ValidateToken(ctx context.Context, req *pb.TokenRequest) (*pb.TokenResponse, error) {
	said, sess, err := a.auth.token(ctx, req.GetToken())
	if err != nil {
		return nil, err
	}
	return &pb.TokenResponse{
		Valid: true, UserId: sess.UserID, Roles: sess.Roles,
		ExpiresIn: int64(said.ExpiresAt.Sub(a.tokens.now()).Seconds()),
	}, nil
}

func (a *authServer) RefreshToken(ctx context.Context, req *pb.TokenRequest) (*pb.TokenResponse, error) {
	refresh, next := a.tokens.refresh()
	sess, err := a.store.RotateToken(ctx, tokenHash(req.GetToken()), next)
	switch code := store.CodeOf(err); {
	case code == store.Expired:
		return nil, errToken("refresh token", true)
	case code == store.Revoked: // perhaps just now
		a.auth.ended(sess.ID)
		return nil, errToken("refresh token", false)
	case code != 0:
		return nil, errToken("refresh token", false)
	case err != nil:
		return nil, err
	case !a.auth.standing(a.auth.identities(), sess):
		return nil, errToken("refresh token", false)
	}
	if err := a.auth.inForce(ctx, sess.UserID); err != nil {
		return nil, err
	}
	access, err := a.tokens.access(ctx, sess)
	if err != nil {
		return nil, err
	}
	return &pb.TokenResponse{
		Valid: true, UserId: sess.UserID, Roles: sess.Roles,
		AccessToken: access, RefreshToken: refresh, ExpiresIn: int64(a.tokens.accessTTL.Seconds()),
	}, nil
}

// Logout takes an access token even when it is past its time: the session that
// it belongs to may live on.
func (a *authServer) Logout(ctx context.Context, req *pb.TokenRequest) (*emptypb.Empty, error) {
	said, _, err := a.tokens.read(ctx, req.GetToken())
	if err != nil {
		return nil, err
	}
	var session string
	if said != nil {
		session = said.Session
		err = a.store.RevokeSession(ctx, session)
	} else {
		session, err = a.store.RevokeToken(ctx, tokenHash(req.GetToken()))
	}
	if store.CodeOf(err) == store.NotFound {
		return nil, errToken("token", false)
	}
	if err != nil {
		return nil, err
	}
	a.auth.ended(session)
	return &emptypb.Empty{}, nil
}

// errCredentials is the same for a wrong username and a wrong password.
func errCredentials() error {
	return unauthenticated("WRONG_CREDENTIALS", "wrong username or password")
}
