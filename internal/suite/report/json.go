package report

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/termtext"
)

// document writes the run as one JSON object at its end. docs/reports.md lists
// the keys, which later versions only add to.
type document struct {
	silent
	w io.Writer
}

func (d *document) End(result *suite.Result) error {
	out := documentJSON{
		planJSON:    planOf(result.Plan),
		ElapsedMS:   milliseconds(result.Elapsed),
		Interrupted: result.Interrupted,
		Counts:      countsOf(result),
		Tests:       make([]resultJSON, 0, len(result.Results)),
	}
	for _, r := range result.Results {
		out.Tests = append(out.Tests, resultOf(r))
	}
	return encode(d.w, out, "  ")
}

type documentJSON struct {
	planJSON
	ElapsedMS   float64               `json:"elapsed_ms"`
	Interrupted bool                  `json:"interrupted"`
	Counts      map[suite.Verdict]int `json:"counts"`
	Tests       []resultJSON          `json:"tests"`
}

type planJSON struct {
	Version string    `json:"version"`
	RunID   string    `json:"run_id"`
	Started time.Time `json:"started"`
	Jobs    int       `json:"jobs"`
}

type testJSON struct {
	Index  int         `json:"index"`
	File   string      `json:"file"`
	Line   int         `json:"line,omitempty"`
	Column int         `json:"column,omitempty"`
	Phase  suite.Phase `json:"phase"`
	Name   string      `json:"name"`
	Case   string      `json:"case,omitempty"`
	Tags   []string    `json:"tags,omitempty"`
}

type resultJSON struct {
	testJSON
	Verdict   suite.Verdict `json:"verdict"`
	Reason    string        `json:"reason,omitempty"`
	Started   *time.Time    `json:"started,omitempty"`
	ElapsedMS float64       `json:"elapsed_ms"`
	Attempts  int           `json:"attempts"`
	Steps     []stepJSON    `json:"steps"`
}

type stepJSON struct {
	Name      string        `json:"name"`
	Method    string        `json:"method"`
	File      string        `json:"file"`
	Line      int           `json:"line,omitempty"`
	Column    int           `json:"column,omitempty"`
	Verdict   suite.Verdict `json:"verdict"`
	Reason    string        `json:"reason,omitempty"`
	Started   *time.Time    `json:"started,omitempty"`
	ElapsedMS float64       `json:"elapsed_ms"`
	Attempts  int           `json:"attempts"`
	Code      string        `json:"code,omitempty"`
	Message   string        `json:"message,omitempty"`
	Sent      int           `json:"sent"`
	Received  int           `json:"received"`
	Failures  []failureJSON `json:"failures,omitempty"`
}

type failureJSON struct {
	Kind       suite.FailureKind `json:"kind"`
	File       string            `json:"file"`
	Line       int               `json:"line,omitempty"`
	Column     int               `json:"column,omitempty"`
	Summary    string            `json:"summary"`
	Expression string            `json:"expression,omitempty"`
	Want       string            `json:"want,omitempty"`
	Got        string            `json:"got,omitempty"`
	Values     []valueJSON       `json:"values,omitempty"`
	Diff       string            `json:"diff,omitempty"`
	Response   string            `json:"response,omitempty"`
	Command    string            `json:"command,omitempty"`
}

type valueJSON struct {
	Expression string `json:"expression"`
	Value      string `json:"value"`
}

func planOf(p *suite.Plan) planJSON {
	return planJSON{Version: p.Version, RunID: p.RunID, Started: p.Started.UTC(), Jobs: p.Jobs}
}

func countsOf(r *suite.Result) map[suite.Verdict]int {
	counts := map[suite.Verdict]int{}
	for _, v := range verdicts() {
		counts[v] = r.Count(v)
	}
	return counts
}

func testOf(t *suite.Test) testJSON {
	return testJSON{
		Index: t.Index, File: t.File, Line: t.Position.Line, Column: t.Position.Column,
		Phase: t.Phase, Name: t.Name, Case: t.Case, Tags: t.Tags,
	}
}

func resultOf(r *suite.TestResult) resultJSON {
	out := resultJSON{
		testJSON: testOf(r.Test), Verdict: r.Verdict, Reason: r.Reason, Started: moment(r.Started),
		ElapsedMS: milliseconds(r.Elapsed), Attempts: r.Attempts, Steps: make([]stepJSON, 0, len(r.Steps)),
	}
	for _, s := range r.Steps {
		out.Steps = append(out.Steps, stepOf(s))
	}
	return out
}

func stepOf(s *suite.StepResult) stepJSON {
	out := stepJSON{
		Name: s.Name, Method: s.Method,
		File: s.Position.File, Line: s.Position.Line, Column: s.Position.Column,
		Verdict: s.Verdict, Reason: s.Reason, Started: moment(s.Started), ElapsedMS: milliseconds(s.Elapsed),
		Attempts: s.Attempts, Message: s.Message, Sent: s.Sent, Received: s.Received,
	}
	if called(s) {
		out.Code = invoke.CodeName(s.Code)
	}
	for _, f := range s.Failures {
		out.Failures = append(out.Failures, failureOf(f))
	}
	return out
}

func failureOf(f *suite.Failure) failureJSON {
	out := failureJSON{
		Kind: f.Kind, File: f.Position.File, Line: f.Position.Line, Column: f.Position.Column,
		Summary: f.Summary, Expression: f.Expression, Want: f.Want, Got: f.Got,
		Diff: f.Diff, Response: f.Response, Command: f.Command,
	}
	for _, v := range f.Values {
		out.Values = append(out.Values, valueJSON{v.Expression, v.Text})
	}
	return out
}

// moment returns nil for a time that never came.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// milliseconds keeps microseconds.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// encode writes v as JSON that is safe to show, in one write, with a newline.
func encode(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(termtext.JSON(b.Bytes()))
	return err
}
