package testserver

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/grpcx/grpcx/testserver/store"
)

const (
	tokenIssuer   = "grpcx"
	tokenAudience = "grpcx"
	maxToken      = 4096 // bytes

	defaultAccessTTL  = 15 * time.Minute
	defaultRefreshTTL = 7 * 24 * time.Hour
)

// tokens makes and reads access tokens: JWTs signed with HS256 and nothing else.
type tokens struct {
	keys       *keyring
	now        func() time.Time
	accessTTL  time.Duration
	refreshTTL time.Duration
	parser     *jwt.Parser
}

// claims are what an access token says.
type claims struct {
	jwt.RegisteredClaims
	Roles   []string `json:"roles"`
	Session string   `json:"sid"`
}

func newTokens(cfg Config, keys *keyring) *tokens {
	return &tokens{
		keys: keys, now: cfg.now,
		accessTTL:  cmp.Or(cfg.AccessTTL, defaultAccessTTL),
		refreshTTL: cmp.Or(cfg.RefreshTTL, defaultRefreshTTL),
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithIssuer(tokenIssuer), jwt.WithAudience(tokenAudience),
			jwt.WithExpirationRequired(), jwt.WithTimeFunc(cfg.now)),
	}
}

// checkTokenConfig refuses what no token can be made with.
func checkTokenConfig(cfg Config) error {
	if cfg.SigningKey != nil {
		if _, err := newSigningKey(cfg.SigningKey); err != nil {
			return err
		}
	}
	for _, ttl := range []time.Duration{cfg.AccessTTL, cfg.RefreshTTL} {
		if ttl != 0 && ttl < time.Second {
			return errors.New("token lifetime: less than a second")
		}
	}
	return nil
}

// access returns a new access token of the session.
func (t *tokens) access(ctx context.Context, s store.Session) (string, error) {
	key, err := t.keys.signing(ctx)
	if err != nil {
		return "", err
	}
	now := t.now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    tokenIssuer,
			Audience:  jwt.ClaimStrings{tokenAudience},
			Subject:   s.UserID,
			ID:        rand.Text(),
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(t.accessTTL)),
		},
		Roles:   s.Roles,
		Session: s.ID,
	})
	token.Header["kid"] = key.id
	text, err := token.SignedString(key.secret)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text, nil
}

// read returns what an access token of ours says, and whether it is past its
// time. It returns nil for every token that is not ours; the error is that of
// the store.
func (t *tokens) read(ctx context.Context, token string) (said *claims, expired bool, err error) {
	// Checked before anything is decoded.
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return nil, false, nil
	}
	var failed error // of the store
	key := func(token *jwt.Token) (any, error) {
		id, _ := token.Header["kid"].(string)
		k, ok, err := t.keys.verifying(ctx, id)
		if err != nil {
			failed = err
		}
		if !ok || err != nil {
			return nil, jwt.ErrTokenUnverifiable
		}
		return k.secret, nil
	}
	var c claims
	_, err = t.parser.ParseWithClaims(token, &c, key)
	switch {
	case failed != nil:
		return nil, false, failed
	case err == nil:
		return &c, false, nil
	case onlyExpired(err):
		return &c, true, nil
	}
	return nil, false, nil
}

// good returns what an access token of ours says that is not past its time, and
// otherwise the status that says why not.
func (t *tokens) good(ctx context.Context, token string) (*claims, error) {
	said, expired, err := t.read(ctx, token)
	if err == nil && (said == nil || expired) {
		err = errToken("token", expired)
	}
	return said, err
}

// onlyExpired tells whether a token's time is all that is wrong with it.
func onlyExpired(err error) bool {
	for _, other := range []error{
		jwt.ErrTokenInvalidIssuer, jwt.ErrTokenInvalidAudience, jwt.ErrTokenNotValidYet, jwt.ErrTokenRequiredClaimMissing,
	} {
		if errors.Is(err, other) {
			return false
		}
	}
	return errors.Is(err, jwt.ErrTokenExpired)
}

// refresh returns a new refresh token: its text for the client, its hash for the store.
func (t *tokens) refresh() (string, store.RefreshToken) {
	b := make([]byte, 32)
	rand.Read(b) // never fails, by its contract
	text := base64.RawURLEncoding.EncodeToString(b)
	return text, store.RefreshToken{Hash: tokenHash(text), ExpiresAt: t.now().Add(t.refreshTTL)}
}

// tokenHash is enough for a text of 256 random bits, which cannot be guessed.
func tokenHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
