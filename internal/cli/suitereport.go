package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/suite/report"
)

// reports are where a run is told.
type reports struct {
	reporter suite.Reporter
	files    []*os.File
}

// openReports opens what --report names, and the report for people on standard
// output, unless another one goes there.
func (o *suiteOptions) openReports() (*reports, error) {
	rs := &reports{}
	if o.check {
		return rs, nil
	}
	var all []suite.Reporter
	shown := false
	for _, arg := range o.reports {
		format, file, _ := strings.Cut(arg, "=")
		r, err := o.openReport(rs, format, file)
		if err != nil {
			return nil, errors.Join(err, rs.close())
		}
		// What GitHub reads stands between what people read.
		shown = shown || (file == "" || file == "-") && format != "github"
		all = append(all, r)
	}
	if !shown {
		r, err := report.New("pretty", o.Out, o.reportOptions(rs, o.Out))
		if err != nil {
			return nil, errors.Join(err, rs.close())
		}
		all = append([]suite.Reporter{r}, all...)
	}
	rs.reporter = report.Multi(all...)
	return rs, nil
}

func (o *suiteOptions) openReport(rs *reports, format, file string) (suite.Reporter, error) {
	// Before a file is emptied.
	if _, err := report.New(format, io.Discard, report.Options{}); err != nil {
		return nil, &usageError{err: fmt.Errorf("--report: %w", err), command: "grpcx test"}
	}
	w := o.Out
	if file != "" && file != "-" {
		f, err := os.Create(file)
		if err != nil {
			return nil, fmt.Errorf("--report %s: %w", format, err)
		}
		rs.files = append(rs.files, f)
		w = f
	}
	return report.New(format, w, o.reportOptions(rs, w))
}

// reportOptions fit w: the terminal has colours and is redrawn.
func (o *suiteOptions) reportOptions(rs *reports, w io.Writer) report.Options {
	options := report.Options{}
	if name, err := os.Hostname(); err == nil {
		options.Hostname = name
	}
	if path, ok := o.LookupEnv("GITHUB_STEP_SUMMARY"); ok && path != "" {
		if f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			rs.files = append(rs.files, f)
			options.Summary = f
		}
	}
	if w == o.Out && o.OutTerminal {
		options.Color = o.colour(true)
		options.Live = options.Color
		if f, ok := o.Out.(*os.File); ok {
			options.Size = func() (int, int) {
				width, height, err := term.GetSize(int(f.Fd()))
				if err != nil || width <= 0 || height <= 0 {
					return 80, 24
				}
				return width, height
			}
		}
	}
	return options
}

func (rs *reports) close() error {
	var errs []error
	for _, f := range rs.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
