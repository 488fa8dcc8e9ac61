package testserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
	"github.com/grpcx/grpcx/testserver/store"
)

// conversation is one Chat stream. Its handler receives; each room that was
// joined has a goroutine that sends.
type conversation struct {
	server *chatServer
	stream grpc.BidiStreamingServer[chatpb.ChatEvent, chatpb.ChatEvent]
	ctx    context.Context

	sending sync.Mutex
	pumps   sync.WaitGroup

	mu      sync.Mutex
	rooms   map[string]*pump
	current string // room of events that name none
}

// pump is a room of a conversation.
type pump struct {
	*seat
	done chan struct{} // closed when nothing more comes of the room
}

func (s *chatServer) Chat(stream grpc.BidiStreamingServer[chatpb.ChatEvent, chatpb.ChatEvent]) error {
	ctx := stream.Context()
	// The handler hangs in receiving, which heeds no other context.
	defer context.AfterFunc(s.running, func() { interrupt(ctx, context.Cause(s.running)) })()
	c := &conversation{server: s, stream: stream, ctx: ctx, rooms: map[string]*pump{}}
	defer c.pumps.Wait()
	defer c.leaveAll()
	for {
		e, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = c.handle(e)
		}
		if err != nil {
			interrupt(ctx, err) // whoever does not read does not hold this up
			return err
		}
	}
}

func (c *conversation) handle(e *chatpb.ChatEvent) error {
	switch e.GetType() {
	case chatpb.ChatEvent_JOIN:
		return c.join(e)
	case chatpb.ChatEvent_MESSAGE:
		return c.act(e, func(p *pump) error {
			_, err := c.server.store.Send(c.ctx, p.Room, p.UserID, p.Stream, e.GetContent())
			return err
		})
	case chatpb.ChatEvent_TYPING:
		return c.act(e, func(p *pump) error {
			return c.server.store.Type(c.ctx, p.Room, p.UserID, p.Stream)
		})
	case chatpb.ChatEvent_LEAVE:
		return c.act(e, func(p *pump) error {
			p.leave()
			<-p.done // so that a new JOIN comes after the end of this one
			return nil
		})
	}
	return invalidField("event", "type", "is not one that a client sends")
}

// act does something in the room that the event is about.
func (c *conversation) act(e *chatpb.ChatEvent, do func(*pump) error) error {
	c.mu.Lock()
	room := cmp.Or(e.GetRoomId(), c.current)
	p, ok := c.rooms[room]
	c.mu.Unlock()
	switch {
	case room == "":
		return c.notice("", 0, "Join a room first")
	case !ok:
		return c.notice(room, 0, fmt.Sprintf("You are not in room %s", shorten(room)))
	}
	err := do(p)
	if isNotMember(err) { // left by another call a moment ago
		return c.notice(room, 0, fmt.Sprintf("You are not in room %s", room))
	}
	return err
}

func (c *conversation) join(e *chatpb.ChatEvent) error {
	room := cmp.Or(e.GetRoomId(), defaultRoom)
	user, err := actsAs(c.ctx, e.GetUserId())
	if err != nil {
		return err
	}
	c.mu.Lock()
	p, ok := c.rooms[room]
	full := len(c.rooms) >= maxRoomsPerChat
	if ok && (user == "" || p.UserID == user) {
		c.current = room
	}
	c.mu.Unlock()
	switch {
	case ok:
		return c.notice(room, 0, fmt.Sprintf("You are in room %s already, as %s", room, p.Username))
	case full:
		return c.notice(room, 0, fmt.Sprintf("A stream is in at most %d rooms", maxRoomsPerChat))
	}
	if err := store.ValidateMember(room, user); err != nil {
		return err
	}
	if err := c.server.store.OpenRoom(c.ctx, room, user); err != nil {
		return err
	}
	seat, err := c.server.join(c.ctx, room, user, e.GetUserName(), 0)
	if err != nil {
		return err
	}
	p = &pump{seat: seat, done: make(chan struct{})}
	c.mu.Lock()
	c.rooms[room], c.current = p, room
	c.mu.Unlock()
	welcome := c.notice(room, seat.joined.Members, fmt.Sprintf("Welcome to room %s, %s!", room, seat.Username))
	c.pumps.Go(func() { c.pump(p) })
	return welcome
}

// pump sends what happens in a room until the stream has left it.
func (c *conversation) pump(p *pump) {
	defer close(p.done)
	err := p.deliver(func(e *roomEntry) error {
		if e.kind == store.Typing && e.userID == p.UserID {
			return nil
		}
		if p.ends(e) {
			c.forget(p) // so that the client knows that by what it hears
		}
		return c.send(e.event)
	})
	p.close()
	c.forget(p)
	if err != nil {
		interrupt(c.ctx, err)
	}
}

func (c *conversation) forget(p *pump) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rooms[p.Room] != p {
		return
	}
	delete(c.rooms, p.Room)
	if c.current == p.Room {
		c.current = ""
	}
}

// leaveAll leaves all rooms at once; what happened in them until then is still sent.
func (c *conversation) leaveAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.rooms {
		go p.leave() // waited for by its pump
	}
}

// notice tells the client alone.
func (c *conversation) notice(room string, members int, text string) error {
	return c.send(&chatpb.ChatEvent{
		Type: chatpb.ChatEvent_SYSTEM, RoomId: room, UserId: systemUser, UserName: systemName,
		Content: text, Timestamp: timestamppb.Now(), UserCount: int32(members),
	})
}

func (c *conversation) send(e *chatpb.ChatEvent) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	return c.stream.Send(e)
}
