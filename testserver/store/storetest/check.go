package storetest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/grpcx/grpcx/testserver/store"
)

// CheckPath is Check on the database of a path; see store.Options.
func CheckPath(ctx context.Context, path string) error {
	driver := "sqlite" // the store registers it
	if strings.HasPrefix(path, "postgres") {
		driver = "pgx"
	}
	db, err := sql.Open(driver, path)
	if err != nil {
		return err
	}
	return errors.Join(Check(ctx, db), db.Close())
}

// Check tells whether the tables of a store belong together: the events that are
// kept have all numbers up to the last, and the users are as the last event of
// each says.
func Check(ctx context.Context, db *sql.DB) error {
	var last, lastUser int64
	if err := db.QueryRowContext(ctx, `SELECT e.last, u.last FROM sequences e, sequences u
		WHERE e.name = 'events' AND u.name = 'users'`).Scan(&last, &lastUser); err != nil {
		return fmt.Errorf("sequences: %w", err)
	}
	told, err := checkEvents(ctx, db, last)
	if err != nil {
		return err
	}
	return checkUsers(ctx, db, lastUser, told)
}

// checkEvents returns each user as its last event has it, nil if it was deleted.
func checkEvents(ctx context.Context, db *sql.DB, last int64) (map[int64]*store.User, error) {
	rows, err := db.QueryContext(ctx, `SELECT seq, user_id, type, payload FROM events ORDER BY seq`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	told := map[int64]*store.User{}
	var seq, before int64
	for rows.Next() {
		var id int64
		var kind string
		var payload []byte
		if err := rows.Scan(&seq, &id, &kind, &payload); err != nil {
			return nil, err
		}
		if before != 0 && seq != before+1 {
			return nil, fmt.Errorf("event %d follows %d", seq, before)
		}
		before = seq
		u := &store.User{}
		if err := json.Unmarshal(payload, u); err != nil {
			return nil, fmt.Errorf("event %d: %w", seq, err)
		}
		if kind == "deleted" {
			u = nil
		}
		told[id] = u
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if seq != last {
		return nil, fmt.Errorf("the last event is %d, its sequence says %d", seq, last)
	}
	return told, nil
}

func checkUsers(ctx context.Context, db *sql.DB, last int64, told map[int64]*store.User) error {
	rows, err := db.QueryContext(ctx, `SELECT id, name, email, age, updated_at FROM users`)
	if err != nil {
		return err
	}
	defer rows.Close()
	seen := map[int64]bool{}
	for rows.Next() {
		var id, updated int64
		var u store.User
		if err := rows.Scan(&id, &u.Name, &u.Email, &u.Age, &updated); err != nil {
			return err
		}
		seen[id] = true
		want, ok := told[id]
		if !ok && id <= last {
			continue // its events are no longer kept
		}
		if want == nil || id > last || u.Name != want.Name || u.Email != want.Email || u.Age != want.Age || updated != want.UpdatedAt.UnixMicro() {
			return fmt.Errorf("user %d of %d is %+v, its event says %+v", id, last, u, want)
		}
	}
	for id, u := range told {
		if u != nil && !seen[id] {
			return fmt.Errorf("user %d has events and is not there", id)
		}
	}
	return rows.Err()
}
