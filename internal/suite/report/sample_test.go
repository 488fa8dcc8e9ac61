package report_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/suite/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	users = "smoke/users.yaml"
	chat  = "smoke/chat.yaml"
)

// builder puts a run together. Tests begin one after the other, 20 ms apart.
type builder struct {
	result *suite.Result
}

func newRun(jobs int) *builder {
	began := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	plan := &suite.Plan{Version: "1.4.0", RunID: "7f3a9c", Started: began, Jobs: jobs}
	return &builder{&suite.Result{Plan: plan, Elapsed: 1840 * time.Millisecond}}
}

// test adds a test with a step for each of steps, whose elapsed times add up.
func (b *builder) test(file, name string, verdict suite.Verdict, steps ...*suite.StepResult) *suite.TestResult {
	index := len(b.result.Tests)
	test := &suite.Test{
		Index: index, File: file, Phase: suite.Main, Name: name, Steps: len(steps),
		Position: suite.Position{File: file, Line: 10 + 7*index, Column: 5},
	}
	r := &suite.TestResult{
		Test: test, Verdict: verdict, Attempts: 1, Steps: steps,
		Started: b.result.Started.Add(time.Duration(index) * 20 * time.Millisecond),
	}
	for i, s := range steps {
		s.Started = r.Started.Add(r.Elapsed)
		s.Position = suite.Position{File: file, Line: test.Position.Line + i + 1, Column: 9}
		r.Elapsed += s.Elapsed
	}
	b.result.Tests = append(b.result.Tests, test)
	b.result.Results = append(b.result.Results, r)
	return r
}

func step(name, method string, elapsed time.Duration) *suite.StepResult {
	return &suite.StepResult{
		Name: name, Method: method, Verdict: suite.Passed, Elapsed: elapsed, Attempts: 1, Sent: 1, Received: 1,
	}
}

func failing(s *suite.StepResult, failures ...*suite.Failure) *suite.StepResult {
	s.Verdict, s.Failures = suite.Failed, failures
	return s
}

const (
	listUsers  = "userservice.UserService/ListUsers"
	createUser = "userservice.UserService/CreateUser"
	chatMethod = "chat.ChatService/Chat"
	ms         = time.Millisecond
)

// sampleRun has every verdict, every kind of failure, cases, retries, a setup and
// a teardown, in two files.
func sampleRun() *suite.Result {
	b := newRun(4)
	polled := step("server is serving", "grpc.health.v1.Health/Check", 3*ms)
	polled.Attempts = 3
	setup := b.test(users, "setup", suite.Passed, polled)
	setup.Phase, setup.Elapsed = suite.Setup, 512*ms

	lifecycle := b.test(users, "user lifecycle", suite.Passed,
		step("login", "userservice.AuthService/Login", 61*ms), step("create", createUser, 12*ms), step("list", listUsers, 4200*time.Microsecond))
	lifecycle.Tags = []string{"smoke", "users"}

	list := step("list streams", listUsers, 31*ms)
	list.Received = 3
	b.test(users, "list users", suite.Failed, step("login", "userservice.AuthService/Login", 58*ms), failing(list, listFailures()...)).Tags = []string{"smoke"}

	duplicate := failing(step("duplicate is rejected", createUser, 9*ms), &suite.Failure{
		Kind: suite.CodeFailure, Position: suite.Position{File: users, Line: 33, Column: 15},
		Summary: "the call ended with another code", Got: "INVALID_ARGUMENT", Want: "ALREADY_EXISTS",
		Command: `grpcx call localhost:50051 userservice.UserService/CreateUser -d '{"name":"Ada"}' --plaintext`,
	})
	duplicate.Code, duplicate.Message, duplicate.Received = codes.InvalidArgument, "email: is required", 0
	b.test(users, "duplicates", suite.Failed, duplicate)

	b.test(users, "profile", suite.Failed, failing(step("GetUser", "userservice.UserService/GetUser", 7*ms), snapshotFailure()))
	b.test(users, "admin only", suite.Skipped).Reason = `skip_if: env.ADMIN_PASSWORD == ""`

	flaky := b.test(users, "eventually listed", suite.Passed, step("list", listUsers, 5*ms))
	flaky.Attempts = 2
	b.test(users, "roles", suite.Passed, step("CreateUser", createUser, 11*ms)).Case = "admin"
	b.test(users, "roles", suite.Failed, failing(step("CreateUser", createUser, 12*ms), &suite.Failure{
		Kind: suite.CaptureFailure, Position: suite.Position{File: users, Line: 71, Column: 24},
		Expression: "res.user.roles[1]", Summary: "capture role: index out of bounds: 1",
		Values: []suite.Value{{Expression: "res.user.roles", Text: `["guest"]`}},
	})).Case = "guest"
	b.test(users, "teardown", suite.Passed, step("DeleteUser", "userservice.UserService/DeleteUser", 6*ms)).Phase = suite.Teardown

	talk := failing(step("chat answers before we close", chatMethod, 1010*ms), &suite.Failure{
		Kind: suite.StreamFailure, Position: suite.Position{File: chat, Line: 18, Column: 21},
		Expression: `msg.type == "SYSTEM"`, Summary: "recv: no such message within 1s, after 2 others",
		Response: "{\n  \"type\": \"JOIN\",\n  \"room_id\": \"lobby\"\n}",
	})
	talk.Received = 2
	b.test(chat, "chat", suite.Failed, talk)

	upload := step("Upload", "file.FileService/Upload", 0)
	upload.Verdict, upload.Sent, upload.Received = suite.Broken, 0, 0
	upload.Failures = []*suite.Failure{{
		Kind: suite.CallFailure, Position: suite.Position{File: chat, Line: 31, Column: 9},
		Summary: "dial localhost:50052: connection refused",
	}}
	b.test(chat, "upload", suite.Broken, upload)

	slow := step("watch", "log.LogService/Watch", 730*ms)
	slow.Verdict, slow.Reason, slow.Received = suite.Stopped, "fail-fast", 12
	b.test(chat, "watch logs", suite.Stopped, slow).Reason = "fail-fast"
	never := b.test(chat, "never begun", suite.Stopped)
	never.Reason, never.Started, never.Attempts = "fail-fast", time.Time{}, 0
	return b.result
}

func listFailures() []*suite.Failure {
	at := func(column int) suite.Position { return suite.Position{File: users, Line: 27, Column: column} }
	command := `grpcx call localhost:50051 userservice.UserService/ListUsers -H "authorization: $AUTH" -d '{"limit":3}' --plaintext`
	response := "{\n  \"user\": {\n    \"id\": \"u3\",\n    \"email\": \"ada@example.com\"\n  },\n  \"total\": 3\n}"
	return []*suite.Failure{
		{
			Kind: suite.ExpectFailure, Position: at(18), Expression: `msg.user.email == vars.email`,
			Summary: "is false", Got: `"ada@example.com"`, Want: `"ci-7f3a9c@example.com"`,
			Values: []suite.Value{
				{Expression: "msg.user.email", Text: `"ada@example.com"`},
				{Expression: "vars.email", Text: `"ci-7f3a9c@example.com"`},
			},
			Response: response, Command: command,
		},
		{
			Kind: suite.ExpectFailure, Position: at(50), Expression: `msgs.size() >= 4 && msgs.all(m, m.total > 0)`,
			Summary: "is false",
			Values: []suite.Value{
				{Expression: "msgs.size()", Text: "3"},
				{Expression: "msgs.size() >= 4", Text: "false"},
				{Expression: "msgs", Text: `[{"user":{"id":"u1"},"total":3},{"user":{"id":"u2"},"total":3},{"user":{"id":"u3"},"total":3}]`},
			},
			Command: command,
		},
	}
}

func snapshotFailure() *suite.Failure {
	return &suite.Failure{
		Kind: suite.SnapshotFailure, Position: suite.Position{File: users, Line: 52, Column: 9},
		Summary: "the response is not that of smoke/users.snap.json",
		Diff:    " {\n   \"user\": {\n-    \"name\": \"Ada\",\n+    \"name\": \"Ada Lovelace\",\n     \"roles\": [\"user\"]\n   }\n }",
		Command: "grpcx call localhost:50051 userservice.UserService/GetUser -d '{\"user_id\":\"u1\"}' --plaintext",
	}
}

// interruptedRun is one of which the second test was running when it was stopped,
// and the third had not begun.
func interruptedRun() *suite.Result {
	b := newRun(1)
	b.test(users, "login", suite.Passed, step("login", "userservice.AuthService/Login", 60*ms))
	half := step("watch", "log.LogService/Watch", 400*ms)
	half.Verdict, half.Reason, half.Code = suite.Stopped, "interrupted", codes.Canceled
	b.test(users, "watch", suite.Stopped, half).Reason = "interrupted"
	never := b.test(users, "never begun", suite.Stopped)
	never.Reason, never.Started, never.Attempts = "interrupted", time.Time{}, 0
	b.test(users, "teardown", suite.Passed, step("DeleteUser", "userservice.UserService/DeleteUser", 6*ms)).Phase = suite.Teardown
	b.result.Interrupted = true
	return b.result
}

// play tells r of a run whose tests run at once, those in order end in that order.
// Tests that never began are told of at the end alone.
func play(r suite.Reporter, result *suite.Result, order []int) error {
	if err := r.Begin(result.Plan); err != nil {
		return err
	}
	for _, t := range result.Results {
		if !t.Started.IsZero() {
			if err := r.Started(t.Test); err != nil {
				return err
			}
		}
	}
	for _, i := range order {
		t := result.Results[i]
		if t.Started.IsZero() {
			continue
		}
		for _, s := range t.Steps {
			if err := r.Stepped(t.Test, s); err != nil {
				return err
			}
		}
		if err := r.Ended(t); err != nil {
			return err
		}
	}
	return r.End(result)
}

// inOrder is the order of the plan.
func inOrder(result *suite.Result) []int {
	order := make([]int, len(result.Results))
	for i := range order {
		order[i] = i
	}
	return order
}

// render plays result to a new reporter.
func render(t *testing.T, format string, o report.Options, result *suite.Result) string {
	t.Helper()
	var out bytes.Buffer
	r, err := report.New(format, &out, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := play(r, result, inOrder(result)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// golden compares got with testdata/name, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (go test -update writes it anew): -want +got\n%s", file, diff)
	}
}
