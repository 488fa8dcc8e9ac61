package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/invoke"
)

// step runs one step, as often as until and retry want it. What it captures is
// added to v.
func (f *fileRun) step(ctx context.Context, t *testPlan, s *stepPlan, v *values) *StepResult {
	r := &StepResult{
		Name: s.name, Method: path(s.method), Position: s.spec.at.position(),
		Started: time.Now(), Attempts: 1, Verdict: Passed,
	}
	for _, name := range s.uses {
		if _, ok := v.ResolveName(name); !ok {
			r.Verdict, r.Reason = Skipped, fmt.Sprintf("%s was not captured", name)
			return r
		}
	}
	deadline := time.Time{}
	if s.spec.until != nil {
		deadline = r.Started.Add(s.spec.until.within)
	}
	for {
		c := f.attempt(ctx, t, s, v, r, deadline)
		again, pause := s.again(r, deadline)
		if again && wait(ctx, pause) {
			r.Attempts++
			continue
		}
		if ctx.Err() != nil && r.Verdict != Passed {
			r.Verdict, r.Reason, r.Failures = Stopped, stopReason(ctx), nil
			return r
		}
		f.finish(ctx, s, c, r, v)
		return r
	}
}

// again reports whether a step is tried once more, and after which pause.
func (p *stepPlan) again(r *StepResult, deadline time.Time) (bool, time.Duration) {
	switch {
	case r.Verdict == Passed || r.Verdict == Skipped:
		return false, 0
	case p.spec.until != nil:
		return time.Now().Add(p.spec.until.every).Before(deadline), p.spec.until.every
	case p.spec.retry != nil:
		return r.Attempts < p.spec.retry.times, p.spec.retry.every
	}
	return false, 0
}

// attempt makes the call once and notes in r how it went. With a deadline it is
// until that is tried.
func (f *fileRun) attempt(ctx context.Context, t *testPlan, s *stepPlan, v *values, r *StepResult, deadline time.Time) *call {
	r.Verdict, r.Failures = Passed, nil
	c, err := s.prepare(ctx, v)
	c.secrets = f.suite.secrets
	c.secrets.credentials(c.metadata)
	if err != nil {
		r.broken(s, err)
		return c
	}
	if !deadline.IsZero() {
		c.timeout = min(c.timeout, max(time.Until(deadline), time.Millisecond))
	}
	c.make(ctx)
	r.Elapsed, r.Sent, r.Received = c.result.Elapsed, c.result.Sent, c.result.Received
	c.explainDeadline()
	if c.result.Status != nil {
		r.Code, r.Message = c.result.Status.Code(), c.result.Status.Message()
	}
	if c.err != nil {
		r.broken(s, c.err)
		return c
	}
	c.bind()
	c.hideCaptures(ctx)
	f.judge(ctx, t, s, c, r)
	return c
}

// deadlineSlack is how much earlier than our clock a server, which is told the
// time that is left, may find it over.
const deadlineSlack = 20 * time.Millisecond

// explainDeadline says in words of the file why the call ended, if its timeout
// ran out.
func (c *call) explainDeadline() {
	if c.status().Code() == codes.DeadlineExceeded && c.result.Elapsed > c.timeout-deadlineSlack {
		c.result.Status = status.New(codes.DeadlineExceeded, fmt.Sprintf("timeout %s ran out, after %d responses", c.timeout, c.result.Received))
	}
}

// broken notes that a step could not be tried.
func (r *StepResult) broken(s *stepPlan, err error) {
	r.Verdict = Broken
	at := s.spec.call.at
	if e, ok := errors.AsType[*valueError](err); ok {
		at = e.at
	}
	r.Failures = []*Failure{{Kind: CallFailure, Position: at.position(), Summary: err.Error()}}
}

// judge compares what came of a call with what is expected.
func (f *fileRun) judge(ctx context.Context, t *testPlan, s *stepPlan, c *call, r *StepResult) {
	expect := s.expect
	if s.until != nil {
		expect = s.until
	}
	if c.failure != nil {
		r.Failures = append(r.Failures, c.failure)
	}
	if failure := c.codeFailure(); failure != nil && (c.failure == nil || r.Code != codes.Canceled) {
		r.Failures = append(r.Failures, failure)
	}
	if c.unreadable > 0 {
		r.Failures = append(r.Failures, &Failure{
			Kind: CodeFailure, Position: s.spec.call.at.position(),
			Summary: fmt.Sprintf("response %d is not a %s", c.unreadable, s.method.Output().FullName()),
		})
	}
	if len(r.Failures) == 0 {
		for _, e := range expect {
			if failure := c.expectation(ctx, e); failure != nil {
				r.Failures = append(r.Failures, failure)
			}
		}
	}
	if s.spec.snapshot != nil && len(r.Failures) == 0 && s.until == nil {
		f.compareSnapshot(t, s, c, r)
	}
	if len(r.Failures) > 0 {
		r.Verdict = Failed
	}
}

// codeFailure tells of a call that ended otherwise than it should; nil if it did
// not. A script that cancels ends as it likes, unless the file says how.
func (c *call) codeFailure() *Failure {
	want, at := c.plan.spec.codes, c.plan.spec.call.at
	if c.plan.spec.code != nil {
		at = c.plan.spec.code.at
	} else if c.canceled {
		return nil
	}
	if len(want) == 0 {
		want = []codes.Code{codes.OK}
	}
	got := c.status()
	code := got.Code()
	if int(code) >= len(invoke.CodeNames()) {
		code = codes.Unknown // as codeName has it
	}
	if slices.Contains(want, code) {
		return nil
	}
	names := make([]string, len(want))
	for i, w := range want {
		names[i] = invoke.CodeName(w)
	}
	wanted := strings.Join(names, " or ")
	f := &Failure{Kind: CodeFailure, Position: at.position(), Got: invoke.CodeName(got.Code()), Want: wanted}
	f.Summary = fmt.Sprintf("the call ended with %s, want %s", f.Got, wanted)
	if got.Message() != "" {
		f.Summary += ": " + got.Message()
	}
	return f
}

// compareSnapshot compares the responses with those of an earlier run.
func (f *fileRun) compareSnapshot(t *testPlan, s *stepPlan, c *call, r *StepResult) {
	at := s.spec.snapshot.at.position()
	got, err := c.snapshot(f.suite.config.RunID, f.suite.secrets)
	if err != nil {
		r.Failures = append(r.Failures, &Failure{Kind: SnapshotFailure, Position: at, Summary: err.Error()})
		return
	}
	key := t.test.FullName()
	if len(t.steps) > 1 || s.spec.name != "" {
		key += "/" + s.name
	}
	if i := slices.Index(t.steps, s); slices.ContainsFunc(t.steps[:i], func(o *stepPlan) bool { return o.name == s.name }) {
		key += fmt.Sprintf("#%d", i+1)
	}
	difference, missing := f.snaps.compare(key, got)
	switch {
	case missing:
		r.Failures = append(r.Failures, &Failure{Kind: SnapshotFailure, Position: at, Summary: "there is no snapshot of this: --update writes it"})
	case difference != "":
		r.Failures = append(r.Failures, &Failure{Kind: SnapshotFailure, Position: at, Summary: "the response is not that of " + displayName(f.snaps.path) + "; --update takes it over", Diff: difference})
	}
}

// finish captures from the last attempt, and adds to its failures what helps.
func (f *fileRun) finish(ctx context.Context, s *stepPlan, c *call, r *StepResult, v *values) {
	if s.spec.until != nil {
		f.finishUntil(ctx, s, c, r)
	}
	if r.Verdict == Passed {
		for _, p := range s.capture {
			value, err := p.expr.value(ctx, c.values)
			if err != nil {
				r.Verdict = Failed
				r.Failures = append(r.Failures, &Failure{
					Kind: CaptureFailure, Position: p.expr.at.position(), Expression: p.expr.text,
					Summary: fmt.Sprintf("%s has no value: %v", p.name, evaluationError(err)),
				})
				continue
			}
			v.names[p.name] = value
		}
		for _, a := range s.actions {
			for _, p := range a.capture {
				if value, ok := c.values.names[p.name]; ok {
					v.names[p.name] = value
				}
			}
		}
	}
	for _, failure := range r.Failures {
		if len(c.last) > 0 || r.Received > 0 {
			failure.Response = s.conn.compiler.schema.indented(s.method.Output(), c.last)
		}
		if c.prepared {
			failure.Command = c.command(f.suite.secrets)
		}
	}
}

// finishUntil judges what is expected besides until, or tells that until did not
// come true.
func (f *fileRun) finishUntil(ctx context.Context, s *stepPlan, c *call, r *StepResult) {
	if r.Verdict == Passed {
		for _, e := range s.expect {
			if failure := c.expectation(ctx, e); failure != nil {
				r.Failures = append(r.Failures, failure)
				r.Verdict = Failed
			}
		}
		return
	}
	for _, failure := range r.Failures {
		failure.Summary = fmt.Sprintf("not within %s, %d attempts: %s", s.spec.until.within, r.Attempts, failure.Summary)
	}
}

// hideCaptures makes secrets of what the step captures as such, whether or not
// it passes.
func (c *call) hideCaptures(ctx context.Context) {
	for _, p := range c.plan.capture {
		if !p.secret {
			continue
		}
		if value, err := p.expr.value(ctx, c.values); err == nil {
			c.secrets.addValue(variableName(p.name), value)
		}
	}
}
