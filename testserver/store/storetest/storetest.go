// Package storetest holds the tests that a store passes on every database.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/grpcx/grpcx/testserver/store"
)

// Run runs all tests; open returns an empty store that ends with the test, made
// with the given options apart from their Path.
func Run(t *testing.T, open func(*testing.T, store.Options) *store.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, func(*testing.T, store.Options) *store.Store){
		"users":                     testUsers,
		"every bad field":           testInvalid,
		"email without case":        testEmail,
		"batch is atomic":           testBatch,
		"update":                    testUpdate,
		"pages and filter":          testPages,
		"events in order, once":     testEvents,
		"events of one user":        testEventsOfOne,
		"watcher left behind":       testLagging,
		"watcher of a quiet user":   testQuiet,
		"watch ends with context":   testWatchEnds,
		"credentials":               testCredentials,
		"refresh tokens":            testTokens,
		"token used twice at once":  testTokenRace,
		"users in force":            testInForce,
		"revocations":               testRevocations,
		"signing keys":              testSigningKeys,
		"cancelled calls lose none": testCancelled,
		"files":                     testFiles,
		"every bad field of a file": testInvalidFiles,
		"pages of files":            testFilePages,
		"one file by many at once":  testFileRace,
		"identity":                  testIdentity,
		"rooms":                     testRooms,
		"members of a room":         testMembers,
		"messages":                  testMessages,
		"history in pages":          testHistory,
		"pages of long messages":    testBigPages,
		"messages in order, once":   testRoomFeed,
		"typing":                    testTyping,
		"room left behind":          testRoomLagging,
		"writes in groups":          testGroups,
		"writes that break groups":  testGroupFailures,
		"nodes that die":            testNodes,
		"notifications":             testNotifications,
		"subscriptions count":       testWants,
		"notifications in order":    testNotificationOrder,
		"subscriber left behind":    testNotificationsLagging,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

type opener = func(*testing.T, store.Options) *store.Store

func user(name, email string) store.User {
	return store.User{Name: name, Email: email, Active: true, Status: store.Active, Roles: []string{"user"}}
}

func mustCreate(t *testing.T, s *store.Store, name, email string) store.User {
	t.Helper()
	u, err := s.CreateUser(t.Context(), user(name, email))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func wantCode(t *testing.T, err error, want store.Code) {
	t.Helper()
	if got := store.CodeOf(err); got != want {
		t.Fatalf("error %v with code %d, want code %d", err, got, want)
	}
}

// coded returns the Error of that code in err.
func coded(t *testing.T, err error, want store.Code) *store.Error {
	t.Helper()
	wantCode(t, err, want)
	e, _ := errors.AsType[*store.Error](err)
	return e
}

func testUsers(t *testing.T, open opener) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC)
	s := open(t, store.Options{Now: func() time.Time { return now }})
	in := user("Ada", "ada@example.com")
	in.Age, in.Metadata = 36, map[string]string{"team": "engines", "": ""}
	if _, err := s.CreateUser(t.Context(), in); store.CodeOf(err) != store.Invalid {
		t.Fatalf("empty metadata key: %v", err)
	}
	delete(in.Metadata, "")
	got, err := s.CreateUser(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := in
	want.ID, want.CreatedAt, want.UpdatedAt = "1", now.Truncate(time.Microsecond), now.Truncate(time.Microsecond)
	if d := cmp.Diff(want, got); d != "" {
		t.Error("created user: -want +got\n" + d)
	}
	if got, err = s.User(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error("read user: -want +got\n" + d)
	}
	for _, id := range []string{"2", "01", "-1", "", "x", "9223372036854775808"} {
		_, err := s.User(t.Context(), id)
		wantCode(t, err, store.NotFound)
		wantCode(t, s.DeleteUser(t.Context(), id), store.NotFound)
	}
	if err := s.DeleteUser(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	_, err = s.User(t.Context(), "1")
	wantCode(t, err, store.NotFound)
	if again := mustCreate(t, s, "Ada", "ada@example.com"); again.ID != "2" {
		t.Errorf("id %s after a deletion, want 2: ids are not used again", again.ID)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func testInvalid(t *testing.T, open opener) {
	s := open(t, store.Options{})
	_, err := s.CreateUser(t.Context(), store.User{
		Name: " ", Email: "Ada <ada@example.com>", Age: -1, Status: 9,
		Roles: []string{""}, Metadata: map[string]string{"k": "a\x00b"},
	})
	var fields []string
	for _, f := range coded(t, err, store.Invalid).Fields {
		fields = append(fields, f.Field)
	}
	if d := cmp.Diff([]string{"name", "email", "age", "status", "roles", "metadata"}, fields); d != "" {
		t.Error("-want +got\n" + d)
	}
	for _, email := range []string{"", "ada", "@example.com", "ada@", "a b@example.com", "ada@example.com\n", strings.Repeat("a", 300) + "@example.com"} {
		if err := user("Ada", email).Validate(); store.CodeOf(err) != store.Invalid {
			t.Errorf("email %q: %v, want Invalid", email, err)
		}
	}
	for _, email := range []string{"ada@example.com", "ada+tag@localhost", "用户@例子.广告", `"odd name"@example.com`} {
		if err := user("Ada", email).Validate(); (err == nil) == strings.Contains(email, `"`) {
			t.Errorf("email %q: %v", email, err)
		}
	}
}

func testEmail(t *testing.T, open opener) {
	s := open(t, store.Options{})
	for i, pair := range [][2]string{
		{"ada@example.com", "ADA@Example.COM"},
		{"kelvin@example.com", "\u212aelvin@example.com"}, // Kelvin sign
		{"σας@example.com", "ΣΑΣ@example.com"},            // final sigma
		{"zo\u00eb@example.com", "ZOE\u0308@example.com"}, // composed, decomposed
	} {
		mustCreate(t, s, "First", pair[0])
		_, err := s.CreateUser(t.Context(), user("Second", pair[1]))
		if e := coded(t, err, store.AlreadyExists); e.Name != pair[1] || e.Index != -1 {
			t.Errorf("pair %d: error %+v", i, e)
		}
	}
	other := mustCreate(t, s, "Other", "other@example.com")
	_, err := s.UpdateUser(t.Context(), other.ID, func(u *store.User) error { u.Email = "Ada@example.com"; return nil })
	wantCode(t, err, store.AlreadyExists)
	// One's own email is not in the way of its change of case.
	got, err := s.UpdateUser(t.Context(), other.ID, func(u *store.User) error { u.Email = "OTHER@example.com"; return nil })
	if err != nil || got.Email != "OTHER@example.com" {
		t.Errorf("%v, %v", got, err)
	}
}

func testBatch(t *testing.T, open opener) {
	s := open(t, store.Options{})
	mustCreate(t, s, "Taken", "taken@example.com")
	for name, c := range map[string]struct {
		bad   store.User
		code  store.Code
		index int
	}{
		"invalid":        {user("", "c@example.com"), store.Invalid, 2},
		"in the store":   {user("C", "TAKEN@example.com"), store.AlreadyExists, 2},
		"twice in batch": {user("C", "A@example.com"), store.AlreadyExists, 2},
	} {
		_, err := s.CreateUsers(t.Context(), []store.User{user("A", "a@example.com"), user("B", "b@example.com"), c.bad})
		if e := coded(t, err, c.code); e.Index != c.index {
			t.Errorf("%s: index %d, want %d", name, e.Index, c.index)
		}
	}
	if n, err := s.CountUsers(t.Context(), ""); n != 1 || err != nil {
		t.Errorf("%d users, %v, want 1: nothing of a failed batch is stored", n, err)
	}
	got, err := s.CreateUsers(t.Context(), []store.User{user("A", "a@example.com"), user("B", "b@example.com")})
	if err != nil || len(got) != 2 || got[0].ID != "2" || got[1].ID != "3" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := s.CreateUsers(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("empty batch: %v, %v", got, err)
	}
}

func testUpdate(t *testing.T, open opener) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := open(t, store.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
	u := mustCreate(t, s, "Ada", "ada@example.com")
	same, err := s.UpdateUser(t.Context(), u.ID, func(*store.User) error { return nil })
	if err != nil || !same.UpdatedAt.Equal(u.UpdatedAt) {
		t.Errorf("no change: %v, %v, want updated_at %v", same.UpdatedAt, err, u.UpdatedAt)
	}
	got, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error {
		u.ID, u.CreatedAt, u.Age = "99", time.Time{}, 37
		return nil
	})
	if err != nil || got.ID != u.ID || !got.CreatedAt.Equal(u.CreatedAt) || got.Age != 37 || !got.UpdatedAt.After(u.UpdatedAt) {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Name = ""; return nil })
	wantCode(t, err, store.Invalid)
	boom := errors.New("boom")
	if _, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Age = 1; return boom }); !errors.Is(err, boom) {
		t.Errorf("error %v, want that of edit", err)
	}
	if got, _ := s.User(t.Context(), u.ID); got.Age != 37 || got.Name != "Ada" {
		t.Errorf("%+v after failed updates", got)
	}
	_, err = s.UpdateUser(t.Context(), "7", func(*store.User) error { return nil })
	wantCode(t, err, store.NotFound)

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if _, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Age++; return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got, _ := s.User(t.Context(), u.ID); got.Age != 77 {
		t.Errorf("age %d after 40 increments at once, want 77", got.Age)
	}
}

func testPages(t *testing.T, open opener) {
	s := open(t, store.Options{})
	for i := range 12 {
		mustCreate(t, s, fmt.Sprintf("User %02d", i), fmt.Sprintf("u%02d@example.com", i))
	}
	mustCreate(t, s, `50%_off\`, "sale@example.com")
	mustCreate(t, s, "ÉMILE", "ez@example.com")
	ids := func(p store.Page) string {
		t.Helper()
		users, err := s.Users(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, u := range users {
			ids = append(ids, u.ID)
		}
		return strings.Join(ids, " ")
	}
	for _, c := range []struct {
		page store.Page
		want string
	}{
		{store.Page{Limit: 3}, "1 2 3"},
		{store.Page{Limit: 3, Offset: 10}, "11 12 13"},
		{store.Page{Limit: 3, After: "10"}, "11 12 13"}, // by number, not by text
		{store.Page{Limit: 3, Offset: 1 << 40}, ""},
		{store.Page{Limit: 9, Filter: "user 1"}, "11 12"},
		{store.Page{Limit: 9, Filter: "U05@"}, "6"},
		{store.Page{Limit: 9, Filter: "émile"}, "14"},
		{store.Page{Limit: 9, Filter: "e\u0301mile"}, "14"},
		{store.Page{Limit: 9, Filter: "%"}, "13"},
		{store.Page{Limit: 9, Filter: "_"}, "13"},
		{store.Page{Limit: 9, Filter: `\`}, "13"},
		{store.Page{Limit: 9, Filter: "' OR 1=1"}, ""},
	} {
		if got := ids(c.page); got != c.want {
			t.Errorf("%+v: users %s, want %s", c.page, got, c.want)
		}
	}
	if n, err := s.CountUsers(t.Context(), "user 1"); n != 2 || err != nil {
		t.Errorf("count %d, %v, want 2", n, err)
	}
	wantCode(t, store.ValidateFilter("a\x00"), store.Invalid)
	wantCode(t, store.ValidateFilter(strings.Repeat("a", 201)), store.Invalid)
	if err := store.ValidateFilter(""); err != nil {
		t.Error(err)
	}
}

// testCancelled ends many calls at odd moments: what was reported as stored is
// there, and the store goes on working.
func testCancelled(t *testing.T, open opener) {
	s := open(t, store.Options{})
	stored := 0
	for i := range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*10)*time.Microsecond)
		_, err := s.CreateUser(ctx, user("U", fmt.Sprintf("u%d@example.com", i)))
		cancel()
		switch {
		case err == nil:
			stored++
		case !errors.Is(err, context.DeadlineExceeded):
			t.Fatal(err)
		}
	}
	n, err := s.CountUsers(t.Context(), "")
	if err != nil || int(n) < stored {
		t.Errorf("%d users, %v, want at least the %d that were reported as stored", n, err, stored)
	}
	mustCreate(t, s, "Last", "last@example.com")
}
