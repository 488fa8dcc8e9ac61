package report

import (
	"errors"
	"slices"

	"github.com/grpcx/grpcx/internal/suite"
)

// Multi returns a reporter that tells each of reporters. One that fails is told
// no more until the next run; the others go on. The errors come out of End,
// joined.
func Multi(reporters ...suite.Reporter) suite.Reporter {
	return &multi{all: reporters}
}

type multi struct {
	all     []suite.Reporter
	working []suite.Reporter
	errs    []error
}

func (m *multi) Begin(plan *suite.Plan) error {
	m.working, m.errs = slices.Clone(m.all), nil
	m.tell(func(r suite.Reporter) error { return r.Begin(plan) })
	return nil
}

func (m *multi) Started(test *suite.Test) error {
	m.tell(func(r suite.Reporter) error { return r.Started(test) })
	return nil
}

func (m *multi) Stepped(test *suite.Test, step *suite.StepResult) error {
	m.tell(func(r suite.Reporter) error { return r.Stepped(test, step) })
	return nil
}

func (m *multi) Ended(result *suite.TestResult) error {
	m.tell(func(r suite.Reporter) error { return r.Ended(result) })
	return nil
}

func (m *multi) End(result *suite.Result) error {
	m.tell(func(r suite.Reporter) error { return r.End(result) })
	return errors.Join(m.errs...)
}

func (m *multi) tell(what func(suite.Reporter) error) {
	m.working = slices.DeleteFunc(m.working, func(r suite.Reporter) bool {
		err := what(r)
		if err != nil {
			m.errs = append(m.errs, err)
		}
		return err != nil
	})
}
