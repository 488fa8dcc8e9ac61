//go:build postgres

package testserver

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
	"github.com/grpcx/grpcx/testserver/store/pgtest"
)

// TestChatOutlastsPostgres restarts PostgreSQL under members of a room on two
// nodes: their streams go on, and miss nothing.
func TestChatOutlastsPostgres(t *testing.T) {
	postgres := pgtest.New(t)
	path := postgres.Database(t)
	a, b := chatOn(t, Start(t, Config{Store: path})), chatOn(t, Start(t, Config{Store: path}))
	room := a.room()
	ada := a.join(room, "ada")
	ada.hears("System: ADA joined the room")
	bob := b.chat()
	bob.joins(room, "bob", "BOB")
	bob.hears("SYSTEM "+room+" System: Welcome to room "+room+", BOB! (2)", "JOIN "+room+" BOB: BOB joined the room (2)")
	ada.hears("System: BOB joined the room")
	for _, end := range []func(pgtest.TB){postgres.Stop, postgres.Kill} {
		end(t)
		_, err := a.SendMessage(withDeadline(t), &chatpb.SendMessageRequest{RoomId: room, UserId: "ada", Content: "hello?"})
		wantStatus(t, err, codes.Unavailable, "the store cannot be reached")
		postgres.Start(t)
		a.say(room, "ada", "back again")
		ada.hears("ADA: back again")
		bob.hears("MESSAGE " + room + " ADA: back again (2)")
	}
}

// TestStreamsEndWithoutPostgres takes PostgreSQL away for good.
func TestStreamsEndWithoutPostgres(t *testing.T) {
	postgres := pgtest.New(t)
	s := Start(t, Config{Store: postgres.Database(t), beat: 10 * time.Millisecond})
	c := chatOn(t, s)
	room := c.room()
	ada := c.join(room, "ada")
	ada.hears("System: ADA joined the room")
	sub := newsOn(t, s).subscribe("ada")
	postgres.Kill(t)
	ada.ends(codes.Unavailable, "lost touch")
	_, err := sub.Recv()
	wantStatus(t, err, codes.Unavailable, "lost touch")
	postgres.Start(t)
	// The node is known anew, and finds what it left itself behind.
	for c.members(room) != 0 {
		<-time.After(10 * time.Millisecond)
	}
	eve := c.join(room, "eve")
	eve.hears("System: ADA joined the room", "System: ADA left the room", "System: EVE joined the room")
}
