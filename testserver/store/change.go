package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// errNoChange ends a change without writing anything.
var errNoChange = errors.New("no change")

// change is one transaction that changes users and records an event for each.
type change struct {
	ctx  context.Context
	tx   *sql.Tx
	at   time.Time
	last int64 // number of the last event
}

// change runs fn and commits what it did with the events that belong to it.
func (s *Store) change(ctx context.Context, fn func(*change) error) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		c := &change{ctx: ctx, tx: tx}
		// Adding nothing still takes the lock that orders the writers.
		first, err := c.take("events", 0)
		if err != nil {
			return err
		}
		// The clock is read under the lock, so that times rise with the numbers.
		c.last, c.at = first-1, s.now()
		begun := c.last
		if err := fn(c); err != nil {
			return err
		}
		if _, err := c.take("events", int(c.last-begun)); err != nil {
			return err
		}
		return s.prune(c, begun)
	})
	if err == nil {
		s.wake(topicUsers)
	}
	return err
}

// take reserves n numbers of a sequence and returns the first.
func (c *change) take(sequence string, n int) (int64, error) {
	var last int64
	err := c.tx.QueryRowContext(c.ctx,
		`UPDATE sequences SET last = last + $1 WHERE name = $2 RETURNING last`, n, sequence).Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("sequence %s: %w", sequence, err)
	}
	return last - int64(n) + 1, nil
}

func (c *change) user(id string) (User, error) {
	n, ok := parseID(id)
	if !ok {
		return User{}, notFound("user", id)
	}
	return scanUser(c.tx.QueryRowContext(c.ctx, selectUser+` WHERE id = $1`, n), id)
}

func (c *change) insert(u User) error {
	if err := c.check(u); err != nil {
		return err
	}
	return c.put(`INSERT INTO users
		(id, name, name_key, email, email_key, age, active, status, roles, metadata, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, "created", u)
}

func (c *change) update(u User) error {
	if err := c.check(u); err != nil {
		return err
	}
	return c.put(`UPDATE users SET
		name = $2, name_key = $3, email = $4, email_key = $5, age = $6, active = $7,
		status = $8, roles = $9, metadata = $10, created_at = $11, updated_at = $12
		WHERE id = $1`, "updated", u)
}

func (c *change) delete(u User) error {
	n, _ := parseID(u.ID)
	if _, err := c.tx.ExecContext(c.ctx, `DELETE FROM users WHERE id = $1`, n); err != nil {
		return err
	}
	return c.record(n, "deleted", u)
}

// check refuses a user that is invalid or has the email of another one.
func (c *change) check(u User) error {
	if err := u.Validate(); err != nil {
		return err
	}
	n, _ := parseID(u.ID)
	var other int64
	err := c.tx.QueryRowContext(c.ctx,
		`SELECT id FROM users WHERE email_key = $1 AND id <> $2`, key(u.Email), n).Scan(&other)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return &Error{Code: AlreadyExists, Kind: "user", Unique: "email", Name: u.Email, Index: -1}
}

// put runs a statement that takes all the columns of a user, and records the event.
func (c *change) put(statement, event string, u User) error {
	roles, err := json.Marshal(nonNil(u.Roles))
	if err != nil {
		return err
	}
	metadata, err := json.Marshal(u.Metadata)
	if err != nil {
		return err
	}
	n, _ := parseID(u.ID)
	_, err = c.tx.ExecContext(c.ctx, statement, n, u.Name, key(u.Name), u.Email, key(u.Email), u.Age, u.Active,
		int32(u.Status), string(roles), string(metadata), u.CreatedAt.UnixMicro(), u.UpdatedAt.UnixMicro())
	if err != nil {
		return err
	}
	return c.record(n, event, u)
}

func (c *change) record(id int64, event string, u User) error {
	payload, err := json.Marshal(u)
	if err != nil {
		return err
	}
	c.last++
	_, err = c.tx.ExecContext(c.ctx, `INSERT INTO events (seq, type, user_id, payload, at) VALUES ($1, $2, $3, $4, $5)`,
		c.last, event, id, string(payload), c.at.UnixMicro())
	return err
}

// prune drops the events that are no longer kept, now and then.
func (s *Store) prune(c *change, begun int64) error {
	every := max(1, s.opts.KeepEvents/100)
	if begun/every == c.last/every {
		return nil
	}
	_, err := c.tx.ExecContext(c.ctx, `DELETE FROM events WHERE seq <= $1`, c.last-s.opts.KeepEvents)
	return err
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
