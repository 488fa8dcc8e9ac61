package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// topicRoom is woken by what happens in a room.
func topicRoom(room string) string { return "room:" + room }

// messagesPerRead bounds what one read of a feed returns.
const messagesPerRead = 64

// RoomFeed delivers what happens in a room, each message once, in order. One
// goroutine at a time may use it; it holds nothing that must be closed.
type RoomFeed struct {
	store *Store
	room  string
	last  int64 // number of the last message seen
	typed int64 // number of the last typing event seen
}

// FollowRoom returns a feed of what happens in the room from now on.
func (s *Store) FollowRoom(ctx context.Context, room string) (*RoomFeed, error) {
	f := &RoomFeed{store: s, room: room}
	err := s.read(ctx, func(tx *sql.Tx) error {
		r, err := readRoom(ctx, tx, room)
		f.last, f.typed = r.last, r.typed
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("follow room: %w", err)
	}
	return f, nil
}

// Last is the number of the last message before those that Next returns.
func (f *RoomFeed) Last() int64 { return f.last }

// Next waits for messages and returns at least one of them; typing events come
// after the messages of the same read. It fails with the code Lagging when
// messages were dropped before the feed came to them. After any other error it
// goes on where it was.
func (f *RoomFeed) Next(ctx context.Context) ([]Message, error) {
	var messages []Message
	err := f.store.follow(ctx, topicRoom(f.room), func() (bool, error) {
		var err error
		messages, err = f.read(ctx)
		return len(messages) > 0, err
	})
	if err != nil {
		return nil, fmt.Errorf("follow room: %w", err)
	}
	return messages, nil
}

// read returns what there is. It is no transaction, for most often there is
// nothing: messages are committed in the order of their numbers, so those that
// one statement finds have no gap.
func (f *RoomFeed) read(ctx context.Context) ([]Message, error) {
	r, err := readRoom(ctx, f.store.reader, f.room)
	if err != nil {
		return nil, cause(ctx, err)
	}
	var messages []Message
	last, typed := f.last, f.typed
	if r.last > last {
		if messages, err = r.messagesAfter(ctx, f.store.reader, last); err != nil {
			return nil, cause(ctx, err)
		}
		last = messages[len(messages)-1].Seq
	}
	if r.typed > typed {
		var events []Message
		if events, typed, err = r.typing(ctx, f.store.reader, typed, last); err != nil {
			return nil, cause(ctx, err)
		}
		messages = append(messages, events...)
	}
	f.last, f.typed = last, typed
	return messages, nil
}

// MessagesAfter returns the next messages of a room after the one of that
// number, none if there are none. It fails with the code Lagging when the first
// of them is no longer kept.
func (s *Store) MessagesAfter(ctx context.Context, room string, after int64) ([]Message, error) {
	r, err := readRoom(ctx, s.reader, room)
	if err == nil && r.last <= after {
		return nil, nil
	}
	var messages []Message
	if err == nil {
		messages, err = r.messagesAfter(ctx, s.reader, after)
	}
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", cause(ctx, err))
	}
	return messages, nil
}

// messagesAfter is called when there is such a message.
func (r roomState) messagesAfter(ctx context.Context, q querier, after int64) ([]Message, error) {
	messages, err := r.messages(ctx, q, feedBytes, messagesAfter, after, messagesPerRead)
	if err == nil && (len(messages) == 0 || messages[0].Seq != after+1) {
		err = &Error{Code: Lagging, Kind: "room", Name: r.name, Index: -1}
	}
	return messages, err
}

// typing returns the events after that number, as following the message last,
// and the number of the last of them.
func (r roomState) typing(ctx context.Context, q querier, after, last int64) ([]Message, int64, error) {
	rows, err := q.QueryContext(ctx, `SELECT user_id, username, seq, at FROM typing WHERE room = $1 AND seq > $2 ORDER BY seq`, r.id, after)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	var events []Message
	typed := r.typed
	for rows.Next() {
		m := Message{Type: Typing, Room: r.name, Seq: last, Members: r.members}
		var seq, at int64
		if err := rows.Scan(&m.UserID, &m.Username, &seq, &at); err != nil {
			return nil, 0, err
		}
		m.At = time.UnixMicro(at).UTC()
		typed = max(typed, seq)
		events = append(events, m)
	}
	return events, typed, rows.Err()
}
