package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/suite/report"
)

// suiteOptions is `grpcx test`.
type suiteOptions struct {
	*program
	connection
	schema
	jobs     int
	tags     []string
	match    string
	watch    bool
	update   bool
	check    bool
	failFast bool
	envFiles []string
	vars     []string
	wait     duration
	reports  []string
	schemaOf bool // print the JSON Schema
	pattern  *regexp.Regexp
}

func newTestCommand(p *program) *cobra.Command {
	o := &suiteOptions{program: p}
	cmd := &cobra.Command{
		Use:   "test FILE|DIR...",
		Short: "Run smoke tests",
		Long: `Run the smoke tests of YAML files: calls of any kind, and what is expected of
them, in CEL expressions that are checked against the schema before anything is
called. A folder stands for the files in it that have tests.

Reports are ` + strings.Join(formatNames(), ", ") + `.
--report FORMAT=FILE writes one beside what is shown; without a file, or with -,
it goes to standard output instead; github goes there too.

Exit codes: 0 all passed, 3 an assertion failed, 1 a mistake in a file or no
connection, 2 usage or no test to run, 130 interrupted. Teardown runs in any case.`,
		Example: `  grpcx test init localhost:50051 --plaintext > smoke.yaml
  grpcx test smoke.yaml
  grpcx test tests/ --jobs 8 --tags smoke --report junit=report.xml
  grpcx test smoke.yaml --run 'user' --watch
  grpcx test tests/ --check --protoset api.binpb`,
		Args: args(0, -1, "FILE|DIR..."),
		RunE: func(cmd *cobra.Command, paths []string) error { return o.run(cmd, paths) },
	}
	f := cmd.Flags()
	f.IntVar(&o.jobs, "jobs", 1, "`N` tests at once, each with its steps in order")
	f.StringSliceVar(&o.tags, "tags", nil, "only tests with one of these `TAGS`, and none of those after a !")
	f.StringVar(&o.match, "run", "", "only tests whose name matches `REGEXP`, and what they need")
	f.BoolVar(&o.watch, "watch", false, "run again whenever a file changes")
	f.BoolVar(&o.update, "update", false, "write the snapshots anew")
	f.BoolVar(&o.check, "check", false, "check the files, call nothing")
	f.BoolVar(&o.failFast, "fail-fast", false, "stop at the first failure")
	f.StringArrayVar(&o.envFiles, "env-file", nil, "take variables of env from `FILE`, before the environment's")
	f.StringArrayVar(&o.vars, "var", nil, "`NAME=VALUE` in place of a variable of vars")
	f.Var(&o.wait, "wait", "wait this long until the target is there, and its reflection")
	f.StringArrayVar(&o.reports, "report", nil, "`FORMAT=FILE`: write a report too")
	f.BoolVar(&o.schemaOf, "schema", false, "print the JSON Schema of suite files, for editors")
	o.connection.register(f)
	o.schema.register(f)
	cmd.AddCommand(newTestInitCommand(p))
	return cmd
}

func formatNames() (names []string) {
	for _, f := range report.Formats() {
		names = append(names, f.Name)
	}
	return names
}

func (o *suiteOptions) run(cmd *cobra.Command, paths []string) error {
	if o.schemaOf {
		_, err := o.Out.Write(suite.JSONSchema())
		return err
	}
	bad := func(format string, args ...any) error {
		return &usageError{err: fmt.Errorf(format, args...), command: cmd.CommandPath()}
	}
	if len(paths) == 0 {
		return bad("too few arguments: want FILE|DIR...")
	}
	if o.jobs < 1 {
		return bad("--jobs: want at least 1")
	}
	if o.watch && o.check {
		return bad("--watch and --check exclude each other")
	}
	var err error
	if o.pattern, err = regexp.Compile(o.match); err != nil {
		return bad("--run: %v", err)
	}
	if err := o.schema.check(nil); err != nil {
		return err
	}
	ctx, cancel := o.bound(cmd.Context())
	defer cancel()
	reports, err := o.reportArgs()
	if err != nil {
		return err
	}
	if _, set := o.LookupEnv("GOGC"); !set {
		// Checking a suite makes much that is soon garbage, of a heap that is small.
		defer debug.SetGCPercent(debug.SetGCPercent(400))
	}
	if o.watch {
		return o.keepRunning(ctx, paths, reports)
	}
	_, err = o.once(ctx, paths, reports)
	return err
}

// once runs the tests and returns which files they are made from.
func (o *suiteOptions) once(ctx context.Context, paths []string, args []reportArg) (files []string, err error) {
	config, err := o.config(ctx, paths)
	if err != nil {
		return paths, err
	}
	s, err := suite.Load(ctx, config)
	if err != nil {
		return append(s.Files(), paths...), o.explainLoad(ctx, err, paths)
	}
	defer s.Close()
	if o.check {
		_, err := fmt.Fprintf(o.Out, "%s, %s: nothing wrong\n", plural(len(config.Paths), "file"), plural(len(s.Tests()), "test"))
		return s.Files(), err
	}
	mode := suite.WriteNewSnapshots
	if ci, ok := o.LookupEnv("CI"); ok && ci != "" && ci != "false" {
		mode = suite.CompareSnapshots
	}
	if o.update {
		mode = suite.UpdateSnapshots
	}
	reports, err := o.openReports(ctx, args, append(s.Files(), paths...))
	if err != nil {
		return s.Files(), err
	}
	abort, stop := secondSignal(ctx)
	defer stop()
	result, err := s.Run(ctx, suite.RunOptions{
		Jobs: o.jobs, FailFast: o.failFast, Snapshots: mode, Reporter: reports.reporter, Abort: abort,
	})
	return s.Files(), o.verdict(ctx, result, errors.Join(err, reports.close()))
}

// secondSignal returns a channel that is closed by a signal that comes after the
// end of ctx, which a signal may have been. A further one ends the process. stop
// ends the waiting.
func secondSignal(ctx context.Context) (abort <-chan struct{}, stop func()) {
	ended := ctx.Err() != nil
	// Listening begins before the first signal, so that there is no time between
	// the two in which the second would be lost, or would end the process.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	forced, cancel := context.WithCancel(context.Background())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-signals:
			case <-forced.Done():
				return
			}
			if ended || timeIsUp(ctx) {
				cancel()
			}
			ended = true
		}
	})
	return forced.Done(), func() {
		cancel()
		waiting.Wait()
	}
}

func timeIsUp(ctx context.Context) bool {
	_, ok := errors.AsType[*maxTimeError](context.Cause(ctx))
	return ok
}

// verdict is the exit code that a run ends with. err, what could not be written,
// is shown, and counts where nothing else is wrong.
func (o *suiteOptions) verdict(ctx context.Context, r *suite.Result, err error) error {
	if limit, ok := errors.AsType[*maxTimeError](context.Cause(ctx)); ok && r.Interrupted {
		return errors.Join(limit, err)
	}
	var code int
	switch {
	case r.Interrupted:
		code = exitInterrupted
	case r.Count(suite.Failed) > 0:
		code = exitVerdict
	case r.Count(suite.Broken) > 0:
		code = exitFailure
	default:
		return err
	}
	if err != nil {
		o.printError(o.Err, err)
	}
	return exitError(code)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// config says what to load.
func (o *suiteOptions) config(ctx context.Context, paths []string) (suite.Config, error) {
	files, err := suite.Find(paths)
	if err != nil {
		return suite.Config{}, err
	}
	if len(files) == 0 {
		return suite.Config{}, &usageError{err: fmt.Errorf("no file in %s has tests", strings.Join(paths, ", ")), command: "grpcx test"}
	}
	vars := map[string]string{}
	for _, v := range o.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return suite.Config{}, &usageError{err: errors.New("--var: want NAME=VALUE"), command: "grpcx test"}
		}
		vars[name] = value
	}
	lookup, err := o.environment(ctx)
	if err != nil {
		return suite.Config{}, err
	}
	if _, err := o.allMetadata(ctx); err != nil { // before anything is connected
		return suite.Config{}, err
	}
	config := suite.Config{
		Paths: files, LookupEnv: lookup, Vars: vars, Tags: o.tags, Version: o.version, Started: time.Now(),
		Connect: func(_ context.Context, t suite.Target) (suite.Conn, error) {
			return o.connectTarget(ctx, t)
		},
	}
	if o.match != "" {
		config.Match = o.pattern
	}
	return config, nil
}

// explainLoad makes an error of the exit code that it has.
func (o *suiteOptions) explainLoad(ctx context.Context, err error, paths []string) error {
	if problems, ok := errors.AsType[suite.Problems](err); ok {
		_, _ = io.WriteString(o.Err, problems.Error()+"\n")
		return exitError(exitFailure)
	}
	if errors.Is(err, suite.ErrNoTests) {
		what := strings.Join(paths, ", ")
		if o.match != "" {
			what += ", --run " + o.match
		}
		if len(o.tags) > 0 {
			what += ", --tags " + strings.Join(o.tags, ",")
		}
		return &usageError{err: fmt.Errorf("no test matches: %s", what), command: "grpcx test"}
	}
	if errors.Is(err, suite.ErrNoVariable) {
		return &usageError{err: fmt.Errorf("--var: %w", err), command: "grpcx test"}
	}
	if ctx.Err() != nil {
		return err
	}
	// A target that cannot be reached is exit code 1, whatever the reason.
	o.printError(o.Err, err)
	return exitError(exitFailure)
}

// connectTarget connects as the target and the flags say. A schema from files
// needs no connection to be checked.
func (o *suiteOptions) connectTarget(ctx context.Context, t suite.Target) (suite.Conn, error) {
	c, s := o.connection, o.schema
	override(&c.caCert, &t.CACert)
	override(&c.cert, &t.Cert)
	override(&c.key, &t.Key)
	override(&c.authority, &t.Authority)
	override(&c.name, &t.ServerName)
	t.Plaintext, t.Insecure = t.Plaintext || c.plaintext, t.Insecure || c.insecure
	c.plaintext, c.insecure = t.Plaintext, t.Insecure
	if len(s.protos)+len(s.protosets) > 0 {
		t.Protos, t.ImportPaths, t.Protosets = s.protos, s.importPaths, s.protosets
	}
	t.UseReflection = t.UseReflection || s.useReflection
	s.protos, s.importPaths, s.protosets, s.useReflection = t.Protos, t.ImportPaths, t.Protosets, t.UseReflection
	c.target = t.MD()
	out := suite.Conn{Target: t}
	var err error
	if out.Metadata, err = c.callMetadata(ctx, o.program); err != nil {
		return out, err
	}
	if !s.fromFiles() {
		if out.ReflectionMetadata, err = c.reflectionMetadata(ctx, o.program); err != nil {
			return out, err
		}
	}
	var conn dial.Conn
	target := o.arrival(t.Address)
	connect := func(ctx context.Context) (grpc.ClientConnInterface, error) {
		var err error
		if conn, err = target.dial(ctx, &c, t.Address); err != nil {
			return nil, err
		}
		return c.compressing(conn), nil
	}
	switch {
	case !s.fromFiles():
		if out.CC, err = connect(ctx); err != nil {
			return out, err
		}
	case !o.check:
		out.Dial = connect
	}
	// Teardown may need the schema after an interrupt.
	source, closeSource, err := s.source(ctx, context.WithoutCancel(ctx), o.program, &c, conn)
	out.Close = func() {
		if closeSource != nil {
			closeSource()
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
	if err == nil && !s.fromFiles() {
		err = target.reflection(ctx, source)
	}
	if err != nil {
		out.Close()
		return out, err
	}
	out.Source = source
	return out, nil
}

// override makes both the flag's value, if there is one, or else the target's.
func override(flag, target *string) {
	if *flag != "" {
		*target = *flag
	}
	*flag = *target
}
