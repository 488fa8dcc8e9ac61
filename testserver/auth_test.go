package testserver

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// clock is a time that tests move.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

func auth(t testing.TB, cfg Config) pb.AuthServiceClient {
	t.Helper()
	if cfg.loginDelay == 0 {
		cfg.loginDelay = time.Millisecond
	}
	return pb.NewAuthServiceClient(dial(t, Start(t, cfg)))
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
	if wrong, unknown := least["admin"], least["nobody"]; unknown < wrong/4 || wrong < unknown/4 {
		t.Errorf("wrong password %v, unknown user %v", wrong, unknown)
	}
}

func TestWhoMayLogIn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "auth.db")
	try := func(cfg Config, password string) codes.Code {
		t.Helper()
		cfg.Store, cfg.loginDelay, cfg.now = file, time.Millisecond, time.Now
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Shutdown(withDeadline(t))
		tokens, err := newTokens(s.cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, err = newAuthServer(s.cfg, s.store, tokens).Login(withDeadline(t), &pb.LoginRequest{Username: "admin", Password: password})
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
	if took, err := try("wrong"); status.Code(err) != codes.Unauthenticated || took > 10*time.Second {
		t.Errorf("a success clears the failures: %v", err)
	}
}

func TestGuessesAtOnceAreRefusedToo(t *testing.T) {
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

func TestThrottleIsBounded(t *testing.T) {
	var cl clock
	th := newThrottle(cl.now, time.Millisecond)
	for i := range maxThrottled + 100 {
		th.failed(string(rune(i)) + "\x00host")
	}
	if n := len(th.keys); n > maxThrottled {
		t.Errorf("%d keys", n)
	}
	cl.advance(longestLock + time.Second)
	th.failed("new")
	if n := len(th.keys); n != 1 {
		t.Errorf("%d keys after the others' time, want 1", n)
	}
	for range 40 {
		th.failed("new")
	}
	if _, locked := th.check("new"); locked <= 0 || locked > longestLock {
		t.Errorf("locked for %v", locked)
	}
}

func TestValidateToken(t *testing.T) {
	var cl clock
	key := []byte(strings.Repeat("k", 32))
	c := auth(t, Config{now: cl.now, SigningKey: key})
	pair := login(t, c)
	good := pair.GetAccessToken()
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding
	sign := func(header, payload, key string) string {
		text := b64.EncodeToString([]byte(header)) + "." + payload
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(text))
		return text + "." + b64.EncodeToString(mac.Sum(nil))
	}
	claim := func(c jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	hour := time.Now().Add(time.Hour).Unix()
	for name, token := range map[string]string{
		"empty":              "",
		"nonsense":           "nonsense",
		"refresh token":      pair.GetRefreshToken(),
		"changed payload":    parts[0] + "." + b64.EncodeToString([]byte(`{"sub":"root"}`)) + "." + parts[2],
		"no signature":       b64.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"another key":        sign(`{"alg":"HS256","typ":"JWT"}`, parts[1], strings.Repeat("x", 32)),
		"another algorithm":  sign(`{"alg":"HS384","typ":"JWT"}`, parts[1], string(key)),
		"no session":         claim(jwt.MapClaims{"iss": tokenIssuer, "sub": "admin", "exp": hour}),
		"no expiry":          claim(jwt.MapClaims{"iss": tokenIssuer, "sub": "admin"}),
		"another issuer":     claim(jwt.MapClaims{"iss": "x", "sub": "admin", "exp": hour}),
		"other and expired":  claim(jwt.MapClaims{"iss": "x", "sub": "admin", "exp": 1}),
		"very long":          strings.Repeat("x", 1<<20),
		"long and well made": claim(jwt.MapClaims{"iss": tokenIssuer, "sub": strings.Repeat("x", maxToken), "exp": hour}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.ValidateToken(withDeadline(t), &pb.TokenRequest{Token: token})
			wantToken(t, err, "TOKEN_INVALID")
		})
	}
	cl.advance(15*time.Minute + time.Second)
	_, err := c.ValidateToken(withDeadline(t), &pb.TokenRequest{Token: good})
	wantToken(t, err, "TOKEN_EXPIRED")
}

func TestRefreshToken(t *testing.T) {
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
	f.Add(hashPassword("password"))
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
