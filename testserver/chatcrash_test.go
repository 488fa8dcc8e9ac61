//go:build slow

package testserver

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
)

// TestCrashOfChat kills a node whose members talk, again and again, while a
// member on another node listens: that one hears every acknowledged message
// once, in order, and of the leave of all who were killed.
func TestCrashOfChat(t *testing.T) {
	const cycles, writers = 10, 8
	onNodes(t, 1, Config{beat: nodeBeat}, func(t *testing.T, nodes []*Server) {
		c := chatOn(t, nodes[0])
		room := c.room()
		stream, err := c.JoinRoom(t.Context(), &chatpb.JoinRoomRequest{RoomId: room, UserId: "witness"})
		if err != nil {
			t.Fatal(err)
		}
		var heard []*chatpb.ChatMessage
		done := make(chan struct{})
		go func() {
			defer close(done)
			for left := 0; left < cycles*writers; {
				m, err := stream.Recv()
				if err != nil {
					t.Error(err)
					return
				}
				heard = append(heard, m)
				if m.GetType() == chatpb.MessageType_USER_LEFT {
					left++
				}
			}
		}()
		var acknowledged []string
		for cycle := range cycles {
			acknowledged = append(acknowledged, killTalking(t, nodes[0].cfg.Store, room, cycle, writers)...)
		}
		<-done
		ids := make(map[string]bool, len(heard))
		for i, m := range heard {
			ids[m.GetMessageId()] = true
			if i > 0 && m.GetMessageId() <= heard[i-1].GetMessageId() {
				t.Errorf("message %s after %s", m.GetMessageId(), heard[i-1].GetMessageId())
			}
		}
		for _, id := range acknowledged {
			if !ids[id] {
				t.Errorf("message %s was acknowledged and not heard", id)
			}
		}
		if n := c.members(room); n != 1 {
			t.Errorf("%d members are left, want the witness", n)
		}
		t.Logf("%d messages acknowledged, %d heard", len(acknowledged), len(heard))
	})
}

// killTalking kills a node under load, and returns the ids of the messages that
// it acknowledged.
func killTalking(t *testing.T, store, room string, cycle, writers int) []string {
	t.Helper()
	n := startNode(t, store)
	c := n.chat()
	acks := make(chan string, writers)
	var talk sync.WaitGroup
	for w := range writers {
		user := fmt.Sprintf("user%d.%d", cycle, w)
		c.join(room, user)
		talk.Go(func() {
			for {
				resp, err := c.SendMessage(t.Context(), &chatpb.SendMessageRequest{RoomId: room, UserId: user, Content: "x"})
				if err != nil || !resp.GetSuccess() {
					return
				}
				acks <- resp.GetMessageId()
			}
		})
	}
	go func() {
		talk.Wait()
		close(acks)
	}()
	var ids []string
	for range 50 + rand.IntN(200) {
		ids = append(ids, <-acks)
	}
	n.kill()
	for id := range acks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
