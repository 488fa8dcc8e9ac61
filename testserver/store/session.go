package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Session is one login: the family of the refresh tokens that descend from it.
type Session struct {
	ID       string
	Username string
	UserID   string
	Roles    []string
	// Proof is the caller's, who compares it to tell whether the credential is
	// still the one that logged in.
	Proof string
	// ExpiresAt is that of the newest refresh token.
	ExpiresAt time.Time
}

// RefreshToken is known by the hash of its text alone.
type RefreshToken struct {
	Hash      string
	ExpiresAt time.Time
}

// CreateSession stores a session with its first refresh token, which decides how
// long it lasts. It also drops the sessions whose time is over.
func (s *Store) CreateSession(ctx context.Context, sess Session, t RefreshToken) error {
	roles, err := json.Marshal(nonNil(sess.Roles))
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, s.now().UnixMicro()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO sessions (id, username, user_id, roles, proof, expires_at, revoked)
			VALUES ($1, $2, $3, $4, $5, $6, 0)`,
			sess.ID, sess.Username, sess.UserID, string(roles), sess.Proof, t.ExpiresAt.UnixMicro()); err != nil {
			return err
		}
		return insertToken(ctx, tx, sess.ID, t)
	})
	if err != nil {
		return fmt.Errorf("create session: %w", err)
	}
	return nil
}

// Session returns a session that is in force: one that is neither revoked nor
// past its time. Other sessions are NotFound.
func (s *Store) Session(ctx context.Context, id string) (Session, error) {
	sess, revoked, err := scanSession(s.reader.QueryRowContext(ctx, selectSession+` WHERE s.id = $1`, id))
	if err == nil && (revoked || !sess.ExpiresAt.After(s.now())) {
		err = notFound("session", "")
	}
	if err != nil {
		return Session{}, fmt.Errorf("get session: %w", cause(ctx, err))
	}
	return sess, nil
}

// RotateToken exchanges a refresh token for the next one of its session. A token
// that was used before is a sign of theft: it revokes the session, and the error
// has the code Revoked, beside which the session is returned. A token past its
// time is Expired.
func (s *Store) RotateToken(ctx context.Context, hash string, next RefreshToken) (Session, error) {
	var sess Session
	var refused error // reported after the commit, for a revocation must stay
	err := s.write(ctx, func(tx *sql.Tx) error {
		var err error
		var revoked bool
		refused = nil
		sess, revoked, err = scanSession(tx.QueryRowContext(ctx, selectByToken, hash))
		if err != nil {
			return err
		}
		if revoked {
			return &Error{Code: Revoked, Kind: "session", Index: -1}
		}
		var expires int64
		err = tx.QueryRowContext(ctx, `UPDATE refresh_tokens SET used = $1 WHERE hash = $2 AND NOT used RETURNING expires_at`,
			true, hash).Scan(&expires)
		if errors.Is(err, sql.ErrNoRows) {
			refused = &Error{Code: Revoked, Kind: "session", Index: -1}
			return revoke(ctx, tx, revokeOne, sess.ID)
		}
		if err != nil {
			return err
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
		return sess, fmt.Errorf("rotate token: %w", err)
	}
	sess.ExpiresAt = next.ExpiresAt
	return sess, nil
}

// RevokeSession ends a session; one that is gone or revoked already stays so.
func (s *Store) RevokeSession(ctx context.Context, id string) error {
	if err := s.write(ctx, func(tx *sql.Tx) error { return revoke(ctx, tx, revokeOne, id) }); err != nil {
		return fmt.Errorf("revoke session: %w", err)
	}
	return nil
}

// RevokeToken ends the session of a refresh token and returns its id.
func (s *Store) RevokeToken(ctx context.Context, hash string) (string, error) {
	var sess Session
	err := s.write(ctx, func(tx *sql.Tx) error {
		var err error
		if sess, _, err = scanSession(tx.QueryRowContext(ctx, selectByToken, hash)); err != nil {
			return err
		}
		return revoke(ctx, tx, revokeOne, sess.ID)
	})
	if err != nil {
		return "", fmt.Errorf("revoke session: %w", err)
	}
	return sess.ID, nil
}

// Statements for revoke.
const (
	revokeOne = `UPDATE sessions SET revoked = $1 WHERE revoked = 0 AND id = $2`
	revokeAll = `UPDATE sessions SET revoked = $1 WHERE revoked = 0 AND username = $2`
)

// revoke ends the session of that id, or all of that username. They get the next
// number of a sequence, the lock on which puts revocations in the order in which
// they are committed; see Revocations.
func revoke(ctx context.Context, tx *sql.Tx, statement, whose string) error {
	var number int64
	if err := tx.QueryRowContext(ctx, `UPDATE sequences SET last = last + 1 WHERE name = 'revocations' RETURNING last`).
		Scan(&number); err != nil {
		return fmt.Errorf("sequence revocations: %w", err)
	}
	_, err := tx.ExecContext(ctx, statement, number, whose)
	return err
}

func insertToken(ctx context.Context, tx *sql.Tx, session string, t RefreshToken) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO refresh_tokens (hash, session_id, expires_at, used) VALUES ($1, $2, $3, $4)`,
		t.Hash, session, t.ExpiresAt.UnixMicro(), false)
	return err
}

const (
	selectSession = `SELECT s.id, s.username, s.user_id, s.roles, s.proof, s.expires_at, s.revoked FROM sessions s`
	selectByToken = selectSession + ` JOIN refresh_tokens t ON t.session_id = s.id WHERE t.hash = $1`
)

func scanSession(row *sql.Row) (sess Session, revoked bool, err error) {
	var roles []byte
	var expires, number int64
	err = row.Scan(&sess.ID, &sess.Username, &sess.UserID, &roles, &sess.Proof, &expires, &number)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, false, notFound("session", "")
	}
	if err != nil {
		return Session{}, false, err
	}
	if err := json.Unmarshal(roles, &sess.Roles); err != nil {
		return Session{}, false, err
	}
	sess.ExpiresAt = time.UnixMicro(expires).UTC()
	return sess, number != 0, nil
}
