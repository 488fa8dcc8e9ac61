package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

	mustLogIn(t, s, "s1", "r1")
	c.Hash, c.Roles, c.Builtin = "other", []string{"user"}, false
	if err := s.PutCredential(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Credential(t.Context(), "ada"); err != nil || !cmp.Equal(c, got) {
		t.Errorf("%+v, %v, want %+v", got, err, c)
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
	mustLogIn(t, s, "s1", "r1")
	return s
}

func mustLogIn(t *testing.T, s *store.Store, id, refresh string) {
	t.Helper()
	sess := store.Session{ID: id, Username: "ada", UserID: "a", Roles: []string{"admin", "user"}, Proof: "p"}
	if err := s.CreateSession(t.Context(), sess, token(refresh, time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func testTokens(t *testing.T, open opener) {
	var ahead time.Duration
	s := withSession(t, open, store.Options{Now: func() time.Time { return time.Now().Add(ahead) }})
	sess, err := s.RotateToken(t.Context(), "r1", token("r2", time.Hour))
	if err != nil || sess.ID != "s1" || sess.UserID != "a" {
		t.Fatalf("%+v, %v", sess, err)
	}
	if got, err := s.Session(t.Context(), "s1"); err != nil || got.Username != "ada" || got.UserID != "a" ||
		!slices.Equal(got.Roles, []string{"admin", "user"}) || got.Proof != "p" || time.Until(got.ExpiresAt) < 59*time.Minute {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = s.RotateToken(t.Context(), "nonsense", token("r3", time.Hour))
	wantCode(t, err, store.NotFound)
	stolen, err := s.RotateToken(t.Context(), "r1", token("r3", time.Hour))
	wantCode(t, err, store.Revoked)
	if stolen.ID != "s1" {
		t.Errorf("session %q of the stolen token, want s1", stolen.ID)
	}
	_, err = s.RotateToken(t.Context(), "r2", token("r3", time.Hour))
	wantCode(t, err, store.Revoked)
	_, err = s.Session(t.Context(), "s1")
	wantCode(t, err, store.NotFound)

	for _, id := range []string{"s2", "s3", "s4"} {
		mustLogIn(t, s, id, "r"+id)
	}
	if err := errors.Join(s.RevokeSession(t.Context(), "s2"), s.RevokeSession(t.Context(), "none")); err != nil {
		t.Fatal(err)
	}
	if id, err := s.RevokeToken(t.Context(), "rs3"); err != nil || id != "s3" {
		t.Errorf("session %q, %v, want s3", id, err)
	}
	_, err = s.RevokeToken(t.Context(), "nonsense")
	wantCode(t, err, store.NotFound)
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
	mustLogIn(t, s, "s6", "r6")
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

func testInForce(t *testing.T, open opener) {
	s := open(t, store.Options{})
	u := mustCreate(t, s, "Ada", "ada@example.com")
	check := func(id string, want bool) {
		t.Helper()
		if got, err := s.InForce(t.Context(), id); got != want || err != nil {
			t.Errorf("user %s in force: %t, %v, want %t", id, got, err, want)
		}
	}
	check(u.ID, true)
	check("admin", true)
	check("", true)
	check("99", false)
	for _, edit := range []func(*store.User){
		func(u *store.User) { u.Active = false },
		func(u *store.User) { u.Active, u.Status = true, store.Suspended },
		func(u *store.User) { u.Status = store.Inactive },
	} {
		if _, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { edit(u); return nil }); err != nil {
			t.Fatal(err)
		}
		check(u.ID, false)
	}
	if _, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Status = store.Active; return nil }); err != nil {
		t.Fatal(err)
	}
	check(u.ID, true)
	if err := s.DeleteUser(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	check(u.ID, false)
}

func testRevocations(t *testing.T, open opener) {
	s := open(t, store.Options{KeepEvents: 5})
	mustLogIn(t, s, "before", "r0")
	if err := s.RevokeSession(t.Context(), "before"); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, s, "First", "first@example.com")
	r, err := s.Revocations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := func(want store.Withdrawn) {
		t.Helper()
		got, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got.Sessions)
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Error("-want +got\n" + d)
		}
	}
	users := func(ids ...string) map[string]struct{} {
		set := map[string]struct{}{}
		for _, id := range ids {
			set[id] = struct{}{}
		}
		return set
	}
	want(store.Withdrawn{})
	for _, id := range []string{"s1", "s2", "s3"} {
		mustLogIn(t, s, id, "r"+id)
	}
	want(store.Withdrawn{})
	if err := s.RevokeSession(t.Context(), "s2"); err != nil {
		t.Fatal(err)
	}
	want(store.Withdrawn{Sessions: []string{"s2"}})
	if err := s.PutCredential(t.Context(), store.Credential{Username: "ada"}); err != nil {
		t.Fatal(err)
	}
	second := mustCreate(t, s, "Second", "second@example.com")
	if err := s.DeleteUser(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	want(store.Withdrawn{Sessions: []string{"s1", "s3"}, Users: users("1")})
	want(store.Withdrawn{})
	for range 6 {
		if _, err := s.UpdateUser(t.Context(), second.ID, func(u *store.User) error { u.Age++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	want(store.Withdrawn{Any: true})
	want(store.Withdrawn{})
}

func testSigningKeys(t *testing.T, open opener) {
	s := open(t, store.Options{})
	at := func(hours int) time.Time {
		return time.Date(2026, 1, 1, hours, 0, 0, 0, time.UTC)
	}
	if keys, err := s.SigningKeys(t.Context()); len(keys) != 0 || err != nil {
		t.Fatal(keys, err)
	}
	var wg sync.WaitGroup
	got := make([][]store.SigningKey, 8)
	for i := range got {
		wg.Go(func() {
			var err error
			got[i], err = s.AddSigningKey(t.Context(), store.SigningKey{Secret: []byte{byte(i), 0, 255}, SignsFrom: at(1)}, at(0), at(0))
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	first, err := s.SigningKeys(t.Context())
	if err != nil || len(first) != 1 || !first[0].SignsFrom.Equal(at(1)) || len(first[0].Secret) != 3 {
		t.Fatalf("%+v, %v, want one key", first, err)
	}
	for i := range got {
		if d := cmp.Diff(first, got[i]); d != "" {
			t.Errorf("process %d has another key: -want +got\n%s", i, d)
		}
	}
	add := func(k store.SigningKey, notSince, dropBefore time.Time, want ...store.SigningKey) {
		t.Helper()
		got, err := s.AddSigningKey(t.Context(), k, notSince, dropBefore)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error("-want +got\n" + d)
		}
	}
	second := store.SigningKey{Secret: []byte("second"), SignsFrom: at(5)}
	add(second, at(1), at(0), second, first[0])
	add(store.SigningKey{Secret: []byte("late"), SignsFrom: at(6)}, at(4), at(0), second, first[0])
	add(store.SigningKey{Secret: []byte("late"), SignsFrom: at(6)}, at(4), at(2), second)
}
