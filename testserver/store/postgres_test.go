//go:build postgres

package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grpcx/grpcx/testserver/store/pgtest"
)

func setting(t *testing.T, db *sql.DB, name string) string {
	t.Helper()
	var value string
	if err := db.QueryRowContext(t.Context(), "SELECT current_setting($1)", name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestPostgresSessions(t *testing.T) {
	path := pgtest.Start(t)
	first := openOn(t, Options{Path: path})
	var name string
	if err := first.reader.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := first.writer.ExecContext(t.Context(), "ALTER DATABASE "+name+" SET synchronous_commit = off"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, path + "&synchronous_commit=off"} {
		s := openOn(t, Options{Path: path + "&statement_timeout=7s"})
		for _, db := range []*sql.DB{s.writer, s.reader} {
			for name, want := range map[string]string{
				"synchronous_commit": "on", "statement_timeout": "7s", "lock_timeout": "10s",
				"idle_in_transaction_session_timeout": "10s", "application_name": "grpcx",
			} {
				if got := setting(t, db, name); got != want {
					t.Errorf("%s is %s, want %s", name, got, want)
				}
			}
		}
		if got := setting(t, s.notifier.db, "synchronous_commit"); got != "off" {
			t.Errorf("synchronous_commit of notifications is %s, want off", got)
		}
	}
	if _, err := first.writer.ExecContext(t.Context(), "ALTER DATABASE "+name+" SET synchronous_commit = remote_apply"); err != nil {
		t.Fatal(err)
	}
	if got := setting(t, openOn(t, Options{Path: path}).writer, "synchronous_commit"); got != "remote_apply" {
		t.Errorf("synchronous_commit is %s, want what the administrator chose", got)
	}
}

func TestPostgresThatMayLoseWrites(t *testing.T) {
	var log bytes.Buffer
	openOn(t, Options{Path: pgtest.Start(t), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "fsync=off") {
		t.Errorf("log %q", log.String())
	}
}

func TestPostgresEncoding(t *testing.T) {
	path := pgtest.Start(t)
	s := openOn(t, Options{Path: path})
	if _, err := s.writer.ExecContext(t.Context(), "CREATE DATABASE ascii ENCODING SQL_ASCII TEMPLATE template0"); err != nil {
		t.Fatal(err)
	}
	before, query, _ := strings.Cut(path, "?")
	_, err := Open(t.Context(), Options{Path: before[:strings.LastIndex(before, "/")] + "/ascii?" + query})
	if err == nil || !strings.Contains(err.Error(), "SQL_ASCII; it must be UTF8") {
		t.Error(err)
	}
}

func TestOpenWaitsForPostgres(t *testing.T) {
	server := pgtest.New(t)
	path := server.Database(t)
	server.Stop(t)
	if _, err := Open(t.Context(), Options{Path: path, ConnectTimeout: 50 * time.Millisecond}); err == nil || !strings.Contains(err.Error(), "connect to postgres://") {
		t.Errorf("error %v, want that there is no server", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
	if _, err := Open(ctx, Options{Path: path, ConnectTimeout: time.Hour}); !errors.Is(err, why) {
		t.Errorf("error %v, want the context's cause", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		s, err := Open(t.Context(), Options{Path: path, ConnectTimeout: time.Minute})
		if err != nil {
			t.Error(err)
			return
		}
		s.Close()
	})
	server.Start(t)
	wg.Wait()
	// What waiting does not mend fails at once.
	before, query, _ := strings.Cut(path, "?")
	if _, err := Open(t.Context(), Options{Path: before + "x?" + query, ConnectTimeout: time.Hour}); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("error %v, want that there is no such database", err)
	}
}

// TestEmailTakenMeanwhile inserts a user between the store's look for the email
// and its own insertion.
func TestEmailTakenMeanwhile(t *testing.T) {
	s := openOn(t, Options{Path: pgtest.Start(t)})
	tx, err := s.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `INSERT INTO users
		(id, name, name_key, email, email_key, age, active, status, roles, metadata, created_at, updated_at)
		VALUES (7, 'X', 'x', 'ada@example.com', 'ada@example.com', 1, true, 1, '[]', '{}', 0, 0)`); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := s.CreateUser(t.Context(), User{Name: "Ada", Email: "ada@example.com"})
		failed <- err
	}()
	blocked := func() (n int) {
		if err := s.reader.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for blocked() == 0 && !t.Failed() {
		continue
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	e, _ := errors.AsType[*Error](<-failed)
	if e == nil || e.Code != AlreadyExists || e.Kind != "user" || e.Unique != "email" {
		t.Errorf("%+v", e)
	}
}

// TestDeadlock has two writes take the same locks in opposite order.
func TestDeadlock(t *testing.T) {
	s := openOn(t, Options{Path: pgtest.Start(t) + "&deadlock_timeout=20ms"})
	var wg, both sync.WaitGroup
	both.Add(2)
	tries := make(chan struct{}, 100)
	for _, order := range [][2]string{{"users", "events"}, {"events", "users"}} {
		wg.Go(func() {
			first := true
			if err := s.write(t.Context(), func(tx *sql.Tx) error {
				tries <- struct{}{}
				c := &change{ctx: t.Context(), tx: tx}
				if _, err := c.take(order[0], 1); err != nil {
					return err
				}
				if first {
					first = false
					both.Done()
					both.Wait()
				}
				_, err := c.take(order[1], 1)
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var sum int
	if err := s.reader.QueryRowContext(t.Context(), "SELECT SUM(last) FROM sequences").Scan(&sum); err != nil || sum != 4 || len(tries) < 3 {
		t.Errorf("%d numbers taken in %d tries, %v; want 4 in more than 2", sum, len(tries), err)
	}
}

// TestConnectionLostBeforeCommit has the server drop the connection of a write:
// it is done once, on another one.
func TestConnectionLostBeforeCommit(t *testing.T) {
	s := openOn(t, Options{Path: pgtest.Start(t)})
	runs := 0
	if err := s.write(t.Context(), func(tx *sql.Tx) error {
		runs++
		c := &change{ctx: t.Context(), tx: tx}
		if _, err := c.take("users", 1); err != nil || runs > 1 {
			return err
		}
		var pid int
		if err := tx.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			return err
		}
		if _, err := s.reader.ExecContext(t.Context(), "SELECT pg_terminate_backend($1)", pid); err != nil {
			return err
		}
		_, err := c.take("users", 1)
		return err
	}); err != nil || runs != 2 {
		t.Errorf("%d runs, %v, want 2", runs, err)
	}
	var last int
	if err := s.reader.QueryRowContext(t.Context(), "SELECT last FROM sequences WHERE name = 'users'").Scan(&last); err != nil || last != 1 {
		t.Errorf("%d numbers taken, %v, want 1", last, err)
	}
}

// TestStaleConnections has all idle connections be dropped, as by a restart: no
// call notices.
func TestStaleConnections(t *testing.T) {
	path := pgtest.Start(t)
	s, admin := openOn(t, Options{Path: path}), openOn(t, Options{Path: path})
	for range 5 {
		var wg sync.WaitGroup
		for range 2 * postgresReaders {
			wg.Go(func() {
				if _, err := s.CountUsers(t.Context(), ""); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if _, err := s.UpdateUser(t.Context(), "1", func(*User) error { return nil }); CodeOf(err) != NotFound {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		<-time.After(2 * trustedIdle)
		const idle = ` FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
			AND state = 'idle' AND query NOT LIKE 'LISTEN%'`
		for left := 1; left > 0; {
			if err := admin.reader.QueryRowContext(t.Context(), `SELECT COUNT(pg_terminate_backend(pid))`+idle).Scan(&left); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestUnstorableText(t *testing.T) {
	s := openOn(t, Options{Path: pgtest.Start(t)})
	if _, err := s.CountUsers(t.Context(), "a\x00b"); CodeOf(err) != Invalid {
		t.Errorf("filter: %v, want Invalid", err)
	}
	if _, err := s.Credential(t.Context(), "a\x00b"); CodeOf(err) != NotFound {
		t.Errorf("credential: %v, want NotFound", err)
	}
}

func TestSecondWriterWaitsNoLongerThanItsCall(t *testing.T) {
	for name, path := range map[string]string{"file": t.TempDir() + "/busy.db", "postgres": pgtest.Start(t)} {
		t.Run(name, func(t *testing.T) {
			a, b := openOn(t, Options{Path: path}), openOn(t, Options{Path: path})
			hold, release := make(chan struct{}), make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := a.change(t.Context(), func(*change) error { close(hold); <-release; return nil }); err != nil {
					t.Error(err)
				}
			})
			<-hold
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, err := b.CreateUser(ctx, User{Name: "Ada", Email: "ada@example.com"}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want the context's", err)
			}
			close(release)
			wg.Wait()
			if _, err := b.CreateUser(t.Context(), User{Name: "Ada", Email: "ada@example.com"}); err != nil {
				t.Error(err)
			}
		})
	}
}
