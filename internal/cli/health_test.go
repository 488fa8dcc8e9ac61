package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"

	"github.com/grpcx/grpcx/internal/health"
	"github.com/grpcx/grpcx/internal/termtext"
)

// healthServer runs s on loopback until the test ends.
func healthServer(t *testing.T, s healthpb.HealthServer) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveHealth(t, l, s)
	return l.Addr().String()
}

// serveHealth runs s on l until the test ends or kill is called.
func serveHealth(t *testing.T, l net.Listener, s healthpb.HealthServer) (kill func()) {
	t.Helper()
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, s)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	kill = sync.OnceFunc(func() { server.Stop(); <-served })
	t.Cleanup(kill)
	return kill
}

// healthHost is a host in memory, whose clients run in a bubble of
// [synctest], where time is exact. It refuses connections unless something
// serves; or it hangs up, as a proxy does whose server is not there yet.
type healthHost struct {
	t *testing.T

	mu      sync.Mutex
	l       *bufconn.Listener
	hangsUp bool
}

func (h *healthHost) serve(s healthpb.HealthServer) (kill func()) {
	h.t.Helper()
	l := bufconn.Listen(pipeBuffer)
	h.mu.Lock()
	h.l, h.hangsUp = l, false
	h.mu.Unlock()
	return serveHealth(h.t, l, s)
}

func (h *healthHost) dial(ctx context.Context) (net.Conn, error) {
	h.mu.Lock()
	l, hangsUp := h.l, h.hangsUp
	h.mu.Unlock()
	if hangsUp {
		client, server := net.Pipe()
		return client, server.Close()
	}
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	return l.DialContext(ctx)
}

// run runs `grpcx health` for the host.
func (h *healthHost) run(ctx context.Context, out io.Writer, args ...string) (code int, problems string) {
	return healthRunOn(ctx, h.dial, out, false, append([]string{"--plaintext", "host:1"}, args...)...)
}

// healthRun runs `grpcx health` with a standard output of out.
func healthRun(ctx context.Context, out io.Writer, terminal bool, args ...string) (code int, problems string) {
	return healthRunOn(ctx, nil, out, terminal, args...)
}

func healthRunOn(ctx context.Context, dialer func(context.Context) (net.Conn, error), out io.Writer, terminal bool, args ...string) (code int, problems string) {
	var stderr bytes.Buffer
	p := &program{version: "test", dialer: dialer, Streams: Streams{
		In: strings.NewReader(""), Out: out, Err: &stderr, OutTerminal: terminal,
		LookupEnv: func(string) (string, bool) { return "", false },
	}}
	root := newRoot(p)
	root.SetArgs(append([]string{"health"}, args...))
	err := root.ExecuteContext(ctx)
	return p.report(err), stderr.String()
}

// healthWatch runs `grpcx health --watch` until cancelled.
type healthWatch struct {
	t      *testing.T
	events *json.Decoder
	cancel context.CancelFunc
	ended  chan int
}

func startHealthWatch(host *healthHost) *healthWatch {
	t := host.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	r, w := io.Pipe()
	h := &healthWatch{t: t, events: json.NewDecoder(r), cancel: cancel, ended: make(chan int, 1)}
	go func() {
		code, problems := host.run(ctx, w, "--watch", "-o", "jsonl")
		if problems != "" {
			t.Errorf("standard error: %s", problems)
		}
		h.ended <- code
		_ = w.Close()
	}()
	return h
}

func (h *healthWatch) next(want string) time.Time {
	h.t.Helper()
	var e healthEvent
	if err := h.events.Decode(&e); err != nil {
		h.t.Fatalf("want %s: %v", want, err)
	}
	if e.Status != want {
		h.t.Fatalf("event %+v, want %s", e, want)
	}
	at, err := time.Parse(time.RFC3339Nano, e.Time)
	if err != nil {
		h.t.Fatal(err)
	}
	return at
}

func (h *healthWatch) interrupt() {
	h.t.Helper()
	h.cancel()
	var e healthEvent
	if err := h.events.Decode(&e); !errors.Is(err, io.EOF) {
		h.t.Errorf("one event too many: %+v, %v", e, err)
	}
	if code := <-h.ended; code != exitInterrupted {
		h.t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
}

func TestHealthWatchOutlivesTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := &healthHost{t: t}
		kill := host.serve(grpchealth.NewServer())
		h := startHealthWatch(host)
		h.next("SERVING")
		for range 2 {
			kill()
			h.next("UNREACHABLE")
			kill = host.serve(grpchealth.NewServer())
			back := time.Now()
			if took := h.next("SERVING").Sub(back); took > 500*time.Millisecond {
				t.Errorf("recovery took %v", took)
			}
		}
		h.interrupt()
	})
}

func TestHealthWatchBeginsBeforeTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := &healthHost{t: t}
		h := startHealthWatch(host)
		h.next("UNREACHABLE")
		host.serve(grpchealth.NewServer())
		h.next("SERVING")
		h.interrupt()
	})
}

// The promise is 200 ms from SERVING; most of it is spent between two dials.
func TestHealthWaitIsPrompt(t *testing.T) {
	for head := time.Duration(0); head < 5*time.Second; head += 230 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			host := &healthHost{t: t}
			returned := make(chan time.Time, 1)
			go func() {
				if code, problems := host.run(t.Context(), io.Discard, "s", "--wait", "10s"); code != 0 {
					t.Errorf("exit code %d: %s", code, problems)
				}
				returned <- time.Now()
			}()
			<-time.After(head)
			s := grpchealth.NewServer()
			s.SetServingStatus("s", healthpb.HealthCheckResponse_NOT_SERVING)
			host.serve(s)
			<-time.After(head / 2) // so that it is sometimes seen not serving
			s.SetServingStatus("s", healthpb.HealthCheckResponse_SERVING)
			began := time.Now()
			if took := (<-returned).Sub(began); took > 200*time.Millisecond {
				t.Errorf("begun %v before the server: returned %v after SERVING", head, took)
			}
		})
	}
}

func TestHealthWaitBehindAProxyThatHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := &healthHost{t: t, hangsUp: true}
		ended := make(chan int, 1)
		go func() {
			code, _ := host.run(t.Context(), io.Discard, "--wait", "10s")
			ended <- code
		}()
		<-time.After(3 * time.Second)
		if len(ended) > 0 {
			t.Fatalf("gave up with exit code %d", <-ended)
		}
		host.serve(grpchealth.NewServer())
		if code := <-ended; code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
}

// What --max-time and --wait end tells the last state.
func TestHealthWhenTimeIsUp(t *testing.T) {
	for _, tc := range []struct {
		name           string
		away           bool
		args           []string
		code           int
		stdout, stderr string
	}{
		{"a watch of what serves", false, []string{"--watch", "--max-time", "3"}, 0, "SERVING          (server)\n", ""},
		{"a watch of what is unknown", false, []string{"no.Such", "--watch", "--max-time", "3"}, 3, "SERVICE_UNKNOWN  no.Such\n", ""},
		{"a watch of nobody", true, []string{"--watch", "--max-time", "3"}, 2, "UNREACHABLE      (server): ", "grpcx: connect to host:1: "},
		{"a wait for what is unknown", false, []string{"no.Such", "--wait", "3s"}, 3, "SERVICE_UNKNOWN  no.Such\n", "grpcx: not serving after 3s\n"},
		{"a wait for nobody", true, []string{"--wait", "3s"}, 2, "", "not reached after 3s: connect to host:1: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host := &healthHost{t: t}
				if !tc.away {
					host.serve(grpchealth.NewServer())
				}
				var out bytes.Buffer
				code, problems := host.run(t.Context(), &out, tc.args...)
				if code != tc.code || !strings.Contains(out.String(), tc.stdout) || !strings.Contains(problems, tc.stderr) || problems != "" && tc.stderr == "" {
					t.Errorf("exit code %d, standard output %q, standard error %q", code, out.String(), problems)
				}
				if tc.away && !strings.Contains(out.String()+problems, "connection refused") {
					t.Errorf("no reason in %q, %q", out.String(), problems)
				}
			})
		})
	}
}

// hostileHealth lists services with names that would steer a terminal.
type hostileHealth struct {
	healthpb.UnimplementedHealthServer
}

const hostileName = "a\x1b[2J\u202e\n\x07b"

func (hostileHealth) List(context.Context, *healthpb.HealthListRequest) (*healthpb.HealthListResponse, error) {
	return &healthpb.HealthListResponse{Statuses: map[string]*healthpb.HealthCheckResponse{
		hostileName: {Status: healthpb.HealthCheckResponse_SERVING},
	}}, nil
}

func TestHealthEscapesNames(t *testing.T) {
	address := healthServer(t, hostileHealth{})
	for _, format := range []string{"pretty", "json"} {
		var out bytes.Buffer
		if code, problems := healthRun(t.Context(), &out, false, "--plaintext", address, "--list", "-o", format); code != 0 {
			t.Errorf("%s: exit code %d: %s", format, code, problems)
		}
		if got := out.String(); termtext.Text(got) != got || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: %q", format, got)
		}
	}
}

// tableOf returns the table of a view of height rows, with the screen's bytes.
func tableOf(height int, reports ...health.Report) (v *healthView, screen *bytes.Buffer) {
	screen = &bytes.Buffer{}
	v = &healthView{out: screen, height: func() int { return height }, rows: map[string]*healthRow{}}
	for _, r := range reports {
		v.record(r)
	}
	return v, screen
}

func TestHealthViewDrawsInPlace(t *testing.T) {
	at := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	v, screen := tableOf(24,
		health.Report{Service: "b", Status: health.NotServing, Time: at},
		health.Report{Service: hostileName, Status: health.Serving, Time: at},
		health.Report{Service: "b", Status: health.Serving, Time: at.Add(5 * time.Second)})
	now := at.Add(65 * time.Second)
	if err := v.draw(now); err != nil {
		t.Fatal(err)
	}
	first := screen.String()
	want := viewOpen +
		`SERVING          a\x1b[2J\u202e\n\x07b  since 15:04:05 (1m5s)  0 changes` + lineEnd +
		`SERVING          b                      since 15:04:10 (1m0s)  1 change` + lineEnd + clearRest
	if first != want {
		t.Errorf("first table\n%q, want\n%q", first, want)
	}
	screen.Reset()
	v.record(health.Report{Service: "b", Status: health.Unreachable, Err: errors.New("gone\x1b[0m"), Time: now})
	if err := v.draw(now); err != nil {
		t.Fatal(err)
	}
	want = "\r\x1b[2A" +
		`SERVING          a\x1b[2J\u202e\n\x07b  since 15:04:05 (1m5s)  0 changes` + lineEnd +
		`UNREACHABLE      b                      since 15:05:10 (0s)  2 changes  gone\x1b[0m` + lineEnd + clearRest
	if second := screen.String(); second != want {
		t.Errorf("second table\n%q, want\n%q", second, want)
	}
	screen.Reset()
	if err := v.close(); err != nil || screen.String() != viewClose {
		t.Errorf("closed with %q, %v", screen.String(), err)
	}
}

func TestHealthViewFitsTheTerminal(t *testing.T) {
	var reports []health.Report
	for i := range 50 {
		st := health.Serving
		if i == 42 {
			st = health.NotServing
		}
		reports = append(reports, health.Report{Service: fmt.Sprintf("s%02d", i), Status: st})
	}
	v, _ := tableOf(6, reports...)
	table := v.table(time.Now())
	if len(table) != 5 || !strings.Contains(table[0], "s42") || table[4] != "... and 46 more" {
		t.Errorf("table %q", table)
	}
}

func TestHealthViewGivesTheTerminalBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := &healthHost{t: t}
		host.serve(grpchealth.NewServer())
		var screen bytes.Buffer
		code, problems := healthRunOn(t.Context(), host.dial, &screen, true, "--plaintext", "host:1", "--watch", "--max-time", "0.2")
		if code != 0 || problems != "" {
			t.Errorf("exit code %d: %s", code, problems)
		}
		got := screen.String()
		if !strings.HasPrefix(got, viewOpen) || !strings.HasSuffix(got, viewClose) || !strings.Contains(got, "\x1b[32mSERVING        \x1b[0m  (server)") {
			t.Errorf("screen %q", got)
		}
	})
}
