package testserver

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/grpcx/grpcx/testserver/store"
)

const (
	tokenIssuer   = "grpcx"
	minSigningKey = 32   // bytes, the output of the hash that signs
	maxToken      = 4096 // bytes
)

// tokens makes and reads access tokens: JWTs signed with HS256 and nothing else.
type tokens struct {
	key        []byte
	now        func() time.Time
	accessTTL  time.Duration
	refreshTTL time.Duration
}

// claims are what an access token says.
type claims struct {
	jwt.RegisteredClaims
	Roles   []string `json:"roles"`
	Session string   `json:"sid"`
}

func newTokens(cfg Config) (*tokens, error) {
	t := &tokens{
		key:        cfg.SigningKey,
		now:        cfg.now,
		accessTTL:  cmp.Or(cfg.AccessTTL, 15*time.Minute),
		refreshTTL: cmp.Or(cfg.RefreshTTL, 7*24*time.Hour),
	}
	if t.key == nil {
		t.key = make([]byte, minSigningKey)
		rand.Read(t.key) // never fails, by its contract
	}
	if len(t.key) < minSigningKey {
		return nil, fmt.Errorf("signing key: %d bytes, want at least %d", len(t.key), minSigningKey)
	}
	if t.accessTTL < time.Second || t.refreshTTL < time.Second {
		return nil, errors.New("token lifetime: less than a second")
	}
	return t, nil
}

// access returns a new access token of the session.
func (t *tokens) access(s store.Session) (string, error) {
	now := t.now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    tokenIssuer,
			Subject:   s.Credential.UserID,
			ID:        rand.Text(),
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(t.accessTTL)),
		},
		Roles:   s.Credential.Roles,
		Session: s.ID,
	})
	return token.SignedString(t.key)
}

// read returns what an access token of ours says, and whether it is past its
// time. It fails on every token that is not ours.
func (t *tokens) read(token string) (said *claims, expired bool, err error) {
	if len(token) > maxToken {
		return nil, false, jwt.ErrTokenMalformed
	}
	var c claims
	_, err = jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(tokenIssuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(t.now))
	if errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenInvalidIssuer) {
		return &c, true, nil
	}
	return &c, false, err
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
