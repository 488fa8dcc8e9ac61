package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
)

// Revocations tells which sessions were revoked, and which users changed, on any
// process that shares the database. One goroutine at a time may use it; it holds
// nothing that must be closed.
type Revocations struct {
	store    *Store
	sessions int64 // number of the last revocation seen
	events   int64 // number of the last event of a user seen
}

// Withdrawn is what a read of Revocations found.
type Withdrawn struct {
	Sessions []string            // ids of sessions that were revoked
	Users    map[string]struct{} // ids of users that were changed or deleted
	Any      bool                // too much happened to tell: it may be any session or user
}

// revocationsPerRead bounds the sessions that one read names.
const revocationsPerRead = 10_000

// Revocations begins at the present.
func (s *Store) Revocations(ctx context.Context) (*Revocations, error) {
	r := &Revocations{store: s}
	var err error
	if r.sessions, r.events, err = r.numbers(ctx, s.reader); err != nil {
		return nil, fmt.Errorf("watch revocations: %w", cause(ctx, err))
	}
	return r, nil
}

// Read returns what happened since the last read. It does not wait, and costs
// one query while nothing happens.
func (r *Revocations) Read(ctx context.Context) (Withdrawn, error) {
	var found Withdrawn
	var sessions, events int64
	err := r.store.read(ctx, func(tx *sql.Tx) error {
		found = Withdrawn{}
		var err error
		if sessions, events, err = r.numbers(ctx, tx); err != nil {
			return err
		}
		if sessions > r.sessions {
			if found.Sessions, err = readRevoked(ctx, tx, r.sessions); err != nil {
				return err
			}
		}
		found.Any = len(found.Sessions) == revocationsPerRead || events-r.events >= r.store.opts.KeepEvents
		if events > r.events && !found.Any {
			found.Users, err = readChanged(ctx, tx, r.events)
		}
		return err
	})
	if err != nil {
		return Withdrawn{}, fmt.Errorf("read revocations: %w", err)
	}
	r.sessions, r.events = sessions, events
	return found, nil
}

func (r *Revocations) numbers(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (sessions, events int64, err error) {
	err = db.QueryRowContext(ctx, `SELECT r.last, e.last FROM sequences r, sequences e
		WHERE r.name = 'revocations' AND e.name = 'events'`).Scan(&sessions, &events)
	return sessions, events, err
}

func readRevoked(ctx context.Context, tx *sql.Tx, after int64) ([]string, error) {
	rows, err := tx.QueryContext(ctx, `SELECT id FROM sessions WHERE revoked > $1 LIMIT $2`, after, revocationsPerRead)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func readChanged(ctx context.Context, tx *sql.Tx, after int64) (map[string]struct{}, error) {
	rows, err := tx.QueryContext(ctx, `SELECT DISTINCT user_id FROM events WHERE seq > $1 AND type <> 'created'`, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids := map[string]struct{}{}
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		ids[strconv.FormatInt(n, 10)] = struct{}{}
	}
	return ids, rows.Err()
}
