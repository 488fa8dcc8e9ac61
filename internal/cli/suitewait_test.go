package cli

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
)

// reluctant serves health and reflection, whose first calls fail with code. It
// returns its address.
func reluctant(t *testing.T, first int64, code codes.Code) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	server := grpc.NewServer(grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
		if calls.Add(1) <= first {
			return status.Error(code, "not yet")
		}
		return h(srv, ss)
	}))
	healthpb.RegisterHealthServer(server, grpchealth.NewServer())
	reflection.Register(server)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() { server.Stop(); <-served })
	return l.Addr().String()
}

// suiteRun runs `grpcx test` on a suite of one healthy call, with a standard error
// that is a terminal or not.
func suiteRun(t *testing.T, address string, terminal bool, args ...string) (code int, out, problems string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "suite.yaml")
	text := "version: 1\ntarget: grpc://" + address + "\ntests:\n  - {name: healthy, call: grpc.health.v1.Health/Check, expect: res.status == \"SERVING\"}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	p := &program{version: "test", Streams: Streams{
		In: strings.NewReader(""), Out: &stdout, Err: &stderr, ErrTerminal: terminal,
		LookupEnv: func(string) (string, bool) { return "", false },
	}}
	root := newRoot(p)
	root.SetArgs(append([]string{"test", path}, args...))
	err := root.ExecuteContext(t.Context())
	return p.report(err), stdout.String(), stderr.String()
}

func TestSuiteWaits(t *testing.T) {
	t.Run("for reflection that is not there yet", func(t *testing.T) {
		code, out, problems := suiteRun(t, reluctant(t, 7, codes.Unavailable), false, "--wait", "1m")
		if code != 0 || !strings.Contains(out, "1 passed") || problems != "" {
			t.Errorf("exit code %d\n%s%s", code, out, problems)
		}
	})
	t.Run("and shows it on a terminal, while it does", func(t *testing.T) {
		address := reluctant(t, 7, codes.Unavailable)
		code, out, problems := suiteRun(t, address, true, "--wait", "1m")
		if code != 0 || !strings.Contains(out, "1 passed") {
			t.Errorf("exit code %d\n%s%s", code, out, problems)
		}
		if !strings.HasPrefix(problems, "\r\x1b[Kwaiting for grpc://"+address) || !strings.HasSuffix(problems, "\r\x1b[K") {
			t.Errorf("standard error: %q", problems)
		}
	})
	t.Run("not for what will not change", func(t *testing.T) {
		code, _, problems := suiteRun(t, reluctant(t, 1<<60, codes.PermissionDenied), false, "--wait", "1h")
		if code != exitFailure || !strings.Contains(problems, "not yet") || strings.Contains(problems, "not reached") {
			t.Errorf("exit code %d: %s", code, problems)
		}
	})
	t.Run("no longer than it may", func(t *testing.T) {
		code, _, problems := suiteRun(t, reluctant(t, 1<<60, codes.Unavailable), false, "--wait", "0.3")
		if code != exitFailure || !strings.Contains(problems, "suite.yaml:2:9: not reached after") || !strings.Contains(problems, "not yet") {
			t.Errorf("exit code %d: %s", code, problems)
		}
	})
	t.Run("only if it is told to", func(t *testing.T) {
		code, _, problems := suiteRun(t, reluctant(t, 1<<60, codes.Unavailable), false)
		if code != exitFailure || strings.Contains(problems, "not reached") {
			t.Errorf("exit code %d: %s", code, problems)
		}
	})
}
