package testserver

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"hash"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// clock is a time that stands still until it is advanced.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.advance(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		c.at = time.Now()
	}
	c.at = c.at.Add(d)
}

func auth(t testing.TB, cfg Config) pb.AuthServiceClient {
	t.Helper()
	if cfg.loginDelay == 0 {
		cfg.loginDelay = time.Millisecond
	}
	return pb.NewAuthServiceClient(dial(t, Start(t, cfg)))
}

// withMetadata returns a context that sends one line of metadata.
func withMetadata(t testing.TB, name, value string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(withDeadline(t), name, value)
}

func login(t testing.TB, c pb.AuthServiceClient) *pb.LoginResponse {
	t.Helper()
	resp, err := c.Login(withDeadline(t), &pb.LoginRequest{Username: "admin", Password: "password"})
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// wantToken checks a status about a bad token.
func wantToken(t testing.TB, err error, reason string) {
	t.Helper()
	st := wantStatus(t, err, codes.Unauthenticated, strings.ToLower(strings.TrimPrefix(reason, "TOKEN_")))
	if info := detail[*errdetails.ErrorInfo](t, st); info.GetReason() != reason {
		t.Errorf("reason %s, want %s", info.GetReason(), reason)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	c := auth(t, Config{AccessTTL: 10 * time.Minute})
	pair := login(t, c)
	if pair.GetExpiresIn() != 600 || pair.GetRefreshToken() == "" {
		t.Error(pair)
	}
	resp, err := c.ValidateToken(withDeadline(t), &pb.TokenRequest{Token: pair.GetAccessToken()})
	if err != nil || !resp.GetValid() || resp.GetUserId() != "admin" || strings.Join(resp.GetRoles(), " ") != "admin user" {
		t.Error(resp, err)
	}
	if e := resp.GetExpiresIn(); e < 590 || e > 600 {
		t.Errorf("expires in %d s", e)
	}
	var messages []string
	for _, req := range []*pb.LoginRequest{
		{Username: "admin", Password: "wrong"}, {Username: "nobody", Password: "password"},
		{Username: "admin"}, {}, {Username: "Admin", Password: "password"},
		{Username: "a\x00b", Password: "password"}, {Username: "admin", Password: strings.Repeat("x", 1<<20)},
	} {
		_, err := c.Login(withDeadline(t), req)
		st := wantStatus(t, err, codes.Unauthenticated, "")
		messages = append(messages, st.Message())
	}
	for _, m := range messages {
		if m != messages[0] {
			t.Errorf("message %q, want %q for every failure", m, messages[0])
		}
	}
}

func TestUnknownUserTakesAsLongAsWrongPassword(t *testing.T) {
	c := auth(t, Config{loginDelay: 1})
	login(t, c)
	least := map[string]time.Duration{"admin": time.Hour, "nobody": time.Hour}
	for range failuresToLock - 1 {
		for name := range least { // in turn, so that a busy machine slows both
			begin := time.Now()
			_, err := c.Login(withDeadline(t), &pb.LoginRequest{Username: name, Password: "wrong"})
			least[name] = min(least[name], time.Since(begin))
			wantStatus(t, err, codes.Unauthenticated, "")
		}
	}
	// Without a hash, an answer takes a hundredth of the time.
	if wrong, unknown := least["admin"], least["nobody"]; unknown < wrong/20 || wrong < unknown/20 {
		t.Errorf("wrong password %v, unknown user %v", wrong, unknown)
	}
}

func TestWhoMayLogIn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "auth.db")
	try := func(cfg Config, password string) codes.Code {
		t.Helper()
		cfg.Store, cfg.loginDelay, cfg.now = file, time.Millisecond, time.Now
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Shutdown(withDeadline(t))
		_, err = newAuthServer(s.cfg, s.store, s.auth).Login(withDeadline(t), &pb.LoginRequest{Username: "admin", Password: password})
		return status.Code(err)
	}
	for i, step := range []struct {
		cfg      Config
		password string
		want     codes.Code
	}{
		{Config{}, "password", codes.Unauthenticated},
		{Config{DefaultAdmin: true}, "password", codes.OK},
		{Config{DefaultAdmin: true}, "password", codes.OK},
		{Config{}, "password", codes.Unauthenticated}, // kept in the file, but no longer allowed
		{Config{AdminPassword: "s3cret", DefaultAdmin: true}, "password", codes.Unauthenticated},
		{Config{AdminPassword: "s3cret"}, "s3cret", codes.OK},
		{Config{}, "s3cret", codes.OK}, // one's own password is kept
		{Config{AdminPassword: "changed"}, "s3cret", codes.Unauthenticated},
		{Config{AdminPassword: "password"}, "password", codes.OK},
		{Config{DefaultAdmin: true}, "password", codes.OK},
		{Config{}, "password", codes.Unauthenticated},
	} {
		if got := try(step.cfg, step.password); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

func TestFailedLoginsAreSlowedThenRefused(t *testing.T) {
	t.Parallel()
	var cl clock
	const delay = 20 * time.Millisecond
	c := auth(t, Config{now: cl.now, loginDelay: delay})
	try := func(password string) (time.Duration, error) {
		begin := time.Now()
		_, err := c.Login(withDeadline(t), &pb.LoginRequest{Username: "admin", Password: password})
		return time.Since(begin), err
	}
	for i := range failuresToLock {
		took, err := try("wrong")
		wantStatus(t, err, codes.Unauthenticated, "")
		if i >= freeFailures && took < delay<<(i-freeFailures) {
			t.Errorf("failure %d took %v, want at least %v", i+1, took, delay<<(i-freeFailures))
		}
	}
	_, err := try("password") // even the right one
	info := detail[*errdetails.RetryInfo](t, wantStatus(t, err, codes.ResourceExhausted, "too many failed logins"))
	if d := info.GetRetryDelay().AsDuration(); d < firstLock-10*time.Second || d > firstLock {
		t.Errorf("retry after %v, want about %v", d, firstLock)
	}
	if _, err := c.Login(withDeadline(t), &pb.LoginRequest{Username: "other", Password: "x"}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("another username: %v", err)
	}
	cl.advance(firstLock)
	if _, err := try("wrong"); status.Code(err) != codes.Unauthenticated {
		t.Errorf("after the lock: %v", err)
	}
	_, err = try("wrong")
	info = detail[*errdetails.RetryInfo](t, wantStatus(t, err, codes.ResourceExhausted, ""))
	if d := info.GetRetryDelay().AsDuration(); d <= firstLock {
		t.Errorf("second lock of %v, want it longer than %v", d, firstLock)
	}
	cl.advance(2 * firstLock)
	if _, err := try("password"); err != nil {
		t.Errorf("right password after the lock: %v", err)
	}
	if _, err := try("wrong"); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a success clears the failures: %v", err)
	}
}

func TestGuessesAtOnceAreRefusedToo(t *testing.T) {
	t.Parallel()
	c := auth(t, Config{})
	login(t, c)
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := map[codes.Code]int{}
	for range 40 {
		wg.Go(func() {
			_, err := c.Login(withDeadline(t), &pb.LoginRequest{Username: "admin", Password: "wrong"})
			mu.Lock()
			defer mu.Unlock()
			count[status.Code(err)]++
		})
	}
	wg.Wait()
	if n := count[codes.Unauthenticated]; n < failuresToLock || n > failuresToLock+4 {
		t.Errorf("outcomes %v, want about %d guesses checked", count, failuresToLock)
	}
}

func TestValidateToken(t *testing.T) {
	t.Parallel()
	var cl clock
	key, err := newSigningKey([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	cc := dial(t, Start(t, Config{now: cl.now, SigningKey: key.secret}))
	c, users := pb.NewAuthServiceClient(cc), pb.NewUserServiceClient(cc)
	pair := login(t, c)
	good := pair.GetAccessToken()
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding
	header := func(alg string) string {
		return b64.EncodeToString([]byte(`{"alg":"` + alg + `","typ":"JWT","kid":"` + key.id + `"}`))
	}
	sign := func(header, payload string, h func() hash.Hash, secret []byte) string {
		mac := hmac.New(h, secret)
		mac.Write([]byte(header + "." + payload))
		return header + "." + payload + "." + b64.EncodeToString(mac.Sum(nil))
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaToken := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"iss": tokenIssuer})
	rsaToken.Header["kid"] = key.id
	rs256, err := rsaToken.SignedString(rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	hour := time.Now().Add(time.Hour).Unix()
	// claim signs claims that are right but for the changes.
	claim := func(changes jwt.MapClaims) string {
		c := jwt.MapClaims{}
		payload, err := b64.DecodeString(parts[1])
		if err == nil {
			err = json.Unmarshal(payload, &c)
		}
		if err != nil {
			t.Fatal(err)
		}
		c["exp"] = hour
		for name, value := range changes {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, c)
		token.Header["kid"] = key.id
		text, err := token.SignedString(key.secret)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if _, err := c.ValidateToken(withDeadline(t), &pb.TokenRequest{Token: claim(nil)}); err != nil {
		t.Fatalf("the hostile tokens are wrong in other ways than they say: %v", err)
	}
	noKid := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))
	otherKid := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT","kid":"' OR 1=1 --"}`))
	listKid := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT","kid":["` + key.id + `"]}`))
	ownKey := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT","kid":"x","jwk":{"kty":"oct","k":"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg"}}`))
	for name, token := range map[string]string{
		"empty":               "",
		"nonsense":            "nonsense",
		"refresh token":       pair.GetRefreshToken(),
		"changed payload":     parts[0] + "." + b64.EncodeToString([]byte(`{"sub":"root"}`)) + "." + parts[2],
		"none":                b64.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"none with a kid":     header("none") + "." + parts[1] + ".",
		"None":                header("None") + "." + parts[1] + ".",
		"no signature":        parts[0] + "." + parts[1] + ".",
		"two parts":           parts[0] + "." + parts[1],
		"another key":         sign(header("HS256"), parts[1], sha256.New, []byte(strings.Repeat("x", 32))),
		"empty key":           sign(header("HS256"), parts[1], sha256.New, nil),
		"HS384":               sign(header("HS384"), parts[1], sha512.New384, key.secret),
		"HS512":               sign(header("HS512"), parts[1], sha512.New, key.secret),
		"RS256":               rs256,
		"RS256 and HMAC":      sign(header("RS256"), parts[1], sha256.New, key.secret),
		"lower case":          sign(header("hs256"), parts[1], sha256.New, key.secret),
		"key by public key":   sign(header("HS256"), parts[1], sha256.New, rsaKey.N.Bytes()),
		"no kid":              sign(noKid, parts[1], sha256.New, key.secret),
		"unknown kid":         sign(otherKid, parts[1], sha256.New, key.secret),
		"several kids":        sign(listKid, parts[1], sha256.New, key.secret),
		"a key of its own":    sign(ownKey, parts[1], sha256.New, []byte(strings.Repeat("x", 32))),
		"no session":          claim(jwt.MapClaims{"sid": nil}),
		"another session":     claim(jwt.MapClaims{"sid": "x"}),
		"no expiry":           claim(jwt.MapClaims{"exp": nil}),
		"no issuer":           claim(jwt.MapClaims{"iss": nil}),
		"another issuer":      claim(jwt.MapClaims{"iss": "x"}),
		"no audience":         claim(jwt.MapClaims{"aud": nil}),
		"another audience":    claim(jwt.MapClaims{"aud": []string{"x"}}),
		"other and expired":   claim(jwt.MapClaims{"iss": "x", "exp": 1}),
		"not yet valid":       claim(jwt.MapClaims{"nbf": hour}),
		"not yet and expired": claim(jwt.MapClaims{"nbf": hour, "exp": 1}),
		"100,000 dots":        strings.Repeat(".", 100_000),
		"4,000 dots":          strings.Repeat(".", 4000),
		"very long":           strings.Repeat("x", 1<<20),
		"long and well made":  claim(jwt.MapClaims{"sub": strings.Repeat("x", maxToken)}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.ValidateToken(withDeadline(t), &pb.TokenRequest{Token: token})
			wantToken(t, err, "TOKEN_INVALID")
			if len(token) == 0 || len(token) > 8<<10 {
				return // no header, or one that the transport refuses
			}
			_, err = users.GetUser(withMetadata(t, "authorization", "Bearer "+token), &pb.GetUserRequest{UserId: "1"})
			wantToken(t, err, "TOKEN_INVALID")
		})
	}
	cl.advance(15*time.Minute + time.Second)
	_, err = c.ValidateToken(withDeadline(t), &pb.TokenRequest{Token: good})
	wantToken(t, err, "TOKEN_EXPIRED")
	_, err = users.GetUser(withMetadata(t, "authorization", "Bearer "+good), &pb.GetUserRequest{UserId: "1"})
	wantToken(t, err, "TOKEN_EXPIRED")
}

func TestRefreshToken(t *testing.T) {
	t.Parallel()
	var cl clock
	c := auth(t, Config{now: cl.now})
	refresh := func(token string) (*pb.TokenResponse, error) {
		return c.RefreshToken(withDeadline(t), &pb.TokenRequest{Token: token})
	}
	first := login(t, c)
	other := login(t, c)
	second, err := refresh(first.GetRefreshToken())
	if err != nil {
		t.Fatal(err)
	}
	if !second.GetValid() || second.GetUserId() != "admin" || second.GetExpiresIn() != 900 || second.GetRefreshToken() == first.GetRefreshToken() {
		t.Error(second)
	}
	if _, err := c.ValidateToken(withDeadline(t), &pb.TokenRequest{Token: second.GetAccessToken()}); err != nil {
		t.Error(err)
	}
	_, err = refresh(first.GetAccessToken())
	wantToken(t, err, "TOKEN_INVALID")

	t.Run("use of an old token revokes the family", func(t *testing.T) {
		_, err := refresh(first.GetRefreshToken())
		wantToken(t, err, "TOKEN_INVALID")
		_, err = refresh(second.GetRefreshToken())
		wantToken(t, err, "TOKEN_INVALID")
		for _, access := range []string{first.GetAccessToken(), second.GetAccessToken()} {
			_, err = c.ValidateToken(withDeadline(t), &pb.TokenRequest{Token: access})
			wantToken(t, err, "TOKEN_INVALID")
		}
	})
	t.Run("other logins go on, until their time", func(t *testing.T) {
		next, err := refresh(other.GetRefreshToken())
		if err != nil {
			t.Fatal(err)
		}
		cl.advance(8 * 24 * time.Hour)
		_, err = refresh(next.GetRefreshToken())
		wantToken(t, err, "TOKEN_EXPIRED")
	})
}

func TestLogout(t *testing.T) {
	t.Parallel()
	var cl clock
	c := auth(t, Config{now: cl.now})
	for name, pick := range map[string]func(*pb.LoginResponse) string{
		"access token": (*pb.LoginResponse).GetAccessToken, "refresh token": (*pb.LoginResponse).GetRefreshToken,
		"expired access token": func(p *pb.LoginResponse) string {
			cl.advance(time.Hour)
			return p.GetAccessToken()
		},
	} {
		t.Run(name, func(t *testing.T) {
			pair := login(t, c)
			token := &pb.TokenRequest{Token: pick(pair)}
			for range 2 { // it may be repeated
				if _, err := c.Logout(withDeadline(t), token); err != nil {
					t.Fatal(err)
				}
			}
			_, err := c.RefreshToken(withDeadline(t), &pb.TokenRequest{Token: pair.GetRefreshToken()})
			wantToken(t, err, "TOKEN_INVALID")
			if _, err := c.ValidateToken(withDeadline(t), &pb.TokenRequest{Token: pair.GetAccessToken()}); status.Code(err) != codes.Unauthenticated {
				t.Error(err)
			}
		})
	}
	_, err := c.Logout(withDeadline(t), &pb.TokenRequest{Token: "nonsense"})
	wantToken(t, err, "TOKEN_INVALID")
}

func TestLoginEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	c := auth(t, Config{loginDelay: time.Hour})
	for range freeFailures {
		_, err := c.Login(withDeadline(t), &pb.LoginRequest{Username: "admin", Password: "wrong"})
		wantStatus(t, err, codes.Unauthenticated, "")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := c.Login(ctx, &pb.LoginRequest{Username: "admin", Password: "password"})
	wantStatus(t, err, codes.DeadlineExceeded, "")
}

func BenchmarkLogin(b *testing.B) {
	c := auth(b, Config{})
	for b.Loop() {
		login(b, c)
	}
}

func FuzzVerifyPassword(f *testing.F) {
	f.Add(HashPassword("password"))
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$$")
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$!$!")
	f.Add("")
	f.Fuzz(func(t *testing.T, hash string) {
		// No hash that was not made from the password is accepted.
		if ok, _ := verifyPassword(hash, "another"); ok {
			t.Errorf("hash %q accepted", hash)
		}
	})
}
