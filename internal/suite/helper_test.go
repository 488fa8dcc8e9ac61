package suite_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is the reference server, and how suites connect to it.
type server struct {
	addr    string
	connect suite.Connect
}

func start(tb testing.TB, config testserver.Config) server {
	tb.Helper()
	s := testserver.Start(tb, config)
	return server{s.Addr(), connectTo(s.Addr())}
}

// connectTo connects to addr, whatever the target.
func connectTo(addr string) suite.Connect {
	return func(ctx context.Context, t suite.Target) (suite.Conn, error) {
		cc, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return suite.Conn{}, err
		}
		source := describe.NewReflection(context.WithoutCancel(ctx), cc, describe.ReflectionOptions{})
		return suite.Conn{CC: cc, Source: source, Target: t, Close: func() {
			_ = source.Close()
			_ = cc.Close()
		}}, nil
	}
}

// recorder keeps what a run tells.
type recorder struct {
	begun, ended int
	result       *suite.Result
}

func (r *recorder) Begin(*suite.Plan) error                      { r.begun++; return nil }
func (r *recorder) Started(*suite.Test) error                    { return nil }
func (r *recorder) Stepped(*suite.Test, *suite.StepResult) error { return nil }
func (r *recorder) Ended(*suite.TestResult) error                { return nil }
func (r *recorder) End(result *suite.Result) error               { r.ended++; r.result = result; return nil }

// write puts a suite into a file; its head is written for it.
func write(tb testing.TB, body string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "suite.yaml")
	head := ""
	if !strings.Contains(body, "version:") {
		head = "version: 1\ntarget: server:1\n"
	}
	if err := os.WriteFile(path, []byte(head+body), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// run runs a suite and returns its results.
func run(tb testing.TB, s server, body string, config suite.Config, o suite.RunOptions) *suite.Result {
	tb.Helper()
	result, err := try(tb, s, body, config, o)
	if err != nil {
		tb.Fatal(err)
	}
	return result
}

func try(tb testing.TB, s server, body string, config suite.Config, o suite.RunOptions) (*suite.Result, error) {
	tb.Helper()
	config.Paths, config.Connect = []string{write(tb, body)}, s.connect
	loaded, err := suite.Load(tb.Context(), config)
	if err != nil {
		return nil, err
	}
	defer loaded.Close()
	return loaded.Run(tb.Context(), o)
}

// verdicts are the names and verdicts of tests, in the order of the plan.
func verdicts(r *suite.Result) string {
	var out []string
	for _, t := range r.Results {
		out = append(out, t.FullName()+" "+string(t.Verdict))
	}
	return strings.Join(out, ", ")
}

// failures are those of all steps.
func failures(r *suite.Result) (out []*suite.Failure) {
	for _, t := range r.Results {
		for _, s := range t.Steps {
			out = append(out, s.Failures...)
		}
	}
	return out
}

func passes(tb testing.TB, r *suite.Result) {
	tb.Helper()
	for _, t := range r.Results {
		if t.Verdict != suite.Passed {
			tb.Errorf("%s is %s: %s", t.FullName(), t.Verdict, t.Reason)
		}
	}
	for _, f := range failures(r) {
		tb.Errorf("%s: %s: %s (got %s, want %s)", f.Position, f.Expression, f.Summary, f.Got, f.Want)
	}
}
