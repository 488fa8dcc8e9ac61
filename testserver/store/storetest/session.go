package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/grpcx/grpcx/testserver/store"
)

func testCredentials(t *testing.T, open opener) {
	s := open(t, store.Options{})
	_, err := s.Credential(t.Context(), "ada")
	wantCode(t, err, store.NotFound)
	c := store.Credential{Username: "ada", UserID: "ada", Roles: []string{"admin"}, Hash: "h", Builtin: true}
	if err := s.PutCredential(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	got, err := s.Credential(t.Context(), "ada")
	if d := cmp.Diff(c, got); d != "" || err != nil {
		t.Error(err, "-want +got\n"+d)
	}
	_, err = s.Credential(t.Context(), "Ada")
	wantCode(t, err, store.NotFound)

	if err := s.CreateSession(t.Context(), "s1", "ada", token("r1", time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.PutCredential(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	_, err = s.Session(t.Context(), "s1")
	wantCode(t, err, store.NotFound) // ended with the old credential
}

func token(hash string, lifetime time.Duration) store.RefreshToken {
	return store.RefreshToken{Hash: hash, ExpiresAt: time.Now().Add(lifetime)}
}

// withSession returns a store with the session s1 and its first token r1.
func withSession(t *testing.T, open opener, opts store.Options) *store.Store {
	t.Helper()
	s := open(t, opts)
	if err := s.PutCredential(t.Context(), store.Credential{Username: "ada", UserID: "a", Roles: []string{"admin"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateSession(t.Context(), "s1", "ada", token("r1", time.Hour)); err != nil {
		t.Fatal(err)
	}
	return s
}

func testTokens(t *testing.T, open opener) {
	var ahead time.Duration
	s := withSession(t, open, store.Options{Now: func() time.Time { return time.Now().Add(ahead) }})
	sess, err := s.RotateToken(t.Context(), "r1", token("r2", time.Hour))
	if err != nil || sess.ID != "s1" || sess.Credential.UserID != "a" {
		t.Fatalf("%+v, %v", sess, err)
	}
	_, err = s.RotateToken(t.Context(), "nonsense", token("r3", time.Hour))
	wantCode(t, err, store.NotFound)
	_, err = s.RotateToken(t.Context(), "r1", token("r3", time.Hour)) // stolen
	wantCode(t, err, store.Revoked)
	_, err = s.RotateToken(t.Context(), "r2", token("r3", time.Hour))
	wantCode(t, err, store.Revoked)
	_, err = s.Session(t.Context(), "s1")
	wantCode(t, err, store.NotFound)

	for _, id := range []string{"s2", "s3", "s4"} {
		if err := s.CreateSession(t.Context(), id, "ada", token("r"+id, time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.RevokeSession(t.Context(), "s2"), s.RevokeToken(t.Context(), "rs3"), s.RevokeSession(t.Context(), "none")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.RevokeToken(t.Context(), "nonsense"), store.NotFound)
	for id, alive := range map[string]bool{"s2": false, "s3": false, "s4": true} {
		if _, err := s.Session(t.Context(), id); (err == nil) != alive {
			t.Errorf("session %s: %v, want alive %t", id, err, alive)
		}
	}
	ahead = 2 * time.Hour
	_, err = s.RotateToken(t.Context(), "rs4", token("r5", 3*time.Hour))
	wantCode(t, err, store.Expired)
	_, err = s.Session(t.Context(), "s4")
	wantCode(t, err, store.NotFound)
	if err := s.CreateSession(t.Context(), "s6", "ada", token("r6", 3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, err = s.RotateToken(t.Context(), "rs4", token("r5", 3*time.Hour))
	wantCode(t, err, store.NotFound) // dropped when s6 was created
}

func testTokenRace(t *testing.T, open opener) {
	s := withSession(t, open, store.Options{})
	var wg sync.WaitGroup
	results := make(chan error, 8)
	for i := range cap(results) {
		wg.Go(func() {
			_, err := s.RotateToken(t.Context(), "r1", token(fmt.Sprintf("next%d", i), time.Hour))
			results <- err
		})
	}
	wg.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
		} else {
			wantCode(t, err, store.Revoked)
		}
	}
	if won != 1 {
		t.Errorf("%d of 8 rotations of one token won, want 1", won)
	}
	_, err := s.Session(t.Context(), "s1")
	wantCode(t, err, store.NotFound)
}
