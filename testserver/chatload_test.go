//go:build slow

package testserver

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
)

// The load of TestStuckReaderUnderLoad.
const (
	loadMembers   = 100
	loadSenders   = 5
	loadPerSender = 10 // messages a second
	loadTime      = 60 * time.Second
	loadMargin    = 30 * time.Second // of the baseline, before and after
)

// TestStuckReaderUnderLoad puts one reader that is stuck among 100 in a room for
// a minute: it is dropped, at most 1 MiB is held for it, and the 99th
// percentile of the others' delays is at most twice what it is without.
func TestStuckReaderUnderLoad(t *testing.T) {
	n := startNode(t, filepath.Join(t.TempDir(), "chat.db"))
	fillTail(t, n)
	before := runLoad(t, n, loadMargin, nil)
	stuck := n.chat(grpc.WithInitialWindowSize(64<<10), grpc.WithInitialConnWindowSize(64<<10))
	var end error
	with := runLoad(t, n, loadTime, func(room string) func() {
		ctx, cancel := context.WithCancel(t.Context())
		m, err := stuck.JoinRoom(ctx, &chatpb.JoinRoomRequest{RoomId: room, UserId: "stuck", Username: "Stuck"})
		if err == nil {
			_, err = m.Header()
		}
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			defer cancel()
			for end == nil {
				_, end = m.Recv()
			}
		}
	})
	after := runLoad(t, n, loadMargin, nil)
	wantStatus(t, end, codes.ResourceExhausted, "fell too far behind")
	if with.left.IsZero() {
		t.Error("the stuck reader was not dropped")
	}
	base := max(before.p99(), after.p99())
	held := slices.Max(with.heaps) - min(before.heap(), after.heap())
	t.Logf("p99 %v before, %v with the stuck reader, %v after; it was dropped after %v; %d bytes held for it",
		before.p99(), with.p99(), after.p99(), with.left.Sub(with.begun).Round(time.Millisecond), held)
	if with.p99() > 2*base {
		t.Errorf("p99 %v with a stuck reader, %v without", with.p99(), base)
	}
	if held > 1<<20 {
		t.Errorf("%d bytes held", held)
	}
}

// fillTail has the node write so many records that what it keeps of its log grows
// no more.
func fillTail(t *testing.T, n *node) {
	t.Helper()
	c := n.chat()
	for range 10_000 {
		if _, err := c.ListRooms(t.Context(), &chatpb.ListRoomsRequest{}); err != nil {
			t.Fatal(err)
		}
	}
}

// loadResult is what a load came to.
type loadResult struct {
	mu     sync.Mutex
	begun  time.Time
	left   time.Time // when the stuck reader left the room
	delays []time.Duration
	heaps  []int // of the node, until then
}

func (r *loadResult) p99() time.Duration {
	slices.Sort(r.delays)
	return r.delays[len(r.delays)*99/100]
}

// heap is the median, which no message under way distorts.
func (r *loadResult) heap() int {
	slices.Sort(r.heaps)
	return r.heaps[len(r.heaps)/2]
}

// runLoad has members talk in a room of their own. with may add a reader, and
// returns what is to be done in the end.
func runLoad(t *testing.T, n *node, length time.Duration, with func(room string) func()) *loadResult {
	t.Helper()
	r := &loadResult{}
	c := n.chat()
	room := c.room()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var members sync.WaitGroup
	for i := range loadMembers - 1 {
		stream, err := c.JoinRoom(ctx, &chatpb.JoinRoomRequest{RoomId: room, UserId: fmt.Sprintf("user%d", i)})
		if err == nil {
			_, err = stream.Header()
		}
		if err != nil {
			t.Fatal(err)
		}
		members.Go(func() { r.listen(stream) })
	}
	finish := func() {}
	if with != nil {
		finish = with(room)
	}
	r.begun = time.Now()
	var senders sync.WaitGroup
	for i := range loadSenders {
		senders.Go(func() { r.talk(t, c, room, fmt.Sprintf("user%d", i), length) })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		senders.Wait()
	}()
	r.watchHeap(t, n, done)
	finish()
	c.leaveAll(room)
	members.Wait()
	return r
}

func (c chatClient) leaveAll(room string) {
	for i := range loadMembers - 1 {
		c.leave(room, fmt.Sprintf("user%d", i), true)
	}
}

// talk sends messages that tell when they were sent.
func (r *loadResult) talk(t *testing.T, c chatClient, room, user string, length time.Duration) {
	ticker := time.NewTicker(time.Second / loadPerSender)
	defer ticker.Stop()
	for range int(length.Seconds() * loadPerSender) {
		<-ticker.C
		content := fmt.Sprintf("%d %s", time.Now().UnixNano(), strings.Repeat("x", 200))
		resp, err := c.SendMessage(t.Context(), &chatpb.SendMessageRequest{RoomId: room, UserId: user, Content: content})
		if err != nil || !resp.GetSuccess() {
			t.Errorf("%v, %v", resp, err)
			return
		}
	}
}

// listen records the delays of what a member hears until the member left.
func (r *loadResult) listen(stream grpc.ServerStreamingClient[chatpb.ChatMessage]) {
	var delays []time.Duration
	for {
		m, err := stream.Recv()
		if err != nil {
			break
		}
		now := time.Now()
		if m.GetContent() == "Stuck left the room" {
			r.mu.Lock()
			r.left = now
			r.mu.Unlock()
		}
		sent, _, _ := strings.Cut(m.GetContent(), " ")
		if at, err := strconv.ParseInt(sent, 10, 64); err == nil {
			delays = append(delays, now.Sub(time.Unix(0, at)))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delays = append(r.delays, delays...)
}

// watchHeap asks for the node's heap until done, or until the stuck reader left.
func (r *loadResult) watchHeap(t *testing.T, n *node, done <-chan struct{}) {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		r.mu.Lock()
		left := !r.left.IsZero()
		r.mu.Unlock()
		if left {
			continue
		}
		if _, err := fmt.Fprintln(n.in); err != nil {
			t.Error(err)
		}
		heap, err := strconv.Atoi(n.line())
		if err != nil {
			t.Error(err)
		}
		r.heaps = append(r.heaps, heap)
	}
}
