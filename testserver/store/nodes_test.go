//go:build postgres

package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // a client beside the stores

	"github.com/grpcx/grpcx/testserver/store"
	"github.com/grpcx/grpcx/testserver/store/pgtest"
)

// onSharedDatabases runs a test on each kind of database that nodes can share.
func onSharedDatabases(t *testing.T, test func(t *testing.T, path string)) {
	t.Run("file", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "shared.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.Start(t)) })
}

func named(name string) store.User {
	return store.User{Name: name, Email: name + "@example.com"}
}

func mustCreate(t *testing.T, s *store.Store, name string) {
	t.Helper()
	if _, err := s.CreateUser(t.Context(), named(name)); err != nil {
		t.Fatal(err)
	}
}

func mustWatch(t *testing.T, s *store.Store) *store.Feed {
	t.Helper()
	feed, _, err := s.Watch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return feed
}

// names returns the users of the next n events.
func names(t *testing.T, feed *store.Feed, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var got []string
	for len(got) < n {
		events, err := feed.Next(ctx)
		if err != nil {
			t.Errorf("after %d of %d events: %v", len(got), n, err)
			return got
		}
		for _, e := range events {
			got = append(got, e.User.Name)
		}
	}
	return got
}

// startVariable makes TestProcess open the store of that path.
const startVariable = "GRPCX_TEST_STORE"

// TestProcess is what TestProcessesStartAtOnce starts.
func TestProcess(t *testing.T) {
	path, name, ok := strings.Cut(os.Getenv(startVariable), "|")
	if !ok {
		return
	}
	mustCreate(t, open(t, store.Options{Path: path}), name)
}

func TestProcessesStartAtOnce(t *testing.T) {
	onSharedDatabases(t, func(t *testing.T, path string) {
		const processes = 8
		var wg sync.WaitGroup
		for i := range processes {
			wg.Go(func() {
				cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcess$", "-test.v")
				cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|u%d", startVariable, path, i))
				if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestProcess") {
					t.Errorf("process %d: %v\n%s", i, err, out)
				}
			})
		}
		wg.Wait()
		if n, err := open(t, store.Options{Path: path}).CountUsers(t.Context(), ""); n != processes || err != nil {
			t.Errorf("%d users, %v, want %d", n, err, processes)
		}
	})
}

func TestStoresOpenAtOnce(t *testing.T) {
	onSharedDatabases(t, func(t *testing.T, path string) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				s, err := store.Open(t.Context(), store.Options{Path: path})
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if _, err := s.CreateUser(t.Context(), named(fmt.Sprintf("u%d", i))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// TestEventsCrossNodes has three nodes write at once. PostgreSQL's nodes do not
// poll within the test, so that it is the notifications that wake them.
func TestEventsCrossNodes(t *testing.T) {
	onSharedDatabases(t, func(t *testing.T, path string) {
		poll := 5 * time.Millisecond
		if strings.HasPrefix(path, "postgres") {
			poll = time.Hour
		}
		const each = 25
		var nodes [3]*store.Store
		var feeds [3]*store.Feed
		for i := range nodes {
			nodes[i] = open(t, store.Options{Path: path, PollInterval: poll})
			feeds[i] = mustWatch(t, nodes[i])
		}
		var wg sync.WaitGroup
		for i, node := range nodes {
			wg.Go(func() {
				for j := range each {
					if _, err := node.CreateUser(t.Context(), named(fmt.Sprintf("n%d.%d", i, j))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		var seen [3]string
		for i, feed := range feeds {
			wg.Go(func() { seen[i] = strings.Join(names(t, feed, 3*each), " ") })
		}
		wg.Wait()
		once := map[string]bool{}
		for _, name := range strings.Fields(seen[0]) {
			once[name] = true
		}
		if len(once) != 3*each || seen[1] != seen[0] || seen[2] != seen[0] {
			t.Errorf("%d users; the nodes saw\n%s", len(once), strings.Join(seen[:], "\n"))
		}
	})
}

// database returns a client of its own for a PostgreSQL database.
func database(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t *testing.T, db *sql.DB, statement string) int64 {
	t.Helper()
	result, err := db.ExecContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := result.RowsAffected()
	return n
}

// TestNodeThatCannotNotify dies between a commit and the notification.
func TestNodeThatCannotNotify(t *testing.T) {
	path := pgtest.Start(t)
	s := open(t, store.Options{Path: path, PollInterval: 5 * time.Millisecond})
	feed := mustWatch(t, s)
	mustExec(t, database(t, path), `WITH taken AS (UPDATE sequences SET last = last + 1 WHERE name = 'events' RETURNING last)
		INSERT INTO events (seq, type, user_id, payload, at) SELECT last, 'created', 1, '{"Name":"Silent"}', 0 FROM taken`)
	if got := names(t, feed, 1); len(got) != 1 || got[0] != "Silent" {
		t.Errorf("events of %v", got)
	}
}

func TestListenerComesBack(t *testing.T) {
	path := pgtest.Start(t)
	a := open(t, store.Options{Path: path, PollInterval: time.Hour})
	b := open(t, store.Options{Path: path, PollInterval: time.Hour})
	feed, db := mustWatch(t, a), database(t, path)
	for i := range 5 {
		for mustExec(t, db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND query LIKE 'LISTEN %'`) == 0 {
			continue // it is connecting
		}
		name := fmt.Sprintf("u%d", i)
		mustCreate(t, b, name)
		if got := names(t, feed, 1); len(got) != 1 || got[0] != name {
			t.Fatalf("events of %v, want %s", got, name)
		}
	}
}

// TestRestartOfPostgres stops and kills the server while one node writes and two
// watch: they go on, and every event comes once.
func TestRestartOfPostgres(t *testing.T) {
	server := pgtest.New(t)
	path := server.Database(t)
	writer := open(t, store.Options{Path: path, PollInterval: 50 * time.Millisecond})
	feeds := []*store.Feed{mustWatch(t, writer), mustWatch(t, open(t, store.Options{Path: path, PollInterval: 50 * time.Millisecond}))}

	acknowledged := make(chan string, 100_000)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				name := fmt.Sprintf("w%d.%d", w, i)
				_, err := writer.CreateUser(t.Context(), named(name))
				switch {
				case err == nil:
					acknowledged <- name
				case !errors.Is(err, store.ErrUnavailable):
					t.Error(err)
				}
			}
		})
	}
	for _, end := range []func(pgtest.TB){server.Stop, server.Kill, server.Stop, server.Kill} {
		for range 20 {
			<-acknowledged // there is load again
		}
		end(t)
		server.Start(t)
	}
	cancel()
	wg.Wait()
	mustCreate(t, writer, "last")
	var seen [2]map[string]int
	for i, feed := range feeds {
		seen[i] = map[string]int{}
		for seen[i]["last"] == 0 && !t.Failed() {
			for _, name := range names(t, feed, 1) {
				seen[i][name]++
			}
		}
		for name, n := range seen[i] {
			if n != 1 {
				t.Errorf("watcher %d saw %s %d times", i, name, n)
			}
		}
	}
	close(acknowledged)
	for name := range acknowledged {
		if seen[0][name] != 1 || seen[1][name] != 1 {
			t.Errorf("%s was acknowledged and not seen", name)
		}
	}
	if len(seen[0]) != len(seen[1]) {
		t.Errorf("the watchers saw %d and %d events", len(seen[0]), len(seen[1]))
	}
}
