package store

import (
	"context"
	"errors"
	"runtime"
	"testing"
)

// A write whose caller does not wait for it any more goes on, and shares nothing
// with the caller, as the race detector sees: the caller returns while the write
// runs, and nothing orders what the two do then.
func TestCallerLeavesItsWrite(t *testing.T) {
	s := openOn(t, Options{})
	if err := errors.Join(s.AddNode(t.Context(), "node"), s.OpenRoom(t.Context(), "general", "ada")); err != nil {
		t.Fatal(err)
	}
	pending := func() (w *groupWrite) {
		s.groups.mu.Lock()
		defer s.groups.mu.Unlock()
		if len(s.groups.pending) > 0 {
			w = s.groups.pending[0]
		}
		return w
	}
	member := func(user string) Member {
		return Member{Stream: user, Room: "general", UserID: user, Username: user, Node: "node"}
	}
	for _, tc := range []struct {
		name  string
		write func(context.Context) error
	}{
		{"join", func(ctx context.Context) error { _, err := s.Join(ctx, member("ada")); return err }},
		{"join of another", func(ctx context.Context) error { _, err := s.Join(ctx, member("bob")); return err }},
		{"send", func(ctx context.Context) error { _, err := s.Send(ctx, "general", "ada", "", "hello"); return err }},
		{"type", func(ctx context.Context) error { return s.Type(ctx, "general", "ada", "") }},
		{"leave", func(ctx context.Context) error { _, err := s.Leave(ctx, "general", "ada"); return err }},
		{"remove", func(ctx context.Context) error { _, err := s.RemoveMember(ctx, "general", "bob"); return err }},
		{"publish", func(ctx context.Context) error {
			_, _, err := s.Publish(ctx, Notification{Topic: "a", Type: "b", Message: "c"})
			return err
		}},
		{"subscribe", func(ctx context.Context) error {
			_, err := s.Subscribe(ctx, Subscription{ID: "s", UserID: "ada", Node: "node"})
			return err
		}},
		{"unsubscribe", func(ctx context.Context) error { return s.Unsubscribe(ctx, "s") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			s.groups.running = true // which has the write wait for us
			left := make(chan error, 1)
			go func() {
				left <- tc.write(ctx)
				close(left)
			}()
			w := pending()
			for ; w == nil; w = pending() {
				select {
				case err := <-left:
					t.Fatalf("no write, but %v", err)
				default:
					runtime.Gosched()
				}
			}
			var heard error
			run := w.run
			w.run = func(g *group) error {
				leave()
				err := run(g)
				heard = <-left
				return err
			}
			s.writeGroups()
			if !errors.Is(heard, context.Canceled) || w.err != nil {
				t.Errorf("the caller heard %v, the write %v; want that it was cancelled, and that it was done", heard, w.err)
			}
		})
	}
	var messages, notifications int
	if err := s.reader.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM messages), (SELECT COUNT(*) FROM notifications)`).
		Scan(&messages, &notifications); err != nil || messages != 5 || notifications != 1 {
		t.Errorf("%d messages and %d notifications, %v; want 5 and 1", messages, notifications, err)
	}
}
