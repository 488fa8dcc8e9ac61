package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/grpcx/grpcx/testserver/store"
)

func subscribe(t *testing.T, s *store.Store, id, user string, topics ...string) int64 {
	t.Helper()
	after, err := s.Subscribe(t.Context(), store.Subscription{ID: id, UserID: user, Node: "n1", Topics: topics})
	if err != nil {
		t.Fatal(err)
	}
	return after
}

func testNotifications(t *testing.T, open opener) {
	s, _ := withRoom(t, open, store.Options{})
	feed, err := s.FollowNotifications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	subscribe(t, s, "all", "ada")
	subscribe(t, s, "a twice", "bob", "a", "a", "b")
	subscribe(t, s, "a", "bob", "a", "user:bob")
	publish := func(topic string, want int) store.Notification {
		t.Helper()
		n, wanted, err := s.Publish(t.Context(), store.Notification{Topic: topic, Type: "t", Message: "m", Data: map[string]string{"k": topic}})
		if err != nil || wanted != want {
			t.Fatalf("topic %s: %d subscriptions, %v, want %d", topic, wanted, err, want)
		}
		return n
	}
	published := []store.Notification{
		publish("a", 3), publish("b", 2), publish("A", 1), publish("user:bob", 1), publish("user:ada", 1), publish("user:eve", 0),
	}
	if err := s.Unsubscribe(t.Context(), "all"); err != nil {
		t.Fatal(err)
	}
	published = append(published, publish("b", 1))
	if after := subscribe(t, s, "late", "eve"); after != 7 {
		t.Errorf("after %d, want 7", after)
	}
	got, err := feed.Next(t.Context())
	if d := cmp.Diff(published, got); d != "" || err != nil {
		t.Error(err, "-want +got\n"+d)
	}
	for i := 1; i < len(got); i++ {
		if got[i].ID <= got[i-1].ID {
			t.Errorf("id %s after %s", got[i].ID, got[i-1].ID)
		}
	}
	_, _, err = s.Publish(t.Context(), store.Notification{Message: "\x00", Data: map[string]string{"": ""}})
	if e := coded(t, err, store.Invalid); len(e.Fields) != 4 {
		t.Errorf("%v", e.Fields)
	}
	_, err = s.Subscribe(t.Context(), store.Subscription{Topics: []string{"a", ""}})
	if e := coded(t, err, store.Invalid); len(e.Fields) != 2 {
		t.Errorf("%v", e.Fields)
	}
	_, err = s.Subscribe(t.Context(), store.Subscription{ID: "x", UserID: "u", Node: "gone"})
	if e := coded(t, err, store.NotFound); e.Kind != "node" {
		t.Errorf("%v", e)
	}
	if err := (store.Subscription{UserID: "u", Topics: strings.Split(strings.Repeat("a,", 100)+"a", ",")}).Validate(); store.CodeOf(err) != store.Invalid {
		t.Errorf("101 topics: %v", err)
	}
}

// testWants holds what a subscription hears of against how many are counted.
func testWants(t *testing.T, open opener) {
	s, _ := withRoom(t, open, store.Options{})
	var subs []store.Subscription
	for i, topics := range [][]string{nil, {"a"}, {"user:1"}, {"a", "user:2"}} {
		for _, user := range []string{"1", "2"} {
			sub := store.Subscription{ID: fmt.Sprintf("%d.%s", i, user), UserID: user, Node: "n1", Topics: topics}
			subscribe(t, s, sub.ID, sub.UserID, topics...)
			subs = append(subs, sub)
		}
	}
	for _, topic := range []string{"a", "b", "user:1", "user:2", "user:", "user:3"} {
		want := 0
		for _, sub := range subs {
			if sub.Wants(topic) {
				want++
			}
		}
		if _, wanted, err := s.Publish(t.Context(), store.Notification{Topic: topic, Type: "t"}); err != nil || wanted != want {
			t.Errorf("topic %s: %d are counted, %v, and %d want it", topic, wanted, err, want)
		}
	}
}

func testNotificationOrder(t *testing.T, open opener) {
	s, _ := withRoom(t, open, store.Options{KeepNotifications: 1000})
	feed, err := s.FollowNotifications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if _, _, err := s.Publish(t.Context(), store.Notification{Topic: "a", Type: "t"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	defer wg.Wait()
	for seq := int64(1); seq <= 80; {
		news, err := feed.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range news {
			if n.Seq != seq {
				t.Fatalf("notification %d, want %d", n.Seq, seq)
			}
			seq++
		}
	}
}

func testNotificationsLagging(t *testing.T, open opener) {
	s, _ := withRoom(t, open, store.Options{KeepNotifications: 5})
	feed, err := s.FollowNotifications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		if _, _, err := s.Publish(t.Context(), store.Notification{Topic: "a", Type: "t"}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = feed.Next(t.Context())
	wantCode(t, err, store.Lagging)
	if news, err := s.NotificationsAfter(t.Context(), 5); err != nil || len(news) != 1 {
		t.Errorf("%v, %v", news, err)
	}
}
