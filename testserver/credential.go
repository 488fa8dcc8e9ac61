package testserver

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/grpcx/grpcx/testserver/store"
)

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
