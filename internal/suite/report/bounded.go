package report

import (
	"fmt"
	"unicode/utf8"

	"github.com/grpcx/grpcx/internal/suite"
)

// What a report holds of each text at most, in bytes and lines, and of each list.
const (
	maxName     = 512
	maxLine     = 2 << 10
	maxBlock    = 16 << 10
	maxCommand  = 32 << 10 // one that is cut cannot be run
	maxLines    = 400
	maxValues   = 64
	maxFailures = 64
	maxTags     = 64
)

// bounded hands cut copies of what it is told to next, which may keep them, and
// names the report in its errors.
type bounded struct {
	format string
	next   suite.Reporter
	tests  []*suite.Test
}

func (b *bounded) Begin(plan *suite.Plan) error {
	p := *plan
	p.Version, p.RunID = cut(p.Version, maxName), cut(p.RunID, maxName)
	p.Tests = make([]*suite.Test, len(plan.Tests))
	for i, t := range plan.Tests {
		p.Tests[i] = cutTest(t)
	}
	b.tests = p.Tests
	return b.wrap(b.next.Begin(&p))
}

func (b *bounded) Started(test *suite.Test) error {
	return b.wrap(b.next.Started(b.tests[test.Index]))
}

func (b *bounded) Stepped(test *suite.Test, step *suite.StepResult) error {
	return b.wrap(b.next.Stepped(b.tests[test.Index], cutStep(step)))
}

func (b *bounded) Ended(result *suite.TestResult) error {
	return b.wrap(b.next.Ended(b.result(result)))
}

func (b *bounded) End(result *suite.Result) error {
	r, p := *result, *result.Plan
	p.Version, p.RunID, p.Tests = cut(p.Version, maxName), cut(p.RunID, maxName), b.tests
	r.Plan = &p
	r.Results = make([]*suite.TestResult, len(result.Results))
	for i, t := range result.Results {
		r.Results[i] = b.result(t)
	}
	return b.wrap(b.next.End(&r))
}

func (b *bounded) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write %s report: %w", b.format, err)
}

func cutTest(t *suite.Test) *suite.Test {
	c := *t
	c.File, c.Name, c.Case = cut(t.File, maxName), cut(t.Name, maxName), cut(t.Case, maxName)
	c.Position = cutPosition(t.Position)
	c.Tags = nil
	for _, tag := range t.Tags[:min(len(t.Tags), maxTags)] {
		c.Tags = append(c.Tags, cut(tag, maxName))
	}
	return &c
}

func (b *bounded) result(r *suite.TestResult) *suite.TestResult {
	c := *r
	c.Test, c.Reason = b.tests[r.Index], cut(r.Reason, maxLine)
	c.Steps = make([]*suite.StepResult, len(r.Steps))
	for i, s := range r.Steps {
		c.Steps[i] = cutStep(s)
	}
	return &c
}

func cutStep(s *suite.StepResult) *suite.StepResult {
	c := *s
	c.Name, c.Method, c.Reason = cut(s.Name, maxName), cut(s.Method, maxName), cut(s.Reason, maxLine)
	c.Message, c.Position = cut(s.Message, maxLine), cutPosition(s.Position)
	c.Failures = nil
	for i, f := range s.Failures {
		if i == maxFailures {
			more := fmt.Sprintf("%d more failures are not shown", len(s.Failures)-i)
			c.Failures = append(c.Failures, &suite.Failure{Kind: f.Kind, Position: cutPosition(f.Position), Summary: more})
			break
		}
		c.Failures = append(c.Failures, cutFailure(f))
	}
	return &c
}

func cutFailure(f *suite.Failure) *suite.Failure {
	c := *f
	c.Expression, c.Summary = cut(f.Expression, maxLine), cut(f.Summary, maxLine)
	c.Position = cutPosition(f.Position)
	c.Got, c.Want = cut(f.Got, maxLine), cut(f.Want, maxLine)
	c.Diff, c.Response = cut(f.Diff, maxBlock), cut(f.Response, maxBlock)
	c.Command = cut(f.Command, maxCommand)
	c.Values = nil
	for _, v := range f.Values[:min(len(f.Values), maxValues)] {
		c.Values = append(c.Values, suite.Value{Expression: cut(v.Expression, maxLine), Text: cut(v.Text, maxLine)})
	}
	return &c
}

func cutPosition(p suite.Position) suite.Position {
	p.File = cut(p.File, maxName)
	return p
}

// cut returns the first bytes of s, at most limit in maxLines lines and whole
// characters, with a note of how many are missing.
func cut(s string, limit int) string {
	end := min(limit, len(s))
	lines := 0
	for i := range end {
		if s[i] == '\n' {
			if lines++; lines == maxLines {
				end = i
				break
			}
		}
	}
	if end == len(s) {
		return s
	}
	for end > 0 && end > limit-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes more)", s[:end], len(s)-end)
}
