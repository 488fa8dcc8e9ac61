package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Credential is what a username logs in with.
type Credential struct {
	Username string
	UserID   string
	Roles    []string
	Hash     string // of the password, in the caller's encoding
	Builtin  bool   // made from the default credentials
}

// Session is one login: the family of the refresh tokens that descend from it.
type Session struct {
	ID         string
	Credential Credential // without its hash
}

// RefreshToken is known by the hash of its text alone.
type RefreshToken struct {
	Hash      string
	ExpiresAt time.Time
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
// whose sessions end.
func (s *Store) PutCredential(ctx context.Context, c Credential) error {
	roles, err := json.Marshal(nonNil(c.Roles))
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		// Nodes that start at once all put the same one.
		if _, err := tx.ExecContext(ctx, `INSERT INTO credentials (username, user_id, roles, hash, builtin)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (username) DO UPDATE SET
			user_id = excluded.user_id, roles = excluded.roles, hash = excluded.hash, builtin = excluded.builtin`,
			c.Username, c.UserID, string(roles), c.Hash, c.Builtin); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE username = $1`, c.Username)
		return err
	})
	if err != nil {
		return fmt.Errorf("put credential: %w", err)
	}
	return nil
}

// CreateSession stores a session of the username with its first refresh token.
// It also drops the sessions whose time is over.
func (s *Store) CreateSession(ctx context.Context, id, username string, t RefreshToken) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, s.now().UnixMicro()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO sessions (id, username, expires_at, revoked) VALUES ($1, $2, $3, $4)`,
			id, username, t.ExpiresAt.UnixMicro(), false); err != nil {
			return err
		}
		return insertToken(ctx, tx, id, t)
	})
	if err != nil {
		return fmt.Errorf("create session: %w", err)
	}
	return nil
}

// Session returns a session that is in force: one that is neither revoked nor
// past its time. Other sessions are NotFound.
func (s *Store) Session(ctx context.Context, id string) (Session, error) {
	sess, err := scanSession(s.reader.QueryRowContext(ctx, selectSession+` WHERE s.id = $1 AND NOT s.revoked AND s.expires_at > $2`,
		id, s.now().UnixMicro()))
	if err != nil {
		return Session{}, fmt.Errorf("get session: %w", cause(ctx, err))
	}
	return sess, nil
}

// RotateToken exchanges a refresh token for the next one of its session. A token
// that was used before is a sign of theft: it revokes the session, and the error
// has the code Revoked. A token past its time is Expired.
func (s *Store) RotateToken(ctx context.Context, hash string, next RefreshToken) (Session, error) {
	var sess Session
	var refused error // reported after the commit, for a revocation must stay
	err := s.write(ctx, func(tx *sql.Tx) error {
		var err error
		var revoked bool
		var expires int64
		sess, err = scanSession(tx.QueryRowContext(ctx, selectSession+
			` JOIN refresh_tokens t ON t.session_id = s.id WHERE t.hash = $1`, hash))
		if err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT s.revoked, t.expires_at FROM sessions s
			JOIN refresh_tokens t ON t.session_id = s.id WHERE t.hash = $1`, hash).Scan(&revoked, &expires); err != nil {
			return err
		}
		if revoked {
			return &Error{Code: Revoked, Kind: "session", Index: -1}
		}
		used, err := tx.ExecContext(ctx, `UPDATE refresh_tokens SET used = $1 WHERE hash = $2 AND NOT used`, true, hash)
		if err != nil {
			return err
		}
		n, err := used.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			refused = &Error{Code: Revoked, Kind: "session", Index: -1}
			return revoke(ctx, tx, sess.ID)
		}
		if expires <= s.now().UnixMicro() {
			return &Error{Code: Expired, Kind: "refresh token", Index: -1}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE sessions SET expires_at = $1 WHERE id = $2`,
			next.ExpiresAt.UnixMicro(), sess.ID); err != nil {
			return err
		}
		return insertToken(ctx, tx, sess.ID, next)
	})
	if err = errors.Join(err, refused); err != nil {
		return Session{}, fmt.Errorf("rotate token: %w", err)
	}
	return sess, nil
}

// RevokeSession ends a session; one that is gone or revoked already stays so.
func (s *Store) RevokeSession(ctx context.Context, id string) error {
	if err := s.write(ctx, func(tx *sql.Tx) error { return revoke(ctx, tx, id) }); err != nil {
		return fmt.Errorf("revoke session: %w", err)
	}
	return nil
}

// RevokeToken ends the session of a refresh token.
func (s *Store) RevokeToken(ctx context.Context, hash string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		sess, err := scanSession(tx.QueryRowContext(ctx, selectSession+
			` JOIN refresh_tokens t ON t.session_id = s.id WHERE t.hash = $1`, hash))
		if err != nil {
			return err
		}
		return revoke(ctx, tx, sess.ID)
	})
	if err != nil {
		return fmt.Errorf("revoke session: %w", err)
	}
	return nil
}

func revoke(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, `UPDATE sessions SET revoked = $1 WHERE id = $2`, true, id)
	return err
}

func insertToken(ctx context.Context, tx *sql.Tx, session string, t RefreshToken) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO refresh_tokens (hash, session_id, expires_at, used) VALUES ($1, $2, $3, $4)`,
		t.Hash, session, t.ExpiresAt.UnixMicro(), false)
	return err
}

const selectSession = `SELECT s.id, c.username, c.user_id, c.roles, c.builtin
	FROM sessions s JOIN credentials c ON c.username = s.username`

func scanSession(row *sql.Row) (Session, error) {
	var s Session
	var roles []byte
	c := &s.Credential
	err := row.Scan(&s.ID, &c.Username, &c.UserID, &roles, &c.Builtin)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, notFound("session", "")
	}
	if err != nil {
		return Session{}, err
	}
	if err := json.Unmarshal(roles, &c.Roles); err != nil {
		return Session{}, err
	}
	return s, nil
}
