// Package report writes how a run of smoke tests went: for people on a terminal,
// for CI systems, and for programs.
//
// Names, messages and responses come from files and servers. Each format makes
// them safe for where it is read: what could move a cursor, end an XML section or
// start a workflow command is shown, not obeyed. Long texts are cut.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/termtext"
)

// Options are what a report depends on besides the run. The zero value makes
// reports for files.
type Options struct {
	Color    bool                       // pretty: with colours
	Live     bool                       // pretty: the writer is a terminal; the tests that run are redrawn on it
	Size     func() (width, height int) // of that terminal, in cells; nil: 80 by 24
	Summary  io.Writer                  // github: where the Markdown of the job's summary goes; nil: nowhere
	Hostname string                     // junit: where the tests ran; "": localhost
}

// Format is a kind of report.
type Format struct {
	Name        string
	Description string // a few words, lowercase
}

// Formats lists the formats, in the order for help.
func Formats() []Format {
	return []Format{
		{"pretty", "for people, live on a terminal"},
		{"junit", "JUnit XML, for Jenkins, GitLab and most others"},
		{"tap", "Test Anything Protocol, version 14"},
		{"json", "one JSON document"},
		{"jsonl", "one JSON event a line, as they happen"},
		{"github", "annotations and a step summary for GitHub Actions"},
		{"html", "one self-contained page"},
	}
}

// New returns a reporter that writes the run as format to w. It takes one run
// after the other. The caller closes w, after End.
func New(format string, w io.Writer, o Options) (suite.Reporter, error) {
	if o.Size == nil {
		o.Size = func() (int, int) { return 80, 24 }
	}
	var r suite.Reporter
	switch format {
	case "pretty":
		r = newPretty(w, o)
	case "junit":
		r = &junit{w: w, hostname: o.Hostname}
	case "tap":
		r = &tap{w: w}
	case "json":
		r = &document{w: w}
	case "jsonl":
		r = &events{w: w}
	case "github":
		r = &github{w: w, summary: o.Summary}
	case "html":
		r = &page{w: w}
	default:
		return nil, unknownFormat(format)
	}
	return &bounded{format: format, next: r}, nil
}

func unknownFormat(format string) error {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	err := fmt.Errorf("report format %q: unknown; known are %s", termtext.Line(format), strings.Join(names, ", "))
	if near := message.Nearest(format, slices.Values(names)); near != "" {
		err = fmt.Errorf("%w; did you mean %q?", err, near)
	}
	return err
}

// silent is a reporter that says nothing. Those embed it that write at the end.
type silent struct{}

func (silent) Begin(*suite.Plan) error                      { return nil }
func (silent) Started(*suite.Test) error                    { return nil }
func (silent) Stepped(*suite.Test, *suite.StepResult) error { return nil }
func (silent) Ended(*suite.TestResult) error                { return nil }
