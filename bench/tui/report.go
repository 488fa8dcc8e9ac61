package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// row is a figure and the most that it may be, in the same unit.
type row struct {
	what          string
	figure, limit float64
	unit          string
	control       control
}

// control is what the machine makes of something that is known to be quick.
type control struct {
	what        string
	figure, par float64 // measured, and at most this on a quiet machine
}

// noise is what the machine adds to a figure.
func (c control) noise() float64 { return max(0, c.figure-c.par) }

func (r row) missed() bool { return r.figure > r.limit+r.control.noise() }

func (r row) verdict() string {
	switch {
	case r.missed():
		return "MISSED"
	case r.figure > r.limit:
		return "noise"
	}
	return "ok"
}

type table []row

func (t *table) add(what string, figure, limit float64, unit string) {
	*t = append(*t, row{what: what, figure: figure, limit: limit, unit: unit})
}

// addTime adds a figure that the machine's load can worsen.
func (t *table) addTime(what string, figure, limit time.Duration, c control) {
	*t = append(*t, row{what, milliseconds(figure), milliseconds(limit), "ms", c})
}

// write writes the table and returns how many limits are missed.
func (t table) write(w io.Writer) (missed int, err error) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "what\tfigure\tlimit\t\tbeside")
	for _, r := range t {
		_, _ = fmt.Fprintf(out, "%s\t%.1f %s\t%g %s\t%s", r.what, r.figure, r.unit, r.limit, r.unit, r.verdict())
		if r.control.what != "" {
			_, _ = fmt.Fprintf(out, "\t%s %.1f %s", r.control.what, r.control.figure, r.unit)
		}
		_, _ = fmt.Fprintln(out)
		if r.missed() {
			missed++
		}
	}
	return missed, out.Flush()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// times are measurements of one thing, in any order.
type times []time.Duration

// quantile returns the least time that a part q, from 0 to 1, of all do not exceed;
// 0 without any.
func (t times) quantile(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
