package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"
)

// Keys as a terminal sends them.
const (
	keyUp         = "\x1b[A"
	keyEnter      = "\r"
	keySend       = "\x13" // ctrl+s
	keyCancel     = "\x03" // ctrl+c
	keyBackspace  = "\x7f"
	keyPaneNext   = "\t"
	keyPaneBefore = "\x1b[Z" // shift+tab
	pasteStart    = "\x1b[200~"
	pasteEnd      = "\x1b[201~"
)

const (
	cancels    = 10   // calls that are cancelled
	longBody   = 2000 // lines
	fewestKeys = 2    // pressed for a figure
)

// session measures one run of the terminal UI: keys at rest, calls that are
// cancelled, the stream, large messages, a long request, and at last nothing at all.
func (b *bench) session(ctx context.Context) error {
	t, err := open(ctx, b.dir, false, b.grpcx, "tui", b.feed.address)
	if err != nil {
		return err
	}
	defer t.close()
	if err := pick(ctx, t, "Watch"); err != nil {
		return err
	}
	for _, measure := range []func(context.Context, *terminal) error{b.keysAtRest, b.cancelled, b.streamed, b.paged, b.written, b.rest} {
		if err := measure(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// pick opens a method by its name; no text may have the focus.
func pick(ctx context.Context, t *terminal, method string) error {
	if _, err := t.until(ctx, "the server", func(s screen) bool { return s.framed() && s.has("SERVING") }); err != nil {
		return err
	}
	if _, err := t.press("/" + method); err != nil {
		return err
	}
	if _, err := t.until(ctx, method, func(s screen) bool { return strings.Contains(s[2], method) && strings.Contains(s[3], method) }); err != nil {
		return err
	}
	if _, err := t.press(keyEnter); err != nil {
		return err
	}
	_, err := t.untilText(ctx, "2 "+method)
	return err
}

// toggle types a letter into the first text of the request and takes it out again,
// for a time, and at least fewestKeys times.
func toggle(ctx context.Context, t *terminal, length time.Duration) (times, error) {
	var took times
	for n, began := 0, time.Now(); n < fewestKeys || time.Since(began) < length; n++ {
		key, want := "a", `"symbol": "a"`
		if n%2 == 1 {
			key, want = keyBackspace, `"symbol": ""`
		}
		one, err := t.paint(ctx, key, want, func(s screen) bool { return s.has(want) })
		if err != nil {
			return nil, err
		}
		took = append(took, one)
		if err := breathe(ctx); err != nil {
			return nil, err
		}
	}
	if len(took)%2 == 1 {
		_, err := t.paint(ctx, keyBackspace, "an empty text", func(s screen) bool { return s.has(`"symbol": ""`) })
		return took, err
	}
	return took, nil
}

// breathe waits as long as between the keys of a quick typist, in no step with any
// frame.
func breathe(ctx context.Context) error {
	return wait(ctx, 50*time.Millisecond+rand.N(50*time.Millisecond))
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// keysAtRest measures keys while nothing else happens.
func (b *bench) keysAtRest(ctx context.Context, t *terminal) error {
	var took times
	p, err := within(ctx, func() (err error) {
		took, err = toggle(ctx, t, b.stream/10)
		return err
	})
	if err != nil {
		return fmt.Errorf("keys at rest: %w", err)
	}
	b.addKeys("at rest: letter typed", took, p)
	return nil
}

// addKeys adds the time from keys to what they paint.
func (b *bench) addKeys(what string, took times, p *pulse) {
	b.table.addTime(what+", p50", took.quantile(.5), 30*time.Millisecond, p.beside(.5))
	b.table.addTime(what+", p95", took.quantile(.95), 100*time.Millisecond, p.beside(.95))
}

// cancelled measures how soon a stream at full pace is seen to be cancelled.
func (b *bench) cancelled(ctx context.Context, t *terminal) error {
	var took times
	p, err := within(ctx, func() error {
		for range min(cancels, b.runs) {
			if _, err := t.press(keySend); err != nil {
				return err
			}
			if _, err := t.until(ctx, "the stream", func(s screen) bool { return s.has("● streaming") && s.received() > b.rate/4 }); err != nil {
				return err
			}
			one, err := t.paint(ctx, keyCancel, "the cancelled call", func(s screen) bool { return s.has("■ cancelled by you") })
			if err != nil {
				return err
			}
			took = append(took, one)
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.table.addTime("cancel of a stream seen, slowest", took.quantile(1), 200*time.Millisecond, p.beside(1))
	return nil
}

// streamed measures a stream from its first to its last message: keys, output,
// memory, and whether everything was counted. The newest messages are followed
// until one is selected, and that one is long past what is kept at the end.
func (b *bench) streamed(ctx context.Context, t *terminal) error {
	written, began := t.output(), time.Now()
	if _, err := t.press(keySend + keyPaneBefore); err != nil {
		return err
	}
	if _, err := t.until(ctx, "the stream", func(s screen) bool { return s.has("● streaming") && s.received() > 0 }); err != nil {
		return err
	}
	var typed, moved times
	var at int
	typing, err := within(ctx, func() (err error) {
		typed, err = toggle(ctx, t, b.stream*3/10)
		return err
	})
	if err != nil {
		return err
	}
	output := float64(t.output()-written) / time.Since(began).Seconds()
	moving, err := within(ctx, func() (err error) {
		moved, at, err = move(ctx, t, b.stream*3/10)
		return err
	})
	if err != nil {
		return err
	}
	ended, err := t.untilWithin(ctx, b.stream+patience, "the end of the stream", func(s screen) bool { return s.has("✓ OK") })
	if err != nil {
		return err
	}
	memory, err := peakMemory(t.cmd.Process.Pid)
	if err != nil {
		return err
	}
	s, lost := t.screen(), 0.0
	if s.selected() != at {
		lost = 1
	}
	b.table.add("stream: messages not counted", float64(b.feed.total-s.received()), 0, "")
	b.table.add("stream: selected messages lost", lost, 0, "")
	b.table.add("stream: behind the server", milliseconds(ended.Sub(began)-b.stream), 1000, "ms")
	b.addKeys("stream: letter typed", typed, typing)
	b.addKeys("stream: row selected", moved, moving)
	b.table.add("stream: output while following", output/1000, 100, "KB/s")
	b.table.add("stream: most memory", memory/1e6, 150, "MB")
	return nil
}

// move moves the selection of the response up and down for a time. It returns how
// long that took each time, and the number of the message selected in the end.
func move(ctx context.Context, t *terminal, length time.Duration) (took times, at int, err error) {
	if _, err := t.press(keyPaneNext + keyUp); err != nil {
		return nil, 0, err
	}
	// A stream that is too short for the machine may be over by now.
	if _, err := t.until(ctx, "a selection", func(s screen) bool { return s.has("paused") || s.has("✓ OK") }); err != nil {
		return nil, 0, err
	}
	for n, began := 0, time.Now(); n < fewestKeys || time.Since(began) < length; n++ {
		if err := breathe(ctx); err != nil { // also for the rest of the frame before
			return nil, 0, err
		}
		at = t.screen().selected()
		key := "k"
		if n%2 == 1 {
			key = "j"
		}
		one, err := t.paint(ctx, key, "another selection", func(s screen) bool { return s.selected() != at && s.selected() > 0 })
		if err != nil {
			return nil, 0, err
		}
		took = append(took, one)
	}
	err = breathe(ctx)
	return took, t.screen().selected(), err
}

// paged measures the memory that a stream of large messages takes.
func (b *bench) paged(ctx context.Context, t *terminal) error {
	if err := pick(ctx, t, "Pages"); err != nil {
		return err
	}
	if _, err := t.press(keySend); err != nil {
		return err
	}
	_, err := t.untilWithin(ctx, time.Minute+patience, "all pages", func(s screen) bool { return s.has(fmt.Sprintf("✓ OK  ←%d ", b.feed.pages)) })
	if err != nil {
		return err
	}
	memory, err := peakMemory(t.cmd.Process.Pid)
	if err != nil {
		return err
	}
	b.table.add(fmt.Sprintf("messages of %d MiB: most memory", pageSize>>20), memory/1e6, 150, "MB")
	return nil
}

// written measures keys and the check in a long request.
func (b *bench) written(ctx context.Context, t *terminal) error {
	if err := pick(ctx, t, "Talk"); err != nil {
		return err
	}
	body := strings.Repeat(`{"symbol": "GRPX"}`+"\n", longBody)
	if _, err := t.press(pasteStart + body + pasteEnd); err != nil {
		return err
	}
	if _, err := t.untilText(ctx, fmt.Sprintf("✓ valid, %d messages", longBody)); err != nil {
		return err
	}
	var wrong, right times
	p, err := within(ctx, func() error {
		for range b.runs {
			one, err := t.paint(ctx, "x", "the problem", func(s screen) bool { return s.has("║✗ ") })
			if err != nil {
				return err
			}
			two, err := t.paint(ctx, keyBackspace, "no problem", func(s screen) bool { return s.has("║✓ valid, ") })
			if err != nil {
				return err
			}
			wrong, right = append(wrong, one), append(right, two)
		}
		return nil
	})
	if err != nil {
		return err
	}
	name := fmt.Sprintf("body of %d lines: ", longBody)
	b.table.addTime(name+"problem seen after the key, p95", wrong.quantile(.95), 150*time.Millisecond, p.beside(.95))
	b.table.addTime(name+"validity seen after the key, p95", right.quantile(.95), 150*time.Millisecond, p.beside(.95))
	return nil
}

// rest measures a screen on which nothing happens, beside this process, which does
// nothing but to wake up as often as the screen does.
func (b *bench) rest(ctx context.Context, t *terminal) error {
	pids := [2]int{t.cmd.Process.Pid, os.Getpid()}
	var before, used [2]time.Duration
	for i, pid := range pids {
		var err error
		if before[i], err = processorTime(pid); err != nil {
			return err
		}
	}
	written := t.output()
	for began := time.Now(); time.Since(began) < b.idle; {
		if err := wait(ctx, wakeEvery); err != nil {
			return err
		}
	}
	for i, pid := range pids {
		after, err := processorTime(pid)
		if err != nil {
			return err
		}
		used[i] = after - before[i]
	}
	percent := func(d time.Duration) float64 { return 100 * float64(d) / float64(b.idle) }
	c := control{"waking up as often", percent(used[1]), parWake}
	b.table = append(b.table, row{"idle: processor", percent(used[0]), 1, "%", c})
	b.table.add("idle: output", float64(t.output()-written)/b.idle.Seconds(), 100, "B/s")
	return nil
}
