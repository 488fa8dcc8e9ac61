package suite_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/testserver"
)

func TestKindsOfCalls(t *testing.T) {
	s := start(t, testserver.Config{})
	passes(t, run(t, s, `
vars: { n: 2, name: "Ada ${run.id}" }
tests:
  - name: unary
    call: CreateUser
    data: { name: "${name}", email: "ada-${run.id}@example.com", age: "${n * 20 + 1}", metadata: { a: "$${b}" } }
    metadata: { x-a: ["1", "2"], x-b-bin: aGVsbG8= }
    expect:
      - res.user.age == 41 && res.user.name == vars.name
      - res.user.metadata["a"] == "$" + "{b}"
      - res.user.status == "ACTIVE" && code == "OK" && message == ""
      - res.user.created_at > timestamp("2020-01-01T00:00:00Z")
      - elapsed > duration("0s") && run.started < timestamp("2100-01-01T00:00:00Z")
    capture: { id: res.user.id, user: res.user }
  - name: messages are values
    needs: unary
    call: UpdateUser
    data: { user_id: "${id}", user: "${user}" }
    expect: [res.user.id == user.id, 'res.user.name == userservice.User{name: name}.name']
  - name: server stream
    needs: unary
    call: ListUsers
    expect: [size(msgs) > 0, 'msgs[0].users.exists(u, u.id == id)']
  - name: client stream
    call: CreateMultipleUsers
    data:
      - { name: A, email: "a-${run.id}@example.com" }
      - { name: B, email: "b-${run.id}@example.com" }
    expect: res.created_count == n
  - name: bidi
    call: grpc.testing.TestService/FullDuplexCall
    data: [{ response_parameters: [{ size: 1 }, { size: 2 }] }, { response_parameters: [{ size: 3 }] }]
    expect: ['msgs.map(m, size(m.payload.body)) == [1, 2, 3]']
  - name: details
    call: GetUser
    data: { user_id: nobody }
    code: NOT_FOUND
    expect: ['details.size() == 0 || details.exists(d, type(d) == google.rpc.ResourceInfo)', 'message.contains("nobody")', 'code in ["NOT_FOUND"]']
`, suite.Config{}, suite.RunOptions{}))
}

func TestScripts(t *testing.T) {
	s := start(t, testserver.Config{})
	passes(t, run(t, s, `
tests:
  - name: send what was received
    call: grpc.testing.TestService/FullDuplexCall
    stream:
      - send: { response_parameters: [{ size: 3 }] }
      - { recv: size(msg.payload.body) == 3, within: 1m, capture: { n: size(msg.payload.body) } }
      - send: { response_parameters: [{ size: "${n + 1}" }] }
      - recv: size(msg.payload.body) == 4
      - close
    expect: msgs.size() == 2
  - name: cancel
    call: grpc.health.v1.Health/Watch
    stream: [{ send: {} }, { recv: msg.status == "SERVING" }, cancel]
  - name: an empty request is sent where none is
    call: grpc.health.v1.Health/Watch
    stream: [recv, cancel]
  - name: messages that do not match are passed by
    call: grpc.testing.TestService/StreamingOutputCall
    stream: [{ send: { response_parameters: [{ size: 1 }, { size: 2 }, { size: 3 }] } }, { recv: size(msg.payload.body) == 3 }]
`, suite.Config{}, suite.RunOptions{}))
}

func TestOrderOfTests(t *testing.T) {
	s := start(t, testserver.Config{})
	body := `
setup: [{ call: grpc.health.v1.Health/Check, capture: { status: res.status } }]
tests:
  - { name: last, needs: [first], call: EmptyCall, skip_if: one != "SERVING" }
  - { name: first, tags: [a, b], call: grpc.health.v1.Health/Check, capture: { one: res.status } }
  - { name: skipped, tags: [a], skip_if: 'status == "SERVING"', call: EmptyCall }
  - { name: fails, call: EmptyCall, code: NOT_FOUND, tags: [c] }
  - { name: depends, needs: fails, call: EmptyCall }
  - name: cases
    cases: [{ case: one, n: 1 }, { case: two, n: 2 }]
    tags: [d]
    call: grpc.testing.TestService/StreamingOutputCall
    data: { response_parameters: [{ size: "${n}" }] }
    expect: ['msgs.all(m, size(m.payload.body) == vars.n)']
  - { name: alone, parallel: false, call: EmptyCall }
teardown:
  - { call: EmptyCall, code: INTERNAL }
  - { call: EmptyCall }
`
	for _, tc := range []struct {
		name   string
		config suite.Config
		want   string
	}{
		{"all", suite.Config{}, "setup passed, first passed, last passed, skipped skipped, fails failed, depends skipped, cases/one passed, cases/two passed, alone passed, teardown failed"},
		{"tag", suite.Config{Tags: []string{"a"}}, "setup passed, first passed, skipped skipped, teardown failed"},
		{"tag and not tag", suite.Config{Tags: []string{"a", "!b"}}, "setup passed, skipped skipped, teardown failed"},
	} {
		for _, jobs := range []int{1, 8} {
			t.Run(fmt.Sprintf("%s, %d jobs", tc.name, jobs), func(t *testing.T) {
				r := run(t, s, body, tc.config, suite.RunOptions{Jobs: jobs})
				if got := verdicts(r); got != tc.want {
					t.Errorf("verdicts are %s\nwant %s", got, tc.want)
				}
				if steps := r.Results[len(r.Results)-1].Steps; len(steps) != 2 {
					t.Errorf("teardown ran %d steps, want both", len(steps))
				}
			})
		}
	}
	t.Run("fail fast", func(t *testing.T) {
		got := verdicts(run(t, s, body, suite.Config{}, suite.RunOptions{FailFast: true}))
		want := "setup passed, first passed, last passed, skipped skipped, fails failed, depends stopped, cases/one stopped, cases/two stopped, alone stopped, teardown failed"
		if got != want {
			t.Errorf("verdicts are %s\nwant %s", got, want)
		}
	})
	t.Run("setup fails", func(t *testing.T) {
		got := verdicts(run(t, s, "setup: [{ call: EmptyCall, code: INTERNAL }]\ntests: [{ name: a, call: EmptyCall }]\nteardown: [{ call: EmptyCall }]\n", suite.Config{}, suite.RunOptions{}))
		if want := "setup failed, a skipped, teardown passed"; got != want {
			t.Errorf("verdicts are %s, want %s", got, want)
		}
	})
}

func TestIncludesAndCaseFiles(t *testing.T) {
	s := start(t, testserver.Config{})
	dir := t.TempDir()
	for name, text := range map[string]string{
		"all.yaml":         "version: 1\ntarget: server\ninclude: [parts/users.yaml]\nvars: { who: Ada }\ntests:\n  - { name: own, needs: included/1, call: EmptyCall }\n",
		"good.yaml":        "version: 1\ntarget: server\ninclude: parts/users.yaml\nvars: { who: Ada }\ntests:\n  - { name: own, needs: included, call: EmptyCall, code: [OK] }\n",
		"parts/users.yaml": "version: 1\nvars: { who: Bob, greeting: hello }\nsetup: [{ call: EmptyCall, capture: { sent: code } }]\ntests:\n  - name: included\n    cases: rows.jsonl\n    call: UnaryCall\n    data: { payload: { body: \"${body}\" }, response_size: \"${n}\" }\n    expect: [size(res.payload.body) == n, 'who == \"Ada\"', 'sent == \"OK\"', 'text == \"$\" + \"{x}\"', items.size() == 2]\nteardown: [{ call: EmptyCall }]\n",
		"parts/rows.jsonl": `{"body":"aGk=","n":3,"text":"${x}","items":[1,{"a":null}]}` + "\n\n" + `{"body":"","n":5,"text":"${x}","items":[1,true]}` + "\n",
		"other.yaml":       "a: 1\n",
		".git/x.yaml":      "version: 1\ntests: []\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := suite.Find([]string{dir})
	if err != nil || len(found) != 3 {
		t.Errorf("found %v, %v", found, err)
	}
	load := func(name string) (*suite.Suite, error) {
		return suite.Load(t.Context(), suite.Config{Paths: []string{filepath.Join(dir, name)}, Connect: s.connect})
	}
	if _, err := load("all.yaml"); err == nil || !strings.Contains(err.Error(), `there is no test "included/1"; did you mean "included"?`) {
		t.Errorf("a wrong need is %v", err)
	}
	loaded, err := load("good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	r, err := loaded.Run(t.Context(), suite.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	passes(t, r)
	if got, want := verdicts(r), "setup passed, included/1 passed, included/2 passed, own passed, teardown passed"; got != want {
		t.Errorf("verdicts are %s, want %s", got, want)
	}
	if n := len(loaded.Files()); n != 3 {
		t.Errorf("the suite is made of %d files: %v", n, loaded.Files())
	}
}

func TestTeardownWithoutCapture(t *testing.T) {
	s := start(t, testserver.Config{})
	r := run(t, s, `
tests: [{ name: a, call: CreateUser, data: {}, capture: { id: res.user.id } }]
teardown: [{ call: DeleteUser, data: { user_id: "${id}" } }]
`, suite.Config{}, suite.RunOptions{})
	if step := r.Results[1].Steps[0]; step.Verdict != suite.Skipped || step.Reason != "id was not captured" {
		t.Errorf("teardown is %s, %s", step.Verdict, step.Reason)
	}
}

func TestInterrupt(t *testing.T) {
	s := start(t, testserver.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	loaded, err := suite.Load(ctx, suite.Config{Connect: s.connect, Paths: []string{write(t, `
tests:
  - { name: hangs, call: grpc.health.v1.Health/Watch, stream: [recv, { recv: msg.status == "NOT_SERVING", within: 1h }], timeout: 1h }
  - { name: waits, call: EmptyCall }
teardown: [{ call: EmptyCall }, { call: GetUser, data: { user_id: x }, code: NOT_FOUND }]
`)}})
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	r := &starts{recorder: recorder{}, on: func(test *suite.Test) {
		if test.Name == "hangs" {
			cancel()
		}
	}}
	result, err := loaded.Run(ctx, suite.RunOptions{Reporter: r})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := verdicts(result), "hangs stopped, waits stopped, teardown passed"; got != want || !result.Interrupted {
		t.Errorf("verdicts are %s (interrupted: %v), want %s", got, result.Interrupted, want)
	}
	if r.begun != 1 || r.ended != 1 {
		t.Errorf("the report began %d times and ended %d times", r.begun, r.ended)
	}
}

// starts calls on when a test starts.
type starts struct {
	recorder
	once sync.Once
	on   func(*suite.Test)
}

func (s *starts) Started(t *suite.Test) error { s.once.Do(func() { s.on(t) }); return nil }

func TestRetryAndUntil(t *testing.T) {
	faulty := func(t *testing.T, fault string) server {
		t.Helper()
		f, err := testserver.ParseFault(fault)
		if err != nil {
			t.Fatal(err)
		}
		return start(t, testserver.Config{Faults: []testserver.Fault{f}})
	}
	const fault = "userservice.UserService/ListUsers=UNAVAILABLE,times=2"
	for _, tc := range []struct{ name, step, want string }{
		{"until", "until: { every: 1ms, within: 1m }", "a passed"},
		{"until with a condition", "until: { expect: size(msgs) == 1, every: 1ms, within: 1m }, expect: size(msgs) < 2", "a passed"},
		{"until that does not come", "until: { expect: size(msgs) == 2, every: 1ms, within: 50ms }", "a failed"},
		{"retry", "retry: 2", "a passed"},
		{"too few", "retry: { times: 1, every: 1ms }", "a failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := run(t, faulty(t, fault), "tests: [{ name: a, steps: [{ call: ListUsers, "+tc.step+" }] }]", suite.Config{}, suite.RunOptions{})
			if got := verdicts(r); got != tc.want {
				t.Errorf("verdicts are %s, want %s: %v", got, tc.want, failures(r))
			}
			if r.Results[0].Steps[0].Attempts < 2 {
				t.Errorf("%d attempts", r.Results[0].Steps[0].Attempts)
			}
		})
	}
	t.Run("a whole test", func(t *testing.T) {
		r := run(t, faulty(t, fault), "tests: [{ name: a, retry: 5, steps: [{ call: EmptyCall }, { call: ListUsers }] }]", suite.Config{}, suite.RunOptions{})
		if verdicts(r) != "a passed" || r.Results[0].Attempts != 3 || len(r.Results[0].Steps) != 2 {
			t.Errorf("%s after %d attempts", verdicts(r), r.Results[0].Attempts)
		}
	})
}

func TestSnapshotsOfNamesThatDifferByExtension(t *testing.T) {
	s := start(t, testserver.Config{})
	dir := t.TempDir()
	var paths []string
	for name, user := range map[string]string{"same.yaml": "Ada", "same.yml": "Bob"} {
		path := filepath.Join(dir, name)
		text := "version: 1\ntarget: here\ntests: [{name: a, call: CreateUser, data: {name: " + user + ", email: " + user + "@example.com}, snapshot: {ignore: [id, created_at, updated_at]}}]\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	loaded, err := suite.Load(t.Context(), suite.Config{Paths: paths, Connect: s.connect})
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	r, err := loaded.Run(t.Context(), suite.RunOptions{Snapshots: suite.WriteNewSnapshots})
	if err != nil || r.Count(suite.Passed) != 2 {
		t.Fatalf("%v, %v", failures(r), err)
	}
	for name, user := range map[string]string{"same.snap.json": "Ada", "same.yml.snap.json": "Bob"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(text), user) {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
}

func TestSnapshots(t *testing.T) {
	s := start(t, testserver.Config{})
	body := `
tests:
  - name: a
    call: CreateUser
    data: { name: "${env.NAME}", email: "s-${run.id}@example.com" }
    snapshot: { ignore: [id, created_at, user.updated_at] }
teardown: [{ call: ListUsers, snapshot: { ignore: [users] } }]
`
	path := write(t, body)
	try := func(name, id string, mode suite.SnapshotMode) *suite.Result {
		t.Helper()
		loaded, err := suite.Load(t.Context(), suite.Config{Paths: []string{path}, Connect: s.connect, RunID: id, LookupEnv: env("NAME", name)})
		if err != nil {
			t.Fatal(err)
		}
		defer loaded.Close()
		r, err := loaded.Run(t.Context(), suite.RunOptions{Snapshots: mode})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if f := failures(try("Ada", "r0", suite.CompareSnapshots)); len(f) == 0 || f[0].Kind != suite.SnapshotFailure {
		t.Errorf("without a snapshot: %v", f)
	}
	try("Ada", "r1", suite.WriteNewSnapshots)
	text, err := os.ReadFile(strings.TrimSuffix(path, ".yaml") + ".snap.json")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "s-${run.id}@example.com") || strings.Contains(string(text), "created_at") {
		t.Errorf("the snapshot is %s", text)
	}
	f := failures(try("Bob", "r2", suite.WriteNewSnapshots))
	if len(f) == 0 || !strings.Contains(f[0].Diff, `-    "name": "Ada"`) || !strings.Contains(f[0].Diff, `+    "name": "Bob"`) {
		t.Errorf("a difference is %+v", f)
	}
	try("Bob", "r3", suite.UpdateSnapshots)
	if f := failures(try("Bob", "r4", suite.CompareSnapshots)); len(f) != 1 { // the number of users has grown
		t.Errorf("after an update: %v", f)
	}
}

func TestSecrets(t *testing.T) {
	s := start(t, testserver.Config{DefaultAdmin: true, AdminPassword: "hunter-two-three"})
	r := run(t, s, `
tests:
  - name: leaks at the step that captures
    call: Login
    data: { username: admin, password: "${env.ADMIN_PASSWORD}" }
    expect: ['res.access_token == "no"', 'base64.encode(bytes(res.access_token)) == env.ADMIN_PASSWORD']
    capture: { auth: '"Bearer " + res.access_token' }
    secret: auth
  - name: leaks later
    steps:
      - call: Login
        data: { username: admin, password: "${env.ADMIN_PASSWORD}" }
        capture: { token: res.access_token }
        secret: [token]
      - call: GetUser
        metadata: { authorization: "Bearer ${token}" }
        data: { user_id: "${token}" }
        code: NOT_FOUND
        expect: ['message == token', '("x" + token + "y").size() == 0', '[token, "\"" + token] == ["a"]']
  - name: a literal in metadata
    call: GetUser
    metadata: { x-api-key: literal-key-of-mine }
    data: { user_id: "1" }
    code: INTERNAL
`, suite.Config{LookupEnv: env("ADMIN_PASSWORD", "hunter-two-three")}, suite.RunOptions{})
	all, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	text := string(all)
	for _, secret := range []string{"hunter-two-three", "literal-key-of-mine", "aHVudGVyLXR3by10aHJlZQ", "eyJ"} {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("%s is in the results: %s", secret, text[max(0, i-200):min(len(text), i+1000)])
		}
	}
	if len(failures(r)) < 5 {
		t.Errorf("%d failures", len(failures(r)))
	}
	for _, want := range []string{`${ADMIN_PASSWORD}`, `$TOKEN`, `${TOKEN}`, `$X_API_KEY`} {
		if !strings.Contains(text, want) {
			t.Errorf("no command refers to %s: %s", want, text)
		}
	}
}
