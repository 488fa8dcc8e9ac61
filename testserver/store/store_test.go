package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/grpcx/grpcx/testserver/store"
	"github.com/grpcx/grpcx/testserver/store/pgtest"
	"github.com/grpcx/grpcx/testserver/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, opts store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestMemory(t *testing.T) {
	storetest.Run(t, open)
}

func TestFile(t *testing.T) {
	storetest.Run(t, func(t *testing.T, opts store.Options) *store.Store {
		opts.Path = filepath.Join(t.TempDir(), "grpcx.db")
		return open(t, opts)
	})
}

func ada() store.User { return store.User{Name: "Ada", Email: "ada@example.com"} }

func TestMemoryStoresAreApart(t *testing.T) {
	a, b := open(t, store.Options{}), open(t, store.Options{Path: "memory"})
	if _, err := a.CreateUser(t.Context(), ada()); err != nil {
		t.Fatal(err)
	}
	if n, err := b.CountUsers(t.Context(), ""); n != 0 || err != nil {
		t.Errorf("%d users, %v, want none", n, err)
	}
}

func TestFileIsKept(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"plain.db", "odd ?_pragma=x #1%41.db", "memory"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			s, err := store.Open(t.Context(), store.Options{Path: "sqlite://" + path})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.CreateUser(t.Context(), ada()); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again := open(t, store.Options{Path: path})
			if u, err := again.User(t.Context(), "1"); err != nil || u.Name != "Ada" {
				t.Errorf("%+v, %v", u, err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("file mode %o, want 600", info.Mode().Perm())
			}
		})
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"mysql://root:secret@db/x":       `open store: unsupported scheme "mysql"`,
		filepath.Join(dir, "no", "x.db"): "no such file",
		garbage:                          "not a database",
		"sqlite://":                      "open store: empty path",
	} {
		_, err := store.Open(t.Context(), store.Options{Path: path})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("open %s: %v, want %q", path, err, want)
		}
	}
}

// benchmarkStores runs a benchmark on each kind of database; PostgreSQL's syncs
// its log as the file does.
func benchmarkStores(b *testing.B, run func(b *testing.B, s *store.Store)) {
	for name, path := range map[string]func(*testing.B) string{
		"memory":   func(*testing.B) string { return "" },
		"file":     func(b *testing.B) string { return filepath.Join(b.TempDir(), "bench.db") },
		"postgres": func(b *testing.B) string { return pgtest.New(b).Database(b) },
	} {
		b.Run(name, func(b *testing.B) {
			s, err := store.Open(b.Context(), store.Options{Path: path(b)})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			b.ResetTimer()
			run(b, s)
		})
	}
}

func BenchmarkCreateUser(b *testing.B) {
	benchmarkStores(b, func(b *testing.B, s *store.Store) {
		n := 0
		for b.Loop() {
			n++
			if _, err := s.CreateUser(b.Context(), store.User{Name: "U", Email: fmt.Sprintf("u%d@example.com", n)}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCreateUserParallel(b *testing.B) {
	benchmarkStores(b, func(b *testing.B, s *store.Store) {
		var n atomic.Int64
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := s.CreateUser(b.Context(), store.User{Name: "U", Email: fmt.Sprintf("u%d@example.com", n.Add(1))}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func BenchmarkReadUser(b *testing.B) {
	benchmarkStores(b, func(b *testing.B, s *store.Store) {
		u, err := s.CreateUser(b.Context(), ada())
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := s.User(b.Context(), u.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpenMemory(b *testing.B) {
	for b.Loop() {
		s, err := store.Open(b.Context(), store.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
