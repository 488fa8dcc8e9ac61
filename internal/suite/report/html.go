package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/termtext"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageScript string

// page writes one HTML page at the end of the run. It loads nothing: its content
// security policy allows its own style and script alone, by their hashes.
type page struct {
	silent
	w io.Writer
}

func (p *page) End(result *suite.Result) error {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, viewOf(result)); err != nil {
		return err
	}
	_, err = p.w.Write(b.Bytes())
	return err
}

// timeline is how wide the time of the run is in the units of the page's bars.
const timeline = 1000

type pageView struct {
	Style                 template.CSS
	Script                template.JS
	StyleHash, ScriptHash string // for the policy

	Verdict suite.Verdict
	Title   string // all counts
	Head    string // those that matter
	Started time.Time
	Elapsed string
	Jobs    int
	RunID   string
	Version string
	Total   int
	Shares  []shareView
	Files   []*fileView
}

// shareView is how many tests ended with a verdict.
type shareView struct {
	Verdict suite.Verdict
	Mark    string
	Count   int
	Label   string
	X, W    int // of timeline
}

type fileView struct {
	Name  string
	Tests []testView
}

type testView struct {
	Verdict    suite.Verdict
	Mark       string
	Name, Case string
	Tags       []string
	At         string
	Elapsed    string
	Attempts   int
	Reason     string
	Open       bool
	Bar        barView
	Steps      []stepView
}

// barView is when something ran, in units of timeline from the run's begin.
type barView struct{ X, W int }

type stepView struct {
	Verdict  suite.Verdict
	Mark     string
	Name     string
	Method   string
	At       string
	Ending   string
	Elapsed  string
	Attempts int
	Reason   string
	Bar      barView
	Failures []failureView
}

type failureView struct {
	Headline   string
	Kind       suite.FailureKind
	At         string
	Expression string
	Pins       string
	Values     []suite.Value
	Want, Got  string
	Diff       []diffView
	Response   string
	Command    string
}

type diffView struct{ Class, Text string }

func viewOf(result *suite.Result) *pageView {
	v := &pageView{
		Style:      template.CSS(pageCSS),   //nolint:gosec // ours, not input
		Script:     template.JS(pageScript), //nolint:gosec // ours, not input
		StyleHash:  policyHash(pageCSS),
		ScriptHash: policyHash(pageScript),
		Verdict:    overall(result),
		Title:      counts(result),
		Head:       complaints(result),
		Started:    result.Started.UTC(),
		Elapsed:    shortDuration(result.Elapsed),
		Jobs:       result.Jobs,
		RunID:      termtext.Line(result.RunID),
		Version:    termtext.Line(result.Version),
		Total:      len(result.Results),
	}
	if result.Interrupted {
		v.Title, v.Head = "interrupted: "+v.Title, "interrupted: "+v.Head
	}
	at := 0
	for _, verdict := range verdicts() {
		if n := result.Count(verdict); n > 0 {
			w := n * timeline / len(result.Results)
			v.Shares = append(v.Shares, shareView{verdict, mark(verdict), n, label(verdict), at, w})
			at += w
		}
	}
	if len(v.Shares) > 0 {
		v.Shares[len(v.Shares)-1].W += timeline - at // what rounding left
	}
	files := map[string]*fileView{}
	for _, r := range result.Results {
		if files[r.File] == nil {
			files[r.File] = &fileView{Name: termtext.Line(r.File)}
			v.Files = append(v.Files, files[r.File])
		}
		files[r.File].Tests = append(files[r.File].Tests, testViewOf(r, result))
	}
	return v
}

func label(v suite.Verdict) string {
	if v == suite.Broken {
		return "errors"
	}
	return string(v)
}

func testViewOf(r *suite.TestResult, result *suite.Result) testView {
	v := testView{
		Verdict: r.Verdict, Mark: mark(r.Verdict), Name: termtext.Line(r.Name), Case: termtext.Line(r.Case),
		At: place(r.Position), Elapsed: shortDuration(r.Elapsed), Attempts: r.Attempts,
		Reason: termtext.Line(r.Reason), Open: bad(r.Verdict), Bar: barOf(r.Started, r.Elapsed, result),
	}
	for _, tag := range r.Tags {
		v.Tags = append(v.Tags, termtext.Line(tag))
	}
	for _, s := range r.Steps {
		step := stepView{
			Verdict: s.Verdict, Mark: mark(s.Verdict), Name: termtext.Line(s.Name), Method: termtext.Line(s.Method),
			At: place(s.Position), Ending: ending(s), Elapsed: shortDuration(s.Elapsed), Attempts: s.Attempts,
			Reason: termtext.Line(s.Reason), Bar: barOf(s.Started, s.Elapsed, result),
		}
		for _, f := range once(s.Failures) {
			step.Failures = append(step.Failures, failureViewOf(f))
		}
		v.Steps = append(v.Steps, step)
	}
	return v
}

func failureViewOf(f *suite.Failure) failureView {
	v := failureView{
		Headline: headline(f), Kind: f.Kind, At: place(f.Position), Expression: termtext.Text(f.Expression),
		Want: termtext.Text(f.Want), Got: termtext.Text(f.Got),
		Response: termtext.Text(f.Response), Command: termtext.Text(f.Command),
	}
	rest := telling(f.Values)
	if !strings.Contains(v.Expression, "\n") {
		var pinned []string
		pinned, rest = pins(v.Expression, rest, 120)
		v.Pins = strings.Join(pinned, "\n")
	}
	for _, value := range rest {
		v.Values = append(v.Values, suite.Value{Expression: termtext.Line(value.Expression), Text: termtext.Line(value.Text)})
	}
	if f.Diff != "" {
		for _, line := range lines(f.Diff) {
			class := "same"
			switch {
			case strings.HasPrefix(line, "-"):
				class = "wanted"
			case strings.HasPrefix(line, "+"):
				class = "got"
			}
			v.Diff = append(v.Diff, diffView{class, line})
		}
	}
	return v
}

// barOf places what began at started in the time of the run. It is never too
// short to be seen.
func barOf(started time.Time, elapsed time.Duration, result *suite.Result) barView {
	const least = 4
	if started.IsZero() || elapsed <= 0 || result.Elapsed <= 0 {
		return barView{}
	}
	scale := func(d time.Duration) int {
		return int(min(timeline, max(0, timeline*d.Seconds()/result.Elapsed.Seconds())))
	}
	x := min(scale(started.Sub(result.Started)), timeline-least)
	return barView{x, min(max(least, scale(elapsed)), timeline-x)}
}

// policyHash names an inline part in the content security policy.
func policyHash(part string) string {
	sum := sha256.Sum256([]byte(part))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
