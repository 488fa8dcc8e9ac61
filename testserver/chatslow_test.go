package testserver

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
)

// stuckReader connects a client that takes in little that it does not read.
func stuckReader(t testing.TB, s *Server) *grpc.ClientConn {
	t.Helper()
	return dial(t, s, grpc.WithInitialWindowSize(64<<10), grpc.WithInitialConnWindowSize(64<<10))
}

// TestStuckMember has one member that does not read, of a JoinRoom or a Chat
// stream: it is dropped, and the others hear everything.
func TestStuckMember(t *testing.T) {
	for _, kind := range []string{"JoinRoom", "Chat"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := Start(t, Config{stuck: 200 * time.Millisecond})
			c := chatOn(t, s)
			room := c.room()
			ada := c.join(room, "ada")
			stuck := chatClient{chatpb.NewChatServiceClient(stuckReader(t, s)), t}
			var recv func() error
			if kind == "JoinRoom" {
				m := stuck.join(room, "bob")
				recv = func() error { _, err := m.Recv(); return err }
			} else {
				k := stuck.chat()
				k.joins(room, "bob", "BOB")
				recv = func() error { _, err := k.Recv(); return err }
			}
			ada.hears("System: ADA joined the room", "System: BOB joined the room")
			text := strings.Repeat("x", 8<<10)
			for dropped := false; !dropped; {
				c.say(room, "ada", text)
				for said := false; !said; {
					msg, err := ada.Recv()
					if err != nil {
						t.Fatal(err)
					}
					switch msg.GetContent() {
					case text:
						said = true
					case "BOB left the room":
						dropped = true
					default:
						t.Fatalf("%v", msg)
					}
				}
				if held := heldFor(s, room); held > 1<<20 {
					t.Fatalf("%d bytes are held", held)
				}
			}
			var err error
			for err == nil {
				err = recv()
			}
			wantStatus(t, err, codes.ResourceExhausted, "fell too far behind")
		})
	}
}

// heldFor returns what is held for the readers of a room.
func heldFor(s *Server, room string) int {
	s.chat.rooms.mu.Lock()
	o, ok := s.chat.rooms.open[room]
	s.chat.rooms.mu.Unlock()
	if !ok {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes + len(o.readers)*bytesPerTake
}
