//go:build peers

package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The tests behind the build tag "peers" hold the grpcx binary against other
// projects' suites. Those are built from the tools module, which takes a
// minute the first time; `make peers` runs them.

const repository = "../.."

// build builds pkg of this module, or of the tools module if tool is true,
// and returns the path of the binary.
func build(t *testing.T, tool bool, name, pkg string) string {
	t.Helper()
	binary, err := filepath.Abs(filepath.Join(repository, ".cache", "peers", name))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-o", binary}
	if tool {
		args = append(args, "-modfile=tools/go.mod")
	}
	goTool(t, append(args, pkg)...)
	return binary
}

// goTool runs the go command in the repository and returns its output.
func goTool(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = repository
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// startServer runs command until the test ends, and returns the port that its
// standard error tells: the first group of listening.
func startServer(t *testing.T, listening *regexp.Regexp, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "GRPC_GO_LOG_SEVERITY_LEVEL=info")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	port := make(chan string, 1)
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		defer close(port)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if found := listening.FindStringSubmatch(lines.Text()); found != nil {
				select {
				case port <- found[1]:
				default: // it was told before
				}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-logged
		_ = cmd.Wait()
	})
	select {
	case p, ok := <-port:
		if !ok {
			t.Fatalf("%s ended before it listened", filepath.Base(command[0]))
		}
		return p
	case <-time.After(patience):
		t.Fatalf("%s does not listen", filepath.Base(command[0]))
		return ""
	}
}
