package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"time"
)

// SigningKey is a key that the processes on one database share. It is kept as it
// is: who reads the database can sign.
type SigningKey struct {
	Secret []byte
	// SignsFrom is when it takes over from older keys. It lies in the future of the
	// moment at which the key is stored, so that all processes know it in time.
	SignsFrom time.Time
}

// SigningKeys returns the keys, the newest first.
func (s *Store) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	var keys []SigningKey
	err := s.read(ctx, func(tx *sql.Tx) error {
		var err error
		keys, err = signingKeys(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("get signing keys: %w", err)
	}
	return keys, nil
}

// AddSigningKey stores a key unless one that signs from a time after notSince is
// there, drops the keys that sign from a time before dropBefore, and returns
// those that are there then, the newest first. Of several processes that do this
// at once, one stores its key.
func (s *Store) AddSigningKey(ctx context.Context, k SigningKey, notSince, dropBefore time.Time) ([]SigningKey, error) {
	var keys []SigningKey
	err := s.write(ctx, func(tx *sql.Tx) error {
		var id int64
		if err := tx.QueryRowContext(ctx, `UPDATE sequences SET last = last + 1 WHERE name = 'signing_keys' RETURNING last`).
			Scan(&id); err != nil {
			return fmt.Errorf("sequence signing_keys: %w", err)
		}
		var newer int64
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM signing_keys WHERE signs_from > $1`, notSince.UnixMicro()).
			Scan(&newer); err != nil {
			return err
		}
		if newer == 0 {
			if _, err := tx.ExecContext(ctx, `INSERT INTO signing_keys (id, secret, signs_from) VALUES ($1, $2, $3)`,
				id, base64.StdEncoding.EncodeToString(k.Secret), k.SignsFrom.UnixMicro()); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM signing_keys WHERE signs_from < $1`, dropBefore.UnixMicro()); err != nil {
			return err
		}
		var err error
		keys, err = signingKeys(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("add signing key: %w", err)
	}
	return keys, nil
}

func signingKeys(ctx context.Context, tx *sql.Tx) ([]SigningKey, error) {
	rows, err := tx.QueryContext(ctx, `SELECT secret, signs_from FROM signing_keys ORDER BY signs_from DESC, id DESC`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []SigningKey
	for rows.Next() {
		var secret string
		var from int64
		if err := rows.Scan(&secret, &from); err != nil {
			return nil, err
		}
		k := SigningKey{SignsFrom: time.UnixMicro(from).UTC()}
		if k.Secret, err = base64.StdEncoding.DecodeString(secret); err != nil {
			return nil, fmt.Errorf("signing key: not base64") // the cause would quote it
		}
		keys = append(keys, k)
	}
	return keys, rows.Err()
}
