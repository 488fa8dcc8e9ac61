package suite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// RunOptions say how to run a suite. The zero value is ready for use.
type RunOptions struct {
	Jobs      int // tests that run at once; 0: 1
	FailFast  bool
	Snapshots SnapshotMode
	Reporter  Reporter        // nil: none
	Teardown  time.Duration   // that teardown may take after an interrupt; 0: 30 s
	Abort     <-chan struct{} // closed, teardown ends, too; nil: never
}

// Run runs the tests and tells how they went. The end of ctx stops them; teardown
// runs all the same. The error is one of a reporter or of snapshots; the Result is
// complete even then.
func (s *Suite) Run(ctx context.Context, o RunOptions) (*Result, error) {
	if o.Jobs < 1 {
		o.Jobs = 1
	}
	if o.Teardown <= 0 {
		o.Teardown = 30 * time.Second
	}
	start := time.Now()
	r := &runner{suite: s, o: o, tasks: make(chan func()), results: make([]*TestResult, len(s.plan))}
	var cancel context.CancelCauseFunc
	r.ctx, cancel = context.WithCancelCause(ctx)
	r.stop = cancel
	defer cancel(nil)
	plan := &Plan{Version: s.config.Version, RunID: s.config.RunID, Started: start, Tests: s.plan, Jobs: o.Jobs}
	r.report(func(p Reporter) error { return p.Begin(plan) })

	// A goroutine for each test would grow a stack for each.
	var workers sync.WaitGroup
	for range min(o.Jobs, len(s.plan)) {
		workers.Go(func() {
			for task := range r.tasks {
				task()
			}
		})
	}
	files := make(chan struct{}, o.Jobs)
	var wg sync.WaitGroup
	for _, f := range s.files {
		files <- struct{}{}
		wg.Go(func() {
			defer func() { <-files }()
			r.file(f)
		})
	}
	wg.Wait()
	close(r.tasks)
	workers.Wait()
	result := &Result{Plan: plan, Elapsed: time.Since(start), Interrupted: ctx.Err() != nil, Results: r.results}
	r.report(func(p Reporter) error { return p.End(result) })
	return result, errors.Join(r.errs...)
}

// runner runs the files of a suite, several at once with several jobs.
type runner struct {
	suite *Suite
	o     RunOptions
	ctx   context.Context //nolint:containedctx // of the one call of Run; teardown has another
	stop  context.CancelCauseFunc
	tasks chan func() // for the goroutines that run tests, one a job

	mu      sync.Mutex
	errs    []error
	broken  bool // the reporter has failed
	results []*TestResult
}

// errFailFast ends a run at its first failure.
var errFailFast = errors.New("an earlier test failed, and --fail-fast is given")

// report tells the reporter, unless it has failed before.
func (r *runner) report(tell func(Reporter) error) {
	if r.o.Reporter == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return
	}
	if err := tell(r.o.Reporter); err != nil {
		r.broken = true
		r.errs = append(r.errs, fmt.Errorf("report: %w", err))
	}
}

func (r *runner) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

// fileRun is a file under way.
type fileRun struct {
	*runner
	plan  *filePlan
	snaps *snapshots
	setup *testRun // nil: none
	tests map[*testPlan]*testRun
}

// testRun is a test that has been begun, or will not be.
type testRun struct {
	done     chan struct{} // closed when result and captured are there
	result   *TestResult
	captured map[string]any
}

// start waits for a job that is free, and gives it a task; wg waits for its end.
func (r *runner) start(wg *sync.WaitGroup, task func()) {
	wg.Add(1)
	r.tasks <- func() {
		defer wg.Done()
		task()
	}
}

// file runs setup, tests and teardown of a file.
func (r *runner) file(plan *filePlan) {
	snaps, err := openSnapshots(plan.file.source.path, r.o.Snapshots)
	if err != nil {
		r.fail(err)
		snaps = &snapshots{path: snapshotPath(plan.file.source.path), mode: CompareSnapshots}
	}
	f := &fileRun{runner: r, plan: plan, snaps: snaps, tests: map[*testPlan]*testRun{}}
	var wg sync.WaitGroup
	if plan.setup != nil {
		f.setup = &testRun{done: make(chan struct{})}
		r.start(&wg, func() { f.run(r.ctx, plan.setup, f.setup, nil) })
		wg.Wait()
	}
	for _, t := range plan.tests {
		if t.spec.alone {
			wg.Wait()
		}
		run := &testRun{done: make(chan struct{})}
		f.tests[t] = run
		needs := f.runs(t.needs)
		r.start(&wg, func() { f.run(r.ctx, t, run, needs) })
		if t.spec.alone {
			wg.Wait()
		}
	}
	wg.Wait()
	if plan.teardown != nil {
		ctx, cancel := f.teardownContext()
		r.start(&wg, func() { f.run(ctx, plan.teardown, &testRun{done: make(chan struct{})}, f.runs(plan.tests)) })
		wg.Wait()
		cancel()
	}
	if err := snaps.save(!plan.partial && f.allPassed()); err != nil {
		r.fail(err)
	}
}

// allPassed reports whether the tests of the file, all of which have ended, did.
func (f *fileRun) allPassed() bool {
	for _, run := range f.tests {
		if run.result.Verdict != Passed {
			return false
		}
	}
	return f.setup == nil || f.setup.result.Verdict == Passed
}

// Why a teardown is broken off.
var (
	errTeardownTime = errors.New("teardown took too long after the interrupt")
	errAborted      = errors.New("interrupted again")
)

// teardownContext outlives an interrupt, by a limited time and until Abort. The
// function that it returns ends its goroutine.
func (r *runner) teardownContext() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.ctx))
	var wg sync.WaitGroup
	wg.Go(func() {
		interrupted := r.ctx.Done()
		var limit <-chan time.Time
		for {
			select {
			case <-ctx.Done():
				return
			case <-interrupted:
				interrupted = nil
				t := time.NewTimer(r.o.Teardown)
				defer t.Stop()
				limit = t.C
			case <-limit:
				cancel(errTeardownTime)
			case <-r.o.Abort:
				cancel(errAborted)
			}
		}
	})
	return ctx, func() {
		cancel(nil)
		wg.Wait()
	}
}

// runs are those of tests that have begun. Tests begin after what they need.
func (f *fileRun) runs(tests []*testPlan) []*testRun {
	out := make([]*testRun, len(tests))
	for i, t := range tests {
		out[i] = f.tests[t]
	}
	return out
}

// waitFor waits for what a test needs, and returns why it cannot run, "" if it can.
func waitFor(needs []*testRun) string {
	for _, n := range needs {
		<-n.done
		if n.result.Verdict != Passed {
			return fmt.Sprintf("it needs %q, which is %s", n.result.FullName(), n.result.Verdict)
		}
	}
	return ""
}

// run runs one test, or notes why it is not run. It sees what earlier ones have
// captured: what it needs, or, for teardown, all tests.
func (f *fileRun) run(ctx context.Context, t *testPlan, run *testRun, earlier []*testRun) {
	defer close(run.done)
	skip := ""
	if t.test.Phase == Main {
		skip = waitFor(earlier)
	}
	result := &TestResult{Test: t.test, Started: time.Now(), Attempts: 1}
	run.result = result
	switch {
	case ctx.Err() != nil && t.test.Phase != Teardown:
		result.Verdict, result.Reason = Stopped, stopReason(ctx)
	case skip != "":
		result.Verdict, result.Reason = Skipped, skip
	case f.setup != nil && t.test.Phase == Main && f.setup.result.Verdict != Passed:
		result.Verdict, result.Reason = Skipped, "setup did not pass"
	default:
		f.attempts(ctx, t, run, earlier)
	}
	result.Elapsed = time.Since(result.Started)
	result.Reason = f.suite.secrets.redact(result.Reason)
	f.results[t.test.Index] = result
	f.report(func(p Reporter) error { return p.Ended(result) })
	if f.o.FailFast && (result.Verdict == Failed || result.Verdict == Broken) {
		f.stop(errFailFast)
	}
}

func stopReason(ctx context.Context) string {
	cause := context.Cause(ctx)
	for _, told := range []error{errFailFast, errTeardownTime, errAborted, context.DeadlineExceeded} {
		if errors.Is(cause, told) {
			return cause.Error()
		}
	}
	return "interrupted"
}

// attempts runs a test, again if it fails and is to be retried.
func (f *fileRun) attempts(ctx context.Context, t *testPlan, run *testRun, earlier []*testRun) {
	result := run.result
	base := f.scope(t, earlier)
	if t.skipIf != nil {
		value, err := t.skipIf.value(ctx, base)
		switch {
		case err != nil:
			result.Verdict, result.Reason = Broken, "skip_if: "+err.Error()
			return
		case value.Value() == true:
			result.Verdict, result.Reason = Skipped, "skip_if: "+t.skipIf.text
			return
		}
	}
	f.report(func(p Reporter) error { return p.Started(t.test) })
	for {
		run.captured = map[string]any{}
		result.Steps = nil
		f.steps(ctx, t, run, &values{run.captured, base})
		retry := t.spec.retry
		if retry == nil || result.Verdict != Failed && result.Verdict != Broken || result.Attempts >= retry.times {
			return
		}
		if !wait(ctx, retry.every) {
			result.Verdict, result.Reason = Stopped, stopReason(ctx)
			return
		}
		result.Attempts++
	}
}

// scope is what the expressions of a test see before its first step.
func (f *fileRun) scope(t *testPlan, earlier []*testRun) *values {
	base := f.plan.values
	if f.setup != nil && t.test.Phase != Setup {
		base = &values{f.setup.captured, base}
	}
	for _, run := range earlier {
		if len(run.captured) > 0 {
			base = &values{run.captured, base}
		}
	}
	if t.values != nil {
		base = &values{t.values.names, base}
	}
	return base
}

// steps runs the steps of a test: up to the first that does not pass, all of them
// in teardown.
func (f *fileRun) steps(ctx context.Context, t *testPlan, run *testRun, v *values) {
	result := run.result
	result.Verdict = Passed
	for _, s := range t.steps {
		r := f.step(ctx, t, s, v)
		f.suite.secrets.step(r)
		for i := range r.Failures {
			trim(r.Failures[i : i+1])
		}
		result.Steps = append(result.Steps, r)
		f.report(func(p Reporter) error { return p.Stepped(t.test, r) })
		result.Verdict = worse(result.Verdict, r.Verdict)
		if result.Verdict == Stopped && result.Reason == "" {
			result.Reason = r.Reason
		}
		if r.Verdict != Passed && t.test.Phase != Teardown {
			return
		}
	}
}

// worse is the verdict of a test from those of its steps.
func worse(a, b Verdict) Verdict {
	rank := map[Verdict]int{Passed: 0, Skipped: 0, Stopped: 1, Failed: 2, Broken: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// wait waits, and reports whether ctx has not ended.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
