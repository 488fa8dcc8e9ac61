package main

import (
	"context"
	"fmt"
	"time"
)

// bench measures one thing after another and collects the figures.
type bench struct {
	config
	dir   string
	feed  *feed
	table table
}

// wakeEvery is how often the screen is drawn at most, and the program's loop wakes up.
const wakeEvery = time.Second / 40

// The most that the controls take on a quiet machine.
const (
	parStart = 50 * time.Millisecond
	parWake  = 0.5 // % of a processor
)

// starts measures what the user waits for at first.
func (b *bench) starts(ctx context.Context) error {
	address, stop, err := silent(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var process, frame, tree times
	for range b.runs {
		for _, one := range []struct {
			into    *times
			measure func() (time.Duration, error)
		}{
			{&process, func() (time.Duration, error) { return b.startOf(ctx, screen.started, "version") }},
			{&frame, func() (time.Duration, error) { return b.startOf(ctx, screen.framed, "tui", address) }},
			{&tree, func() (time.Duration, error) { return b.treeUsable(ctx) }},
		} {
			took, err := one.measure()
			if err != nil {
				return err
			}
			*one.into = append(*one.into, took)
		}
	}
	for _, q := range []float64{.5, .9} {
		c := control{"start of grpcx version", milliseconds(process.quantile(q)), milliseconds(parStart)}
		b.table.addTime(fmt.Sprintf("first frame, server and terminal silent, p%.0f", 100*q), frame.quantile(q), 200*time.Millisecond, c)
		b.table.addTime(fmt.Sprintf("3,000 methods searched, from the start, p%.0f", 100*q), tree.quantile(q), time.Second, c)
	}
	return nil
}

// started reports whether there is any text.
func (s screen) started() bool { return len(s[0]) > 0 && s[0][0] != ' ' }

// startOf is how long it takes from the start of grpcx to a screen, where neither
// server nor terminal says anything.
func (b *bench) startOf(ctx context.Context, want func(screen) bool, args ...string) (time.Duration, error) {
	t, err := open(ctx, b.dir, true, append([]string{b.grpcx}, args...)...)
	if err != nil {
		return 0, err
	}
	defer t.close()
	at, err := t.until(ctx, "the first frame", want)
	return at.Sub(t.began), err
}

// treeUsable is how long it takes from the start until one of 3,000 methods has
// been found by typing its name, which begins with the first frame.
func (b *bench) treeUsable(ctx context.Context) (time.Duration, error) {
	t, err := open(ctx, b.dir, false, b.grpcx, "tui", b.feed.address, "--no-history")
	if err != nil {
		return 0, err
	}
	defer t.close()
	if _, err := t.until(ctx, "the first frame", screen.framed); err != nil {
		return 0, err
	}
	if _, err := t.press("/" + lastMethod()); err != nil {
		return 0, err
	}
	found := "> · " + lastMethod()
	at, err := t.untilText(ctx, found)
	return at.Sub(t.began), err
}
