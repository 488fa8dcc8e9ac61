package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite" // also registers itself as a driver
	sqlite3 "modernc.org/sqlite/lib"
)

// busyTimeout is how long a connection waits for a lock that another process holds.
const busyTimeout = 10 * time.Second

// openSQLite fills in the connections. SQLite takes one writer at a time, so the
// writer is a single connection whose transactions take the write lock at their
// beginning; with a write-ahead log the readers are not held up by it.
func (s *Store) openSQLite(ctx context.Context) error {
	path, ok := strings.CutPrefix(s.opts.Path, "sqlite://")
	if scheme, _, found := strings.Cut(path, "://"); found {
		return fmt.Errorf("unsupported scheme %q", scheme)
	}
	if !ok && (path == "" || path == "memory") {
		return s.openMemory(ctx)
	}
	if path == "" {
		return errors.New("empty path")
	}
	return s.openFile(path)
}

// openMemory opens a named in-memory database. The keeper holds it in being
// while database/sql drops and reopens the working connection, as it may do when
// a context ends.
func (s *Store) openMemory(ctx context.Context) error {
	dsn := sqliteDSN("/"+rand.Text(), "vfs=memdb", "_txlock=immediate")
	keeper, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	keeper.SetMaxOpenConns(2)
	keeper.SetMaxIdleConns(1)
	s.writer, s.reader = keeper, keeper
	s.keeper, err = keeper.Conn(ctx)
	return err
}

func (s *Store) openFile(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	// SQLite would create the file readable by all, and its companions with it.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			return fmt.Errorf("%s: %w", s.opts.Path, e.Err)
		}
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	s.shared = true
	wal := []string{"_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)"}
	if s.writer, err = sql.Open("sqlite", sqliteDSN(path, append(wal, "_txlock=immediate")...)); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if s.reader, err = sql.Open("sqlite", sqliteDSN(path, "_pragma=query_only(1)")); err != nil {
		return err
	}
	readers := max(4, runtime.GOMAXPROCS(0))
	s.reader.SetMaxOpenConns(readers)
	s.reader.SetMaxIdleConns(readers)
	return nil
}

// connect opens the writer's connection. Turning the write-ahead log on does not
// heed the busy timeout while another process does the same, so it is tried for
// as long here.
func (s *Store) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	for {
		err := s.writer.PingContext(ctx)
		e, ok := errors.AsType[*sqlite.Error](err)
		if !ok || e.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// sqliteDSN escapes the path, so that no character of it is taken for a parameter.
func sqliteDSN(path string, params ...string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a Windows drive
	}
	escaped := (&url.URL{Path: path}).EscapedPath()
	params = append([]string{fmt.Sprintf("_pragma=busy_timeout(%d)", busyTimeout.Milliseconds()), "_pragma=foreign_keys(1)"}, params...)
	return "file://" + escaped + "?" + strings.Join(params, "&")
}
