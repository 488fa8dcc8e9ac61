package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// benchmarkLine is a line of go test: the name without the number of processors,
// and nanoseconds.
var benchmarkLine = regexp.MustCompile(`(?m)^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op`)

// benchmarks measures what a frame and a key take by themselves. The fastest of
// some rounds counts, which is what a machine with other work cannot add to.
func (b *bench) benchmarks(ctx context.Context) error {
	if b.benchtime == "" {
		return nil
	}
	for _, one := range []struct{ pkg, names, what string }{
		{"./internal/tui", "^BenchmarkView$", "frame after a key"},
		{"./internal/tui/response", "^BenchmarkView$", "response"},
		{"./internal/tui/editor", "^BenchmarkKey2000", "key in 2,000 lines"},
	} {
		out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", one.names, "-benchtime", b.benchtime, "-count", "5", one.pkg).CombinedOutput()
		if err != nil {
			return fmt.Errorf("benchmark %s: %w\n%s", one.pkg, err, out)
		}
		var names []string
		fastest := map[string]time.Duration{}
		for _, line := range benchmarkLine.FindAllStringSubmatch(string(out), -1) {
			ns, err := strconv.ParseFloat(line[2], 64)
			if err != nil {
				return fmt.Errorf("benchmark %s: %w", one.pkg, err)
			}
			took, known := fastest[line[1]]
			if !known {
				names, took = append(names, line[1]), time.Duration(ns)
			}
			fastest[line[1]] = min(took, time.Duration(ns))
		}
		if len(names) == 0 {
			return fmt.Errorf("benchmark %s: none ran\n%s", one.pkg, out)
		}
		for _, name := range names {
			b.table.addTime(one.what+": "+name, fastest[name], 5*time.Millisecond, control{})
		}
	}
	return nil
}
