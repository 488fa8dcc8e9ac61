//go:build peers

package oneport_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestConnectConformance runs the Connect conformance suite, server mode, against
// the server in testdata/conformance.
func TestConnectConformance(t *testing.T) {
	server := build(t, "conformance-server", "./testserver/oneport/testdata/conformance")
	runner := build(t, "connectconformance", "-modfile=tools/go.mod", "connectrpc.com/conformance/cmd/connectconformance")
	suite := goTool(t, "list", "-modfile=tools/go.mod", "-m", "-f", "{{.Dir}}", "connectrpc.com/conformance")
	for name, want := range map[string]struct{ cases, knownFailing, mayFail int }{
		"web":       {2944, 0, 16},
		"grpc":      {570, 8, 0},
		"grpc-json": {306, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join("testdata", "conformance")
			args := []string{"--mode", "server", "--conf", filepath.Join(folder, name+".yaml")}
			if want.mayFail > 0 {
				args = append(args, "--known-flaky", "@"+filepath.Join(folder, "known-flaky.txt"))
			}
			if want.knownFailing > 0 {
				args = append(args, "--known-failing", "@"+filepath.Join(folder, "known-failing.txt"))
			}
			args = append(args, "--", server, "-protos", filepath.Join(suite, "proto"))
			out, err := exec.CommandContext(t.Context(), runner, args...).CombinedOutput()
			if err != nil {
				t.Errorf("the runner: %v\n%s", err, out)
			}
			passed, failing := count(out, `(\d+) passed, 0 failed`), count(out, `Another (\d+) failed as expected`)
			t.Logf("%d passed, %d failed as they are known to", passed, failing)
			if passed+failing < want.cases || failing < want.knownFailing || failing > want.knownFailing+want.mayFail {
				t.Errorf("want %d cases, of which %d are known to fail and %d may", want.cases, want.knownFailing, want.mayFail)
			}
		})
	}
}

// count returns the number that the report has in the place of the group.
func count(report []byte, pattern string) int {
	found := regexp.MustCompile(pattern).FindSubmatch(report)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n
}

// build builds a command of this module, or with flags of another, and returns
// the path of the binary.
func build(t *testing.T, name string, args ...string) string {
	t.Helper()
	binary, err := filepath.Abs(filepath.Join("..", "..", ".cache", "peers", name))
	if err != nil {
		t.Fatal(err)
	}
	goTool(t, append([]string{"build", "-o", binary}, args...)...)
	return binary
}

// goTool runs the go command in the repository and returns its output.
func goTool(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = os.Environ()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return strings.TrimSpace(string(out))
}
