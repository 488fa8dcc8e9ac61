package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/termtext"
)

// junit writes JUnit XML at the end of the run: a testsuite for each file, a
// testcase for each test. Documents are valid by the schema of Ant's reports and
// by Jenkins's, which leave no attributes for files and lines: those are
// properties of the suite, and the first words of a failure.
type junit struct {
	silent
	w        io.Writer
	hostname string
}

type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suites  []*junitSuite
}

type junitSuite struct {
	XMLName    xml.Name        `xml:"testsuite"`
	Name       string          `xml:"name,attr"`
	Package    string          `xml:"package,attr"`
	ID         int             `xml:"id,attr"`
	Timestamp  string          `xml:"timestamp,attr"` // UTC; the schema has no zone
	Hostname   string          `xml:"hostname,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"` // seconds
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	Out        junitText       `xml:"system-out"`
	Err        junitText       `xml:"system-err"`

	elapsed time.Duration
	log     strings.Builder
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Skipped *string       `xml:"skipped"`
	Error   *junitFailure `xml:"error"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	junitText
}

type junitText struct {
	Text string `xml:",cdata"`
}

func (j *junit) End(result *suite.Result) error {
	var doc junitSuites
	suites := map[string]*junitSuite{}
	for _, r := range result.Results {
		s := suites[r.File]
		if s == nil {
			s = j.suite(result, r.File)
			s.ID = len(suites)
			suites[r.File] = s
			doc.Suites = append(doc.Suites, s)
		}
		s.add(r)
	}
	for _, s := range doc.Suites {
		s.Time, s.Out.Text = seconds(s.elapsed), s.log.String()
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := j.w.Write(b.Bytes())
	return err
}

func (j *junit) suite(result *suite.Result, file string) *junitSuite {
	class := className(file)
	folder := ""
	if i := strings.LastIndexByte(class, '.'); i >= 0 {
		folder = class[:i]
	}
	s := &junitSuite{
		Name:      class[strings.LastIndexByte(class, '.')+1:],
		Package:   folder,
		Timestamp: result.Started.UTC().Format("2006-01-02T15:04:05"),
		Hostname:  "localhost",
		Properties: []junitProperty{
			{"file", termtext.Line(file)},
			{"grpcx.version", termtext.Line(result.Version)},
			{"run.id", termtext.Line(result.RunID)},
			{"jobs", strconv.Itoa(result.Jobs)},
			{"interrupted", strconv.FormatBool(result.Interrupted)},
		},
	}
	if j.hostname != "" {
		s.Hostname = termtext.Line(j.hostname)
	}
	return s
}

// className gives "smoke.users" for smoke/users.yaml, as those who read these
// reports split names at dots.
func className(file string) string {
	file = strings.TrimSuffix(file, path.Ext(file))
	parts := strings.FieldsFunc(termtext.Line(file), func(r rune) bool { return r == '/' || r == '.' || r == '\\' })
	if len(parts) == 0 {
		return "suite"
	}
	return strings.Join(parts, ".")
}

func (s *junitSuite) add(r *suite.TestResult) {
	c := junitCase{Name: termtext.Line(r.FullName()), Class: className(r.File), Time: seconds(r.Elapsed)}
	s.Tests++
	switch r.Verdict {
	case suite.Failed:
		s.Failures++
		c.Failure = junitFailureOf(r)
	case suite.Broken:
		s.Errors++
		c.Error = junitFailureOf(r)
	case suite.Skipped, suite.Stopped:
		s.Skipped++
		reason := strings.TrimSuffix(string(r.Verdict)+": "+termtext.Line(r.Reason), ": ")
		c.Skipped = &reason
	}
	s.Cases = append(s.Cases, c)
	s.elapsed += r.Elapsed
	s.log.WriteString(junitLog(r))
}

// junitFailureOf shows all failures of a test as one, which is all that the schema
// allows.
func junitFailureOf(r *suite.TestResult) *junitFailure {
	var f junitFailure
	var text strings.Builder
	for _, s := range r.Steps {
		for _, one := range once(s.Failures) {
			line := place(one.Position) + ": " + termtext.Line(s.Name) + ": " + brief(one)
			if f.Type == "" {
				f.Message, f.Type = line, string(one.Kind)
			}
			text.WriteString(line + "\n" + strings.Join(frameOf(one, false, 80)[1:], "\n") + "\n\n")
		}
	}
	if f.Type == "" {
		f.Message, f.Type = place(r.Position)+": "+string(r.Verdict), string(r.Verdict)
		if r.Reason != "" {
			f.Message += ": " + termtext.Line(r.Reason)
		}
	}
	f.Text = characters(text.String())
	return &f
}

// junitLog tells of the steps of r.
func junitLog(r *suite.TestResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s (%s", mark(r.Verdict), termtext.Line(r.FullName()), shortDuration(r.Elapsed))
	if r.Attempts > 1 {
		b.WriteString(", " + plural(r.Attempts, "attempt"))
	}
	b.WriteString(")\n")
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "  %s %s: %s → %s, %s\n", mark(s.Verdict), termtext.Line(s.Name), termtext.Line(s.Method),
			ending(s), shortDuration(s.Elapsed))
	}
	return characters(b.String())
}

// characters replaces the two that are safe on a terminal, but not in XML 1.0.
func characters(s string) string {
	return strings.NewReplacer("\ufffe", `\ufffe`, "\uffff", `\uffff`).Replace(s)
}

func seconds(d time.Duration) string { return strconv.FormatFloat(max(0, d.Seconds()), 'f', 6, 64) }
