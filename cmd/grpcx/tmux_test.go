//go:build tui

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// tmux is a terminal of its own, in which grpcx runs.
type tmux struct {
	t      *testing.T
	socket string
	dir    string
	screen string
}

// walk runs a walk at both sizes.
func walk(t *testing.T, walk func(t *testing.T, width, height int)) {
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: %v; scripts/tmux.sh installs it", err)
	}
	for _, size := range [][2]int{{80, 24}, {160, 45}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) { walk(t, size[0], size[1]) })
	}
}

// terminal opens a shell in dir, in which grpcx is this test binary.
func terminal(t *testing.T, width, height int) *tmux {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "grpcx")); err != nil {
		t.Fatal(err)
	}
	s := &tmux{t: t, socket: filepath.Join(dir, "tmux"), dir: dir}
	s.run("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "-c", dir,
		"-e", "PATH="+dir+":"+os.Getenv("PATH"), "-e", "XDG_STATE_HOME="+filepath.Join(dir, "state"), "-e", "EDITOR=", "-e", "NO_COLOR=", "sh")
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", s.socket, "kill-server").Run()
	})
	s.run("set-option", "-g", "set-clipboard", "on")
	return s
}

func (s *tmux) run(args ...string) string {
	s.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// press sends keys by tmux's names.
func (s *tmux) press(keys ...string) {
	s.t.Helper()
	for _, key := range keys {
		s.run("send-keys", key)
	}
}

func (s *tmux) write(text string) {
	s.t.Helper()
	s.run("send-keys", "-l", "--", text)
}

// until waits until the screen is as wanted.
func (s *tmux) until(what string, holds func(screen string) bool) {
	s.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for {
		s.screen = s.run("capture-pane", "-p")
		if holds(s.screen) {
			return
		}
		select {
		case <-pace.C:
		case <-deadline.C:
			s.t.Fatalf("waited in vain for %s:\n%s", what, s.screen)
		}
	}
}

// enter runs a command, and has its exit code shown after it.
func (s *tmux) enter(command string) {
	s.t.Helper()
	s.write(command + "; echo done:$?")
	s.press("Enter")
}

func (s *tmux) see(text string) {
	s.t.Helper()
	s.until(text, func(screen string) bool { return strings.Contains(screen, text) })
}

func (s *tmux) match(pattern string) {
	s.t.Helper()
	s.until(pattern, regexp.MustCompile(pattern).MatchString)
}

// leave ends grpcx, and sees the screen restored.
func (s *tmux) leave() {
	s.t.Helper()
	s.press("F2")
	s.see("Actions")
	s.write("quit")
	s.press("Enter")
	s.see("done:0")
	if strings.ContainsAny(s.screen, "╔║│") {
		s.t.Errorf("the screen is not restored:\n%s", s.screen)
	}
}
