package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/grpcx/grpcx/testserver/store"
)

func testEvents(t *testing.T, open opener) {
	s := open(t, store.Options{PollInterval: 10 * time.Millisecond})
	mustCreate(t, s, "Before", "before@example.com")
	feed, _, err := s.Watch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 4, 30
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := s.CreateUser(t.Context(), user("U", fmt.Sprintf("u%d.%d@example.com", w, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	defer wg.Wait()
	for next := 2; next < 2+writers*each; {
		events, err := feed.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Type != "created" || e.User.ID != strconv.Itoa(next) || e.At.IsZero() {
				t.Fatalf("event %+v, want the creation of %d", e, next)
			}
			next++
		}
	}
	wantSilence(t, feed)
}

func wantSilence(t *testing.T, feed *store.Feed) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if events, err := feed.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %v, want no more events", events, err)
	}
}

func testEventsOfOne(t *testing.T, open opener) {
	s := open(t, store.Options{})
	a := mustCreate(t, s, "A", "a@example.com")
	b := mustCreate(t, s, "B", "b@example.com")
	feed, before, err := s.Watch(t.Context(), a.ID)
	if err != nil || before.Name != "A" {
		t.Fatalf("%+v, %v", before, err)
	}
	for i := range 200 { // more than one read takes, of another user
		if _, err := s.UpdateUser(t.Context(), b.ID, func(u *store.User) error { u.Age = int32(i + 1); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.UpdateUser(t.Context(), a.ID, func(u *store.User) error { u.Age = 7; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteUser(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	events, err := feed.Next(t.Context())
	if err != nil || len(events) != 2 {
		t.Fatalf("%v, %v, want two events", events, err)
	}
	if e := events[0]; e.Type != "updated" || e.User.Age != 7 {
		t.Errorf("first %+v", e)
	}
	if e := events[1]; e.Type != "deleted" || e.User.ID != a.ID || e.User.Age != 7 {
		t.Errorf("second %+v", e)
	}
	wantSilence(t, feed)
	_, _, err = s.Watch(t.Context(), a.ID)
	wantCode(t, err, store.NotFound)
	_, _, err = s.Watch(t.Context(), "x")
	wantCode(t, err, store.NotFound)
}

func testLagging(t *testing.T, open opener) {
	s := open(t, store.Options{KeepEvents: 10})
	slow, _, err := s.Watch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		mustCreate(t, s, "U", fmt.Sprintf("u%d@example.com", i))
	}
	_, err = slow.Next(t.Context())
	wantCode(t, err, store.Lagging)
}

// testQuiet watches a user while the events of another come and go.
func testQuiet(t *testing.T, open opener) {
	s := open(t, store.Options{KeepEvents: 10})
	quiet, busy := mustCreate(t, s, "Quiet", "q@example.com"), mustCreate(t, s, "Busy", "b@example.com")
	feed, _, err := s.Watch(t.Context(), quiet.ID)
	if err != nil {
		t.Fatal(err)
	}
	age := func(u store.User, n int32) {
		t.Helper()
		if _, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Age = n; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		for j := range 5 {
			age(busy, int32(5*i+j+1))
		}
		wantSilence(t, feed)
	}
	age(quiet, 7)
	if events, err := feed.Next(t.Context()); err != nil || len(events) != 1 || events[0].User.Age != 7 {
		t.Errorf("%v, %v, want one event", events, err)
	}
}

func testWatchEnds(t *testing.T, open opener) {
	s := open(t, store.Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	feed, _, err := s.Watch(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("enough")
	time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
	if _, err := feed.Next(ctx); !errors.Is(err, why) {
		t.Errorf("error %v, want the cause", err)
	}
}
