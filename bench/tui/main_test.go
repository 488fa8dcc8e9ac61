//go:build linux && tui

package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRun goes through everything once, on a machine of any load: what is counted
// has to be right, times are only looked at by those who run the program.
func TestRun(t *testing.T) {
	grpcx := filepath.Join(t.TempDir(), "grpcx")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", grpcx, "../../cmd/grpcx")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var out bytes.Buffer
	_, err := run(t.Context(), &out, config{grpcx: grpcx, stream: 3 * time.Second, rate: 1000, runs: 1, idle: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 23 {
		t.Errorf("%d lines, want 23", n)
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if strings.Contains(line, "not counted") || strings.Contains(line, "lost") {
			if fields := strings.Fields(line); fields[len(fields)-1] != "ok" {
				t.Error(line)
			}
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestVerdict(t *testing.T) {
	slow := control{"control", 70, 20} // a machine that adds 50
	for _, c := range []struct {
		row     row
		verdict string
	}{
		{row{figure: 100, limit: 100}, "ok"},
		{row{figure: 101, limit: 100}, "MISSED"},
		{row{figure: 150, limit: 100, control: slow}, "noise"},
		{row{figure: 151, limit: 100, control: slow}, "MISSED"},
		{row{figure: 101, limit: 100, control: control{"control", 10, 20}}, "MISSED"},
	} {
		if got := c.row.verdict(); got != c.verdict {
			t.Errorf("%+v: %s, want %s", c.row, got, c.verdict)
		}
		var out bytes.Buffer
		if missed, err := (table{c.row}).write(&out); err != nil || (missed == 1) != (c.verdict == "MISSED") {
			t.Errorf("%+v: %d missed, %v", c.row, missed, err)
		}
	}
}

func TestQuantile(t *testing.T) {
	var all times
	for n := range 100 {
		all = append(all, time.Duration(100-n))
	}
	for q, want := range map[float64]time.Duration{0: 1, .5: 51, .95: 96, 1: 100} {
		if got := all.quantile(q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
	if got := (times{}).quantile(.5); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}

func TestScreen(t *testing.T) {
	s := screen{
		" grpcx  address",
		"┌─ 1 Services ─┐╔═ 3 Response ═╗",
		"│> ↓ Watch     │║ ←  8 a       ║",
		"│              │║>←  9 b       ║",
		"│              │║✓ OK  ←12 →1  ║",
		"└──────────────┘╚══════════════╝",
		" ? help",
	}
	if !s.framed() || s.selected() != 9 || s.received() != 12 {
		t.Errorf("framed %v, selected %d, received %d", s.framed(), s.selected(), s.received())
	}
	for y := range s {
		if y == 0 || y == 1 || y >= len(s)-2 {
			part := append(screen(nil), s...)
			part[y] = "  "
			if part.framed() {
				t.Errorf("framed without row %d", y)
			}
		}
	}
}
