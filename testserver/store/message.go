package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MessageType tells what a Message is; the stored values are those of the proto enum.
type MessageType int32

// The values of MessageType.
const (
	UserMessage MessageType = iota
	SystemMessage
	UserJoined
	UserLeft
	Typing // is never stored; its number is that of the message before it
)

const (
	// feedReserve is how many times the messages that a room shows are kept for
	// feeds that have not come to them.
	feedReserve = 5
	// pageBytes and feedBytes are the text after which a page, or what a feed reads
	// at a time, ends.
	pageBytes = 1 << 20
	feedBytes = 128 << 10
)

// Message is something that happened in a room. Messages about joining and
// leaving have the user of whom they tell, and no content.
type Message struct {
	ID       string // compares as Seq does, within a room
	Room     string
	Seq      int64 // 1, 2, 3 and so on in each room
	Type     MessageType
	UserID   string
	Username string
	Content  string
	At       time.Time
	Members  int // users who are members of the room after it
}

// ValidateMessage returns an Error of code Invalid that names every field of a
// message to send that is bad, or nil.
func ValidateMessage(room, userID, content string) error {
	reason := badBody(content, maxContent)
	switch {
	case strings.TrimSpace(content) == "":
		reason = "is required"
	case len(content) > maxContent:
		reason = "is longer than " + strconv.Itoa(maxContent) + " bytes"
	}
	return invalid("message", badFields(
		field{"room_id", badText(room, maxName)}, field{"user_id", badText(userID, maxName)}, field{"content", reason}))
}

// Send stores a message of a member, sent by one of the member's streams if
// stream is not "", and returns it as stored. Somebody who is not a member, or no
// longer by that stream, is NotFound with the kind "member".
func (s *Store) Send(ctx context.Context, room, userID, stream, content string) (Message, error) {
	if err := ValidateMessage(room, userID, content); err != nil {
		return Message{}, fmt.Errorf("send message: %w", err)
	}
	var m Message
	err := s.grouped(ctx, topicRoom(room), func(g *group) error {
		r, err := g.room(room)
		if err != nil {
			return err
		}
		from, err := r.sender(userID, stream)
		if err != nil {
			return err
		}
		m = Message{Type: UserMessage, UserID: userID, Username: from.Username, Content: content}
		return r.say(&m)
	})
	if err != nil {
		return Message{}, fmt.Errorf("send message: %w", err)
	}
	return m, nil
}

// Type tells the room that a member is writing, by one of the member's streams.
// Of several such events before a feed comes to them it sees the last.
func (s *Store) Type(ctx context.Context, room, userID, stream string) error {
	err := s.grouped(ctx, topicRoom(room), func(g *group) error {
		r, err := g.room(room)
		if err != nil {
			return err
		}
		from, err := r.sender(userID, stream)
		if err != nil {
			return err
		}
		r.typed++
		r.dirty = true
		_, err = g.tx.ExecContext(g.ctx, `INSERT INTO typing (room, user_id, username, seq, at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (room, user_id) DO UPDATE SET username = excluded.username, seq = excluded.seq, at = excluded.at`,
			r.id, userID, from.Username, r.typed, r.at.UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("typing: %w", err)
	}
	return nil
}

// ValidateHistory returns an Error of code Invalid that names every bad field of
// a request for history, or nil.
func ValidateHistory(room, before string) error {
	reason := ""
	if _, _, ok := parseMessageID(before); !ok && before != "" {
		reason = "is not the id of a message"
	}
	return invalid("request", badFields(field{"room_id", badText(room, maxName)}, field{"before_message_id", reason}))
}

// History returns messages of a room, the oldest first: at most limit of those
// just before the one of the id before, or of the last ones if that is "", and
// whether the room shows others before them. It returns fewer than the limit
// rather than more than about a megabyte.
func (s *Store) History(ctx context.Context, room, before string, limit int) (messages []Message, more bool, err error) {
	if err := ValidateHistory(room, before); err != nil {
		return nil, false, fmt.Errorf("room history: %w", err)
	}
	err = s.read(ctx, func(tx *sql.Tx) error {
		r, err := readRoom(ctx, tx, room)
		if err != nil {
			return err
		}
		end := r.last + 1
		if before != "" {
			id, seq, _ := parseMessageID(before)
			if id != r.id {
				return invalid("request", []FieldError{{Field: "before_message_id", Reason: "is not of this room"}})
			}
			end = min(end, seq)
		}
		first := max(1, r.last-s.opts.KeepMessages+1) // the oldest that the room shows
		messages, err = r.messages(ctx, tx, pageBytes, messagesBetween, first, end, limit)
		slices.Reverse(messages)
		more = len(messages) > 0 && messages[0].Seq > first
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("room history: %w", err)
	}
	return messages, more, nil
}

// querier is a transaction, or connections for statements that need none.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// roomState is a room as a reader finds it.
type roomState struct {
	id, last, typed int64
	members         int
	name            string
}

func readRoom(ctx context.Context, q querier, room string) (roomState, error) {
	r := roomState{name: room}
	err := q.QueryRowContext(ctx, `SELECT id, last, typed, members FROM rooms WHERE room_id = $1`, room).
		Scan(&r.id, &r.last, &r.typed, &r.members)
	if errors.Is(err, sql.ErrNoRows) {
		return r, notFound("room", room)
	}
	return r, err
}

const (
	selectMessages = `SELECT seq, type, user_id, username, content, at, members FROM messages WHERE room = $1 `
	// messagesBetween ends with the last of them, which come first.
	messagesBetween = selectMessages + `AND seq >= $2 AND seq < $3 ORDER BY seq DESC LIMIT $4`
	messagesAfter   = selectMessages + `AND seq > $2 ORDER BY seq LIMIT $3`
)

// messages returns what a query of messages finds, $1 being the room, up to
// about that many bytes.
func (r roomState) messages(ctx context.Context, q querier, bytes int, query string, args ...any) ([]Message, error) {
	rows, err := q.QueryContext(ctx, query, append([]any{r.id}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var messages []Message
	for size := 0; size < bytes && rows.Next(); {
		m := Message{Room: r.name}
		var at int64
		if err := rows.Scan(&m.Seq, &m.Type, &m.UserID, &m.Username, &m.Content, &at, &m.Members); err != nil {
			return nil, err
		}
		m.ID, m.At = messageID(r.id, m.Seq), time.UnixMicro(at).UTC()
		messages = append(messages, m)
		size += len(m.UserID) + len(m.Username) + len(m.Content)
	}
	return messages, rows.Err()
}

// messageID names a message; the digits make the ids of a room compare as its
// numbers do.
func messageID(room, seq int64) string { return fmt.Sprintf("%d-%016d", room, seq) }

// parseMessageID accepts ids exactly as messageID writes them.
func parseMessageID(id string) (room, seq int64, ok bool) {
	a, b, _ := strings.Cut(id, "-")
	room, ok = parseID(a)
	seq, err := strconv.ParseInt(b, 10, 64)
	return room, seq, ok && err == nil && seq > 0 && messageID(room, seq) == id
}
