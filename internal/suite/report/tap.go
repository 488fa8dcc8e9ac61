package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/termtext"
)

// tap writes version 14 of the Test Anything Protocol (https://testanything.org),
// each test when it ends.
type tap struct {
	w     io.Writer
	ended []bool
	next  int
}

func (t *tap) Begin(plan *suite.Plan) error {
	t.ended, t.next = make([]bool, len(plan.Tests)), 1
	_, err := fmt.Fprintf(t.w, "TAP version 14\n1..%d\n", len(plan.Tests))
	return err
}

func (t *tap) Started(*suite.Test) error                    { return nil }
func (t *tap) Stepped(*suite.Test, *suite.StepResult) error { return nil }

func (t *tap) Ended(r *suite.TestResult) error {
	t.ended[r.Index] = true
	var b bytes.Buffer
	if bad(r.Verdict) {
		b.WriteString("not ")
	}
	fmt.Fprintf(&b, "ok %d - %s", t.next, tapText(r.File+" > "+r.FullName()))
	if r.Verdict == suite.Skipped || r.Verdict == suite.Stopped {
		b.WriteString(strings.TrimSuffix(" # SKIP "+string(r.Verdict)+": "+tapText(r.Reason), ": "))
	}
	b.WriteByte('\n')
	t.next++
	y := yamlBlock{out: &b}
	y.result(r)
	_, err := t.w.Write(b.Bytes())
	return err
}

func (t *tap) End(result *suite.Result) error {
	for _, r := range result.Results {
		if !t.ended[r.Index] {
			if err := t.Ended(r); err != nil {
				return err
			}
		}
	}
	if result.Interrupted {
		_, err := io.WriteString(t.w, "Bail out! interrupted\n")
		return err
	}
	_, err := fmt.Fprintf(t.w, "# %s\n", counts(result))
	return err
}

// tapText returns s as the description of a test point.
func tapText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "#", `\#`).Replace(termtext.Line(s))
}

// yamlBlock writes the diagnostics of a test point.
type yamlBlock struct {
	out    *bytes.Buffer
	indent int
}

func (y *yamlBlock) result(r *suite.TestResult) {
	y.indent = 2
	y.line("---")
	y.line("duration_ms: %v", milliseconds(r.Elapsed))
	y.text("at", place(r.Position))
	if r.Attempts > 1 {
		y.line("attempts: %d", r.Attempts)
	}
	if bad(r.Verdict) {
		severity := "fail"
		if r.Verdict == suite.Broken {
			severity = "error"
		}
		y.text("severity", severity)
		y.failures(r)
	}
	y.indent = 2
	y.line("...")
}

func (y *yamlBlock) failures(r *suite.TestResult) {
	first := true
	for _, s := range r.Steps {
		for _, f := range s.Failures {
			if first {
				y.text("message", brief(f))
				y.line("failures:")
				first = false
			}
			y.indent = 4
			y.line("- step: %s", quoted(s.Name))
			y.indent = 6
			y.text("method", s.Method)
			if called(s) {
				y.text("code", invoke.CodeName(s.Code))
			}
			y.failure(f)
			y.indent = 2
		}
	}
	if first && r.Reason != "" {
		y.text("message", r.Reason)
	}
}

func (y *yamlBlock) failure(f *suite.Failure) {
	y.text("kind", string(f.Kind))
	y.text("at", place(f.Position))
	y.text("message", brief(f))
	y.text("expression", f.Expression)
	y.text("expected", f.Want)
	y.text("actual", f.Got)
	if len(f.Values) > 0 {
		y.line("values:")
		for _, v := range f.Values {
			y.line("  - %s", quoted(v.Expression+" = "+v.Text))
		}
	}
	y.block("diff", f.Diff)
	y.block("response", f.Response)
	y.block("command", f.Command)
}

func (y *yamlBlock) line(format string, args ...any) {
	y.out.WriteString(strings.Repeat(" ", y.indent))
	fmt.Fprintf(y.out, format, args...)
	y.out.WriteByte('\n')
}

// text writes a string if there is one. A string of JSON is one of YAML.
func (y *yamlBlock) text(key, value string) {
	if value != "" {
		y.line("%s: %s", key, quoted(value))
	}
}

// block writes a text of several lines as they are, unless YAML has not all of its
// characters.
func (y *yamlBlock) block(key, value string) {
	if !strings.Contains(value, "\n") || strings.ContainsAny(value, "\uFFFE\uFFFF") {
		y.text(key, value)
		return
	}
	y.line("%s: |2", key)
	for _, l := range lines(value) {
		y.line("  %s", l)
	}
}

func quoted(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return `""`
	}
	text := string(termtext.JSON([]byte(strings.TrimSpace(b.String()))))
	return strings.NewReplacer("\uFFFE", `\ufffe`, "\uFFFF", `\uffff`).Replace(text) // which YAML has not
}
