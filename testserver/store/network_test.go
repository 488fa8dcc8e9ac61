//go:build postgres

package store

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grpcx/grpcx/testserver/store/pgtest"
)

// frozenProxy passes connections on to a server, and holds them up while frozen.
type frozenProxy struct {
	net.Listener
	socket string
	frozen sync.RWMutex
	wg     sync.WaitGroup
}

func newFrozenProxy(t *testing.T, path string) *frozenProxy {
	t.Helper()
	u, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &frozenProxy{socket: u.Query().Get("host") + "/.s.PGSQL.5432"}
	if p.Listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.wg.Go(func() {
		for {
			client, err := p.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() { p.Close(); p.wg.Wait() })
	return p
}

func (p *frozenProxy) serve(client net.Conn) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(context.Background(), "unix", p.socket)
	if err != nil {
		return
	}
	p.wg.Go(func() { p.pass(server, client) })
	p.pass(client, server)
}

func (p *frozenProxy) pass(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		p.frozen.RLock()
		_, lost := to.Write(buffer[:n])
		p.frozen.RUnlock()
		if err != nil || lost != nil {
			return
		}
	}
}

// through returns the address of the same database through the proxy.
func (p *frozenProxy) through(path string) string {
	name := path[strings.LastIndex(path, "/test")+1 : strings.Index(path, "?")]
	return "postgres://postgres@" + p.Addr().String() + "/" + name + "?sslmode=disable"
}

// warned is a log handler that tells of warnings.
type warned chan string

func (w warned) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (w warned) WithAttrs([]slog.Attr) slog.Handler               { return w }
func (w warned) WithGroup(string) slog.Handler                    { return w }
func (w warned) Handle(_ context.Context, r slog.Record) error {
	select {
	case w <- r.Message:
	default:
	}
	return nil
}

// TestListenerNoticesSilence has the network between a node and PostgreSQL fail
// without a word.
func TestListenerNoticesSilence(t *testing.T) {
	path := pgtest.Start(t)
	proxy := newFrozenProxy(t, path)
	warnings := make(warned, 100)
	s := openOn(t, Options{
		Path: proxy.through(path), PollInterval: time.Hour, Logger: slog.New(warnings), listenCheck: 20 * time.Millisecond,
	})
	other := openOn(t, Options{Path: path})
	feed, _, err := s.Watch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	proxy.frozen.Lock()
	for message := range warnings {
		if strings.HasPrefix(message, "listen to other nodes") {
			break
		}
	}
	if _, err := other.CreateUser(t.Context(), User{Name: "Ada", Email: "ada@example.com"}); err != nil {
		t.Error(err)
	}
	proxy.frozen.Unlock()
	if events, err := feed.Next(t.Context()); err != nil || len(events) != 1 {
		t.Errorf("%v, %v, want one event", events, err)
	}
}

// TestPostgresHangs has a server that keeps its connections and says nothing.
func TestPostgresHangs(t *testing.T) {
	path := pgtest.Start(t)
	proxy := newFrozenProxy(t, path)
	s := openOn(t, Options{Path: proxy.through(path)})
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	proxy.frozen.Lock()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := s.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ping of a hanging server: %v", err)
		}
		if _, err := s.CreateUser(ctx, User{Name: "Ada", Email: "ada@example.com"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("call to a hanging server: %v", err)
		}
		cancel()
	}
	proxy.frozen.Unlock()
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.CreateUser(t.Context(), User{Name: "Ada", Email: "ada@example.com"}); err != nil {
		t.Error(err)
	}
}
