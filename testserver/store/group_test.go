package store

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// A write whose caller does not wait for it any more goes on, and shares nothing
// with the caller.
func TestCallerLeavesItsWrite(t *testing.T) {
	s := openOn(t, Options{Path: filepath.Join(t.TempDir(), "left.db")})
	if err := s.AddNode(t.Context(), "node"); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		for _, write := range []func(context.Context){
			func(ctx context.Context) { _, _ = s.Leave(ctx, "general", "stream") },
			func(ctx context.Context) { _, _ = s.RemoveMember(ctx, "general", "ada") },
			func(ctx context.Context) { _, _, _ = s.Publish(ctx, Notification{Topic: "a", Message: "b"}) },
			func(ctx context.Context) {
				_, _ = s.Subscribe(ctx, Subscription{ID: fmt.Sprint(i), UserID: "ada", Node: "node"})
			},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*20*time.Microsecond)
			write(ctx)
			cancel()
		}
	}
}
