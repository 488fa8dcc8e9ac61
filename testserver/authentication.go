package testserver

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

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
	open         map[string]bool // methods that need no credentials
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
	if c.stream {
		stop, err := a.watched.watch(ctx, c, g)
		if err != nil {
			return err
		}
		defer stop()
	}
	return next(withIdentity(ctx, g.identity))
}

// grant is a credential that was found to be good.
type grant struct {
	identity
	name     string    // of the credential, among all that there are
	session  string    // that a token belongs to; "" for other credentials
	until    time.Time // when it must be looked at again; zero: never
	standing func(*identities) bool
}

// authenticate returns the credential of a call, nil if it has none. If it has
// several, all must be good; a token goes before an API key, and that before a
// certificate.
func (a *authenticator) authenticate(ctx context.Context) (*grant, error) {
	var found *grant
	take := func(g *grant, err error) error {
		if found == nil {
			found = g
		}
		return err
	}
	if v := metadata.ValueFromIncomingContext(ctx, "authorization"); len(v) > 0 {
		if err := take(a.bearer(ctx, v)); err != nil {
			return nil, err
		}
	}
	if v := metadata.ValueFromIncomingContext(ctx, "x-api-key"); len(v) > 0 {
		if err := take(a.apiKey(ctx, v)); err != nil {
			return nil, err
		}
	}
	if cert := clientCertificate(ctx); cert != nil {
		if err := take(a.certificate(ctx, cert)); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// bearer takes "Bearer" and a token, or the token alone.
func (a *authenticator) bearer(ctx context.Context, values []string) (*grant, error) {
	token := values[0]
	if scheme, rest, found := strings.Cut(token, " "); found {
		if !strings.EqualFold(scheme, "Bearer") {
			return nil, unauthenticated("TOKEN_INVALID", "want a bearer token in authorization")
		}
		token = strings.TrimLeft(rest, " ")
	}
	if len(values) > 1 {
		return nil, unauthenticated("TOKEN_INVALID", "want one authorization")
	}
	said, sess, err := a.token(ctx, token)
	if err != nil {
		return nil, err
	}
	id := said.Session
	return &grant{
		identity: identity{UserID: sess.UserID, Roles: sess.Roles},
		name:     "session " + id, session: id, until: sess.ExpiresAt,
		standing: func(ids *identities) bool { return a.standing(ids, sess) },
	}, nil
}

// token returns what an access token says, and its session, if both are good.
func (a *authenticator) token(ctx context.Context, text string) (*claims, store.Session, error) {
	if len(text) > maxToken {
		return nil, store.Session{}, errToken("token", false)
	}
	said, err := a.said.get(ctx, text)
	if err != nil {
		return nil, store.Session{}, err
	}
	if !said.ExpiresAt.After(a.now()) {
		return nil, store.Session{}, errToken("token", true)
	}
	sess, err := a.sessions.get(ctx, said.Session)
	if store.CodeOf(err) == store.NotFound {
		return nil, store.Session{}, errToken("token", false)
	}
	if err != nil {
		return nil, store.Session{}, err
	}
	if !a.standing(a.identities(), sess) {
		return nil, store.Session{}, errToken("token", false)
	}
	return said, sess, a.inForce(ctx, sess.UserID)
}

// standing tells whether the credential that a session began with is still there
// as it was.
func (a *authenticator) standing(ids *identities, sess store.Session) bool {
	switch {
	case sess.Proof == proofStore:
		return true
	case sess.Proof == proofBuiltin:
		return a.allowBuiltin
	}
	u, ok := ids.users[sess.Username]
	return ok && u.proof == sess.Proof
}

// inForce refuses the credentials of users who were deleted or suspended.
func (a *authenticator) inForce(ctx context.Context, userID string) error {
	ok, err := a.users.get(ctx, userID)
	if err == nil && !ok {
		err = errNotActive()
	}
	return err
}

func (a *authenticator) apiKey(ctx context.Context, values []string) (*grant, error) {
	if len(values) > 1 || len(values[0]) > maxToken {
		return nil, errAPIKey()
	}
	hash := sha256.Sum256([]byte(values[0]))
	// Found by its hash, which a client cannot approach by degrees: the time that it
	// takes tells nothing.
	k, ok := a.identities().apiKeys[hash]
	if !ok {
		return nil, errAPIKey()
	}
	if !k.expires.IsZero() && !k.expires.After(a.now()) {
		return nil, unauthenticated("API_KEY_EXPIRED", "API key is expired")
	}
	return &grant{
		identity: k.identity, name: "api-key " + string(hash[:]), until: k.expires,
		standing: func(ids *identities) bool {
			now, ok := ids.apiKeys[hash]
			return ok && now.equal(k.identity) && (now.expires.IsZero() || now.expires.After(a.now()))
		},
	}, a.inForce(ctx, k.UserID)
}

// clientCertificate returns the certificate of the caller, if it was verified.
func clientCertificate(ctx context.Context) *x509.Certificate {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 || len(info.State.VerifiedChains[0]) == 0 {
		return nil
	}
	return info.State.VerifiedChains[0][0]
}

// certificate returns nil for a certificate that stands for nobody: it may be
// there for the connection's sake alone.
func (a *authenticator) certificate(ctx context.Context, cert *x509.Certificate) (*grant, error) {
	id, ok := a.identities().ofCertificate(cert)
	if !ok {
		return nil, nil
	}
	if !cert.NotAfter.After(a.now()) {
		return nil, unauthenticated("CERTIFICATE_EXPIRED", "client certificate is expired")
	}
	hash := sha256.Sum256(cert.Raw)
	return &grant{
		identity: id, name: "certificate " + string(hash[:]), until: cert.NotAfter,
		standing: func(ids *identities) bool {
			now, ok := ids.ofCertificate(cert)
			return ok && now.equal(id) && cert.NotAfter.After(a.now())
		},
	}, a.inForce(ctx, id.UserID)
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
