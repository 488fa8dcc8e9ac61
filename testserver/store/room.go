package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Room is a room to chat in, as stored.
type Room struct {
	ID          string
	Name        string
	Description string
	CreatedBy   string
	CreatedAt   time.Time
	Members     int // users who are members
}

// Validate returns an Error of code Invalid that names every bad field, or nil.
func (r Room) Validate() error {
	return invalid("room", badFields(
		field{"name", badText(r.Name, maxName)},
		field{"description", badBody(r.Description, maxDescription)},
		field{"created_by", badText(r.CreatedBy, maxName)},
	))
}

// CreateRoom stores a room under an id of the store's choice, and returns it as
// stored. It is Exhausted when there are too many rooms.
func (s *Store) CreateRoom(ctx context.Context, r Room) (Room, error) {
	if err := r.Validate(); err != nil {
		return Room{}, fmt.Errorf("create room: %w", err)
	}
	err := s.write(ctx, func(tx *sql.Tx) error {
		n, err := s.takeRoom(ctx, tx)
		if err != nil {
			return err
		}
		r.ID = strconv.FormatInt(n, 10)
		return s.insertRoom(ctx, tx, n, &r)
	})
	if err != nil {
		return Room{}, fmt.Errorf("create room: %w", err)
	}
	return r, nil
}

// OpenRoom makes sure that there is a room of that id, which is its name if it
// has to be made. The numbers that are ids of created rooms cannot be chosen:
// they are NotFound unless there is such a room.
func (s *Store) OpenRoom(ctx context.Context, id, createdBy string) error {
	err := s.openRoom(ctx, id, createdBy)
	if err != nil {
		return fmt.Errorf("open room: %w", err)
	}
	return nil
}

func (s *Store) openRoom(ctx context.Context, id, createdBy string) error {
	found, err := hasRoom(ctx, s.reader, id)
	if found || err != nil {
		return cause(ctx, err)
	}
	if _, number := parseID(id); number {
		return notFound("room", id)
	}
	r := Room{ID: id, Name: id, CreatedBy: createdBy}
	if err := errors.Join(ValidateRoomID(id), r.Validate()); err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		n, err := s.takeRoom(ctx, tx) // others who open the room wait here
		if err != nil {
			return err
		}
		if found, err := hasRoom(ctx, tx, id); found || err != nil {
			return err
		}
		return s.insertRoom(ctx, tx, n, &r)
	})
}

// hasRoom tells whether the room exists.
func hasRoom(ctx context.Context, q querier, id string) (bool, error) {
	var n int64
	err := q.QueryRowContext(ctx, `SELECT id FROM rooms WHERE room_id = $1`, id).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (s *Store) takeRoom(ctx context.Context, tx *sql.Tx) (int64, error) {
	var n int64
	if err := tx.QueryRowContext(ctx, `UPDATE sequences SET last = last + 1 WHERE name = 'rooms' RETURNING last`).Scan(&n); err != nil {
		return 0, err
	}
	if n > s.opts.MaxRooms {
		return 0, &Error{Code: Exhausted, Kind: "rooms", Index: -1}
	}
	return n, nil
}

func (s *Store) insertRoom(ctx context.Context, tx *sql.Tx, n int64, r *Room) error {
	r.CreatedAt, r.Members = s.now(), 0
	_, err := tx.ExecContext(ctx, `INSERT INTO rooms (id, room_id, name, description, created_by, created_at, last, typed, members)
		VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0)`, n, r.ID, r.Name, r.Description, r.CreatedBy, r.CreatedAt.UnixMicro())
	return err
}

// Rooms returns rooms in the order of their creation, and how many there are in
// all. It returns fewer than the limit rather than more than about a megabyte.
func (s *Store) Rooms(ctx context.Context, limit int, offset int64) (rooms []Room, total int64, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM rooms`).Scan(&total); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT room_id, name, description, created_by, created_at, members
			FROM rooms ORDER BY id LIMIT $1 OFFSET $2`, limit, offset)
		if err != nil {
			return err
		}
		defer rows.Close()
		for size := 0; size < pageBytes && rows.Next(); {
			var r Room
			var at int64
			if err := rows.Scan(&r.ID, &r.Name, &r.Description, &r.CreatedBy, &at, &r.Members); err != nil {
				return err
			}
			r.CreatedAt = time.UnixMicro(at).UTC()
			rooms = append(rooms, r)
			size += len(r.ID) + len(r.Name) + len(r.Description) + len(r.CreatedBy)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list rooms: %w", err)
	}
	return rooms, total, nil
}

// lockedRoom is a room whose row is locked until the end of a transaction.
type lockedRoom struct {
	g       *group
	id      int64
	name    string // its public id
	begun   int64  // last before the transaction
	last    int64  // number of the last message
	typed   int64  // number of the last typing event
	members int
	dirty   bool
	at      time.Time
}

// room locks the room, once in a transaction.
func (g *group) room(id string) (*lockedRoom, error) {
	if r, ok := g.rooms[id]; ok {
		return r, nil
	}
	r := &lockedRoom{g: g, name: id}
	err := g.tx.QueryRowContext(g.ctx, `UPDATE rooms SET last = last WHERE room_id = $1 RETURNING id, last, typed, members`,
		id).Scan(&r.id, &r.last, &r.typed, &r.members)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("room", id)
	}
	if err != nil {
		return nil, fmt.Errorf("room: %w", err)
	}
	// The clock is read under the lock, so that times rise with the numbers.
	r.begun, r.at = r.last, g.store.now()
	g.rooms[id] = r
	return r, nil
}

// say adds a message to the room and sets what the store sets of it.
func (r *lockedRoom) say(m *Message) error {
	r.last++
	r.dirty = true
	m.Room, m.Seq, m.At, m.Members = r.name, r.last, r.at, r.members
	m.ID = messageID(r.id, m.Seq)
	_, err := r.g.tx.ExecContext(r.g.ctx, `INSERT INTO messages (room, seq, type, user_id, username, content, at, members)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		r.id, m.Seq, int32(m.Type), m.UserID, m.Username, m.Content, m.At.UnixMicro(), m.Members)
	return err
}

// flush stores the numbers, and drops messages that are no longer kept now and then.
func (r *lockedRoom) flush() error {
	if !r.dirty {
		return nil
	}
	if _, err := r.g.tx.ExecContext(r.g.ctx, `UPDATE rooms SET last = $1, typed = $2, members = $3 WHERE id = $4`,
		r.last, r.typed, r.members, r.id); err != nil {
		return fmt.Errorf("room: %w", err)
	}
	keep := r.g.store.opts.KeepMessages
	if every := max(1, keep/10); r.begun/every == r.last/every {
		return nil
	}
	_, err := r.g.tx.ExecContext(r.g.ctx, `DELETE FROM messages WHERE room = $1 AND seq <= $2`, r.id, r.last-feedReserve*keep)
	return err
}
