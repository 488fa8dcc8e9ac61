package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Keys as a terminal sends them.
const (
	keyUp         = "\x1b[A"
	keyEnter      = "\r"
	keySend       = "\x13"      // ctrl+s
	keyCancel     = "\x03"      // ctrl+c
	keyTextEnd    = "\x1b[1;5F" // ctrl+end
	keyBackspace  = "\x7f"
	keyPaneNext   = "\t"
	keyPaneBefore = "\x1b[Z" // shift+tab
	pasteStart    = "\x1b[200~"
	pasteEnd      = "\x1b[201~"
)

const (
	cancels    = 10   // calls that are cancelled
	longBody   = 2000 // lines
	fewestKeys = 10
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
	idle, err := b.keysAtRest(ctx, t)
	if err != nil {
		return err
	}
	if err := b.cancelled(ctx, t, idle); err != nil {
		return err
	}
	if err := b.streamed(ctx, t, idle); err != nil {
		return err
	}
	if err := b.paged(ctx, t); err != nil {
		return err
	}
	if err := b.written(ctx, t, idle); err != nil {
		return err
	}
	return b.rest(ctx, t)
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

// keysAtRest is the control of all keys.
func (b *bench) keysAtRest(ctx context.Context, t *terminal) (times, error) {
	idle, err := toggle(ctx, t, b.stream/10)
	if err != nil {
		return nil, fmt.Errorf("keys at rest: %w", err)
	}
	b.table.addTime("key to paint at rest, p50", idle.quantile(.5), 30*time.Millisecond, control{})
	return idle, nil
}

// beside is the control of a quantile of keys under work.
func beside(idle times, q float64) control {
	return control{"key at rest", milliseconds(idle.quantile(q)), milliseconds(parKey)}
}

// cancelled measures how soon a stream at full pace is seen to be cancelled.
func (b *bench) cancelled(ctx context.Context, t *terminal, idle times) error {
	var took times
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
	b.table.addTime("cancel of a stream seen, slowest", took.quantile(1), 200*time.Millisecond, beside(idle, .95))
	return nil
}

// streamed measures a stream from its first to its last message: keys, output,
// memory, and whether everything was counted. The newest messages are followed
// until one is selected, and that one is long past what is kept at the end.
func (b *bench) streamed(ctx context.Context, t *terminal, idle times) error {
	written, began := t.output(), time.Now()
	if _, err := t.press(keySend + keyPaneBefore); err != nil {
		return err
	}
	if _, err := t.until(ctx, "the stream", func(s screen) bool { return s.has("● streaming") && s.received() > fewestKeys }); err != nil {
		return err
	}
	typed, err := toggle(ctx, t, b.stream*3/10)
	if err != nil {
		return err
	}
	output := float64(t.output()-written) / time.Since(began).Seconds()
	moved, at, err := move(ctx, t, b.stream*3/10)
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
	b.table.addTime("stream: letter typed, p50", typed.quantile(.5), 30*time.Millisecond, beside(idle, .5))
	b.table.addTime("stream: letter typed, p95", typed.quantile(.95), 100*time.Millisecond, beside(idle, .95))
	b.table.addTime("stream: row selected, p50", moved.quantile(.5), 30*time.Millisecond, beside(idle, .5))
	b.table.addTime("stream: row selected, p95", moved.quantile(.95), 100*time.Millisecond, beside(idle, .95))
	b.table.add("stream: output while following", output/1000, 100, "KB/s")
	b.table.add("stream: most memory", memory/(1<<20), 150, "MiB")
	return nil
}

// move moves the selection of the response up and down for a time. It returns how
// long that took each time, and the number of the message selected in the end.
func move(ctx context.Context, t *terminal, length time.Duration) (took times, at int, err error) {
	if _, err := t.press(keyPaneNext + keyUp); err != nil {
		return nil, 0, err
	}
	if _, err := t.untilText(ctx, "paused"); err != nil {
		return nil, 0, err
	}
	if err := breathe(ctx); err != nil { // the rest of that frame may still come
		return nil, 0, err
	}
	at = t.screen().selected()
	for n, began := 0, time.Now(); n < fewestKeys || time.Since(began) < length; n++ {
		key, next := "k", at-1
		if n%2 == 1 {
			key, next = "j", at+1
		}
		one, err := t.paint(ctx, key, fmt.Sprintf("message %d", next), func(s screen) bool { return s.selected() == next })
		if err != nil {
			return nil, 0, err
		}
		took, at = append(took, one), next
		if err := breathe(ctx); err != nil {
			return nil, 0, err
		}
	}
	return took, at, nil
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
	b.table.add(fmt.Sprintf("messages of %d MiB: most memory", pageSize>>20), memory/(1<<20), 150, "MiB")
	return nil
}

// written measures keys and the check in a long request.
func (b *bench) written(ctx context.Context, t *terminal, idle times) error {
	if err := pick(ctx, t, "Talk"); err != nil {
		return err
	}
	more := strings.Repeat(`{"symbol": "GRPX"}`+"\n", longBody)
	if _, err := t.press(keyTextEnd + pasteStart + "\n" + more + pasteEnd); err != nil {
		return err
	}
	if _, err := t.untilText(ctx, fmt.Sprintf("✓ valid, %d messages", longBody+1)); err != nil {
		return err
	}
	var wrong, right times
	for range max(fewestKeys, b.runs) {
		one, err := t.paint(ctx, "x", "the problem", func(s screen) bool { return s.has("│✗ ") || s.has("║✗ ") })
		if err != nil {
			return err
		}
		two, err := t.paint(ctx, keyBackspace, "no problem", func(s screen) bool { return s.has("║✓ valid, ") })
		if err != nil {
			return err
		}
		wrong, right = append(wrong, one), append(right, two)
	}
	name := fmt.Sprintf("body of %d lines: ", longBody)
	b.table.addTime(name+"problem seen after the key, p95", wrong.quantile(.95), 150*time.Millisecond, beside(idle, .95))
	b.table.addTime(name+"validity seen after the key, p95", right.quantile(.95), 150*time.Millisecond, beside(idle, .95))
	return nil
}

// rest measures a screen on which nothing happens.
func (b *bench) rest(ctx context.Context, t *terminal) error {
	before, err := processorTime(t.cmd.Process.Pid)
	if err != nil {
		return err
	}
	written := t.output()
	if err := wait(ctx, b.idle); err != nil {
		return err
	}
	after, err := processorTime(t.cmd.Process.Pid)
	if err != nil {
		return err
	}
	b.table.add("idle: processor", 100*float64(after-before)/float64(b.idle), 1, "%")
	b.table.add("idle: output", float64(t.output()-written)/b.idle.Seconds(), 100, "B/s")
	return nil
}
