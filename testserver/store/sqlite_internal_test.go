package store

import (
	"database/sql"
	"errors"
	"testing"
)

func openOn(t *testing.T, opts Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestUniqueOnSQLite(t *testing.T) {
	s := openOn(t, Options{})
	err := s.write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO sequences (name, last) VALUES ('users', 1)`)
		return err
	})
	e, _ := errors.AsType[*Error](err)
	if e == nil || e.Code != AlreadyExists || e.Kind != "sequence" || e.Unique != "name" {
		t.Errorf("%v", err)
	}
}

func TestSQLitePragmas(t *testing.T) {
	s := openOn(t, Options{Path: t.TempDir() + "/pragmas.db"})
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "journal_size_limit": "16777216", "wal_autocheckpoint": "1000",
	} {
		var got string
		if err := s.writer.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", pragma, got, err, want)
		}
	}
}
