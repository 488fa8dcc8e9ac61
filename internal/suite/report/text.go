package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"
	"google.golang.org/grpc/codes"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/termtext"
)

// verdicts lists the verdicts, the ones to look at first in front.
func verdicts() []suite.Verdict {
	return []suite.Verdict{suite.Failed, suite.Broken, suite.Stopped, suite.Skipped, suite.Passed}
}

// mark is the sign of v, one cell wide.
func mark(v suite.Verdict) string {
	switch v {
	case suite.Passed:
		return "✓"
	case suite.Failed:
		return "✗"
	case suite.Broken:
		return "!"
	case suite.Skipped:
		return "○"
	default:
		return "■"
	}
}

// bad reports whether v makes the run fail.
func bad(v suite.Verdict) bool { return v == suite.Failed || v == suite.Broken }

// overall is the verdict of a run: the worst of its tests.
func overall(r *suite.Result) suite.Verdict {
	switch {
	case r.Interrupted:
		return suite.Stopped
	case r.Count(suite.Failed) > 0:
		return suite.Failed
	case r.Count(suite.Broken) > 0:
		return suite.Broken
	case r.Count(suite.Stopped) > 0:
		return suite.Stopped
	default:
		return suite.Passed
	}
}

// complaints says how many tests went wrong, or all counts if none did.
func complaints(r *suite.Result) string {
	var parts []string
	for _, v := range verdicts() {
		if n := r.Count(v); n > 0 && bad(v) {
			parts = append(parts, countOf(n, v))
		}
	}
	if len(parts) == 0 {
		return counts(r)
	}
	return strings.Join(parts, ", ")
}

// counts says how many tests ended with each verdict: "1 failed, 3 passed".
func counts(r *suite.Result) string {
	var parts []string
	for _, v := range verdicts() {
		if n := r.Count(v); n > 0 {
			parts = append(parts, countOf(n, v))
		}
	}
	if len(parts) == 0 {
		return "no tests"
	}
	return strings.Join(parts, ", ")
}

func countOf(n int, v suite.Verdict) string {
	if v == suite.Broken {
		return plural(n, "error")
	}
	return strconv.Itoa(n) + " " + string(v)
}

// plural gives "1 test", "2 tests".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// shortDuration gives two or three digits: 0.42ms, 4.2ms, 87ms, 3.41s, 2m05s.
func shortDuration(d time.Duration) string {
	switch {
	case d < 0:
		return "0ms"
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(d.Round(10*time.Microsecond).Seconds()*1000, 'g', 2, 64) + "ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + "s"
	default:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
}

// place gives FILE:LINE:COL, with less if less is known.
func place(p suite.Position) string {
	s := termtext.Line(p.File)
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
		if p.Column > 0 {
			s += ":" + strconv.Itoa(p.Column)
		}
	}
	return s
}

// called reports whether the call of s was made, so that its code says something.
func called(s *suite.StepResult) bool {
	if s.Code != codes.OK {
		return true
	}
	if s.Verdict == suite.Skipped || s.Verdict == suite.Stopped {
		return false
	}
	for _, f := range s.Failures {
		if f.Kind == suite.CallFailure {
			return false
		}
	}
	return true
}

// ending says how the call of s ended: "NOT_FOUND: no such user, 2 messages".
func ending(s *suite.StepResult) string {
	var text string
	switch {
	case called(s):
		text = invoke.CodeName(s.Code)
	case s.Elapsed > 0:
		text = "not ended"
	default:
		text = "not called"
	}
	if s.Message != "" {
		text += ": " + termtext.Line(s.Message)
	}
	if s.Received != 1 && text != "not called" {
		text += ", " + plural(s.Received, "message")
	}
	return text
}

// headline says in one line what is wrong, where the expression is shown too.
func headline(f *suite.Failure) string {
	switch {
	case f.Summary == "":
		return string(f.Kind) + " failed"
	case f.Kind == suite.ExpectFailure:
		return "expectation " + termtext.Line(f.Summary) // as in "is false"
	default:
		return termtext.Line(f.Summary)
	}
}

// brief is headline where the expression is not shown.
func brief(f *suite.Failure) string {
	const most = 60 // cells of an expression
	if f.Kind != suite.ExpectFailure || f.Expression == "" || f.Summary == "" {
		return headline(f)
	}
	first, _, more := strings.Cut(strings.TrimSpace(f.Expression), "\n")
	first = termtext.Line(first)
	if more {
		first += " …"
	}
	return fit(first, most) + " " + termtext.Line(f.Summary)
}

// columns returns how many cells of a terminal s takes. s is one safe line.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// fit returns s cut to limit cells, with an ellipsis if something is missing.
func fit(s string, limit int) string {
	if columns(s) <= limit {
		return s
	}
	n := 0
	for i, r := range s {
		n += runeColumns(r)
		if n >= limit {
			return s[:i] + "…"
		}
	}
	return s
}

// lines splits a text into safe lines, without the last newline.
func lines(s string) []string {
	return strings.Split(termtext.Text(strings.TrimRight(s, "\n")), "\n")
}
