// Package store keeps the state of the reference system in a SQL database. It
// speaks domain types and one coded error, and knows nothing of gRPC.
//
// The SQL is written for SQLite and PostgreSQL alike. Every write that changes
// users begins by taking a number from the events sequence; the lock on that row
// puts such writes in one order on either database, and makes the numbers of
// committed events gapless and rising.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Options say where a Store keeps its data and how it behaves.
type Options struct {
	// Path is "" or "memory" for a database that lives as long as the Store, or
	// the path of a SQLite file, with or without "sqlite://" before it. A missing
	// file is created, readable by its owner alone.
	Path string
	// KeepEvents is how many events are kept for watchers, about; 0 means 100,000.
	KeepEvents int64
	// PollInterval is how often watchers look for events of other processes that
	// share the database; 0 means one second.
	PollInterval time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Store is safe for concurrent use. Close it when done.
type Store struct {
	writer *sql.DB // one connection
	reader *sql.DB // several; the writer itself where the database is in memory
	keeper *sql.Conn
	opts   Options
	shared bool // other processes may write to the database

	mu      sync.Mutex
	changed map[string]chan struct{} // by topic; closed and dropped after a commit
}

// Open opens the database, creates it where it is missing, and brings its
// schema up to date.
func Open(ctx context.Context, opts Options) (*Store, error) {
	opts.KeepEvents = cmp.Or(opts.KeepEvents, 100_000)
	opts.PollInterval = cmp.Or(opts.PollInterval, time.Second)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Store{opts: opts, changed: map[string]chan struct{}{}}
	err := s.openSQLite(ctx)
	if err == nil {
		err = s.connect(ctx)
	}
	if err == nil {
		err = migrate(ctx, s.writer)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), s.Close())
	}
	return s, nil
}

// Close closes the database. Calls that are under way may fail.
func (s *Store) Close() error {
	var errs []error
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
		return fmt.Errorf("ping store: %w", err)
	}
	return nil
}

// write runs fn in a transaction that is committed if fn returns nil.
func (s *Store) write(ctx context.Context, fn func(*sql.Tx) error) error {
	return inTx(ctx, s.writer, &sql.TxOptions{}, fn)
}

// read runs fn in a transaction that sees one state of the database.
func (s *Store) read(ctx context.Context, fn func(*sql.Tx) error) error {
	return inTx(ctx, s.reader, &sql.TxOptions{ReadOnly: true}, fn)
}

func inTx(ctx context.Context, db *sql.DB, opts *sql.TxOptions, fn func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return cause(ctx, fmt.Errorf("begin: %w", err))
	}
	if err := fn(tx); err != nil {
		// A failed rollback leaves nothing to do: the transaction is not committed.
		_ = tx.Rollback()
		return cause(ctx, err)
	}
	if err := tx.Commit(); err != nil {
		return cause(ctx, fmt.Errorf("commit: %w", err))
	}
	return nil
}

// cause returns the context's error where a driver reports its end in its own
// words, such as "interrupted".
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil && CodeOf(err) == 0 {
		return context.Cause(ctx)
	}
	return err
}

func (s *Store) now() time.Time {
	return s.opts.Now().UTC().Truncate(time.Microsecond)
}

// topicUsers is woken by changes of users.
const topicUsers = "users"

// wake tells those who wait for the topic in this process that there is news of
// it. It is called after the commit.
func (s *Store) wake(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if changed, ok := s.changed[topic]; ok {
		close(changed)
		delete(s.changed, topic)
	}
}

// wakeup returns a channel that is closed at the next wake of the topic.
func (s *Store) wakeup(topic string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed, ok := s.changed[topic]
	if !ok {
		changed = make(chan struct{})
		s.changed[topic] = changed
	}
	return changed
}
