package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// serveUnderCall runs `grpcx serve` with a call under way that would last an hour;
// ended tells how that ends.
func serveUnderCall(t *testing.T, grace string) (p *process, ended <-chan error) {
	t.Helper()
	socket := "unix:" + filepath.Join(t.TempDir(), "s")
	p = start(t, "serve", "--listen", socket, "--grace", grace, "--log-format", "json",
		"--fault", "userservice.UserService/GetUser=delay=1h")
	p.until(`{"time":`) // the fault
	p.until(`{"time":`) // listening
	cc, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	end := make(chan error, 1)
	go func() {
		_, err := pb.NewUserServiceClient(cc).GetUser(t.Context(), &pb.GetUserRequest{UserId: "1"}, grpc.WaitForReady(true))
		end <- err
	}()
	p.until(`{"time":`) // the fault strikes
	return p, end
}

func (p *process) signal(s syscall.Signal) {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.tb.Fatal(err)
	}
}

func TestServeDrains(t *testing.T) {
	// Under nohup, grpcx would ignore SIGHUP as it should; a signal that this
	// process listens for is not ignored by those that it starts.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			p, ended := serveUnderCall(t, "1s")
			p.signal(s)
			rest, code := p.wait()
			if code != 0 || !strings.Contains(rest, `"msg":"draining"`) || !strings.Contains(rest, `"msg":"calls were cut off at the end of the grace period"`) {
				t.Errorf("exit code %d, output %s", code, rest)
			}
			if err := <-ended; status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "shutting down") {
				t.Errorf("the call under way: %v", err)
			}
		})
	}
}

// The grace period is an hour: only the second signal ends it.
func TestSecondSignalEndsServeAtOnce(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			p, ended := serveUnderCall(t, "1h")
			p.signal(syscall.SIGTERM)
			p.until(`{"time":`) // draining
			p.signal(s)
			rest, code := p.wait()
			if code != 130 || !strings.HasSuffix(rest, "grpcx: interrupted\n") {
				t.Errorf("exit code %d, output %s", code, rest)
			}
			if err := <-ended; status.Code(err) != codes.Unavailable {
				t.Errorf("the call under way: %v", err)
			}
		})
	}
}

func TestServeAdminPort(t *testing.T) {
	dir := t.TempDir()
	get := func(path string) (int, string) {
		t.Helper()
		client := http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "admin"))
			},
		}}
		resp, err := client.Get("http://admin" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	p := start(t, "serve", "--listen", "unix:"+filepath.Join(dir, "s"), "--admin", "unix:"+filepath.Join(dir, "admin"), "--log-format", "json")
	p.until(`{"time":`) // listening
	p.until(`{"time":`) // admin port
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/debug/pprof/": 404} {
		if code, body := get(path); code != want {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	p.signal(syscall.SIGTERM)
	if rest, code := p.wait(); code != 0 {
		t.Errorf("exit code %d, output %s", code, rest)
	}
}
