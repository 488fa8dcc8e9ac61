//go:build peers

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestConnectConformance runs the Connect conformance suite, client mode,
// gRPC protocol. The client under test makes each call with a run of
// `grpcx call -o events`.
func TestConnectConformance(t *testing.T) {
	const (
		leastCases  = 646
		leastPassed = 638
	)
	grpcx := build(t, false, "grpcx", "./cmd/grpcx")
	client := build(t, false, "conformance-client", "./cmd/grpcx/internal/conformance")
	runner := build(t, true, "connectconformance", "connectrpc.com/conformance/cmd/connectconformance")
	suite := goTool(t, "list", "-modfile=tools/go.mod", "-m", "-f", "{{.Dir}}", "connectrpc.com/conformance")
	folder := filepath.Join(testdata(t), "conformance")
	knownFailing := filepath.Join(folder, "known-failing.txt")

	cmd := exec.CommandContext(t.Context(), runner,
		"--mode", "client",
		"--conf", filepath.Join(folder, "config.yaml"),
		"--known-failing", "@"+knownFailing,
		"--", client, "-grpcx", grpcx, "-protos", filepath.Join(suite, "proto"))
	out, err := cmd.CombinedOutput()
	got := parseSummary(t, string(out))
	t.Logf("%+v", got)
	if err != nil || got.failed > 0 || got.notRun > 0 {
		t.Errorf("the runner: %v\n%s", err, out)
	}
	if got.cases < leastCases || got.passed < leastPassed {
		t.Errorf("%d of %d cases passed, want at least %d of %d", got.passed, got.cases, leastPassed, leastCases)
	}
	if known := countCases(t, knownFailing); got.knownFailing != known {
		t.Errorf("%d known cases failed, %d are listed", got.knownFailing, known)
	}
}

// summary is the end of the runner's report.
type summary struct{ cases, passed, failed, knownFailing, notRun int }

func parseSummary(t *testing.T, report string) summary {
	t.Helper()
	var s summary
	for pattern, n := range map[string]*int{
		`Total cases: (\d+)`:                    &s.cases,
		`(\d+) passed, `:                        &s.passed,
		`passed, (\d+) failed`:                  &s.failed,
		`Another (\d+) failed as expected`:      &s.knownFailing,
		`Another (\d+) could not be run due to`: &s.notRun,
	} {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(report); found != nil {
			*n, _ = strconv.Atoi(found[1])
		}
	}
	return s
}

// countCases counts the lines of a file that name a case.
func countCases(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}
