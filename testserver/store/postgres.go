package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Connections of one node, beside one that listens and one that notifies. Those
// that write wait for each other's locks, so they must not be all there are.
const (
	postgresWriters = 8
	postgresReaders = 8
)

const (
	connectTimeout = 5 * time.Second // for one connection
	trustedIdle    = 20 * time.Millisecond
)

// openPostgres fills in the connections. Writes run at READ COMMITTED: the lock
// on a row of sequences orders them, and what they read after it is current.
func (s *Store) openPostgres(ctx context.Context) error {
	config, err := postgresConfig(s.opts.Path)
	if err != nil {
		return err
	}
	s.shared = true
	s.snapshot = sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	s.writer = openPool(sessionConfig(config, sessionSettings()), postgresWriters)
	s.reader = openPool(sessionConfig(config, sessionSettings()), postgresReaders)
	if err := s.await(ctx); err != nil {
		return fmt.Errorf("connect to %s: %w", Redacted(s.opts.Path), err)
	}
	schema, err := s.inspect(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", Redacted(s.opts.Path), err)
	}
	if err := s.migratePostgres(ctx, config); err != nil {
		return fmt.Errorf("%s: %w", Redacted(s.opts.Path), err)
	}
	notifying := sessionSettings()
	notifying["synchronous_commit"] = "'off'" // nothing is lost with a wake-up
	s.notifier = &notifier{
		db:      openPool(sessionConfig(config, notifying), 1),
		config:  sessionConfig(config, sessionSettings()),
		channel: channelOf(schema),
		node:    rand.Text(),
		running: s.running,
		log:     s.opts.Logger,
		pending: map[string]struct{}{},
		ready:   make(chan struct{}, 1),
	}
	return nil
}

// channelOf returns the channel of the nodes whose tables are in that schema.
// Channels are those of the whole database, and have at most 63 bytes.
func channelOf(schema string) string {
	name := "grpcx " + schema
	return strings.ToValidUTF8(name[:min(63, len(name))], "")
}

func isPostgres(path string) bool {
	return strings.HasPrefix(path, "postgres://") || strings.HasPrefix(path, "postgresql://")
}

// Redacted returns a path of Options as it may be shown: without its password.
func Redacted(path string) string {
	if !isPostgres(path) {
		return path
	}
	u, err := parsePostgresURL(path)
	if err != nil {
		return "postgres://..."
	}
	query := u.Query()
	for name := range query {
		if strings.Contains(strings.ToLower(name), "password") {
			query.Del(name)
		}
	}
	u.RawQuery = query.Encode()
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	return u.String()
}

// parsePostgresURL refuses what may be split in another way than was meant, for a
// part of the password would then turn up in errors as a host or a database.
func parsePostgresURL(path string) (*url.URL, error) {
	u, err := url.Parse(path)
	ats := strings.Count(path, "@")
	if err != nil || u.Fragment != "" || ats > 1 || ats == 1 && u.User == nil {
		return nil, errors.New("not a PostgreSQL address; want postgres://user:password@host/database, " +
			"with special characters escaped, such as %40 for @")
	}
	return u, nil
}

// postgresConfig reads the address of a database. No error has its password.
func postgresConfig(path string) (*pgx.ConnConfig, error) {
	u, err := parsePostgresURL(path)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(path)
	if err != nil {
		password, _ := u.User.Password()
		if text := err.Error(); password == "" || !strings.Contains(text, password) {
			return nil, errors.New(text)
		}
		return nil, fmt.Errorf("%s: not a PostgreSQL address", Redacted(path))
	}
	if !u.Query().Has("connect_timeout") {
		config.ConnectTimeout = connectTimeout
	}
	if config.ValidateConnect == nil {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite // not a standby
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "grpcx"
	}
	return config, nil
}

// sessionSettings are those of every connection, each an SQL expression of text.
// The timeouts keep a node that hangs, or has vanished, from holding up the
// others with its locks. A commit is acknowledged when it is on the disk.
func sessionSettings() map[string]string {
	return map[string]string{
		"statement_timeout":                   "'30s'",
		"lock_timeout":                        "'10s'",
		"idle_in_transaction_session_timeout": "'10s'",
		"synchronous_commit":                  "replace(current_setting('synchronous_commit'), 'off', 'on')",
	}
}

// sessionConfig returns a config whose connections begin with these settings,
// unless the address has others. They are not sent as parameters of the
// connection, which poolers in between refuse.
func sessionConfig(config *pgx.ConnConfig, settings map[string]string) *pgx.ConnConfig {
	config = config.Copy()
	var calls []string
	for name, value := range settings {
		if _, ok := config.RuntimeParams[name]; !ok || name == "synchronous_commit" {
			calls = append(calls, fmt.Sprintf("set_config('%s', %s, false)", name, value))
		}
	}
	slices.Sort(calls)
	statement := "SELECT " + strings.Join(calls, ", ")
	config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		return conn.Exec(ctx, statement).Close()
	}
	return config
}

func openPool(config *pgx.ConnConfig, size int) *sql.DB {
	// A connection that outlived its server is found before a call gets it.
	db := sql.OpenDB(lookingConnector{stdlib.GetConnector(*config, stdlib.OptionShouldPing(func(_ context.Context, p stdlib.ShouldPingParams) bool {
		return p.IdleDuration > trustedIdle
	}))})
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour)
	return db
}

// await waits until the server answers, for as long as the options say.
func (s *Store) await(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, s.opts.ConnectTimeout)
	defer cancel()
	var last error
	for {
		err := cause(ctx, s.writer.PingContext(wait))
		if err == nil || ctx.Err() != nil {
			return err
		}
		if wait.Err() == nil || last == nil {
			last = err // more telling than the end of the time
		}
		if !errors.Is(err, ErrUnavailable) || pause(wait, reconnectDelay) != nil {
			return cause(ctx, last)
		}
	}
}

// inspect refuses a database that cannot do the store's work, warns of one that
// does not keep what it acknowledges, and returns the schema of the tables.
func (s *Store) inspect(ctx context.Context) (schema string, err error) {
	var encoding, fsync, pages string
	var current sql.NullString
	err = s.writer.QueryRowContext(ctx, `SELECT current_schema(), current_setting('server_encoding'),
		current_setting('fsync'), current_setting('full_page_writes')`).Scan(&current, &encoding, &fsync, &pages)
	if err != nil {
		return "", cause(ctx, err)
	}
	if encoding != "UTF8" {
		return "", fmt.Errorf("the database's encoding is %s; it must be UTF8", encoding)
	}
	if !current.Valid {
		return "", errors.New("no schema to create tables in; look at the search_path")
	}
	if fsync == "off" || pages == "off" {
		s.opts.Logger.Warn("PostgreSQL may lose acknowledged writes when its machine fails",
			"fsync", fsync, "full_page_writes", pages)
	}
	return current.String, nil
}

// migratePostgres keeps nodes that start at once apart by a lock in a table. It
// works behind poolers too, unlike a lock of the session; a node that dies with
// it loses it after the lease.
func (s *Store) migratePostgres(ctx context.Context, config *pgx.ConnConfig) error {
	locker, err := lock.NewPostgresTableLocker(
		lock.WithTableLeaseDuration(10*time.Second),
		lock.WithTableHeartbeatInterval(2*time.Second),
		lock.WithTableLockTimeout(50*time.Millisecond, 1200),
		lock.WithTableUnlockTimeout(50*time.Millisecond, 100),
		lock.WithTableLogger(s.opts.Logger),
	)
	if err != nil {
		return err
	}
	// A migration may take longer than the statements of a call.
	settings := sessionSettings()
	delete(settings, "statement_timeout")
	db := openPool(sessionConfig(config, settings), 3)
	defer db.Close()
	return cause(ctx, migrate(ctx, db, goose.DialectPostgres, goose.WithLocker(locker)))
}

// Codes of PostgreSQL's errors (its documentation, appendix A).
const (
	uniqueViolation      = "23505"
	notInRepertoire      = "22021" // such as a NUL character
	untranslatable       = "22P05"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	readOnlyTransaction  = "25006" // the server became a standby
	idleInTransaction    = "25P03"
	tooManyConnections   = "53300"
	lockNotAvailable     = "55P03"
	adminShutdown        = "57P01"
	crashShutdown        = "57P02"
	queryCanceled        = "57014" // by the statement timeout, for the context goes first
)

// postgresError says what an error of PostgreSQL means, or returns nil.
func postgresError(e *pgconn.PgError) error {
	switch e.Code {
	case uniqueViolation:
		// "Key (email_key)=(ada@example.com) already exists."
		_, column, _ := strings.Cut(e.Detail, "(")
		column, _, _ = strings.Cut(column, ")")
		column, _, _ = strings.Cut(column, ",")
		return taken(e.TableName, column)
	case notInRepertoire, untranslatable:
		return invalid("text", []FieldError{{Field: "text", Reason: "has characters that cannot be stored"}})
	case serializationFailure, deadlockDetected, readOnlyTransaction, idleInTransaction,
		tooManyConnections, lockNotAvailable, queryCanceled:
		return &unavailableError{e}
	}
	switch e.Code[:min(3, len(e.Code))] {
	case "080", "08P", "57P": // connection exceptions, shutdown, crash, start-up
		return &unavailableError{e}
	}
	return nil
}

// wasRolledBack reports whether a transaction came to nothing for a reason that
// need not be there the next time: the database undid it to let another go on, or
// its connection was lost before the commit.
func wasRolledBack(err error) bool {
	_, unreachable := errors.AsType[*pgconn.ConnectError](err)
	_, committing := errors.AsType[*commitError](err)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		lost := (e.Code == adminShutdown || e.Code == crashShutdown) && !unreachable && !committing
		return lost || e.Code == serializationFailure || e.Code == deadlockDetected
	}
	return err != nil && isDisconnected(err) && !unreachable && !committing
}
