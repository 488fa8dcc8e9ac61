package testserver

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/interop/grpc_testing"
)

// startAdmin serves the admin port until the server is shut down, at the end of
// the test at the latest. It returns the address, and what waits for ServeAdmin.
func startAdmin(t *testing.T, s *Server, wrap func(net.Listener) net.Listener) (string, func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.ServeAdmin(wrap(l)) }()
	wait := sync.OnceValue(func() error { return <-served })
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), wait()); err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String(), wait
}

func asItIs(l net.Listener) net.Listener { return l }

// requestAdmin makes one request on a connection of its own.
func requestAdmin(t *testing.T, method, url string) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(withDeadline(t), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestAdminHealth(t *testing.T) {
	s := Start(t, Config{})
	ready := func(code int, status, ofUsers string) {
		t.Helper()
		body, header := getAdmin(t, s, "/readyz", code)
		var report struct {
			Status   string
			Services map[string]string
		}
		if err := json.Unmarshal([]byte(body), &report); err != nil {
			t.Fatal(err)
		}
		if report.Status != status || report.Services["userservice.UserService"] != ofUsers || len(report.Services) != len(s.grpc.GetServiceInfo()) {
			t.Errorf("%s, want %s with the users %s", body, status, ofUsers)
		}
		if header.Get("Content-Type") != "application/json" || header.Get("Cache-Control") != "no-store" {
			t.Errorf("header %v", header)
		}
	}
	ready(http.StatusOK, "SERVING", "SERVING")
	s.SetServingStatus("userservice.UserService", healthpb.HealthCheckResponse_NOT_SERVING)
	ready(http.StatusOK, "SERVING", "NOT_SERVING")
	s.SetServingStatus("", healthpb.HealthCheckResponse_UNKNOWN)
	ready(http.StatusServiceUnavailable, "UNKNOWN", "NOT_SERVING")
	getAdmin(t, s, "/healthz", http.StatusOK)
}

func TestAdminServesNothingElse(t *testing.T) {
	url, _ := startAdmin(t, Start(t, Config{}), asItIs)
	for _, c := range []struct {
		method, path string
		code         int
	}{
		{"GET", "/", http.StatusNotFound},
		{"GET", "/debug/pprof/", http.StatusNotFound},
		{"GET", "/debug/pprof/heap", http.StatusNotFound},
		{"GET", "/metrics/x", http.StatusNotFound},
		{"POST", "/metrics", http.StatusMethodNotAllowed},
		{"DELETE", "/healthz", http.StatusMethodNotAllowed},
		{"HEAD", "/readyz", http.StatusOK},
		{"GET", "/healthz", http.StatusOK},
	} {
		if code, body := requestAdmin(t, c.method, url+c.path); code != c.code {
			t.Errorf("%s %s: %d, %s, want %d", c.method, c.path, code, body, c.code)
		}
	}
}

func TestAdminProfiles(t *testing.T) {
	s := Start(t, Config{Profiling: true})
	url, served := startAdmin(t, s, asItIs)
	for path, want := range map[string]string{
		"/debug/pprof/":                    "goroutine",
		"/debug/pprof/goroutine?debug=1":   "goroutine profile:",
		"/debug/pprof/cmdline":             "test",
		"/debug/pprof/heap":                "\x1f\x8b",
		"/debug/pprof/trace?seconds=0.001": "go 1.",
	} {
		if code, body := requestAdmin(t, "GET", url+path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, %.100q, want %q", path, code, body, want)
		}
	}
	if err := s.Shutdown(withDeadline(t)); err != nil {
		t.Error(err)
	}
	if err := served(); err != nil {
		t.Error(err)
	}
}

// While calls are drained, the admin port still says that the server is not ready.
func TestAdminOutlivesTheDrain(t *testing.T) {
	s := Start(t, Config{})
	url, served := startAdmin(t, s, asItIs)
	stream, err := grpc_testing.NewTestServiceClient(dial(t, s)).FullDuplexCall(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&grpc_testing.StreamingOutputCallRequest{ResponseParameters: []*grpc_testing.ResponseParameters{{Size: 1}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(withDeadline(t)) }()
	<-s.running.Done() // the board is closed before that
	if code, body := requestAdmin(t, "GET", url+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "NOT_SERVING") {
		t.Errorf("%d, %s", code, body)
	}
	if code, _ := requestAdmin(t, "GET", url+"/healthz"); code != http.StatusOK {
		t.Errorf("%d", code)
	}
	if code, body := requestAdmin(t, "GET", url+"/metrics"); code != http.StatusOK ||
		!strings.Contains(body, `grpc_server_in_flight{grpc_method="FullDuplexCall",grpc_service="grpc.testing.TestService",grpc_type="bidi_stream"} 1`) {
		t.Errorf("%d, %s", code, body)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := served(); err != nil {
		t.Error(err)
	}
}

func TestAdminRequestUnderWayIsCutOff(t *testing.T) {
	t.Parallel()
	s := Start(t, Config{Profiling: true})
	url, served := startAdmin(t, s, asItIs)
	resp, err := http.Get(url + "/debug/pprof/trace?seconds=60") // sends its header at once
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	if err := s.Shutdown(withDeadline(t)); err != nil {
		t.Error(err)
	}
	if err := served(); err != nil {
		t.Error(err)
	}
}

func TestAdminAfterShutdown(t *testing.T) {
	s := Start(t, Config{})
	if err := s.Shutdown(withDeadline(t)); err != nil {
		t.Fatal(err)
	}
	_, served := startAdmin(t, s, asItIs)
	if err := served(); err != nil {
		t.Error(err)
	}
}

func TestAdminRefusesLargeHeaders(t *testing.T) {
	t.Parallel()
	url, _ := startAdmin(t, Start(t, Config{}), asItIs)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The server may hang up before all is written.
	_, _ = fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: a\r\nBig: %s\r\n\r\n", strings.Repeat("x", 16<<10))
	line, _ := bufio.NewReader(conn).ReadString('\n')
	if !strings.Contains(line, "431") {
		t.Errorf("%q", line)
	}
}

func TestAdminWarnsBeyondLoopback(t *testing.T) {
	for name, c := range map[string]struct {
		wrap func(net.Listener) net.Listener
		want bool
	}{
		"loopback":  {asItIs, false},
		"elsewhere": {func(l net.Listener) net.Listener { return elsewhere{l} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			var log syncBuffer
			s := Start(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			url, served := startAdmin(t, s, c.wrap)
			if code, _ := requestAdmin(t, "GET", url+"/healthz"); code != http.StatusOK {
				t.Errorf("%d", code)
			}
			if err := s.Shutdown(withDeadline(t)); err != nil {
				t.Error(err)
			}
			if err := served(); err != nil {
				t.Error(err)
			}
			if got := strings.Contains(log.String(), "admin port"); got != c.want {
				t.Errorf("warned: %v, want %v", got, c.want)
			}
		})
	}
}
