// Package suite reads files of smoke tests, checks them against the schema of the
// servers that they call, runs them, and tells reporters how they went.
package suite

import (
	"time"

	"google.golang.org/grpc/codes"
)

// A Reporter is told of a run as it goes on: Begin, then any of Started, Stepped
// and Ended, then End. End comes once for each Begin, whatever ends the run, an
// interrupt included. The methods are called one at a time, and must not keep
// what they are given for longer than the call unless they copy it. An error ends
// the reports to this reporter, not the run.
//
// No string that a reporter gets holds the value of a secret. Whatever came from
// a server or a file may hold any other character: reporters make it safe for
// where they write it.
type Reporter interface {
	Begin(plan *Plan) error
	Started(test *Test) error
	Stepped(test *Test, step *StepResult) error
	Ended(result *TestResult) error
	End(result *Result) error
}

// Plan is what a run is about to do.
type Plan struct {
	Version string // of grpcx
	RunID   string // run.id in expressions
	Started time.Time
	Tests   []*Test // in the order of the files; with --jobs they end in any order
	Jobs    int
}

// Phase says what a test is for.
type Phase string

// The phases of a file.
const (
	Setup    Phase = "setup"
	Main     Phase = "test"
	Teardown Phase = "teardown"
)

// Test is a test of a file, one of its cases, or a file's setup or teardown.
type Test struct {
	Index    int      // in Plan.Tests
	File     string   // as Position.File
	Phase    Phase    // Setup and Teardown are one test each, if the file has any
	Name     string   // "setup" and "teardown" for those
	Case     string   // the name of the case, "" for a test without cases
	Tags     []string // sorted
	Steps    int      // how many there are
	Position Position
}

// FullName is the name with the case, as --run matches it: "name/case".
func (t *Test) FullName() string {
	if t.Case == "" {
		return t.Name
	}
	return t.Name + "/" + t.Case
}

// Position is a place in a suite file.
type Position struct {
	File   string // with slashes, relative to the working directory if it is below
	Line   int    // from 1; 0: the file as a whole
	Column int    // from 1, in characters
}

// Verdict is how a test or a step ended.
type Verdict string

// The verdicts.
const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"  // an assertion does not hold
	Broken  Verdict = "error"   // it could not be tried: no connection, a local fault
	Skipped Verdict = "skipped" // by skip_if, or because what it needs did not pass
	Stopped Verdict = "stopped" // by an interrupt or --fail-fast, before or while it ran
)

// TestResult is how a test went.
type TestResult struct {
	*Test
	Verdict  Verdict
	Reason   string // of Skipped and Stopped
	Started  time.Time
	Elapsed  time.Duration
	Attempts int           // more than 1 if it was retried; the steps are the last attempt's
	Steps    []*StepResult // those that ran, in order
}

// StepResult is how one call of a test went.
type StepResult struct {
	Name     string // the method's, if the file gives none
	Method   string // pkg.Service/Method
	Position Position
	Verdict  Verdict
	Reason   string // of Skipped and Stopped
	Started  time.Time
	Elapsed  time.Duration // of the last attempt's call
	Attempts int           // more than 1 by until or retry
	Code     codes.Code    // what the last call ended with, if it was made
	Message  string        // of its status
	Sent     int           // messages
	Received int
	Failures []*Failure
}

// FailureKind says which promise of a step was not kept.
type FailureKind string

// The kinds of failures.
const (
	ExpectFailure   FailureKind = "expect"   // an expression of expect was not true
	CodeFailure     FailureKind = "code"     // the call ended with another code
	SnapshotFailure FailureKind = "snapshot" // the responses are not those of the snapshot
	StreamFailure   FailureKind = "stream"   // a step of stream did not happen
	CaptureFailure  FailureKind = "capture"  // what was to be captured has no value
	CallFailure     FailureKind = "call"     // the call could not be made
)

// Failure is one reason why a step did not pass.
type Failure struct {
	Kind       FailureKind
	Position   Position // of the expression, the code, the snapshot
	Expression string   // of ExpectFailure, StreamFailure, CaptureFailure
	Summary    string   // one line: what is wrong
	Got, Want  string   // both values as text, if the failure has two of them
	Values     []Value  // what parts of the expression came to
	Diff       string   // lines that begin with "-" (wanted), "+" (got) or " "
	Response   string   // the last message, as indented JSON, cut to 4 KiB
	Command    string   // a shell command that makes the call again; secrets are references to variables
}

// Value is what a part of an expression came to.
type Value struct {
	Expression string
	Text       string // cut to 1 KiB
}

// Result is how the run went.
type Result struct {
	*Plan
	Elapsed     time.Duration
	Interrupted bool
	Results     []*TestResult // one for each test of the plan, in its order
}

// Count returns how many tests, setups and teardowns included, ended with v.
func (r *Result) Count(v Verdict) int {
	n := 0
	for _, t := range r.Results {
		if t.Verdict == v {
			n++
		}
	}
	return n
}
