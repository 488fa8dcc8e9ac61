package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/grpcx/grpcx/internal/pipe"
	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/suite/report"
)

// reports are where a run is told.
type reports struct {
	reporter suite.Reporter
	files    []*pipe.File
}

// reportArg is a --report.
type reportArg struct {
	format string
	file   string // "" is standard output
}

// reportArgs are what --report asks for, and the report for people on standard
// output, unless another one goes there.
func (o *suiteOptions) reportArgs() ([]reportArg, error) {
	bad := func(format string, args ...any) error {
		return &usageError{err: fmt.Errorf("--report: "+format, args...), command: "grpcx test"}
	}
	var all []reportArg
	taken := map[string]bool{}
	for _, arg := range o.reports {
		format, file, _ := strings.Cut(arg, "=")
		if _, err := report.New(format, io.Discard, report.Options{}); err != nil {
			return nil, bad("%w", err)
		}
		if file == "-" {
			file = ""
		}
		// What GitHub reads stands between what people read.
		if file != "" || format != "github" {
			key := file
			if key != "" {
				key = filepath.Clean(file)
			}
			if taken[key] {
				return nil, bad("two reports go to %s", cmp.Or(file, "standard output"))
			}
			taken[key] = true
		}
		all = append(all, reportArg{format, file})
	}
	if !taken[""] {
		all = append([]reportArg{{format: "pretty"}}, all...)
	}
	return all, nil
}

// openReports opens the reports of one run. inputs are files that none of them may
// take the place of.
func (o *suiteOptions) openReports(ctx context.Context, args []reportArg, inputs []string) (*reports, error) {
	rs := &reports{}
	var all []suite.Reporter
	for _, arg := range args {
		r, err := o.openReport(ctx, rs, arg, inputs)
		if err != nil {
			return nil, errors.Join(err, rs.close())
		}
		all = append(all, r)
	}
	rs.reporter = report.Multi(all...)
	return rs, nil
}

func (o *suiteOptions) openReport(ctx context.Context, rs *reports, arg reportArg, inputs []string) (suite.Reporter, error) {
	w := o.Out
	if arg.file != "" {
		if isOneOf(arg.file, inputs) {
			return nil, fmt.Errorf("--report %s: %s is a file of the suite", arg.format, arg.file)
		}
		f, err := pipe.Create(ctx, arg.file, os.O_TRUNC, 0o666)
		if err != nil {
			return nil, fmt.Errorf("--report %s: %w", arg.format, err)
		}
		rs.files = append(rs.files, f)
		w = f
	}
	return report.New(arg.format, w, o.reportOptions(ctx, rs, arg.format, w))
}

// isOneOf reports whether a file is one of others, by whatever name.
func isOneOf(file string, others []string) bool {
	info, err := os.Stat(file)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(others, func(other string) bool {
		o, err := os.Stat(other)
		return err == nil && os.SameFile(info, o)
	})
}

// reportOptions fit w: the terminal has colours and is redrawn.
func (o *suiteOptions) reportOptions(ctx context.Context, rs *reports, format string, w io.Writer) report.Options {
	options := report.Options{}
	if name, err := os.Hostname(); err == nil {
		options.Hostname = name
	}
	if path, ok := o.LookupEnv("GITHUB_STEP_SUMMARY"); ok && path != "" && format == "github" {
		if f, err := pipe.Create(ctx, path, os.O_APPEND, 0o600); err == nil {
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
