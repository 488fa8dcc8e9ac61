package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/termtext"
)

const (
	maxSlowest = 5
	slowBar    = 20 // cells
)

// pretty writes for people: a line for each test as it ends, then the failures,
// the slowest tests and a summary.
type pretty struct {
	paint
	w       io.Writer
	options Options

	screen  *screen
	plan    *suite.Plan
	files   bool // there are several, so names need theirs
	ended   []bool
	count   map[suite.Verdict]int
	running []*running // in the order in which they began
	began   time.Time  // by the clock that the foot goes by
}

func newPretty(w io.Writer, o Options) *pretty {
	return &pretty{paint: paint(o.Color), w: w, options: o}
}

func (p *pretty) Begin(plan *suite.Plan) error {
	p.plan, p.running, p.began = plan, nil, time.Now()
	p.ended = make([]bool, len(plan.Tests))
	p.count = map[suite.Verdict]int{}
	files := map[string]bool{}
	for _, t := range plan.Tests {
		files[t.File] = true
	}
	p.files = len(files) > 1
	p.screen = &screen{w: p.w, size: p.options.Size}
	head := plural(len(plan.Tests), "test")
	switch {
	case p.files:
		head += " in " + plural(len(files), "file")
	case len(plan.Tests) > 0:
		head += " in " + termtext.Line(plan.Tests[0].File)
	}
	if plan.Jobs > 1 {
		head += ", " + plural(plan.Jobs, "job")
	}
	if err := p.screen.update([]string{p.bold("grpcx test") + p.dim(" · "+head), ""}); err != nil {
		return err
	}
	if p.options.Live {
		p.screen.foot = p.foot
		p.screen.start()
	}
	return nil
}

func (p *pretty) Started(test *suite.Test) error {
	p.screen.mu.Lock()
	defer p.screen.mu.Unlock()
	p.running = append(p.running, &running{test: test, began: time.Now()})
	return nil
}

func (p *pretty) Stepped(test *suite.Test, step *suite.StepResult) error {
	p.screen.mu.Lock()
	defer p.screen.mu.Unlock()
	for _, r := range p.running {
		if r.test.Index == test.Index {
			r.steps, r.last = r.steps+1, step.Name
		}
	}
	return nil
}

func (p *pretty) Ended(r *suite.TestResult) error {
	p.screen.mu.Lock()
	p.forget(r)
	p.screen.mu.Unlock()
	if p.screen.update(p.line(r)) != nil {
		return p.screen.halt()
	}
	return nil
}

func (p *pretty) forget(r *suite.TestResult) {
	p.count[r.Verdict]++
	p.ended[r.Index] = true
	p.running = slices.DeleteFunc(p.running, func(other *running) bool { return other.test.Index == r.Index })
}

func (p *pretty) End(result *suite.Result) error {
	if err := p.screen.halt(); err != nil {
		return err
	}
	var out []string
	for _, r := range result.Results {
		if !p.ended[r.Index] {
			out = append(out, p.line(r)...)
		}
	}
	for _, r := range result.Results {
		out = append(out, p.failures(r)...)
	}
	out = append(out, p.slowest(result)...)
	out = append(out, "", p.summary(result))
	return p.screen.update(out)
}

// name gives "file › test › case", the file only if there are several.
func (p *pretty) name(t *suite.Test) string {
	s := p.bold(termtext.Line(t.Name))
	if t.Case != "" {
		s += p.dim(" › ") + termtext.Line(t.Case)
	}
	if p.files {
		s = p.dim(termtext.Line(t.File)+" › ") + s
	}
	return s
}

// line tells of a test that ended, in a line for it and one for each failure.
func (p *pretty) line(r *suite.TestResult) []string {
	s := " " + p.verdict(r.Verdict, mark(r.Verdict)) + " " + p.name(r.Test)
	switch r.Verdict {
	case suite.Skipped, suite.Stopped:
		s += "  " + p.yellow(string(r.Verdict))
		if r.Reason != "" {
			s += p.dim(": " + termtext.Line(r.Reason))
		}
	default:
		s += "  " + p.dim(shortDuration(r.Elapsed))
		if r.Reason != "" {
			s += "  " + p.red(termtext.Line(r.Reason))
		}
	}
	if r.Attempts > 1 {
		s += "  " + p.yellow(plural(r.Attempts, "attempt"))
	}
	out := []string{s}
	for _, step := range r.Steps {
		for _, f := range step.Failures {
			out = append(out, "     "+p.red("↳ "+termtext.Line(step.Name)+": "+brief(f))+p.dim("  "+place(f.Position)))
		}
	}
	return out
}

// failures shows what went wrong in r, if anything did.
func (p *pretty) failures(r *suite.TestResult) []string {
	var out []string
	width, _ := p.options.Size()
	for _, step := range r.Steps {
		if len(step.Failures) == 0 {
			continue
		}
		title := " " + p.verdict(step.Verdict, mark(step.Verdict)) + " " + p.name(r.Test) + p.dim(" › ") + p.bold(termtext.Line(step.Name))
		about := termtext.Line(step.Method) + " → " + ending(step)
		if step.Elapsed > 0 {
			about += ", " + shortDuration(step.Elapsed)
		}
		about = "   " + p.dim("· "+about)
		if step.Attempts > 1 {
			about += p.dim(fmt.Sprintf(", attempt %d", step.Attempts))
		}
		out = append(out, "", title, about)
		for _, f := range once(step.Failures) {
			out = append(out, frameOf(f, p.paint, width)...)
		}
	}
	return out
}

// slowest lists the tests that took longest, if there are enough to choose from.
func (p *pretty) slowest(result *suite.Result) []string {
	var all []*suite.TestResult
	for _, r := range result.Results {
		if r.Elapsed > 0 && (r.Verdict == suite.Passed || bad(r.Verdict)) {
			all = append(all, r)
		}
	}
	if len(all) <= maxSlowest {
		return nil
	}
	slices.SortStableFunc(all, func(a, b *suite.TestResult) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	out := []string{"", p.dim(" slowest")}
	for _, r := range all[:maxSlowest] {
		n := max(1, int(int64(slowBar)*int64(r.Elapsed)/int64(all[0].Elapsed)))
		bar := p.cyan(strings.Repeat("━", n)) + strings.Repeat(" ", slowBar-n)
		out = append(out, fmt.Sprintf(" %7s %s %s", shortDuration(r.Elapsed), bar, p.name(r.Test)))
	}
	return out
}

func (p *pretty) summary(result *suite.Result) string {
	var parts []string
	if result.Interrupted {
		parts = append(parts, p.verdict(suite.Stopped, "interrupted"))
	}
	for _, v := range verdicts() {
		if n := result.Count(v); n > 0 {
			parts = append(parts, p.verdict(v, countOf(n, v)))
		}
	}
	if len(parts) == 0 {
		parts = []string{"no tests"}
	}
	v := overall(result)
	total := plural(len(result.Results), "test") + " in " + shortDuration(result.Elapsed)
	return " " + p.verdict(v, mark(v)) + " " + strings.Join(parts, p.dim(", ")) + p.dim(" · "+total)
}
