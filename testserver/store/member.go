package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Member is one stream by which a user is in a room. A user is a member for as
// long as there is such a stream.
type Member struct {
	Stream   string // identifies it on all nodes
	Room     string
	UserID   string
	Username string // what the user goes by in the room
	Node     string // of the server that has the stream
}

// Validate returns an Error of code Invalid that names every bad field, or nil.
func (m Member) Validate() error {
	return invalid("member", badFields(
		field{"room_id", badText(m.Room, maxName)},
		field{"user_id", badUserID(m.UserID)},
		field{"username", badText(m.Username, maxName)},
	))
}

// ValidateMember returns an Error of code Invalid that names every bad field of
// what names a member of a room, or nil.
func ValidateMember(room, userID string) error {
	return invalid("member", badFields(field{"room_id", badText(room, maxName)}, field{"user_id", badText(userID, maxName)}))
}

// Joined tells at which point of a room a stream joined it.
type Joined struct {
	After   int64 // number of the last message before
	Since   int64 // number of the message about it; After if the user was a member already
	Members int   // users who are members now
}

// Join adds a stream. The first one of a user makes the user a member, of which
// a message tells. A node that was found dead is NotFound.
func (s *Store) Join(ctx context.Context, m Member) (Joined, error) {
	if err := m.Validate(); err != nil {
		return Joined{}, fmt.Errorf("join room: %w", err)
	}
	var j Joined
	err := s.grouped(ctx, topicRoom(m.Room), func(g *group) error {
		r, err := g.room(m.Room)
		if err != nil {
			return err
		}
		if err := g.lockNode(m.Node); err != nil {
			return err
		}
		streams, err := r.streams(m.UserID)
		if err != nil {
			return err
		}
		j = Joined{After: r.last}
		if streams == 0 {
			r.members++
			if err := r.say(&Message{Type: UserJoined, UserID: m.UserID, Username: m.Username}); err != nil {
				return err
			}
		}
		j.Since, j.Members = r.last, r.members
		_, err = g.tx.ExecContext(g.ctx, `INSERT INTO members (stream, room, user_id, username, node, since)
			VALUES ($1, $2, $3, $4, $5, $6)`, m.Stream, r.id, m.UserID, m.Username, m.Node, j.Since)
		return err
	})
	if err != nil {
		return Joined{}, fmt.Errorf("join room: %w", err)
	}
	return j, nil
}

// Leave removes a stream from its room, and returns the number of the last
// message that it should hear: that of the user's leave, if this was the last
// stream of the user. A stream that is not there is no error.
func (s *Store) Leave(ctx context.Context, room, stream string) (int64, error) {
	var last int64
	err := s.grouped(ctx, topicRoom(room), func(g *group) error {
		r, err := g.room(room)
		if err != nil {
			return err
		}
		if _, err := r.remove(dropStream, stream); err != nil {
			return err
		}
		last = r.last
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("leave room: %w", err)
	}
	return last, nil
}

// RemoveMember removes all streams of a user from a room, and tells whether
// there was any.
func (s *Store) RemoveMember(ctx context.Context, room, userID string) (bool, error) {
	if err := ValidateMember(room, userID); err != nil {
		return false, fmt.Errorf("remove member: %w", err)
	}
	var was bool
	err := s.grouped(ctx, topicRoom(room), func(g *group) error {
		r, err := g.room(room)
		if err != nil {
			return err
		}
		was, err = r.remove(dropUser, userID)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("remove member: %w", err)
	}
	return was, nil
}

// streams counts the streams by which the user is in the room.
func (r *lockedRoom) streams(userID string) (n int, err error) {
	err = r.g.tx.QueryRowContext(r.g.ctx, `SELECT COUNT(*) FROM members WHERE room = $1 AND user_id = $2`, r.id, userID).Scan(&n)
	return n, err
}

// What drops streams of a room, for remove.
const (
	dropStream = `DELETE FROM members WHERE room = $1 AND stream = $2 RETURNING user_id, username`
	dropUser   = `DELETE FROM members WHERE room = $1 AND user_id = $2 RETURNING user_id, username`
	dropNode   = `DELETE FROM members WHERE room = $1 AND node = $2 RETURNING user_id, username`
)

// remove drops streams of that stream id, user or node, and tells whether there
// were any. Users who have no other stream left the room.
func (r *lockedRoom) remove(statement, of string) (was bool, err error) {
	users, err := r.dropStreams(statement, of)
	if err != nil {
		return false, err
	}
	for _, m := range users {
		n, err := r.streams(m.UserID)
		if err != nil {
			return false, err
		}
		if n > 0 {
			continue
		}
		r.members--
		if err := r.say(&Message{Type: UserLeft, UserID: m.UserID, Username: m.Username}); err != nil {
			return false, err
		}
		if _, err := r.g.tx.ExecContext(r.g.ctx, `DELETE FROM typing WHERE room = $1 AND user_id = $2`, r.id, m.UserID); err != nil {
			return false, err
		}
	}
	return len(users) > 0, nil
}

// dropStreams returns the users whose streams it dropped, each once.
func (r *lockedRoom) dropStreams(statement, of string) ([]Member, error) {
	rows, err := r.g.tx.QueryContext(r.g.ctx, statement, r.id, of)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var users []Member
	seen := map[string]bool{}
	for rows.Next() {
		var m Member
		if err := rows.Scan(&m.UserID, &m.Username); err != nil {
			return nil, err
		}
		if !seen[m.UserID] {
			users = append(users, m)
		}
		seen[m.UserID] = true
	}
	return users, rows.Err()
}

// sender returns the member who does something by that stream, or, where stream
// is "", the user under the name of the latest stream. Others are NotFound.
func (r *lockedRoom) sender(userID, stream string) (Member, error) {
	m := Member{UserID: userID}
	err := r.g.tx.QueryRowContext(r.g.ctx, `SELECT username FROM members
		WHERE room = $1 AND user_id = $2 AND ($3 = '' OR stream = $3) ORDER BY since DESC LIMIT 1`,
		r.id, userID, stream).Scan(&m.Username)
	if errors.Is(err, sql.ErrNoRows) {
		return Member{}, notFound("member", userID)
	}
	return m, err
}
