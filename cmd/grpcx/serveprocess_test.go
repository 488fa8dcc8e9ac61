package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// serveProcess is a running `grpcx serve`. Its log is read as it comes, so that
// it never waits for a reader.
type serveProcess struct {
	tb   testing.TB
	cmd  *exec.Cmd
	addr string
	log  strings.Builder // complete once ended is closed
	// draining is closed when the server says that it drains, and ended when it
	// has ended.
	draining, ended chan struct{}
}

// startServe runs `grpcx serve` on a free loopback port for at most that time.
func startServe(tb testing.TB, limit time.Duration, args ...string) *serveProcess {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	s := &serveProcess{tb: tb, cmd: exec.CommandContext(ctx, self), draining: make(chan struct{}), ended: make(chan struct{})}
	s.cmd.Args = append([]string{"grpcx", "serve", "--listen", "127.0.0.1:0"}, args...)
	s.cmd.Env = append(os.Environ(), "GORACE="+noRaceSleep)
	out, err := s.cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cancel()
		<-s.ended
	})
	addr := make(chan string, 1)
	go s.read(out, addr)
	select {
	case s.addr = <-addr:
	case <-s.ended:
		tb.Fatalf("the server did not start: %s", s.log.String())
	}
	return s
}

// read takes in the log to its end. It passes on the address.
func (s *serveProcess) read(log io.Reader, addr chan<- string) {
	defer close(s.ended)
	address := regexp.MustCompile(`msg=listening address=(\S+)`)
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		line := lines.Text()
		s.log.WriteString(line + "\n")
		if m := address.FindStringSubmatch(line); m != nil {
			addr <- m[1]
		}
		if strings.Contains(line, "msg=draining") {
			close(s.draining)
		}
	}
	_ = s.cmd.Wait()
}

func (s *serveProcess) dial() *grpc.ClientConn {
	s.tb.Helper()
	cc, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { _ = cc.Close() })
	return cc
}

// terminate sends SIGTERM and waits for the server to begin to drain.
func (s *serveProcess) terminate() {
	s.tb.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.tb.Fatal(err)
	}
	select {
	case <-s.draining:
	case <-s.ended:
		s.tb.Fatalf("the server ended at once: %s", s.log.String())
	}
}
