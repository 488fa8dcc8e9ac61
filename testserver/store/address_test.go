package store

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// TestPostgresPassword tries addresses that name no server: wherever they fail,
// no part of the password shows.
func TestPostgresPassword(t *testing.T) {
	for _, path := range []string{
		"postgres://ada:s3cret@127.0.0.1:1/db",
		"postgresql://ada:s3cret@127.0.0.1:1/db?sslmode=disable",
		"postgres://ada@127.0.0.1:1/db?password=s3cret",
		"postgres://ada@127.0.0.1:1/db?sslpassword=s3cret&sslmode=nonsense",
		"postgres://ada:s3cret@127.0.0.1:1/db?sslmode=nonsense",
		"postgres://ada:s3cret@127.0.0.1:port/db",
		"postgres://ada:s3cret@127.0.0.1:99999/db?connect_timeout=s",
		"postgres://ada:x/s3cret@127.0.0.1:1/db",
		"postgres://ada:1/s3cret@127.0.0.1:1/db",
		"postgres://ada:1?s3cret@127.0.0.1:1/db",
		"postgres://ada:1#s3cret@127.0.0.1:1/db",
		"postgres://ada:s3cret#1@127.0.0.1:1/db",
		"postgres://ada:x@s3cret@127.0.0.1:1/db",
		"postgres://ada:%zzs3cret@127.0.0.1:1/db",
		"postgres://ada:s3cret%00@127.0.0.1:1/db",
		"postgres://ada:s3cret",
		"postgres://:s3cret@/db?host=/nowhere",
	} {
		var log bytes.Buffer
		_, err := Open(t.Context(), Options{
			Path: path, ConnectTimeout: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err == nil || strings.Contains(err.Error()+log.String()+Redacted(path), "s3cret") {
			t.Errorf("%s: %v; log %q; shown as %s", path, err, log.String(), Redacted(path))
		}
	}
	for path, want := range map[string]string{
		"users.db": "users.db", "": "",
		"postgres://ada:s3cret@db:5432/grpcx?sslmode=require": "postgres://ada@db:5432/grpcx?sslmode=require",
		"postgres://a:b@c@d/": "postgres://...",
	} {
		if got := Redacted(path); got != want {
			t.Errorf("%q is shown as %q, want %q", path, got, want)
		}
	}
}

// FuzzPostgresPassword has addresses with a password that is not escaped: no part
// of it becomes something else that errors show.
func FuzzPostgresPassword(f *testing.F) {
	for _, around := range [][2]string{
		{"", ""}, {"1/", ""}, {"1?", ""}, {"1#", ""}, {"", "#1"}, {"x@", ""}, {"%zz", ""}, {"", "%00"}, {":", "@["}, {"1/?host=", ""},
		{"p@h:1/d?user=", ""}, {"1?password=x&", "=1&user"}, {"[::1]:1/", "?@"},
	} {
		f.Add(around[0], around[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		path := "postgres://ada:" + before + "s3cret" + after + "@127.0.0.1:1/db"
		if shown := Redacted(path); strings.Contains(shown, "s3cret") {
			t.Errorf("%s is shown as %s", path, shown)
		}
		config, err := postgresConfig(path)
		if err != nil {
			if strings.Contains(err.Error(), "s3cret") {
				t.Error(err)
			}
			return
		}
		shown := []string{config.Host, config.User, config.Database}
		for name, value := range config.RuntimeParams {
			shown = append(shown, name, value)
		}
		for _, fallback := range config.Fallbacks {
			shown = append(shown, fallback.Host)
		}
		if all := strings.Join(shown, "|"); strings.Contains(all, "s3cret") {
			t.Errorf("%s: the password is part of %s", path, all)
		}
	})
}

// TestUnreachableServer has a server that accepts connections and says nothing.
func TestUnreachableServer(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Open(t.Context(), Options{Path: "postgres://ada@" + l.Addr().String() + "/db?sslmode=disable", ConnectTimeout: 50 * time.Millisecond})
	if err == nil || errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
}
