//go:build peers

// Package peers holds `grpcx serve` against clients that are not ours: Node
// programs on grpc-js, and a page in Chromium. They need npm packages and a
// browser, which `make peers` installs before it runs these tests.
package peers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	repository = "../.."
	// patience is how long a program may take on a slow machine.
	patience = 5 * time.Minute
)

// grpcx is the path of the command under test.
var grpcx string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "grpcx-peers")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	grpcx = filepath.Join(dir, "grpcx")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", grpcx, "./cmd/grpcx")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build ./cmd/grpcx: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// serve runs `grpcx serve` with more flags until the test ends, when it must
// end by itself, and returns its address.
func serve(t *testing.T, flags ...string) string {
	t.Helper()
	cmd := exec.Command(grpcx, append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	var text bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		defer close(address)
		listening := regexp.MustCompile(`msg=listening address=(\S+)`)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			fmt.Fprintln(&text, lines.Text())
			if found := listening.FindStringSubmatch(lines.Text()); found != nil {
				address <- found[1]
				listening = regexp.MustCompile(`^$.`) // there is one
			}
		}
		ended <- cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil || strings.Contains(text.String(), "goroutine ") {
				t.Errorf("grpcx serve: %v\n%s", err, text.String())
			}
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			err := <-ended
			t.Errorf("grpcx serve did not end: %v\n%s", err, text.String())
		}
	})
	select {
	case a, ok := <-address:
		if !ok {
			t.Fatal("grpcx serve ended before it listened")
		}
		return a
	case <-time.After(patience):
		t.Fatal("grpcx serve does not listen")
		return ""
	}
}

// exportSchema writes the descriptor set that the server at address gives by
// reflection to a file, and returns its name.
func exportSchema(t *testing.T, address string) string {
	t.Helper()
	set := filepath.Join(t.TempDir(), "schema.binpb")
	out, err := exec.CommandContext(t.Context(), grpcx, "export", "grpc://"+address, "--protoset", set).CombinedOutput()
	if err != nil {
		t.Fatalf("grpcx export: %v\n%s", err, out)
	}
	return set
}

// workplace makes a directory that holds the sources of folder, with the
// packages beside them that `make peers` installed for it.
func workplace(t *testing.T, folder string) string {
	t.Helper()
	modules, err := filepath.Abs(filepath.Join(repository, ".cache", "peers", folder, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(modules); err != nil {
		t.Fatalf("%v: run make peers, which installs it", err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// report is a line that a program prints: a case, or at the end how many there were.
type report struct {
	Case  string `json:"case"`
	Note  string `json:"note"`
	Error string `json:"error"`
	Cases int    `json:"cases"`
}

// runCases runs a Node program in dir and makes each case that it reports a
// subtest. The program must end by itself.
func runCases(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{program}, args...)...)
	cmd.Dir = dir
	cmd.WaitDelay = 10 * time.Second // for a browser that outlives its driver
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		t.Errorf("%s: killed: it did not end by itself", program)
	}
	cases, announced, failed := 0, 0, false
	for line := range bytes.Lines(out) {
		var r report
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%s printed %q: %v", program, line, err)
		}
		if r.Case == "" {
			announced = r.Cases
			continue
		}
		cases++
		failed = failed || r.Error != ""
		t.Run(r.Case, func(t *testing.T) {
			if r.Note != "" {
				t.Log(r.Note)
			}
			if r.Error != "" {
				t.Error(r.Error)
			}
		})
	}
	if cases == 0 || cases != announced {
		t.Errorf("%s: %d cases ran, %d were announced", program, cases, announced)
	}
	if err != nil && !failed {
		t.Errorf("%s: %v", program, err)
	}
	if t.Failed() && stderr.Len() > 0 {
		t.Logf("%s: standard error:\n%s", program, &stderr)
	}
}
