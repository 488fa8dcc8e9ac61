package testserver

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
	"github.com/grpcx/grpcx/testserver/store"
)

// roomEntry is something that happened in a room, in the forms in which streams
// send it; those are shared and stay as they are.
type roomEntry struct {
	seq     int64
	kind    store.MessageType
	userID  string
	message *chatpb.ChatMessage // nil if it is not part of the history
	event   *chatpb.ChatEvent
	bytes   int
}

func (e *roomEntry) number() int64 { return e.seq }
func (e *roomEntry) size() int     { return e.bytes }

// What the server calls itself where it speaks.
const (
	systemUser = "system"
	systemName = "System"
)

// entryBytes is what an entry and its two forms take beside their text.
const entryBytes = 512

func newRoomEntry(m store.Message) *roomEntry {
	e := &roomEntry{seq: m.Seq, kind: m.Type, userID: m.UserID, event: eventProto(m)}
	if m.Type != store.Typing {
		e.message = messageProto(m)
	}
	e.bytes = entryBytes + len(m.UserID) + len(m.Username) + len(m.Content)
	return e
}

// roomSource is the log of one room.
type roomSource struct {
	store *store.Store
	room  string
}

func (s roomSource) follow(ctx context.Context) (int64, func(context.Context) ([]*roomEntry, error), error) {
	feed, err := s.store.FollowRoom(ctx, s.room)
	if err != nil {
		return 0, nil, err
	}
	return feed.Last(), func(ctx context.Context) ([]*roomEntry, error) {
		messages, err := feed.Next(ctx)
		return newRoomEntries(messages), err
	}, nil
}

func (s roomSource) after(ctx context.Context, number int64) ([]*roomEntry, error) {
	messages, err := s.store.MessagesAfter(ctx, s.room, number)
	return newRoomEntries(messages), err
}

func newRoomEntries(messages []store.Message) []*roomEntry {
	entries := make([]*roomEntry, len(messages))
	for i, m := range messages {
		entries[i] = newRoomEntry(m)
	}
	return entries
}

// seat is a stream's membership in a room.
type seat struct {
	store.Member
	joined store.Joined
	server *chatServer
	ctx    context.Context
	stay   *stay
	detach func() bool
	tail   *openTail[*roomEntry]
	reader *reader[*roomEntry]
	left   sync.Once
}

// join makes the user a member of the room by the stream whose context this is.
// The seat's delivery begins with that many messages from before. The caller
// ends it by close.
func (s *chatServer) join(ctx context.Context, room, userID, username string, history int64) (*seat, error) {
	m := store.Member{Stream: newStream(), Room: room, UserID: userID, Username: s.displayName(ctx, userID, username)}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	stay, err := s.presence.enter(ctx)
	if err != nil {
		return nil, err
	}
	m.Node = stay.node
	c := &seat{Member: m, server: s, ctx: ctx, stay: stay}
	if c.joined, err = s.store.Join(ctx, m); err != nil {
		// It may yet be carried out if the context ended.
		s.presence.exit(ctx, stay, c.farewell)
		return nil, s.presence.judge(stay, err)
	}
	c.detach = context.AfterFunc(stay.ctx, func() { interrupt(ctx, context.Cause(stay.ctx)) })
	c.tail = s.rooms.acquire(room)
	c.reader = c.tail.read(max(0, c.joined.After-history), func(err error) { interrupt(ctx, err) })
	return c, nil
}

// deliver sends what happens in the room, until the user has left it.
func (c *seat) deliver(send func(*roomEntry) error) error {
	return c.reader.deliver(c.ctx, func(e *roomEntry) error {
		if err := send(e); err != nil {
			return err
		}
		if c.ends(e) {
			return io.EOF
		}
		return nil
	})
}

// ends tells whether the entry is the last that the seat delivers.
func (c *seat) ends(e *roomEntry) bool {
	return e.kind == store.UserLeft && e.userID == c.UserID && e.seq > c.joined.Since
}

// farewell takes the stream out of the room; delivery ends when it has come to that.
func (c *seat) farewell(ctx context.Context) error {
	last, err := c.server.store.Leave(ctx, c.Room, c.Stream)
	if c.reader != nil {
		c.reader.end(last)
	}
	return err
}

// leave ends the membership of the stream. It is done once, and before close.
func (c *seat) leave() {
	c.left.Do(func() { c.server.presence.exit(c.ctx, c.stay, c.farewell) })
}

// close leaves the room; nothing is delivered any more.
func (c *seat) close() {
	c.leave()
	c.detach()
	c.reader.close()
	c.server.rooms.release(c.tail)
}

// displayName is the name that somebody goes by: the one that is given, that of
// the stored user, or one made of the id.
func (s *chatServer) displayName(ctx context.Context, userID, given string) string {
	if strings.TrimSpace(given) != "" {
		return given
	}
	if u, err := s.store.User(ctx, userID); err == nil {
		return u.Name
	}
	return defaultNameStart + userID
}

func roomProto(r store.Room) *chatpb.Room {
	return &chatpb.Room{
		RoomId: r.ID, Name: r.Name, Description: r.Description, CreatedBy: r.CreatedBy,
		CreatedAt: r.CreatedAt.UnixMilli(), MemberCount: int32(r.Members),
	}
}

// messageProto returns a message as the history has it. Of joining and leaving
// the room itself tells.
func messageProto(m store.Message) *chatpb.ChatMessage {
	p := &chatpb.ChatMessage{
		MessageId: m.ID, RoomId: m.Room, UserId: m.UserID, Username: m.Username, Content: m.Content,
		Timestamp: m.At.UnixMilli(), Type: chatpb.MessageType(m.Type),
	}
	if m.Type != store.UserMessage {
		p.UserId, p.Username = systemUser, systemName
		p.Content = notice(m)
	}
	return p
}

func notice(m store.Message) string {
	switch m.Type {
	case store.UserJoined:
		return fmt.Sprintf("%s joined the room", m.Username)
	case store.UserLeft:
		return fmt.Sprintf("%s left the room", m.Username)
	}
	return m.Content
}

func eventProto(m store.Message) *chatpb.ChatEvent {
	e := &chatpb.ChatEvent{
		RoomId: m.Room, UserId: m.UserID, UserName: m.Username, Content: notice(m),
		Id: m.ID, Timestamp: timestamppb.New(m.At), UserCount: int32(m.Members),
	}
	switch m.Type {
	case store.UserMessage:
		e.Type = chatpb.ChatEvent_MESSAGE
	case store.SystemMessage:
		e.Type = chatpb.ChatEvent_SYSTEM
	case store.UserJoined:
		e.Type = chatpb.ChatEvent_JOIN
	case store.UserLeft:
		e.Type = chatpb.ChatEvent_LEAVE
	case store.Typing:
		e.Type = chatpb.ChatEvent_TYPING
	}
	return e
}
