package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/grpcx/grpcx/testserver/store"
)

// findNode returns the node, or none.
func findNode(t *testing.T, s *store.Store, id string) store.Node {
	t.Helper()
	nodes, err := s.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(nodes, func(n store.Node) bool { return n.ID == id })
	if i < 0 {
		return store.Node{}
	}
	return nodes[i]
}

func testNodes(t *testing.T, open opener) {
	s, room := withRoom(t, open, store.Options{})
	other := mustRoom(t, s)
	if err := s.AddNode(t.Context(), "n2"); err != nil {
		t.Fatal(err)
	}
	join(t, s, room, "ada")
	join(t, s, room, "bob")
	join(t, s, other, "ada")
	for i, m := range []store.Member{{UserID: "ada", Username: "ADA"}, {UserID: "eve", Username: "EVE"}} {
		m.Stream, m.Room, m.Node = fmt.Sprintf("s%d", i), room, "n2"
		if _, err := s.Join(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Subscribe(t.Context(), store.Subscription{ID: "sub", UserID: "ada", Node: "n1", Topics: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	seen := findNode(t, s, "n1")
	if err := s.Beat(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveNode(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	if n := findNode(t, s, "n1"); n.Dead || n.Beat <= seen.Beat {
		t.Fatalf("%+v: a node that has beaten since lives", n)
	}
	for range 2 { // the second time there is nothing left to do
		if err := s.RemoveNode(t.Context(), findNode(t, s, "n1")); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, s.Beat(t.Context(), "n1"), store.NotFound)
	messages, _, err := s.History(t.Context(), room, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	// Ada is still there by her other stream.
	wantLines(t, messages, "1 ada ADA joined 1", "2 bob BOB joined 2", "3 eve EVE joined 3", "4 bob BOB left 2")
	messages, _, err = s.History(t.Context(), other, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	wantLines(t, messages, "1 ada ADA joined 1", "2 ada ADA left 0")
	if _, wanted, err := s.Publish(t.Context(), store.Notification{Topic: "a", Type: "t"}); err != nil || wanted != 0 {
		t.Errorf("%d subscriptions, %v, want none of a dead node", wanted, err)
	}
	if err := s.RetireNode(t.Context(), "n2"); err != nil {
		t.Fatal(err)
	}
	if nodes, err := s.Nodes(t.Context()); err != nil || len(nodes) != 0 {
		t.Errorf("%v, %v", nodes, err)
	}
}

// testGroupFailures has writes that break the transaction which they share with
// good ones.
func testGroupFailures(t *testing.T, open opener) {
	s, room := withRoom(t, open, store.Options{})
	join(t, s, room, "ada")
	var good, bad sync.WaitGroup
	refused := make(chan error, 40)
	for range cap(refused) {
		good.Go(func() {
			if _, err := s.Send(t.Context(), room, "ada", "", "x"); err != nil {
				t.Error(err)
			}
		})
		bad.Go(func() { // a stream that is there already
			_, err := s.Join(t.Context(), store.Member{Stream: room + "ada", Room: room, UserID: "eve", Username: "EVE", Node: "n1"})
			refused <- err
		})
	}
	good.Wait()
	bad.Wait()
	close(refused)
	for err := range refused {
		if err == nil {
			t.Error("a stream joined twice")
		}
	}
	messages, _, err := s.History(t.Context(), room, "", 1000)
	if err != nil || len(messages) != 41 || messages[40].Seq != 41 || messages[40].Members != 1 {
		t.Errorf("%v, %v", lines(messages), err)
	}
}
