//go:build unix

package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const heldVariable = "GRPCX_TEST_PGTEST"

// TestHeld runs a server until its process is killed.
func TestHeld(t *testing.T) {
	if os.Getenv(heldVariable) == "" {
		return
	}
	s := New(t)
	_, _ = fmt.Fprintln(os.Stdout, "directory", s.dir, s.pid)
	<-t.Context().Done()
}

// TestServerGoesWithItsProcess kills a process that has a server.
func TestServerGoesWithItsProcess(t *testing.T) {
	require(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHeld$")
	cmd.Env = append(os.Environ(), heldVariable+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) != 3 {
		t.Fatalf("%q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	deadline := time.Now().Add(2 * time.Minute)
	for _, err := os.Stat(fields[1]); !errors.Is(err, fs.ErrNotExist); _, err = os.Stat(fields[1]) {
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there: %v", fields[1], err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestServerStopsAndStarts(t *testing.T) {
	s := New(t)
	if err := s.execute("CREATE TABLE kept (n int)"); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(TB){s.Stop, s.Kill} {
		end(t)
		if err := s.execute("SELECT 1"); err == nil {
			t.Error("it answers after its end")
		}
		s.Start(t)
		if err := s.execute("SELECT n FROM kept"); err != nil {
			t.Error(err)
		}
	}
}

// record is a TB that notes how a test ended.
type record struct{ skipped, failed string }

func (r *record) Helper()                           {}
func (r *record) Cleanup(func())                    {}
func (r *record) Errorf(format string, args ...any) { r.failed = fmt.Sprintf(format, args...) }
func (r *record) Fatalf(format string, args ...any) { r.failed = fmt.Sprintf(format, args...) }
func (r *record) Skipf(format string, args ...any)  { r.skipped = fmt.Sprintf(format, args...) }

func TestWithoutPostgres(t *testing.T) {
	missing := errors.New("PostgreSQL is not installed")
	var here, ci record
	var log strings.Builder
	refuse(&here, missing, false, &log)
	refuse(&ci, missing, true, &log)
	if here.skipped == "" || here.failed != "" || !strings.Contains(log.String(), "SKIPPED: PostgreSQL is not installed; scripts/postgres.sh") {
		t.Errorf("outside CI: %+v, log %q", here, log.String())
	}
	if ci.skipped != "" || !strings.Contains(ci.failed, "scripts/postgres.sh") {
		t.Errorf("in CI: %+v", ci)
	}
}
