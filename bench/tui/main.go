// Command tui measures the terminal UI as its users meet it: the real binary in a
// pseudo-terminal of 200x50, whose output goes through a terminal emulator, beside
// a server that streams at a steady pace. Run it in the root of the repository:
//
//	go run ./bench/tui
//
// It prints a table of figures and limits. It exits with 3 if a figure is over its
// limit by more than the machine's noise, which a control measured beside it tells:
// the start of a process that does nothing, the time that cat takes to echo a byte,
// a loop that wakes up as often.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"
)

// exitMissed is the exit code for a limit that is missed.
const exitMissed = 3

// pagesEach is how many large messages are sent, for each run that there is of
// other things.
const pagesEach = 15

// config says what to measure.
type config struct {
	grpcx     string        // the binary; "" builds one
	stream    time.Duration // length of the stream
	rate      int           // messages a second
	runs      int           // of what is measured by starting a process
	idle      time.Duration // how long an idle screen is looked at
	benchtime string        // of each Go benchmark; "" leaves them out
}

func main() {
	var cfg config
	flag.StringVar(&cfg.grpcx, "grpcx", "", "the `BINARY` to measure instead of one that is built")
	flag.DurationVar(&cfg.stream, "stream", time.Minute, "`LENGTH` of the stream")
	flag.IntVar(&cfg.rate, "rate", 10_000, "`MESSAGES` a second in the stream")
	flag.IntVar(&cfg.runs, "runs", 20, "`TIMES` that a process is started for a figure")
	flag.DurationVar(&cfg.idle, "idle", 10*time.Second, "`TIME` for which the idle screen is looked at")
	flag.StringVar(&cfg.benchtime, "benchtime", "200x", "`TIME` of each Go benchmark, as for go test; empty leaves them out")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	missed, err := run(ctx, os.Stdout, cfg)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "tui:", err)
		os.Exit(1)
	case missed > 0:
		fmt.Fprintf(os.Stderr, "tui: %d limits missed\n", missed)
		os.Exit(exitMissed)
	}
}

// run measures everything, writes the table to w and returns how many limits are
// missed.
func run(ctx context.Context, w io.Writer, cfg config) (missed int, err error) {
	if cfg.rate < 1 || cfg.runs < 1 || cfg.stream <= 0 || cfg.idle <= 0 {
		return 0, errors.New("want -rate, -runs, -stream and -idle above 0")
	}
	dir, err := os.MkdirTemp("", "grpcx-bench-tui-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if cfg.grpcx == "" {
		cfg.grpcx = filepath.Join(dir, "grpcx")
		out, err := exec.CommandContext(ctx, "go", "build", "-o", cfg.grpcx, "./cmd/grpcx").CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("build grpcx: %w\n%s", err, out)
		}
	}
	if cfg.grpcx, err = filepath.Abs(cfg.grpcx); err != nil {
		return 0, err
	}
	b := &bench{config: cfg, dir: dir}
	if b.feed, err = startFeed(ctx, cfg.rate, int(float64(cfg.rate)*cfg.stream.Seconds()), pagesEach*cfg.runs); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, b.feed.stop()) }()
	for _, measure := range []func(context.Context) error{b.starts, b.session, b.benchmarks} {
		if err := measure(ctx); err != nil {
			return 0, err
		}
	}
	_, _ = fmt.Fprintf(w, "%dx%d; stream: %d messages a second for %v\n", columns, lines, cfg.rate, cfg.stream)
	return b.table.write(w)
}
