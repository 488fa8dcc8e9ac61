package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/grpcx/grpcx/internal/health"
)

// healthView shows a watch: as lines, or on a terminal as a table that is drawn
// anew in its place. One goroutine uses it.
type healthView struct {
	lines *healthLines // nil: the table
	out   io.Writer
	// height returns the rows of the terminal.
	height func() int
	colour bool
	rows   map[string]*healthRow
	drawn  int // lines on the screen
	opened bool
}

// healthRow is what the table tells of a service.
type healthRow struct {
	health.Report
	changes int
}

const (
	redrawSoon = 50 * time.Millisecond // after a change: a flood of them costs no more
	redrawIdle = time.Second           // the times grow
)

func (c *checkup) view() *healthView {
	kind, _ := c.LookupEnv("TERM")
	if !c.OutTerminal || c.format != "pretty" || kind == "dumb" || c.verbosity > 0 {
		return &healthView{lines: newHealthLines(c.healthOptions, nil)}
	}
	return &healthView{
		out:    c.Out,
		height: func() int { return terminalHeight(c.Out) },
		colour: c.colour(true),
		rows:   map[string]*healthRow{},
	}
}

// terminalHeight returns the rows of the terminal that w is, 24 if it does not
// say.
func terminalHeight(w io.Writer) int {
	if f, ok := w.(interface{ Fd() uintptr }); ok {
		if _, height, err := term.GetSize(int(f.Fd())); err == nil && height > 0 {
			return height
		}
	}
	return 24
}

// run shows what reports brings until ended does, whose error it returns. seen
// hears of each report first.
func (v *healthView) run(reports <-chan health.Report, ended <-chan error, seen func(health.Report)) error {
	timer := time.NewTimer(redrawIdle)
	defer timer.Stop()
	soon := false
	for {
		select {
		case r := <-reports:
			seen(r)
			if v.lines != nil {
				if err := v.lines.report(r); err != nil {
					return err
				}
				continue
			}
			v.record(r)
			if !soon {
				soon = true
				timer.Reset(redrawSoon)
			}
		case <-timer.C:
			soon = false
			timer.Reset(redrawIdle)
			if err := v.draw(time.Now()); err != nil {
				return err
			}
		case err := <-ended:
			if drawErr := v.draw(time.Now()); drawErr != nil {
				return drawErr
			}
			return err
		}
	}
}

func (v *healthView) record(r health.Report) {
	row, ok := v.rows[r.Service]
	if !ok {
		v.rows[r.Service] = &healthRow{Report: r}
		return
	}
	row.Report = r
	row.changes++
}

// What moves a terminal: the cursor and the wrapping of long lines are off
// while the table stands, so that every row is one line.
const (
	viewOpen  = "\x1b[?25l\x1b[?7l"
	viewClose = "\x1b[?7h\x1b[?25h"
	lineEnd   = "\x1b[K\n"
	clearRest = "\x1b[J"
)

// draw writes the table over the last one.
func (v *healthView) draw(now time.Time) error {
	if v.lines != nil || len(v.rows) == 0 {
		return nil
	}
	var b strings.Builder
	if !v.opened {
		v.opened = true
		b.WriteString(viewOpen)
	}
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", v.drawn)
	}
	table := v.table(now)
	for _, line := range table {
		b.WriteString(line + lineEnd)
	}
	b.WriteString(clearRest)
	v.drawn = len(table)
	if _, err := io.WriteString(v.out, b.String()); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// close gives the terminal back.
func (v *healthView) close() error {
	if !v.opened {
		return nil
	}
	v.opened = false
	if _, err := io.WriteString(v.out, viewClose); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// table returns a line for each service, in the order of their names. Where the
// terminal is too low, those that do not serve come first and the rest is
// counted.
func (v *healthView) table(now time.Time) []string {
	rows := slices.SortedFunc(maps.Values(v.rows), func(a, b *healthRow) int { return cmp.Compare(a.Service, b.Service) })
	left := 0
	if room := max(v.height()-1, 2); len(rows) > room {
		slices.SortStableFunc(rows, func(a, b *healthRow) int {
			return cmp.Compare(probeCode(b.Status), probeCode(a.Status))
		})
		left = len(rows) - (room - 1)
		rows = rows[:room-1]
	}
	width := 0
	for _, r := range rows {
		width = max(width, min(utf8.RuneCountInString(healthName(r.Service)), maxNameWidth))
	}
	lines := make([]string, 0, len(rows)+1)
	for _, r := range rows {
		lines = append(lines, v.line(r, width, now))
	}
	if left > 0 {
		lines = append(lines, fmt.Sprintf("... and %d more", left))
	}
	return lines
}

// maxNameWidth is where a long name stops pushing the other columns.
const maxNameWidth = 60

func (v *healthView) line(r *healthRow, width int, now time.Time) string {
	changes := fmt.Sprintf("%d changes", r.changes)
	if r.changes == 1 {
		changes = "1 change"
	}
	text := fmt.Sprintf("%s  %-*s  since %s (%v)  %s", healthStatus(r.Status, len(health.ServiceUnknown.String()), v.colour),
		width, healthName(r.Service), r.Time.Format(time.TimeOnly), now.Sub(r.Time).Truncate(time.Second), changes)
	if r.Err != nil {
		text += "  " + healthWhy(r.Err)
	}
	return text
}
