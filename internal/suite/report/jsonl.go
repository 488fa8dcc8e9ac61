package report

import (
	"io"
	"time"

	"github.com/grpcx/grpcx/internal/suite"
)

// events writes what happens when it happens, one JSON object a line: begin,
// started, step, ended, end. The objects within are those of document. Tests that
// never began end right before the run does.
type events struct {
	w     io.Writer
	ended []bool
}

type eventJSON struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
}

func event(name string) eventJSON { return eventJSON{name, time.Now().UTC()} }

func (e *events) Begin(plan *suite.Plan) error {
	e.ended = make([]bool, len(plan.Tests))
	tests := make([]testJSON, 0, len(plan.Tests))
	for _, t := range plan.Tests {
		tests = append(tests, testOf(t))
	}
	return encode(e.w, struct {
		eventJSON
		planJSON
		Tests []testJSON `json:"tests"`
	}{event("begin"), planOf(plan), tests}, "")
}

func (e *events) Started(test *suite.Test) error {
	return encode(e.w, struct {
		eventJSON
		Test testJSON `json:"test"`
	}{event("started"), testOf(test)}, "")
}

func (e *events) Stepped(test *suite.Test, step *suite.StepResult) error {
	return encode(e.w, struct {
		eventJSON
		Test testJSON `json:"test"`
		Step stepJSON `json:"step"`
	}{event("step"), testOf(test), stepOf(step)}, "")
}

func (e *events) Ended(result *suite.TestResult) error {
	e.ended[result.Index] = true
	return encode(e.w, struct {
		eventJSON
		Test resultJSON `json:"test"`
	}{event("ended"), resultOf(result)}, "")
}

func (e *events) End(result *suite.Result) error {
	for _, r := range result.Results {
		if e.ended[r.Index] {
			continue
		}
		if err := e.Ended(r); err != nil {
			return err
		}
	}
	return encode(e.w, struct {
		eventJSON
		ElapsedMS   float64               `json:"elapsed_ms"`
		Interrupted bool                  `json:"interrupted"`
		Counts      map[suite.Verdict]int `json:"counts"`
	}{event("end"), milliseconds(result.Elapsed), result.Interrupted, countsOf(result)}, "")
}
