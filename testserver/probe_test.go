package testserver

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func well(context.Context) error { return nil }

func ill(name string) func(context.Context) error {
	return func(context.Context) error { return errors.New(name) }
}

func hanging(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestHTTPProbe(t *testing.T) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			w.WriteHeader(http.StatusNoContent)
		case "/login":
			if user, password, _ := r.BasicAuth(); user != "ada" || password != "s3cret" {
				w.WriteHeader(http.StatusUnauthorized)
			}
		case "/moved":
			http.Redirect(w, r, "/broken", http.StatusFound)
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, "more"); err != nil {
					return
				}
			}
		case "/slow":
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer endpoint.Close()
	host := strings.TrimPrefix(endpoint.URL, "http://")
	for path, want := range map[string]string{
		endpoint.URL + "/ok":                         "",
		endpoint.URL + "/moved":                      "",
		endpoint.URL + "/endless":                    "",
		"http://ada:s3cret@" + host + "/login":       "",
		"http://ada:wrong-s3cret@" + host + "/login": "probe " + host + ": status 401",
		endpoint.URL + "/broken?token=s3cret":        "probe " + host + ": status 500",
		"https://ada:s3cret@" + host + "/ok?s3cret":  "probe " + host + ": http: server gave HTTP response",
		"http://ada:s3cret@127.0.0.1:1/s3cret":       "probe 127.0.0.1:1: dial",
	} {
		probe, err := HTTPProbe(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		err = probe(withDeadline(t))
		if (err == nil) != (want == "") || err != nil && (!strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
	slow, err := HTTPProbe(endpoint.URL + "/slow")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := slow(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("slow endpoint: %v", err)
	}
	for _, bad := range []string{"", "localhost:80", "ftp://host/", "http://", "http://ada:s3cret@host:port/", "http://%zz"} {
		if _, err := HTTPProbe(bad); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("URL %q: %v", bad, err)
		}
	}
}

func TestCompositeProbes(t *testing.T) {
	for name, c := range map[string]struct {
		probe func(context.Context) error
		want  string
	}{
		"all well":           {AllOf(well, well), ""},
		"all of none":        {AllOf(), ""},
		"one of all ill":     {AllOf(well, ill("disk"), well), "disk"},
		"several of all ill": {AllOf(ill("disk"), ill("bus")), "disk\nbus"},
		"any well":           {AnyOf(ill("a"), well), ""},
		"any, one hangs":     {AnyOf(hanging, well), ""},
		"none of any well":   {AnyOf(ill("a"), ill("b")), "a\nb"},
		"any of none":        {AnyOf(), "nothing to probe"},
		"nested":             {AllOf(AnyOf(ill("a"), well), well), ""},
	} {
		err := c.probe(withDeadline(t))
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestProberOverTime steps through the state machine on a clock of its own.
func TestProberOverTime(t *testing.T) {
	steps := []struct {
		outcome func(context.Context) error
		after   time.Duration // until the probe has ended
		want    servingStatus
	}{
		{well, 0, serving}, // the first decides at once
		{ill("down"), 10 * time.Second, serving},
		{hanging, 12 * time.Second, serving}, // a timeout is a failure
		{well, 10 * time.Second, serving},    // not three in a row
		{ill("down"), 10 * time.Second, serving},
		{ill("down"), 10 * time.Second, serving},
		{hanging, 12 * time.Second, notServing},
		{well, 10 * time.Second, notServing},
		{ill("down"), 10 * time.Second, notServing}, // not two in a row
		{well, 10 * time.Second, notServing},
		{well, 10 * time.Second, serving},
	}
	synctest.Test(t, func(t *testing.T) {
		s := &Server{board: newBoard(), log: slog.New(slog.DiscardHandler)}
		running, stop := context.WithCancel(t.Context())
		s.running = running
		s.board.set("svc", serving)
		var probes atomic.Int32
		s.startProber(Dependency{
			Name: "bus", Services: []string{"svc"}, Interval: 10 * time.Second, Timeout: 2 * time.Second,
			Probe: func(ctx context.Context) error { return steps[probes.Add(1)-1].outcome(ctx) },
		}, unknown)
		if st, _ := s.board.status("svc"); st != unknown {
			t.Errorf("%v before the first probe, want UNKNOWN", st)
		}
		for i, step := range steps {
			<-time.After(step.after)
			synctest.Wait()
			if st, _ := s.board.status("svc"); st != step.want || int(probes.Load()) != i+1 {
				t.Errorf("step %d: %v after %d probes, want %v", i, st, probes.Load(), step.want)
			}
		}
		stop()
		s.probers.Wait()
	})
}
