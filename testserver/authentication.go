package testserver

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/grpcx/grpcx/testserver/store"
)

// AuthMode says who may call.
type AuthMode string

// The values of AuthMode.
const (
	// AuthOptional serves calls without credentials too. Wrong credentials are
	// refused all the same. It is the default.
	AuthOptional AuthMode = "optional"
	// AuthRequired refuses calls without credentials, but for those of AuthService
	// and of the health services.
	AuthRequired AuthMode = "required"
	// AuthOff looks at no credentials.
	AuthOff AuthMode = "off"
)

// What session proofs begin with: where the credential is kept.
const (
	proofFile    = "file:"
	proofStore   = "store"
	proofBuiltin = "builtin"
)

// errorDomain is the domain of the reasons in google.rpc.ErrorInfo.
const errorDomain = "grpcx"

// cacheTime is for how long a session or a user found in force is not looked up
// again.
const cacheTime = 400 * time.Millisecond

// authenticator finds out who calls.
type authenticator struct {
	mode         AuthMode
	allowBuiltin bool
	now          func() time.Time
	store        *store.Store
	tokens       *tokens
	file         *identityFile // nil if there is none
	none         *identities   // in the place of those of a file
	rules        map[string][]string
	open         map[string]bool  // methods that need no credentials
	said         *recent[*claims] // what good tokens say, by their text
	sessions     *recent[store.Session]
	users        *recent[bool] // whether they are in force
	watched      *grantWatch
}

// newAuthenticator reads the file of identities, if there is one.
func newAuthenticator(cfg Config, s *store.Store, log *slog.Logger) (*authenticator, error) {
	a := &authenticator{
		mode: cfg.Auth, allowBuiltin: cfg.usesDefaultAdmin(), now: cfg.now, store: s,
		none: &identities{}, rules: accessRules(), open: openMethods(),
		sessions: newRecent(s.Session), users: newRecent(s.InForce),
	}
	if a.mode == "" {
		a.mode = AuthOptional
	}
	if !slices.Contains([]AuthMode{AuthOptional, AuthRequired, AuthOff}, a.mode) {
		return nil, fmt.Errorf("auth %q: want optional, required or off", a.mode)
	}
	if err := checkTokenConfig(cfg); err != nil {
		return nil, err
	}
	var fixed []signingKey
	if cfg.SigningKey != nil {
		key, err := newSigningKey(cfg.SigningKey)
		if err != nil {
			return nil, err
		}
		fixed = append(fixed, key)
	}
	a.tokens = newTokens(cfg, &keyring{
		now: cfg.now, store: s, keep: keptFor(cfg.AccessTTL),
		configured: func() []signingKey {
			if keys := a.identities().signing; len(keys) > 0 {
				return slices.Concat(keys, fixed)
			}
			return fixed
		},
	})
	a.said = newRecent(a.tokens.good)
	a.watched = newGrantWatch(a)
	if cfg.Identities == "" {
		return a, nil
	}
	a.file = &identityFile{path: cfg.Identities, log: log, known: func(method string) bool {
		_, ok := a.rules[method]
		return ok
	}}
	return a, a.file.load()
}

// run keeps the identities fresh and ends streams whose credentials do not hold
// any more, until ctx ends.
func (a *authenticator) run(ctx context.Context, start func(func())) {
	start(func() { a.watched.run(ctx) })
	if a.file != nil {
		start(func() { a.file.watch(ctx) })
	}
}

func (a *authenticator) identities() *identities {
	if a.file == nil {
		return a.none
	}
	return a.file.current.Load()
}

// authenticated finds out who calls and refuses whoever presents a credential
// that is wrong, or none where one is required. Open methods do not look at
// credentials: a client whose token ran out must get a new one.
func (s *Server) authenticated(ctx context.Context, c *call, next func(context.Context) error) error {
	a := s.auth
	if a.mode == AuthOff || c.known && a.open[c.method] {
		return next(ctx)
	}
	g, err := a.authenticate(ctx)
	if err == nil && g == nil && a.mode == AuthRequired {
		err = unauthenticated("NO_CREDENTIALS", "credentials are required: a bearer token in authorization, an API key in x-api-key, or a client certificate")
	}
	if err != nil {
		s.limiter.disprove(c.credentials)
		// Fails only where no header can be sent any more.
		_ = grpc.SetHeader(ctx, metadata.Pairs("www-authenticate", `Bearer realm="grpcx"`))
		return err
	}
	if g == nil {
		return next(ctx)
	}
	c.caller = g.identity
	s.limiter.prove(c.credentials, g.UserID)
	if c.kind != kindUnary {
		stop, err := a.watched.watch(ctx, c, g)
		if err != nil {
			return err
		}
		defer stop()
	}
	return next(withIdentity(ctx, g.identity))
}

// unauthenticated returns UNAUTHENTICATED with a reason for programs.
func unauthenticated(reason, message string) error {
	return withDetails(codes.Unauthenticated, message, &errdetails.ErrorInfo{Reason: reason, Domain: errorDomain})
}

// errToken tells a token past its time from any other bad one.
func errToken(kind string, expired bool) error {
	if expired {
		return unauthenticated("TOKEN_EXPIRED", kind+" is expired")
	}
	return unauthenticated("TOKEN_INVALID", kind+" is invalid")
}

func errAPIKey() error { return unauthenticated("API_KEY_INVALID", "API key is invalid") }
