package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/grpcx/grpcx/testserver/store"
)

// withRoom returns a store with a node n1 and the id of a room.
func withRoom(t *testing.T, open opener, opts store.Options) (*store.Store, string) {
	t.Helper()
	s := open(t, opts)
	if err := s.AddNode(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	return s, mustRoom(t, s)
}

func mustRoom(t *testing.T, s *store.Store) string {
	t.Helper()
	r, err := s.CreateRoom(t.Context(), store.Room{Name: "Room", CreatedBy: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// join adds the user's stream of the same name, or of the name that follows.
func join(t *testing.T, s *store.Store, room, user string, stream ...string) store.Joined {
	t.Helper()
	m := store.Member{Stream: room + user, Room: room, UserID: user, Username: strings.ToUpper(user), Node: "n1"}
	if len(stream) > 0 {
		m.Stream = stream[0]
	}
	j, err := s.Join(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func send(t *testing.T, s *store.Store, room, user, content string) store.Message {
	t.Helper()
	m, err := s.Send(t.Context(), room, user, "", content)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// lines returns what messages tell, in short.
func lines(messages []store.Message) []string {
	var all []string
	for _, m := range messages {
		text := map[store.MessageType]string{
			store.UserMessage: m.Content, store.UserJoined: "joined", store.UserLeft: "left", store.Typing: "types",
		}[m.Type]
		all = append(all, fmt.Sprintf("%d %s %s %s %d", m.Seq, m.UserID, m.Username, text, m.Members))
	}
	return all
}

func wantLines(t *testing.T, messages []store.Message, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, lines(messages)); d != "" {
		t.Fatal("-want +got\n" + d)
	}
}

func testRooms(t *testing.T, open opener) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	s := open(t, store.Options{MaxRooms: 4, Now: func() time.Time { return now }})
	_, err := s.CreateRoom(t.Context(), store.Room{Name: "\n", Description: "a\x00", CreatedBy: strings.Repeat("a", 201)})
	if e := coded(t, err, store.Invalid); len(e.Fields) != 3 {
		t.Errorf("%v", e.Fields)
	}
	in := store.Room{Name: "Engines", Description: "of all\nkinds", CreatedBy: "ada"}
	got, err := s.CreateRoom(t.Context(), in)
	want := in
	want.ID, want.CreatedAt = "1", now
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Fatal(err, "-want +got\n"+d)
	}
	for range 2 { // the second time it is there
		if err := s.OpenRoom(t.Context(), "default", "bob"); err != nil {
			t.Fatal(err)
		}
		if err := s.OpenRoom(t.Context(), "1", "bob"); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, s.OpenRoom(t.Context(), "3", "bob"), store.NotFound)
	wantCode(t, s.OpenRoom(t.Context(), "a\x00", "bob"), store.Invalid)
	mustRoom(t, s)
	mustRoom(t, s)
	wantCode(t, s.OpenRoom(t.Context(), "one more", "bob"), store.Exhausted)
	_, err = s.CreateRoom(t.Context(), in)
	wantCode(t, err, store.Exhausted)

	rooms, total, err := s.Rooms(t.Context(), 2, 1)
	if err != nil || total != 4 || len(rooms) != 2 || rooms[0].ID != "default" || rooms[0].Name != "default" ||
		rooms[0].CreatedBy != "bob" || rooms[1].ID != "3" {
		t.Errorf("%+v, %d, %v", rooms, total, err)
	}
	if rooms, total, err := s.Rooms(t.Context(), 2, 1<<40); len(rooms) != 0 || total != 4 || err != nil {
		t.Errorf("%+v, %d, %v", rooms, total, err)
	}
}

func testMembers(t *testing.T, open opener) {
	s, room := withRoom(t, open, store.Options{})
	if j := join(t, s, room, "ada"); j != (store.Joined{After: 0, Since: 1, Members: 1}) {
		t.Errorf("%+v", j)
	}
	if j := join(t, s, room, "bob"); j != (store.Joined{After: 1, Since: 2, Members: 2}) {
		t.Errorf("%+v", j)
	}
	if j := join(t, s, room, "ada", "ada's second"); j != (store.Joined{After: 2, Since: 2, Members: 2}) {
		t.Errorf("second stream: %+v", j)
	}
	if last, err := s.Leave(t.Context(), room, "ada's second"); last != 2 || err != nil {
		t.Errorf("%d, %v: a user stays with the other stream", last, err)
	}
	if last, err := s.Leave(t.Context(), room, room+"ada"); last != 3 || err != nil {
		t.Errorf("%d, %v", last, err)
	}
	if last, err := s.Leave(t.Context(), room, room+"ada"); last != 3 || err != nil {
		t.Errorf("a stream that is gone: %d, %v", last, err)
	}
	join(t, s, room, "bob", "bob's second")
	for _, want := range []bool{true, false} {
		if was, err := s.RemoveMember(t.Context(), room, "bob"); was != want || err != nil {
			t.Errorf("%t, %v, want %t", was, err, want)
		}
	}
	messages, more, err := s.History(t.Context(), room, "", 10)
	if err != nil || more {
		t.Fatal(more, err)
	}
	wantLines(t, messages, "1 ada ADA joined 1", "2 bob BOB joined 2", "3 ada ADA left 1", "4 bob BOB left 0")
	if rooms, _, err := s.Rooms(t.Context(), 1, 0); err != nil || rooms[0].Members != 0 {
		t.Errorf("%+v, %v", rooms, err)
	}

	_, err = s.Join(t.Context(), store.Member{Room: "none", UserID: "ada", Username: "A", Stream: "x", Node: "n1"})
	if e := coded(t, err, store.NotFound); e.Kind != "room" {
		t.Errorf("%+v", e)
	}
	_, err = s.Join(t.Context(), store.Member{Room: room, UserID: "ada", Username: "A", Stream: "x", Node: "n2"})
	if e := coded(t, err, store.NotFound); e.Kind != "node" {
		t.Errorf("%+v", e)
	}
	_, err = s.Join(t.Context(), store.Member{UserID: "system", Username: "\t"})
	if e := coded(t, err, store.Invalid); len(e.Fields) != 3 {
		t.Errorf("%+v", e)
	}
	_, err = s.Leave(t.Context(), "none", "x")
	wantCode(t, err, store.NotFound)
	_, err = s.RemoveMember(t.Context(), "none", "ada")
	wantCode(t, err, store.NotFound)
}

func testMessages(t *testing.T, open opener) {
	s, room := withRoom(t, open, store.Options{})
	join(t, s, room, "ada")
	m := send(t, s, room, "ada", "hello\n\tworld")
	if m.Seq != 2 || m.Room != room || m.Username != "ADA" || m.Members != 1 || m.At.IsZero() || m.ID != "1-0000000000000002" {
		t.Errorf("%+v", m)
	}
	messages, _, err := s.History(t.Context(), room, "", 1)
	if d := cmp.Diff([]store.Message{m}, messages); d != "" || err != nil {
		t.Error(err, "-want +got\n"+d)
	}
	_, err = s.Send(t.Context(), room, "bob", "", "hi")
	if e := coded(t, err, store.NotFound); e.Kind != "member" {
		t.Errorf("%+v", e)
	}
	_, err = s.Send(t.Context(), room, "ada", "another stream", "hi")
	if e := coded(t, err, store.NotFound); e.Kind != "member" {
		t.Errorf("%+v", e)
	}
	_, err = s.Send(t.Context(), "none", "ada", "", "hi")
	if e := coded(t, err, store.NotFound); e.Kind != "room" {
		t.Errorf("%+v", e)
	}
	_, err = s.Send(t.Context(), "", "", "", "")
	if e := coded(t, err, store.Invalid); len(e.Fields) != 3 {
		t.Errorf("%+v", e)
	}
	for _, content := range []string{" ", "a\x00b", "\x1b[31m", "\xff", strings.Repeat("é", 8<<10) + "a"} {
		_, err := s.Send(t.Context(), room, "ada", "", content)
		wantCode(t, err, store.Invalid)
	}
	send(t, s, room, "ada", strings.Repeat("é", 8<<10))
}

func testHistory(t *testing.T, open opener) {
	s, room := withRoom(t, open, store.Options{KeepMessages: 10})
	join(t, s, room, "ada")
	for i := 2; i <= 100; i++ {
		send(t, s, room, "ada", strconv.Itoa(i))
	}
	page := func(before string, limit int) (string, []store.Message, bool) {
		t.Helper()
		messages, more, err := s.History(t.Context(), room, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		var contents []string
		for _, m := range messages {
			contents = append(contents, m.Content)
		}
		return strings.Join(contents, " "), messages, more
	}
	got, messages, more := page("", 4)
	if got != "97 98 99 100" || !more {
		t.Errorf("%s, %t", got, more)
	}
	if got, messages, more = page(messages[0].ID, 4); got != "93 94 95 96" || !more {
		t.Errorf("%s, %t", got, more)
	}
	if got, messages, more = page(messages[0].ID, 4); got != "91 92" || more {
		t.Errorf("%s, %t: 10 messages are shown", got, more)
	}
	if got, _, more = page(messages[0].ID, 4); got != "" || more {
		t.Errorf("%s, %t", got, more)
	}
	if got, messages, more = page("", 100); got != "91 92 93 94 95 96 97 98 99 100" || more {
		t.Errorf("%s, %t", got, more)
	}
	if !slices.IsSortedFunc(messages, func(a, b store.Message) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("ids do not rise")
	}
	if n, err := s.MessagesAfter(t.Context(), room, 99); err != nil || len(n) != 1 {
		t.Errorf("%v, %v", n, err)
	}
	_, err := s.MessagesAfter(t.Context(), room, 1) // dropped long ago
	wantCode(t, err, store.Lagging)

	_, _, err = s.History(t.Context(), "none", "", 1)
	wantCode(t, err, store.NotFound)
	other := mustRoom(t, s)
	_, _, err = s.History(t.Context(), other, messages[0].ID, 1)
	wantCode(t, err, store.Invalid)
	for _, id := range []string{"x", "1", "1-2", "1--000000000000002", "01-0000000000000002", "1-00000000000000000"} {
		_, _, err := s.History(t.Context(), room, id, 1)
		wantCode(t, err, store.Invalid)
	}
}

// testBigPages has pages end by their size.
func testBigPages(t *testing.T, open opener) {
	s, room := withRoom(t, open, store.Options{})
	join(t, s, room, "ada")
	for range 80 {
		send(t, s, room, "ada", strings.Repeat("x", 16<<10))
	}
	messages, more, err := s.History(t.Context(), room, "", 1000)
	if err != nil || !more || len(messages) < 60 || len(messages) > 70 || messages[len(messages)-1].Seq != 81 {
		t.Errorf("%d messages, %t, %v", len(messages), more, err)
	}
	messages, err = s.MessagesAfter(t.Context(), room, 1)
	if err != nil || len(messages) > 10 || messages[0].Seq != 2 {
		t.Errorf("%d messages, %v", len(messages), err)
	}
}

func testRoomFeed(t *testing.T, open opener) {
	s, room := withRoom(t, open, store.Options{PollInterval: 10 * time.Millisecond})
	join(t, s, room, "ada")
	feed, err := s.FollowRoom(t.Context(), room)
	if err != nil || feed.Last() != 1 {
		t.Fatal(feed, err)
	}
	const writers, each = 8, 25
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := s.Send(t.Context(), room, "ada", "", fmt.Sprintf("%d.%d", w, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	defer wg.Wait()
	next := map[string]int{}
	for seq := int64(2); seq < 2+writers*each; {
		messages, err := feed.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			w, i, _ := strings.Cut(m.Content, ".")
			if m.Seq != seq || i != strconv.Itoa(next[w]) {
				t.Fatalf("message %d %s, want number %d and %s.%d", m.Seq, m.Content, seq, w, next[w])
			}
			next[w]++
			seq++
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if messages, err := feed.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %v, want no more", messages, err)
	}
	_, err = s.FollowRoom(t.Context(), "none")
	wantCode(t, err, store.NotFound)
}

func testTyping(t *testing.T, open opener) {
	s, room := withRoom(t, open, store.Options{})
	join(t, s, room, "ada")
	join(t, s, room, "bob")
	feed, err := s.FollowRoom(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	types := func(user string) {
		t.Helper()
		if err := s.Type(t.Context(), room, user, room+user); err != nil {
			t.Fatal(err)
		}
	}
	next := func() []store.Message {
		t.Helper()
		messages, err := feed.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return messages
	}
	types("ada")
	wantLines(t, next(), "2 ada ADA types 2")
	types("ada")
	types("bob")
	types("ada")
	wantLines(t, next(), "2 bob BOB types 2", "2 ada ADA types 2")
	send(t, s, room, "bob", "hi")
	types("bob")
	wantLines(t, next(), "3 bob BOB hi 2", "3 bob BOB types 2")
	messages, _, err := s.History(t.Context(), room, "", 10)
	if err != nil || len(messages) != 3 {
		t.Errorf("%v, %v: typing is not stored", lines(messages), err)
	}
	err = s.Type(t.Context(), room, "eve", "")
	if e := coded(t, err, store.NotFound); e.Kind != "member" {
		t.Errorf("%+v", e)
	}
	types("ada")
	if _, err := s.RemoveMember(t.Context(), room, "ada"); err != nil {
		t.Fatal(err)
	}
	wantLines(t, next(), "4 ada ADA left 1")
}

// testRoomLagging leaves a feed behind.
func testRoomLagging(t *testing.T, open opener) {
	s, room := withRoom(t, open, store.Options{KeepMessages: 2})
	join(t, s, room, "ada")
	feed, err := s.FollowRoom(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		send(t, s, room, "ada", "x")
	}
	_, err = feed.Next(t.Context())
	wantCode(t, err, store.Lagging)
}

// testGroups has writes of many rooms, good and bad, share transactions.
func testGroups(t *testing.T, open opener) {
	s, first := withRoom(t, open, store.Options{})
	rooms := []string{first}
	for range 3 {
		rooms = append(rooms, mustRoom(t, s))
	}
	for _, room := range rooms {
		join(t, s, room, "ada")
	}
	var wg sync.WaitGroup
	for i := range 160 {
		wg.Go(func() {
			room := rooms[i%4]
			switch i / 4 % 4 {
			case 0, 1:
				if _, err := s.Send(t.Context(), room, "ada", "", "x"); err != nil {
					t.Error(err)
				}
			case 2:
				if _, err := s.Send(t.Context(), room, "eve", "", "x"); store.CodeOf(err) != store.NotFound {
					t.Error(err)
				}
			case 3:
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Microsecond)
				defer cancel()
				if _, err := s.Send(ctx, room, "ada", "", "late"); err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, room := range rooms {
		// A write of later than those whose callers went away.
		send(t, s, room, "ada", "last")
		messages, _, err := s.History(t.Context(), room, "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		said := 0
		for i, m := range messages {
			if m.Seq != int64(i+1) {
				t.Fatalf("room %s: number %d at %d", room, m.Seq, i)
			}
			if m.Content == "x" {
				said++
			}
		}
		if said != 20 {
			t.Errorf("room %s: %d messages, want 20", room, said)
		}
	}
}
