package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

const columns, lines = 200, 50

// patience is how long something may take that is waited for.
const patience = 20 * time.Second

// terminal is a program in a pseudo-terminal of its own, and what it has drawn.
// press and until belong to one goroutine.
type terminal struct {
	cmd    *exec.Cmd
	file   *os.File
	began  time.Time // before the program's start
	ended  chan struct{}
	reader sync.WaitGroup

	mu       sync.Mutex
	emulator *vt.Emulator
	written  int64 // bytes of output
	want     func(screen) bool
	seen     chan time.Time // holds one when want has come true
}

// open starts a program. A deaf terminal answers no query of the program. close
// must be called.
func open(ctx context.Context, dir string, deaf bool, command ...string) (*terminal, error) {
	t := &terminal{
		cmd:      exec.CommandContext(ctx, command[0], command[1:]...),
		emulator: vt.NewEmulator(columns, lines),
		ended:    make(chan struct{}),
		seen:     make(chan time.Time, 1),
	}
	t.cmd.Dir = dir
	t.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TERM=xterm-256color", "LANG=C.UTF-8"}
	var err error
	t.began = time.Now()
	if t.file, err = pty.StartWithSize(t.cmd, &pty.Winsize{Cols: columns, Rows: lines}); err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	t.reader.Go(func() {
		defer close(t.ended)
		t.draw()
	})
	var answers io.Writer = t.file
	if deaf {
		answers = io.Discard
	}
	t.reader.Go(func() { _, _ = io.Copy(answers, t.emulator) })
	return t, nil
}

// draw takes the output until the program has ended.
func (t *terminal) draw() {
	chunk := make([]byte, 64<<10)
	for {
		n, err := t.file.Read(chunk)
		if err != nil {
			return // an ended program is EIO on Linux, EOF elsewhere
		}
		at := time.Now()
		t.mu.Lock()
		_, _ = t.emulator.Write(chunk[:n])
		t.written += int64(n)
		if t.want != nil && t.want(read(t.emulator)) {
			t.want = nil
			t.seen <- at
		}
		t.mu.Unlock()
	}
}

// close ends the program, which has had its time.
func (t *terminal) close() {
	_ = t.cmd.Process.Kill()
	_ = t.cmd.Wait()
	_ = t.file.Close()
	// Close of the emulator itself may not run beside its Read.
	if pipe, ok := t.emulator.InputPipe().(io.Closer); ok {
		_ = pipe.Close()
	}
	t.reader.Wait()
}

// output is how many bytes the program has written so far.
func (t *terminal) output() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.written
}

// screen is what is on the screen now.
func (t *terminal) screen() screen {
	t.mu.Lock()
	defer t.mu.Unlock()
	return read(t.emulator)
}

// until returns when the output came with which want was true, or now if it is.
func (t *terminal) until(ctx context.Context, what string, want func(screen) bool) (time.Time, error) {
	return t.untilWithin(ctx, patience, what, want)
}

// untilWithin is until with a patience of its own.
func (t *terminal) untilWithin(ctx context.Context, patience time.Duration, what string, want func(screen) bool) (time.Time, error) {
	t.mu.Lock()
	if want(read(t.emulator)) {
		defer t.mu.Unlock()
		return time.Now(), nil
	}
	t.want = want
	t.mu.Unlock()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	err := error(nil)
	select {
	case at := <-t.seen:
		return at, nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-t.ended:
		select {
		case at := <-t.seen: // with the last of its output
			return at, nil
		default:
			err = errors.New("the program has ended")
		}
	case <-limit.C:
		err = fmt.Errorf("not within %v", patience)
	}
	return time.Time{}, fmt.Errorf("wait for %s: %w\n%s", what, err, strings.Join(t.screen(), "\n"))
}

// untilText is until for a text.
func (t *terminal) untilText(ctx context.Context, text string) (time.Time, error) {
	return t.until(ctx, text, func(s screen) bool { return s.has(text) })
}

// press types keys and returns when they were typed.
func (t *terminal) press(keys string) (time.Time, error) {
	at := time.Now()
	_, err := io.WriteString(t.file, keys)
	return at, err
}

// paint types keys and returns how long it takes until want is true of the screen,
// which it must not be before.
func (t *terminal) paint(ctx context.Context, keys, what string, want func(screen) bool) (time.Duration, error) {
	pressed, err := t.press(keys)
	if err != nil {
		return 0, err
	}
	painted, err := t.until(ctx, what, want)
	return painted.Sub(pressed), err
}
