package testserver

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
	"github.com/grpcx/grpcx/testserver/store"
)

func TestNodesShareTheirKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "nodes.db")
	var tokens []string
	for range 2 {
		s, err := Listen(Config{Store: path})
		if err != nil {
			t.Fatal(err)
		}
		other := Start(t, Config{Store: path})
		cc := dial(t, other)
		tokens = append(tokens, login(t, pb.NewAuthServiceClient(dial(t, s))).GetAccessToken())
		for i, token := range tokens {
			if err := getUser(t, cc, "authorization", "Bearer "+token); err != nil {
				t.Errorf("token %d on another node, and after a restart: %v", i, err)
			}
		}
		if err := s.Shutdown(withDeadline(t)); err != nil {
			t.Error(err)
		}
	}
}

// ring returns a keyring of a node, on a clock of its own.
func ring(t *testing.T, s *store.Store, now func() time.Time) *tokens {
	t.Helper()
	cfg := Config{now: now, AccessTTL: time.Hour, RefreshTTL: time.Hour}
	return newTokens(cfg, &keyring{
		now: now, store: s, keep: keptFor(cfg.AccessTTL), configured: func() []signingKey { return nil },
	})
}

func TestKeptKeysAreChanged(t *testing.T) {
	t.Parallel()
	cl := &clock{}
	s, err := store.Open(t.Context(), store.Options{Now: cl.now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	behind := func() time.Time { return cl.now().Add(-time.Minute) } // a clock that is wrong
	nodes := []*tokens{ring(t, s, cl.now), ring(t, s, behind)}
	kid := func(token string) string {
		parsed, _, err := jwt.NewParser().ParseUnverified(token, &claims{})
		if err != nil {
			t.Fatal(err)
		}
		id, _ := parsed.Header["kid"].(string)
		return id
	}
	used := map[string]bool{}
	last := ""
	for range 200 * 24 / 6 { // 200 days
		for i, node := range nodes {
			token, err := node.access(t.Context(), store.Session{UserID: "ada", ID: "s"})
			if err != nil {
				t.Fatal(err)
			}
			if id := kid(token); id != last {
				if used[id] {
					t.Error("an old key signs again")
				}
				used[id], last = true, id
			}
			for j, other := range nodes {
				if said, expired, err := other.read(t.Context(), token); said == nil || expired || err != nil {
					t.Fatalf("token of node %d is refused by node %d: %t, %v", i, j, expired, err)
				}
			}
			cl.advance(3 * time.Hour)
		}
	}
	if len(used) < 6 || len(used) > 8 {
		t.Errorf("%d keys in 200 days, want one for each 30", len(used))
	}
	keys, err := s.SigningKeys(t.Context())
	if err != nil || len(keys) > 3 {
		t.Errorf("%d keys are kept, %v", len(keys), err)
	}
	t.Run("after a long pause", func(t *testing.T) {
		cl.advance(365 * 24 * time.Hour)
		token, err := nodes[0].access(t.Context(), store.Session{UserID: "ada", ID: "s"})
		if err != nil {
			t.Fatal(err)
		}
		if used[kid(token)] {
			t.Error("a key of a year ago signs")
		}
		if keys, err := s.SigningKeys(t.Context()); err != nil || len(keys) != 1 {
			t.Errorf("%d keys are kept, %v", len(keys), err)
		}
	})
}

func TestKeysWhileTheStoreFails(t *testing.T) {
	cl := &clock{}
	s, err := store.Open(t.Context(), store.Options{Now: cl.now})
	if err != nil {
		t.Fatal(err)
	}
	node, late := ring(t, s, cl.now), ring(t, s, cl.now)
	token, err := node.access(t.Context(), store.Session{UserID: "ada", ID: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cl.advance(10 * time.Minute)
	if said, _, err := node.read(t.Context(), token); said == nil || err != nil {
		t.Errorf("a key that was known: %v", err)
	}
	if _, _, err := late.read(t.Context(), token); err == nil {
		t.Error("a token cannot be judged without keys, and no error says so")
	}
}

func FuzzToken(f *testing.F) {
	key, err := newSigningKey([]byte(strings.Repeat("k", 32)))
	if err != nil {
		f.Fatal(err)
	}
	cfg := Config{now: time.Now}
	t := newTokens(cfg, &keyring{now: cfg.now, configured: func() []signingKey { return []signingKey{key} }})
	good, err := t.access(context.Background(), store.Session{UserID: "ada", Roles: []string{"user"}, ID: "s"})
	if err != nil {
		f.Fatal(err)
	}
	b64 := base64.RawURLEncoding
	signed := func(header, payload string) string {
		text := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
		mac := hmac.New(sha256.New, key.secret)
		mac.Write([]byte(text))
		return text + "." + b64.EncodeToString(mac.Sum(nil))
	}
	f.Add(good)
	f.Add(signed(`{"alg":"HS256","kid":"`+key.id+`"}`, `{"iss":"grpcx","aud":"grpcx","exp":1e18,"roles":7}`))
	f.Add(signed(`{"alg":"HS256","kid":"`+key.id+`"}`, `{"iss":"grpcx","aud":["grpcx"],"exp":1e400}`))
	f.Add(signed(`{"alg":"none","kid":null}`, `[]`))
	f.Add(signed(`null`, `null`))
	f.Add("..")
	f.Add(strings.Repeat(".", 100_000))
	f.Fuzz(func(tt *testing.T, token string) {
		said, _, err := t.read(tt.Context(), token)
		if err != nil {
			tt.Errorf("error %v", err)
		}
		if said == nil {
			return
		}
		// What is accepted was signed by the key, which the fuzzer cannot do.
		i := strings.LastIndex(token, ".")
		sum, err := b64.DecodeString(token[i+1:])
		mac := hmac.New(sha256.New, key.secret)
		mac.Write([]byte(token[:i]))
		if err != nil || !hmac.Equal(sum, mac.Sum(nil)) {
			tt.Errorf("accepted %q", token)
		}
	})
}

func BenchmarkReadToken(b *testing.B) {
	key, err := newSigningKey([]byte(strings.Repeat("k", 32)))
	if err != nil {
		b.Fatal(err)
	}
	t := newTokens(Config{now: time.Now}, &keyring{now: time.Now, configured: func() []signingKey { return []signingKey{key} }})
	token, err := t.access(b.Context(), store.Session{UserID: "ada", Roles: []string{"user"}, ID: "s"})
	if err != nil {
		b.Fatal(err)
	}
	for name, token := range map[string]string{"good": token, "dots": strings.Repeat(".", 100_000)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if said, _, err := t.read(b.Context(), token); (said == nil) != (name == "dots") || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
