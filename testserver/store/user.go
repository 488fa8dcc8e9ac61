package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Status is the state of a user's account; the values are those of the proto enum.
type Status int32

// The values of Status.
const (
	Unknown Status = iota
	Active
	Inactive
	Suspended
)

// User is a user as stored. ID and the times are the store's to set.
type User struct {
	ID        string
	Name      string
	Email     string
	Age       int32
	Active    bool
	Status    Status
	Roles     []string
	Metadata  map[string]string
	CreatedAt time.Time
	UpdatedAt time.Time
}

func (u User) equal(v User) bool {
	return u.Name == v.Name && u.Email == v.Email && u.Age == v.Age && u.Active == v.Active &&
		u.Status == v.Status && slices.Equal(u.Roles, v.Roles) && maps.Equal(u.Metadata, v.Metadata)
}

// CreateUser stores a user and returns it as stored.
func (s *Store) CreateUser(ctx context.Context, u User) (User, error) {
	created, err := s.create(ctx, []User{u})
	if err != nil {
		return User{}, fmt.Errorf("create user: %w", atEntry(err, -1))
	}
	return created[0], nil
}

// CreateUsers stores all the users, in their order, or none of them, and returns
// them as stored. An Error carries the index of the user that it is about.
func (s *Store) CreateUsers(ctx context.Context, users []User) ([]User, error) {
	created, err := s.create(ctx, users)
	if err != nil {
		return nil, fmt.Errorf("create users: %w", err)
	}
	return created, nil
}

func (s *Store) create(ctx context.Context, users []User) ([]User, error) {
	created := make([]User, 0, len(users))
	if len(users) == 0 {
		return created, nil
	}
	err := s.change(ctx, func(c *change) error {
		created = created[:0]
		first, err := c.take("users", len(users))
		if err != nil {
			return err
		}
		for i, u := range users {
			u.ID = strconv.FormatInt(first+int64(i), 10)
			u.CreatedAt, u.UpdatedAt = c.at, c.at
			if err := c.insert(u); err != nil {
				return atEntry(err, i)
			}
			created = append(created, u)
		}
		return nil
	})
	return created, err
}

// User returns the user of that id.
func (s *Store) User(ctx context.Context, id string) (User, error) {
	n, ok := parseID(id)
	if !ok {
		return User{}, fmt.Errorf("get user: %w", notFound("user", id))
	}
	u, err := scanUser(s.reader.QueryRowContext(ctx, selectUser+` WHERE id = $1`, n), id)
	if err != nil {
		return User{}, fmt.Errorf("get user: %w", cause(ctx, err))
	}
	return u, nil
}

// UpdateUser passes the user to edit and stores what it left there; ID and times
// are kept. Nothing is written if edit fails or changes nothing.
func (s *Store) UpdateUser(ctx context.Context, id string, edit func(*User) error) (User, error) {
	var after User
	err := s.change(ctx, func(c *change) error {
		before, err := c.user(id)
		if err != nil {
			return err
		}
		after = before
		after.Roles, after.Metadata = slices.Clone(before.Roles), maps.Clone(before.Metadata)
		if err := edit(&after); err != nil {
			return err
		}
		after.ID, after.CreatedAt, after.UpdatedAt = before.ID, before.CreatedAt, before.UpdatedAt
		if after.equal(before) {
			return errNoChange
		}
		after.UpdatedAt = c.at
		return c.update(after)
	})
	if err != nil && !errors.Is(err, errNoChange) {
		return User{}, fmt.Errorf("update user: %w", err)
	}
	return after, nil
}

// DeleteUser removes the user of that id.
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	err := s.change(ctx, func(c *change) error {
		u, err := c.user(id)
		if err != nil {
			return err
		}
		return c.delete(u)
	})
	if err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return nil
}

// Page selects users in the order of their creation.
type Page struct {
	Filter string // part of the name or the email, in any case; "" is all users
	After  string // id of the user that the page follows; "" begins at the first
	Offset int64  // users to leave out after that
	Limit  int    // most users to return
}

// filtered is a condition on the key of a filter, escaped as a pattern.
const filtered = `($1 = '%%' OR name_key LIKE $1 ESCAPE '\' OR email_key LIKE $1 ESCAPE '\')`

// Users returns one page of users.
func (s *Store) Users(ctx context.Context, p Page) ([]User, error) {
	after, _ := parseID(p.After)
	rows, err := s.reader.QueryContext(ctx, selectUser+` WHERE `+filtered+` AND id > $2 ORDER BY id LIMIT $3 OFFSET $4`,
		pattern(p.Filter), after, p.Limit, p.Offset)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", cause(ctx, err))
	}
	defer rows.Close()
	var users []User
	for rows.Next() {
		u, err := scanUser(rows, "")
		if err != nil {
			return nil, fmt.Errorf("list users: %w", cause(ctx, err))
		}
		users = append(users, u)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list users: %w", cause(ctx, err))
	}
	return users, nil
}

// CountUsers returns the number of users that the filter keeps.
func (s *Store) CountUsers(ctx context.Context, filter string) (int64, error) {
	var n int64
	if err := s.reader.QueryRowContext(ctx, `SELECT COUNT(*) FROM users WHERE `+filtered, pattern(filter)).Scan(&n); err != nil {
		return 0, fmt.Errorf("count users: %w", cause(ctx, err))
	}
	return n, nil
}

// pattern returns a filter for LIKE; "%%" keeps all.
func pattern(filter string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(key(filter)) + "%"
}

const selectUser = `SELECT id, name, email, age, active, status, roles, metadata, created_at, updated_at FROM users`

// scanUser reads a row of selectUser; id names the user where there is no row.
func scanUser(row interface{ Scan(...any) error }, id string) (User, error) {
	var u User
	var n, created, updated int64
	var roles, metadata []byte
	err := row.Scan(&n, &u.Name, &u.Email, &u.Age, &u.Active, &u.Status, &roles, &metadata, &created, &updated)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, notFound("user", id)
	}
	if err != nil {
		return User{}, err
	}
	if err := errors.Join(json.Unmarshal(roles, &u.Roles), json.Unmarshal(metadata, &u.Metadata)); err != nil {
		return User{}, fmt.Errorf("user %d: %w", n, err)
	}
	u.ID = strconv.FormatInt(n, 10)
	u.CreatedAt, u.UpdatedAt = time.UnixMicro(created).UTC(), time.UnixMicro(updated).UTC()
	return u, nil
}

// parseID accepts ids exactly as the store writes them.
func parseID(id string) (int64, bool) {
	n, err := strconv.ParseInt(id, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == id
}
