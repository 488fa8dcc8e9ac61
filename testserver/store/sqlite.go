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

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // also registers itself as a driver
	sqlite3 "modernc.org/sqlite/lib"
)

// busyTimeout is how long a call waits for a lock that another process holds. The
// driver of a writer waits for busyStep at a time, for it does not heed the call's
// context; readers wait for the recovery after a crash alone.
const (
	busyTimeout = 10 * time.Second
	busyStep    = 50 * time.Millisecond
)

// maxIdleLog is how many bytes the write-ahead log keeps on the disk when all of
// it is in the database; SQLite moves it there at about 4 MiB.
const maxIdleLog = 16 << 20

// openSQLite fills in the connections. SQLite takes one writer at a time, so the
// writer is a single connection whose transactions take the write lock at their
// beginning; with a write-ahead log the readers are not held up by it.
func (s *Store) openSQLite(ctx context.Context) error {
	s.snapshot = sql.TxOptions{ReadOnly: true}
	if err := s.openDatabase(ctx); err != nil {
		return err
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	return migrate(ctx, s.writer, goose.DialectSQLite3)
}

func (s *Store) openDatabase(ctx context.Context) error {
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
	dsn := sqliteDSN("/"+rand.Text(), busyStep, "vfs=memdb", "_txlock=immediate")
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
	var layer []string
	if s.opts.vfs != "" {
		layer = []string{"vfs=" + s.opts.vfs}
	} else if err := createFile(path); err != nil {
		return fmt.Errorf("%s: %w", s.opts.Path, err)
	}
	s.shared = true
	writing := append([]string{
		"_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)",
		// A log that long readers let grow is cut when they are gone.
		fmt.Sprintf("_pragma=journal_size_limit(%d)", maxIdleLog),
	}, layer...)
	if s.writer, err = sql.Open("sqlite", sqliteDSN(path, busyStep, writing...)); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if s.reader, err = sql.Open("sqlite", sqliteDSN(path, busyTimeout, append(layer, "_pragma=query_only(1)")...)); err != nil {
		return err
	}
	readers := max(4, runtime.GOMAXPROCS(0))
	s.reader.SetMaxOpenConns(readers)
	s.reader.SetMaxIdleConns(readers)
	return nil
}

// createFile makes sure that the file exists, for its owner alone: SQLite would
// create it readable by all, and its companions with it. A new file's name is on
// the disk before anything is kept in it.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	created := err == nil
	if errors.Is(err, fs.ErrExist) {
		f, err = os.OpenFile(path, os.O_RDWR, 0)
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil && created {
		err = syncDir(filepath.Dir(path))
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // knows no such thing
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// connect opens the writer's connection. Turning the write-ahead log on does not
// heed the busy timeout while another process does the same, so it is tried for
// as long here.
func (s *Store) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	for {
		err := s.writer.PingContext(ctx)
		if !isBusy(err) || pause(ctx, 10*time.Millisecond) != nil {
			return err
		}
	}
}

// isBusy reports whether another process held a lock of SQLite for too long.
func isBusy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// sqliteDSN escapes the path, so that no character of it is taken for a parameter.
func sqliteDSN(path string, busy time.Duration, params ...string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a Windows drive
	}
	escaped := (&url.URL{Path: path}).EscapedPath()
	params = append([]string{fmt.Sprintf("_pragma=busy_timeout(%d)", busy.Milliseconds()), "_pragma=foreign_keys(1)"}, params...)
	return "file://" + escaped + "?" + strings.Join(params, "&")
}

// sqliteError says what an error of SQLite means, or returns nil.
func sqliteError(e *sqlite.Error) error {
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		// "constraint failed: UNIQUE constraint failed: users.email_key (2067)"
		place := e.Error()[strings.LastIndex(e.Error(), ": ")+1:]
		table, column, _ := strings.Cut(place, ".")
		column, _, _ = strings.Cut(column, " ")
		return taken(strings.TrimSpace(table), column)
	}
	if isBusy(e) {
		return &unavailableError{e}
	}
	return nil
}
