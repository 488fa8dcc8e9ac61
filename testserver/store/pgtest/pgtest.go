// Package pgtest runs real PostgreSQL servers for tests, from the programs that
// are installed on the machine. A server listens on a socket in a directory of
// its own, both of which go with the process, however that ends.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// TB is the part of testing.TB that is needed.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// shared is the server of Start; one serves all tests of a process, for it takes
// about a second to come up. Nothing that it stores outlives the machine.
//
//nolint:gochecknoglobals // the tests of a process have no other place in common
var shared = sync.OnceValues(func() (*Server, error) { return launch("fsync = off") })

// Start returns the address of an empty database that ends with the test. The
// test skips where PostgreSQL is not installed, and fails there in CI.
func Start(tb TB) string {
	tb.Helper()
	require(tb)
	s, err := shared()
	if err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
		return ""
	}
	return s.Database(tb)
}

// New returns a server of the test's own, that it may stop and kill. The settings
// are lines of postgresql.conf.
func New(tb TB, settings ...string) *Server {
	tb.Helper()
	require(tb)
	s, err := launch(settings...)
	if err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
		return nil
	}
	tb.Cleanup(s.close)
	return s
}

// require skips or fails the test where a server cannot be run.
func require(tb TB) {
	tb.Helper()
	if _, err := programs(); err != nil {
		refuse(tb, err, os.Getenv("CI") != "", os.Stderr)
	}
}

func refuse(tb TB, err error, inCI bool, log io.Writer) {
	tb.Helper()
	if inCI {
		tb.Fatalf("%v; scripts/postgres.sh installs it", err)
		return
	}
	_, _ = fmt.Fprintf(log, "SKIPPED: %v; scripts/postgres.sh installs it\n", err)
	tb.Skipf("%v", err)
}

// programs returns the directory of PostgreSQL's programs, of its newest version.
func programs() (string, error) {
	// Debian keeps them out of the PATH.
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("PostgreSQL is not installed: %w", err)
	}
	if initdb, err = filepath.EvalSymlinks(initdb); err != nil {
		return "", err
	}
	return filepath.Dir(initdb), nil
}

func version(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// Server is a PostgreSQL server. One goroutine at a time may stop and start it.
type Server struct {
	dir       string // holds the data, the socket and the log
	programs  string
	pid       int // 0 while it is stopped
	databases atomic.Int64
	watchdog  watchdog
}

// Database returns the address of a new and empty database, which is dropped with
// the test.
func (s *Server) Database(tb TB) string {
	tb.Helper()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	if err := s.execute("CREATE DATABASE " + name + " TEMPLATE template0"); err != nil {
		tb.Fatalf("create database: %v", err)
		return ""
	}
	tb.Cleanup(func() {
		if s.pid == 0 {
			return
		}
		if err := s.execute("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			tb.Errorf("drop database: %v", err)
		}
	})
	return s.address(name)
}

func (s *Server) address(database string) string {
	query := url.Values{"host": {s.dir}, "user": {"postgres"}}
	return "postgres:///" + database + "?" + query.Encode()
}

func (s *Server) execute(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.address("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// Stop ends the server in order: transactions are rolled back, connections closed.
func (s *Server) Stop(tb TB) {
	tb.Helper()
	if err := s.signal(inOrder); err != nil {
		tb.Fatalf("stop PostgreSQL: %v", err)
	}
}

// Kill ends the server as a crash does.
func (s *Server) Kill(tb TB) {
	tb.Helper()
	if err := s.signal(atOnce); err != nil {
		tb.Fatalf("kill PostgreSQL: %v", err)
	}
}

// Start starts a server that was stopped or killed, and waits until it answers.
func (s *Server) Start(tb TB) {
	tb.Helper()
	if err := s.start(); err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
}

// launch makes a server with its data in a new directory.
func launch(settings ...string) (_ *Server, err error) {
	s := &Server{}
	if s.programs, err = programs(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return nil, err
	}
	if err := own(s.dir); err != nil {
		_ = os.RemoveAll(s.dir)
		return nil, err
	}
	if s.watchdog, err = watch(s.dir); err != nil {
		_ = os.RemoveAll(s.dir)
		return nil, err
	}
	if err := s.initialise(settings); err != nil {
		s.close()
		return nil, err
	}
	if err := s.start(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) initialise(settings []string) error {
	initdb := exec.CommandContext(context.Background(), filepath.Join(s.programs, "initdb"),
		"--pgdata", s.data(), "--auth=trust", "--username=postgres",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.Dir = s.dir
	asOwner(initdb)
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	settings = append([]string{
		"listen_addresses = ''",
		"unix_socket_directories = '" + s.dir + "'",
		"max_connections = 200",
		"shared_buffers = 32MB",
	}, settings...)
	config, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := config.WriteString(strings.Join(settings, "\n") + "\n"); err != nil {
		_ = config.Close()
		return err
	}
	return config.Close()
}

// start tries for a while, for the processes of a server that was killed live on
// for a moment and keep its data locked.
func (s *Server) start() error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := s.startOnce(deadline)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (s *Server) startOnce(deadline time.Time) error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	postgres := exec.CommandContext(context.Background(), filepath.Join(s.programs, "postgres"), "-D", s.data())
	postgres.Dir, postgres.Stdout, postgres.Stderr = s.dir, log, log
	asOwner(postgres)
	if err := postgres.Start(); err != nil {
		return err
	}
	s.pid = postgres.Process.Pid
	// It is waited for by number, without a goroutine that would live as long.
	if err := postgres.Process.Release(); err != nil {
		return err
	}
	for {
		err := s.execute("SELECT 1")
		switch {
		case err == nil:
			return nil
		case s.ended():
			s.pid = 0
			return fmt.Errorf("it ended at once: %s", s.lastWords())
		case time.Now().After(deadline):
			return err
		}
		<-time.After(5 * time.Millisecond)
	}
}

// lastWords returns the end of the server's log.
func (s *Server) lastWords() string {
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(log[max(0, len(log)-1000):])
}

// close stops the server and removes its directory.
func (s *Server) close() {
	if s.pid != 0 {
		_ = s.signal(quickly)
	}
	s.watchdog.end()
}
