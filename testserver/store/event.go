package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Event is one change of one user.
type Event struct {
	Type string // "created", "updated" or "deleted"
	User User   // after the change, or before the deletion
	At   time.Time
}

// Feed delivers the events of one user or of all, each once, in order. One
// goroutine at a time may use it; it holds nothing that must be closed.
type Feed struct {
	store  *Store
	userID int64 // 0: all users
	cursor int64 // number of the last event seen
}

// eventsPerRead bounds what one call of Feed.Next returns.
const eventsPerRead = 64

// Watch returns a feed of the events from now on. With an id, it returns the
// user as it is just before the first of them.
func (s *Store) Watch(ctx context.Context, userID string) (*Feed, User, error) {
	f := &Feed{store: s}
	var u User
	err := s.read(ctx, func(tx *sql.Tx) error {
		if userID != "" {
			var ok bool
			if f.userID, ok = parseID(userID); !ok {
				return notFound("user", userID)
			}
			var err error
			if u, err = scanUser(tx.QueryRowContext(ctx, selectUser+` WHERE id = $1`, f.userID), userID); err != nil {
				return err
			}
		}
		return tx.QueryRowContext(ctx, `SELECT last FROM sequences WHERE name = 'events'`).Scan(&f.cursor)
	})
	if err != nil {
		return nil, User{}, fmt.Errorf("watch user: %w", err)
	}
	return f, u, nil
}

// maxOutage is how long a feed goes on when the database is gone.
const maxOutage = time.Minute

// Next waits for events and returns at least one of them. It outlives a restart
// of the database. It fails with the code Lagging when events were dropped before
// the feed came to them.
func (f *Feed) Next(ctx context.Context) ([]Event, error) {
	var lost time.Time
	for {
		// Taken before the read, so that a commit after it is not missed.
		wakeup := f.store.wakeup(topicUsers)
		events, err := f.read(ctx)
		switch {
		case errors.Is(err, ErrUnavailable) && (lost.IsZero() || time.Since(lost) < maxOutage):
			if lost.IsZero() {
				lost = time.Now()
			}
			if err := pause(ctx, reconnectDelay); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, fmt.Errorf("watch user: %w", err)
		case len(events) > 0:
			return events, nil
		}
		lost = time.Time{}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-wakeup:
		}
	}
}

// read returns the next events, none if there are none yet, and moves the cursor.
func (f *Feed) read(ctx context.Context) ([]Event, error) {
	var events []Event
	cursor := f.cursor
	err := f.store.read(ctx, func(tx *sql.Tx) error {
		var last int64
		if err := tx.QueryRowContext(ctx, `SELECT last FROM sequences WHERE name = 'events'`).Scan(&last); err != nil {
			return err
		}
		if last == cursor {
			return nil
		}
		var first sql.NullInt64
		if err := tx.QueryRowContext(ctx, `SELECT MIN(seq) FROM events`).Scan(&first); err != nil {
			return err
		}
		if !first.Valid || first.Int64 > cursor+1 {
			return &Error{Code: Lagging, Kind: "watch", Index: -1}
		}
		var err error
		events, cursor, err = f.scan(ctx, tx, cursor)
		if len(events) < eventsPerRead {
			cursor = last // the rest are events of other users
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	f.cursor = cursor
	return events, nil
}

func (f *Feed) scan(ctx context.Context, tx *sql.Tx, cursor int64) ([]Event, int64, error) {
	query, args := `SELECT seq, type, payload, at FROM events WHERE seq > $1 ORDER BY seq LIMIT $2`, []any{cursor, eventsPerRead}
	if f.userID != 0 {
		query = `SELECT seq, type, payload, at FROM events WHERE seq > $1 AND user_id = $3 ORDER BY seq LIMIT $2`
		args = append(args, f.userID)
	}
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, cursor, err
	}
	defer rows.Close()
	var events []Event
	for rows.Next() {
		var e Event
		var payload []byte
		var at int64
		if err := rows.Scan(&cursor, &e.Type, &payload, &at); err != nil {
			return nil, cursor, err
		}
		if err := json.Unmarshal(payload, &e.User); err != nil {
			return nil, cursor, fmt.Errorf("event %d: %w", cursor, err)
		}
		e.At = time.UnixMicro(at).UTC()
		events = append(events, e)
	}
	return events, cursor, rows.Err()
}
