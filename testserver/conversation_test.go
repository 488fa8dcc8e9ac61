package testserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
)

// talk is a Chat stream of a test.
type talk struct {
	grpc.BidiStreamingClient[chatpb.ChatEvent, chatpb.ChatEvent]
	t      testing.TB
	cancel context.CancelFunc
}

func (c chatClient) chat() talk {
	c.t.Helper()
	ctx, cancel := context.WithCancel(withDeadline(c.t))
	c.t.Cleanup(cancel)
	stream, err := c.Chat(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	return talk{stream, c.t, cancel}
}

func (k talk) sends(e *chatpb.ChatEvent) {
	k.t.Helper()
	if err := k.Send(e); err != nil {
		k.t.Fatal(err)
	}
}

func (k talk) joins(room, user, name string) {
	k.t.Helper()
	k.sends(&chatpb.ChatEvent{Type: chatpb.ChatEvent_JOIN, RoomId: room, UserId: user, UserName: name})
}

func (k talk) says(room, content string) {
	k.t.Helper()
	k.sends(&chatpb.ChatEvent{Type: chatpb.ChatEvent_MESSAGE, RoomId: room, Content: content})
}

// hears receives events and compares them, each as "TYPE room name: content (user count)".
func (k talk) hears(want ...string) []*chatpb.ChatEvent {
	k.t.Helper()
	var got []string
	var events []*chatpb.ChatEvent
	for range want {
		e, err := k.Recv()
		if err != nil {
			k.t.Fatalf("after %q: %v, want %q", got, err, want)
		}
		if e.GetTimestamp().AsTime().IsZero() {
			k.t.Errorf("no time in %v", e)
		}
		events = append(events, e)
		got = append(got, fmt.Sprintf("%s %s %s: %s (%d)", e.GetType(), e.GetRoomId(), e.GetUserName(), e.GetContent(), e.GetUserCount()))
	}
	if d := cmp.Diff(want, got); d != "" {
		k.t.Fatal("-want +got\n" + d)
	}
	return events
}

func (k talk) ends(code codes.Code, message string) {
	k.t.Helper()
	e, err := k.Recv()
	if code == codes.OK && errors.Is(err, io.EOF) {
		return
	}
	if err == nil {
		k.t.Fatalf("event %v, want the end", e)
	}
	wantStatus(k.t, err, code, message)
}

func TestChat(t *testing.T) {
	c := chatOn(t, Start(t, Config{}))
	ada, bob := c.chat(), c.chat()
	ada.joins("", "ada", "Ada")
	events := ada.hears("SYSTEM default System: Welcome to room default, Ada! (1)", "JOIN default Ada: Ada joined the room (1)")
	if e := events[1]; e.GetUserId() != "ada" || e.GetId() == "" {
		t.Errorf("%v", e)
	}
	bob.joins("", "bob", "")
	bob.hears("SYSTEM default System: Welcome to room default, User-bob! (2)", "JOIN default User-bob: User-bob joined the room (2)")
	ada.hears("JOIN default User-bob: User-bob joined the room (2)")

	t.Run("messages come back to their sender", func(t *testing.T) {
		bob.says("", "hi")
		for _, k := range []talk{ada, bob} {
			if e := k.hears("MESSAGE default User-bob: hi (2)")[0]; e.GetUserId() != "bob" || e.GetId() == "" {
				t.Errorf("%v", e)
			}
		}
	})
	t.Run("typing does not", func(t *testing.T) {
		bob.sends(&chatpb.ChatEvent{Type: chatpb.ChatEvent_TYPING})
		if e := ada.hears("TYPING default User-bob:  (2)")[0]; e.GetUserId() != "bob" || e.GetId() != "" {
			t.Errorf("%v", e)
		}
		ada.says("default", "go on")
		bob.hears("MESSAGE default Ada: go on (2)")
		ada.hears("MESSAGE default Ada: go on (2)")
	})
	t.Run("several rooms over one stream", func(t *testing.T) {
		ada.joins("other", "ada", "Ada L.")
		ada.hears("SYSTEM other System: Welcome to room other, Ada L.! (1)", "JOIN other Ada L.: Ada L. joined the room (1)")
		ada.says("", "in the room joined last")
		ada.hears("MESSAGE other Ada L.: in the room joined last (1)")
		ada.says("default", "and in the first")
		ada.hears("MESSAGE default Ada: and in the first (2)")
		bob.hears("MESSAGE default Ada: and in the first (2)")
		ada.sends(&chatpb.ChatEvent{Type: chatpb.ChatEvent_LEAVE})
		ada.hears("LEAVE other Ada L.: Ada L. left the room (0)")
	})
	t.Run("notices", func(t *testing.T) {
		ada.says("", "left the current room")
		ada.hears("SYSTEM  System: Join a room first (0)")
		ada.says("other", "no member there")
		ada.hears("SYSTEM other System: You are not in room other (0)")
		ada.joins("default", "ada", "")
		ada.hears("SYSTEM default System: You are in room default already, as Ada (0)")
		ada.says("", "current again")
		ada.hears("MESSAGE default Ada: current again (2)")
		bob.hears("MESSAGE default Ada: current again (2)")
	})
	t.Run("LeaveRoom takes the stream out", func(t *testing.T) {
		c.leave("default", "bob", true)
		bob.hears("LEAVE default User-bob: User-bob left the room (1)")
		ada.hears("LEAVE default User-bob: User-bob left the room (1)")
		bob.says("", "hi?")
		bob.hears("SYSTEM  System: Join a room first (0)")
		bob.joins("default", "bob", "Bob")
		bob.hears("SYSTEM default System: Welcome to room default, Bob! (2)", "JOIN default Bob: Bob joined the room (2)")
		ada.hears("JOIN default Bob: Bob joined the room (2)")
	})
	t.Run("a half-closed stream leaves and hears all until then", func(t *testing.T) {
		for i := range 3 {
			bob.says("", fmt.Sprint(i))
		}
		if err := bob.CloseSend(); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"MESSAGE default Bob: 0 (2)", "MESSAGE default Bob: 1 (2)", "MESSAGE default Bob: 2 (2)", "LEAVE default Bob: Bob left the room (1)",
		}
		bob.hears(want...)
		bob.ends(codes.OK, "")
		ada.hears(want...)
	})
	t.Run("a room made by CreateRoom, with a JoinRoom stream", func(t *testing.T) {
		room := c.room()
		eve := c.join(room, "eve")
		ada.joins(room, "ada", "Ada")
		ada.hears(fmt.Sprintf("SYSTEM %s System: Welcome to room %s, Ada! (2)", room, room), "JOIN "+room+" Ada: Ada joined the room (2)")
		ada.says(room, "hi Eve")
		ada.sends(&chatpb.ChatEvent{Type: chatpb.ChatEvent_TYPING, RoomId: room})
		ada.hears("MESSAGE " + room + " Ada: hi Eve (2)")
		c.say(room, "eve", "hi Ada")
		eve.hears("System: EVE joined the room", "System: Ada joined the room", "Ada: hi Eve", "EVE: hi Ada")
		ada.hears("MESSAGE " + room + " EVE: hi Ada (2)")
	})
}

func TestChatEndsWithStatus(t *testing.T) {
	c := chatOn(t, Start(t, Config{}))
	for name, bad := range map[string]struct {
		event *chatpb.ChatEvent
		code  codes.Code
		text  string
	}{
		"no type":          {&chatpb.ChatEvent{}, codes.InvalidArgument, "type"},
		"a server's type":  {&chatpb.ChatEvent{Type: chatpb.ChatEvent_SYSTEM}, codes.InvalidArgument, "type"},
		"nobody":           {&chatpb.ChatEvent{Type: chatpb.ChatEvent_JOIN, RoomId: "x"}, codes.InvalidArgument, "user_id"},
		"the server's id":  {&chatpb.ChatEvent{Type: chatpb.ChatEvent_JOIN, RoomId: "x", UserId: "system"}, codes.InvalidArgument, "user_id"},
		"room of a number": {&chatpb.ChatEvent{Type: chatpb.ChatEvent_JOIN, RoomId: "7", UserId: "ada"}, codes.NotFound, "room 7 not found"},
		"empty message":    {&chatpb.ChatEvent{Type: chatpb.ChatEvent_MESSAGE, RoomId: "default"}, codes.InvalidArgument, "content"},
	} {
		t.Run(name, func(t *testing.T) {
			k := chatClient{c.ChatServiceClient, t}.chat()
			k.joins("default", "eve", "Eve")
			if _, err := k.Recv(); err != nil {
				t.Fatal(err)
			}
			k.sends(bad.event)
			var err error
			for err == nil {
				_, err = k.Recv()
			}
			wantStatus(t, err, bad.code, bad.text)
		})
	}
	t.Run("too many rooms", func(t *testing.T) {
		k := chatClient{c.ChatServiceClient, t}.chat()
		for i := range maxRoomsPerChat {
			room := fmt.Sprintf("room %d", i)
			k.joins(room, "ada", "Ada")
			k.hears(fmt.Sprintf("SYSTEM %s System: Welcome to room %s, Ada! (1)", room, room), "JOIN "+room+" Ada: Ada joined the room (1)")
		}
		k.joins("one more", "ada", "Ada")
		k.hears("SYSTEM one more System: A stream is in at most 50 rooms (0)")
		k.cancel()
	})
}
