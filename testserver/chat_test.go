package testserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// chatClient talks to one server.
type chatClient struct {
	chatpb.ChatServiceClient
	t testing.TB
}

func chatOn(t testing.TB, s *Server) chatClient {
	return chatClient{chatpb.NewChatServiceClient(dial(t, s)), t}
}

func (c chatClient) room() string {
	c.t.Helper()
	r, err := c.CreateRoom(withDeadline(c.t), &chatpb.CreateRoomRequest{Name: "Room", CreatedBy: "ada"})
	if err != nil {
		c.t.Fatal(err)
	}
	return r.GetRoomId()
}

// member is a JoinRoom stream of a test.
type member struct {
	grpc.ServerStreamingClient[chatpb.ChatMessage]
	t      testing.TB
	cancel context.CancelFunc
}

// join joins a room, and returns once that is in force.
func (c chatClient) join(room, user string) member {
	c.t.Helper()
	ctx, cancel := context.WithCancel(withDeadline(c.t))
	c.t.Cleanup(cancel)
	stream, err := c.JoinRoom(ctx, &chatpb.JoinRoomRequest{RoomId: room, UserId: user, Username: strings.ToUpper(user)})
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := stream.Header(); err != nil {
		c.t.Fatal(err)
	}
	return member{stream, c.t, cancel}
}

// hears receives messages and compares them, each as "username: content".
func (m member) hears(want ...string) []*chatpb.ChatMessage {
	m.t.Helper()
	var got []string
	var messages []*chatpb.ChatMessage
	for range want {
		msg, err := m.Recv()
		if err != nil {
			m.t.Fatalf("after %q: %v, want %q", got, err, want)
		}
		messages = append(messages, msg)
		got = append(got, msg.GetUsername()+": "+msg.GetContent())
	}
	if d := cmp.Diff(want, got); d != "" {
		m.t.Fatal("-want +got\n" + d)
	}
	return messages
}

// ends receives the end of the stream.
func (m member) ends(code codes.Code, message string) {
	m.t.Helper()
	msg, err := m.Recv()
	if code == codes.OK && errors.Is(err, io.EOF) {
		return
	}
	if err == nil {
		m.t.Fatalf("message %v, want the end", msg)
	}
	wantStatus(m.t, err, code, message)
}

func (c chatClient) say(room, user, content string) string {
	c.t.Helper()
	resp, err := c.SendMessage(withDeadline(c.t), &chatpb.SendMessageRequest{RoomId: room, UserId: user, Content: content})
	if err != nil || !resp.GetSuccess() || resp.GetError() != "" {
		c.t.Fatalf("%v, %v", resp, err)
	}
	return resp.GetMessageId()
}

func (c chatClient) leave(room, user string, want bool) {
	c.t.Helper()
	resp, err := c.LeaveRoom(withDeadline(c.t), &chatpb.LeaveRoomRequest{RoomId: room, UserId: user})
	if err != nil || resp.GetSuccess() != want {
		c.t.Fatalf("%v, %v, want success %t", resp, err, want)
	}
}

func (c chatClient) members(room string) int32 {
	c.t.Helper()
	resp, err := c.ListRooms(withDeadline(c.t), &chatpb.ListRoomsRequest{Limit: 1000})
	if err != nil {
		c.t.Fatal(err)
	}
	i := slices.IndexFunc(resp.GetRooms(), func(r *chatpb.Room) bool { return r.GetRoomId() == room })
	if i < 0 {
		c.t.Fatalf("no room %s in %v", room, resp)
	}
	return resp.GetRooms()[i].GetMemberCount()
}

func TestRooms(t *testing.T) {
	c := chatOn(t, Start(t, Config{}))
	before := time.Now().UnixMilli()
	r, err := c.CreateRoom(withDeadline(t), &chatpb.CreateRoomRequest{Name: "Demo Room", Description: "A room for testing", CreatedBy: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	if r.GetRoomId() == "" || r.GetName() != "Demo Room" || r.GetDescription() != "A room for testing" || r.GetCreatedBy() != "ada" ||
		r.GetCreatedAt() < before || r.GetCreatedAt() > time.Now().UnixMilli() || r.GetMemberCount() != 0 {
		t.Errorf("%v", r)
	}
	for range 11 {
		c.room()
	}
	for _, page := range []struct{ limit, offset, want int32 }{{0, 0, 10}, {5, 0, 5}, {1000, 0, 12}, {0, 10, 2}, {1, 99, 0}} {
		resp, err := c.ListRooms(withDeadline(t), &chatpb.ListRoomsRequest{Limit: page.limit, Offset: page.offset})
		if err != nil || len(resp.GetRooms()) != int(page.want) || resp.GetTotalCount() != 12 {
			t.Errorf("%+v: %v, %v", page, resp, err)
		}
	}
	for name, call := range map[string]func() error{
		"name created_by": func() error {
			_, err := c.CreateRoom(withDeadline(t), &chatpb.CreateRoomRequest{})
			return err
		},
		"limit offset": func() error {
			_, err := c.ListRooms(withDeadline(t), &chatpb.ListRoomsRequest{Limit: 1001, Offset: -1})
			return err
		},
		"limit room_id before_message_id": func() error {
			_, err := c.GetRoomHistory(withDeadline(t), &chatpb.GetRoomHistoryRequest{Limit: -1, BeforeMessageId: "x"})
			return err
		},
		"room_id user_id content": func() error {
			_, err := c.SendMessage(withDeadline(t), &chatpb.SendMessageRequest{})
			return err
		},
		"room_id user_id": func() error {
			_, err := c.LeaveRoom(withDeadline(t), &chatpb.LeaveRoomRequest{})
			return err
		},
		"room_id user_id username": func() error {
			stream, err := c.JoinRoom(withDeadline(t), &chatpb.JoinRoomRequest{Username: "\n."})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
	} {
		t.Run("invalid "+name, func(t *testing.T) {
			if got := strings.Join(violations(t, call()), " "); got != name {
				t.Errorf("fields %s", got)
			}
		})
	}
}

func TestUnknownRoom(t *testing.T) {
	c := chatOn(t, Start(t, Config{}))
	_, sent := c.SendMessage(withDeadline(t), &chatpb.SendMessageRequest{RoomId: "9", UserId: "ada", Content: "hi"})
	_, left := c.LeaveRoom(withDeadline(t), &chatpb.LeaveRoomRequest{RoomId: "9", UserId: "ada"})
	_, read := c.GetRoomHistory(withDeadline(t), &chatpb.GetRoomHistoryRequest{RoomId: "9"})
	stream, err := c.JoinRoom(withDeadline(t), &chatpb.JoinRoomRequest{RoomId: "9", UserId: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	_, joined := stream.Recv()
	for _, err := range []error{sent, left, read, joined} {
		info := detail[*errdetails.ResourceInfo](t, wantStatus(t, err, codes.NotFound, "room 9 not found"))
		if info.GetResourceType() != "Room" || info.GetResourceName() != "9" {
			t.Errorf("%v", info)
		}
	}
}

func TestJoinRoom(t *testing.T) {
	c := chatOn(t, Start(t, Config{}))
	room := c.room()
	ada := c.join(room, "ada")
	joined := ada.hears("System: ADA joined the room")[0]
	if joined.GetType() != chatpb.MessageType_USER_JOINED || joined.GetUserId() != "system" || joined.GetRoomId() != room || joined.GetTimestamp() == 0 {
		t.Errorf("%v", joined)
	}
	id := c.say(room, "ada", "Hello everyone!")
	if m := ada.hears("ADA: Hello everyone!")[0]; m.GetMessageId() != id || m.GetUserId() != "ada" || m.GetType() != chatpb.MessageType_USER_MESSAGE {
		t.Errorf("%v, want id %s", m, id)
	}
	bob := c.join(room, "bob")
	bob.hears("System: ADA joined the room", "ADA: Hello everyone!", "System: BOB joined the room")
	ada.hears("System: BOB joined the room")
	if n := c.members(room); n != 2 {
		t.Errorf("%d members, want 2", n)
	}

	t.Run("a second stream is no second member", func(t *testing.T) {
		second := c.join(room, "ada")
		second.hears("System: ADA joined the room", "ADA: Hello everyone!", "System: BOB joined the room")
		c.say(room, "bob", "two of you")
		second.hears("BOB: two of you")
		second.cancel()
		second.ends(codes.Canceled, "")
		c.say(room, "ada", "one of me")
		ada.hears("BOB: two of you", "ADA: one of me")
		bob.hears("BOB: two of you", "ADA: one of me")
	})
	t.Run("a broken stream leaves", func(t *testing.T) {
		bob.cancel()
		left := ada.hears("System: BOB left the room")[0]
		if left.GetType() != chatpb.MessageType_USER_LEFT {
			t.Errorf("%v", left)
		}
	})
	t.Run("only members may talk", func(t *testing.T) {
		resp, err := c.SendMessage(withDeadline(t), &chatpb.SendMessageRequest{RoomId: room, UserId: "bob", Content: "hi"})
		if err != nil || resp.GetSuccess() || resp.GetError() != "User bob not in room "+room {
			t.Errorf("%v, %v", resp, err)
		}
	})
	t.Run("leaving ends the streams", func(t *testing.T) {
		second := c.join(room, "ada")
		c.leave(room, "ada", true)
		ada.hears("System: ADA left the room")
		ada.ends(codes.OK, "")
		second.hears("System: ADA joined the room", "ADA: Hello everyone!", "System: BOB joined the room", "BOB: two of you",
			"ADA: one of me", "System: BOB left the room", "System: ADA left the room")
		second.ends(codes.OK, "")
		c.leave(room, "ada", false)
		if n := c.members(room); n != 0 {
			t.Errorf("%d members, want none", n)
		}
	})
	t.Run("begins with the last 20 messages", func(t *testing.T) {
		eve := c.join(room, "eve")
		for i := range 20 {
			c.say(room, "eve", fmt.Sprint(i))
		}
		var want []string
		for i := range 20 {
			want = append(want, fmt.Sprintf("EVE: %d", i))
		}
		c.join(room, "bob").hears(append(want, "System: BOB joined the room")...)
		eve.cancel()
	})
}

func TestNameInRoom(t *testing.T) {
	s := Start(t, Config{})
	c := chatOn(t, s)
	room := c.room()
	create(t, pb.NewUserServiceClient(dial(t, s)), "Grace", "grace@example.com")
	for user, want := range map[string]string{"1": "Grace", "2": "User-2"} {
		stream, err := c.JoinRoom(withDeadline(t), &chatpb.JoinRoomRequest{RoomId: room, UserId: user})
		if err != nil {
			t.Fatal(err)
		}
		for {
			m, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if m.GetContent() == want+" joined the room" {
				break
			}
		}
	}
}

func TestRoomHistory(t *testing.T) {
	c := chatOn(t, Start(t, Config{}))
	room := c.room()
	ada := c.join(room, "ada")
	ada.hears("System: ADA joined the room")
	for i := range 60 {
		c.say(room, "ada", fmt.Sprint(i))
	}
	var all []string
	before := ""
	for more := true; more; {
		resp, err := c.GetRoomHistory(withDeadline(t), &chatpb.GetRoomHistoryRequest{RoomId: room, BeforeMessageId: before})
		if err != nil {
			t.Fatal(err)
		}
		if before == "" && len(resp.GetMessages()) != 50 {
			t.Errorf("%d messages, want 50", len(resp.GetMessages()))
		}
		var page []string
		for _, m := range resp.GetMessages() {
			page = append(page, m.GetContent())
		}
		all = append(page, all...)
		before, more = resp.GetMessages()[0].GetMessageId(), resp.GetHasMore()
	}
	if len(all) != 61 || all[0] != "ADA joined the room" || all[1] != "0" || all[60] != "59" {
		t.Errorf("%q", all)
	}
}

// TestChatAsSomebody holds the user ids of requests against who makes the call.
func TestChatAsSomebody(t *testing.T) {
	s := Start(t, Config{})
	c := chatOn(t, s)
	room := c.room()
	c.join(room, "ada").hears("System: ADA joined the room")
	ada := withIdentity(withDeadline(t), identity{UserID: "ada", Roles: []string{"user"}})
	root := withIdentity(withDeadline(t), identity{UserID: "root", Roles: []string{roleAdmin}})
	if resp, err := s.chat.SendMessage(ada, &chatpb.SendMessageRequest{RoomId: room, Content: "me"}); err != nil || !resp.GetSuccess() {
		t.Errorf("%v, %v", resp, err)
	}
	if resp, err := s.chat.SendMessage(root, &chatpb.SendMessageRequest{RoomId: room, UserId: "ada", Content: "for her"}); err != nil || !resp.GetSuccess() {
		t.Errorf("%v, %v", resp, err)
	}
	if r, err := s.chat.CreateRoom(ada, &chatpb.CreateRoomRequest{Name: "Mine"}); err != nil || r.GetCreatedBy() != "ada" {
		t.Errorf("%v, %v", r, err)
	}
	_, send := s.chat.SendMessage(ada, &chatpb.SendMessageRequest{RoomId: room, UserId: "bob", Content: "x"})
	_, open := s.chat.CreateRoom(ada, &chatpb.CreateRoomRequest{Name: "x", CreatedBy: "bob"})
	_, leave := s.chat.LeaveRoom(ada, &chatpb.LeaveRoomRequest{RoomId: room, UserId: "bob"})
	for _, err := range []error{send, open, leave} {
		wantStatus(t, err, codes.PermissionDenied, "ada may not act for user bob")
	}
}
