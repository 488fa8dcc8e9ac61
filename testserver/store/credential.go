package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Credential is what a username logs in with.
type Credential struct {
	Username string
	UserID   string
	Roles    []string
	Hash     string // of the password, in the caller's encoding
	Builtin  bool   // made from the default credentials
}

// Credential returns the credential of that username.
func (s *Store) Credential(ctx context.Context, username string) (Credential, error) {
	c := Credential{Username: username}
	var roles []byte
	if strings.ContainsRune(username, 0) {
		return Credential{}, notFound("credential", "") // PostgreSQL has no such text
	}
	err := s.reader.QueryRowContext(ctx, `SELECT user_id, roles, hash, builtin FROM credentials WHERE username = $1`,
		username).Scan(&c.UserID, &roles, &c.Hash, &c.Builtin)
	if errors.Is(err, sql.ErrNoRows) {
		return Credential{}, notFound("credential", "")
	}
	if err == nil {
		err = json.Unmarshal(roles, &c.Roles)
	}
	if err != nil {
		return Credential{}, fmt.Errorf("get credential: %w", cause(ctx, err))
	}
	return c, nil
}

// PutCredential stores a credential in the place of any other of that username,
// whose sessions are revoked.
func (s *Store) PutCredential(ctx context.Context, c Credential) error {
	roles, err := json.Marshal(nonNil(c.Roles))
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO credentials (username, user_id, roles, hash, builtin)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (username) DO UPDATE SET
			user_id = excluded.user_id, roles = excluded.roles, hash = excluded.hash, builtin = excluded.builtin`,
			c.Username, c.UserID, string(roles), c.Hash, c.Builtin); err != nil {
			return err
		}
		return revoke(ctx, tx, revokeAll, c.Username)
	})
	if err != nil {
		return fmt.Errorf("put credential: %w", err)
	}
	return nil
}

// InForce tells whether credentials of that user id are good as far as the store
// knows: an id of the store's own form must be that of a user who exists, is
// active, and is neither Inactive nor Suspended. Any other id, such as that of an
// administrator, is no user of the store.
func (s *Store) InForce(ctx context.Context, userID string) (bool, error) {
	n, ok := parseID(userID)
	if !ok {
		return true, nil
	}
	var active bool
	var status Status
	err := s.reader.QueryRowContext(ctx, `SELECT active, status FROM users WHERE id = $1`, n).Scan(&active, &status)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("get user: %w", cause(ctx, err))
	}
	return active && status != Inactive && status != Suspended, nil
}
