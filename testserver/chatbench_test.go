package testserver

import (
	"fmt"
	"sync"
	"testing"

	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
)

// BenchmarkChat sends messages to a room of 100 members, with 20 senders, until
// each member has heard each of them.
func BenchmarkChat(b *testing.B) {
	b.Run("memory", func(b *testing.B) { benchmarkChat(b, Start(b, Config{MaxStreams: 1000})) })
	for name, path := range sharedStores {
		b.Run(name, func(b *testing.B) { benchmarkChat(b, Start(b, Config{MaxStreams: 1000, Store: path(b)})) })
	}
}

func benchmarkChat(b *testing.B, s *Server) {
	const members, senders = 100, 20
	c := chatOn(b, s)
	room := c.room()
	var joined, heard sync.WaitGroup
	for i := range members {
		joined.Add(1)
		heard.Go(func() {
			stream, err := c.JoinRoom(b.Context(), &chatpb.JoinRoomRequest{RoomId: room, UserId: fmt.Sprintf("user%d", i)})
			if err == nil {
				_, err = stream.Header()
			}
			joined.Done()
			for n := b.N; n > 0 && err == nil; {
				var msg *chatpb.ChatMessage
				if msg, err = stream.Recv(); msg.GetType() == chatpb.MessageType_USER_MESSAGE {
					n--
				}
			}
			if err != nil {
				b.Error(err)
			}
		})
	}
	joined.Wait()
	b.ResetTimer()
	work := make(chan struct{})
	var sending sync.WaitGroup
	for i := range senders {
		sending.Go(func() {
			for range work {
				resp, err := c.SendMessage(b.Context(), &chatpb.SendMessageRequest{
					RoomId: room, UserId: fmt.Sprintf("user%d", i), Content: "a message of the usual length, more or less",
				})
				if err != nil || !resp.GetSuccess() {
					b.Error(resp, err)
				}
			}
		})
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	sending.Wait()
	heard.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64(members*b.N)/b.Elapsed().Seconds(), "deliveries/s")
}
