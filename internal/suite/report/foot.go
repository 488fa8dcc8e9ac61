package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/termtext"
)

// running is a test that has not ended.
type running struct {
	test  *suite.Test
	began time.Time
	steps int
	last  string // the step that ended last
}

// foot shows the tests that run and how far the run is.
func (p *pretty) foot(width, height int) []string {
	now := time.Now()
	var out []string
	if height > 3 {
		out = append(out, "")
	}
	for _, r := range p.running[:max(0, min(len(p.running), height-4))] {
		out = append(out, p.progress(r, now, width))
	}
	return append(out, p.bar(now, width))
}

// progress is the line of a test that runs, shorter than width.
func (p *pretty) progress(r *running, now time.Time, width int) string {
	spin := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	elapsed := now.Sub(r.began)
	sign := string(spin[int(elapsed/redraw)%len(spin)])
	note := fmt.Sprintf("  %d/%d  %s", min(r.steps, r.test.Steps), r.test.Steps, elapsedText(elapsed))
	if r.last != "" {
		note = "  after " + fit(termtext.Line(r.last), 24) + note
	}
	name := termtext.Line(r.test.FullName())
	if p.files {
		name = termtext.Line(r.test.File) + " › " + name
	}
	room := width - 4 - columns(note)
	if room < 8 {
		note, room = "", width-4
	}
	return fit(" ", width-1) + p.cyan(fit(sign, width-2)) + " " + fit(name, room) + p.dim(note)
}

// bar is the last line of the foot, shorter than width.
func (p *pretty) bar(now time.Time, width int) string {
	total, done := len(p.plan.Tests), 0
	for _, n := range p.count {
		done += n
	}
	note := fmt.Sprintf("  %d/%d", done, total)
	failed := p.count[suite.Failed] + p.count[suite.Broken]
	if failed > 0 {
		note += fmt.Sprintf("  %d failed", failed)
	}
	note += "  " + elapsedText(now.Sub(p.began))
	cells := min(30, width-2-columns(note))
	if cells < 4 {
		return fit(note, width-1)
	}
	good := cells * done / max(1, total)
	wrong := min(good, (cells*failed+total-1)/max(1, total))
	return " " + p.red(strings.Repeat("━", wrong)) + p.green(strings.Repeat("━", good-wrong)) +
		p.dim(strings.Repeat("─", cells-good)) + note
}

// elapsedText gives tenths of seconds, which do not flicker.
func elapsedText(d time.Duration) string {
	if d >= time.Minute {
		return shortDuration(d)
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
