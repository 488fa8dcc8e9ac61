// Package store keeps the state of the reference system in a SQL database. It
// speaks domain types and one coded error, and knows nothing of gRPC.
//
// The SQL is written for SQLite and PostgreSQL alike. Every write that changes
// users begins by taking a number from the events sequence; the lock on that row
// puts such writes in one order on either database, and makes the numbers of
// committed events gapless and rising.
//
// Several processes may share a database, as nodes of one system. The tables are
// the truth; a node that changed them wakes those who wait for news, which then
// read on from where they were. A wake-up may be lost, so each node also looks by
// itself once a PollInterval.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Options say where a Store keeps its data and how it behaves.
type Options struct {
	// Path is "" or "memory" for a database that lives as long as the Store; the
	// path of a SQLite file, with or without "sqlite://" before it; or the address
	// of a PostgreSQL database, as "postgres://user:password@host/database". A
	// missing file is created, readable by its owner alone.
	Path string
	// ConnectTimeout is how long Open waits for a PostgreSQL server that does not
	// answer yet; 0 means 10 seconds.
	ConnectTimeout time.Duration
	// KeepEvents is how many events are kept for watchers, about; 0 means 100,000.
	KeepEvents int64
	// KeepMessages is how many messages a room shows; 0 means 1,000.
	KeepMessages int64
	// KeepNotifications is how many notifications are kept for subscribers; 0
	// means 10,000.
	KeepNotifications int64
	// MaxRooms is how many rooms there may be; 0 means 10,000.
	MaxRooms int64
	// PollInterval is how often the Store looks for what other processes did to a
	// database that they share, should it not have been told; 0 means one second.
	PollInterval time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of what the Store works around; nil is silent.
	Logger *slog.Logger

	vfs         string        // SQLite's layer over the files, by name; "" is its default
	listenCheck time.Duration // after which a silent connection is tried; 0 is 15 seconds
}

// Store is safe for concurrent use. Close it when done.
type Store struct {
	writer   *sql.DB // one connection on SQLite
	reader   *sql.DB // several; the writer itself where the database is in memory
	keeper   *sql.Conn
	notifier *notifier // nil unless on PostgreSQL
	opts     Options
	shared   bool          // other processes may write to the database
	snapshot sql.TxOptions // of a transaction that sees one state of the database

	running    context.Context // ends at Close
	stop       context.CancelFunc
	background sync.WaitGroup

	groups groups

	mu      sync.Mutex
	changed map[string]chan struct{} // by topic; closed and dropped when it is woken
}

// Open opens the database, creates it where it is missing, and brings its
// schema up to date.
func Open(ctx context.Context, opts Options) (*Store, error) {
	opts.KeepEvents = cmp.Or(opts.KeepEvents, 100_000)
	opts.KeepMessages = cmp.Or(opts.KeepMessages, 1000)
	opts.KeepNotifications = cmp.Or(opts.KeepNotifications, 10_000)
	opts.MaxRooms = cmp.Or(opts.MaxRooms, 10_000)
	opts.PollInterval = cmp.Or(opts.PollInterval, time.Second)
	opts.ConnectTimeout = cmp.Or(opts.ConnectTimeout, 10*time.Second)
	opts.listenCheck = cmp.Or(opts.listenCheck, 15*time.Second)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{opts: opts, changed: map[string]chan struct{}{}}
	s.running, s.stop = context.WithCancel(context.Background())
	open := s.openSQLite
	if isPostgres(opts.Path) {
		open = s.openPostgres
	}
	if err := open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), s.Close())
	}
	if s.shared {
		s.background.Go(s.poll)
	}
	if s.notifier != nil {
		s.background.Go(s.notifier.send)
		s.background.Go(s.listen)
	}
	return s, nil
}

// Close closes the database. Calls that are under way may fail.
func (s *Store) Close() error {
	s.groups.done.Wait()
	s.stop()
	s.background.Wait()
	var errs []error
	if s.notifier != nil {
		errs = append(errs, s.notifier.db.Close())
	}
	if s.reader != nil && s.reader != s.writer {
		errs = append(errs, s.reader.Close())
	}
	if s.keeper != nil {
		errs = append(errs, s.keeper.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	return errors.Join(errs...)
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.reader.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil {
		return fmt.Errorf("ping store: %w", cause(ctx, err))
	}
	return nil
}

// write runs fn in a transaction that is committed if fn returns nil. fn may run
// again after a deadlock or with a connection that was lost, so it sets what it
// returns and adds to nothing outside of itself.
func (s *Store) write(ctx context.Context, fn func(*sql.Tx) error) error {
	return s.try(ctx, s.writer, &sql.TxOptions{}, fn)
}

// read runs fn in a transaction that sees one state of the database. fn may run
// again, as in write.
func (s *Store) read(ctx context.Context, fn func(*sql.Tx) error) error {
	return s.try(ctx, s.reader, &s.snapshot, fn)
}

// maxAttempts is how often a transaction is tried that came to nothing.
const maxAttempts = 5

func (s *Store) try(ctx context.Context, db *sql.DB, opts *sql.TxOptions, fn func(*sql.Tx) error) error {
	begun := time.Now()
	for attempt := 1; ; attempt++ {
		err := inTx(ctx, db, opts, fn)
		again := wasRolledBack(err) && attempt < maxAttempts || isBusy(err) && time.Since(begun) < busyTimeout
		if !again || ctx.Err() != nil {
			return cause(ctx, err)
		}
	}
}

func inTx(ctx context.Context, db *sql.DB, opts *sql.TxOptions, fn func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := fn(tx); err != nil {
		// A failed rollback leaves nothing to do: the transaction is not committed.
		_ = tx.Rollback()
		return err
	}
	if err := tx.Commit(); err != nil {
		return &commitError{err}
	}
	return nil
}

// commitError leaves open whether the transaction was committed.
type commitError struct{ cause error }

func (e *commitError) Error() string { return "commit: " + e.cause.Error() }
func (e *commitError) Unwrap() error { return e.cause }

func (s *Store) now() time.Time {
	return s.opts.Now().UTC().Truncate(time.Microsecond)
}
