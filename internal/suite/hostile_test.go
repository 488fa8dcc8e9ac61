package suite_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/testserver"
)

// rawCodec sends bytes as they are.
type rawCodec struct{ encoding.CodecV2 }

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// answers is a server with the schema of another one, all of whose calls end with
// err after some bytes as responses.
func answers(tb testing.TB, err error, responses ...[]byte) server {
	tb.Helper()
	l, failed := net.Listen("tcp", "127.0.0.1:0")
	if failed != nil {
		tb.Fatal(failed)
	}
	s := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		var request []byte
		_ = stream.RecvMsg(&request)
		for _, r := range responses {
			if err := stream.SendMsg(r); err != nil {
				return err
			}
		}
		return err
	}))
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	tb.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil {
			tb.Error(err)
		}
	})
	cc, failed := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if failed != nil {
		tb.Fatal(failed)
	}
	tb.Cleanup(func() { _ = cc.Close() })
	schema := start(tb, testserver.Config{})
	return server{l.Addr().String(), func(ctx context.Context, t suite.Target) (suite.Conn, error) {
		c, err := schema.connect(ctx, t)
		c.CC = cc
		return c, err
	}}
}

func TestResponsesThatAreNoMessages(t *testing.T) {
	broken := []byte{0xFF, 0xFF}
	for _, tc := range []struct{ name, body, want string }{
		{"of a unary call without expectations", "call: grpc.health.v1.Health/Check", "response 1 is not a grpc.health.v1.HealthCheckResponse"},
		{"of a stream of which a count is expected", "call: userservice.UserService/ListUsers\n    expect: msgs.size() == 2", "response 2 is not a userservice.ListUsersResponse"},
		{"that a script passes by", "call: userservice.UserService/ListUsers\n    stream: [{ send: {} }, recv]", "response 2 is not a userservice.ListUsersResponse"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			responses := [][]byte{broken}
			if strings.Contains(tc.body, "ListUsers") {
				responses = [][]byte{{}, broken}
			}
			s := answers(t, nil, responses...)
			got := failures(run(t, s, "tests:\n  - name: a\n    "+tc.body+"\n", suite.Config{}, suite.RunOptions{}))
			if len(got) != 1 || got[0].Summary != tc.want {
				t.Errorf("failures are %v, want %q", got, tc.want)
			}
		})
	}
}

func TestCodesThatGRPCDoesNotHaveAreUnknown(t *testing.T) {
	s := answers(t, status.Error(99, "odd"))
	passes(t, run(t, s, "tests:\n  - { name: a, call: grpc.health.v1.Health/Check, code: UNKNOWN, expect: code == 'UNKNOWN' }\n", suite.Config{}, suite.RunOptions{}))
}

// A stream that goes on after its script has come to its end is not kept.
func TestStreamsOutliveTheirScripts(t *testing.T) {
	message := append([]byte{0x7A, 0x80, 0x80, 0x40}, make([]byte, 1<<20)...) // an unknown field of 1 MiB
	responses := make([][]byte, 80)
	for i := range responses {
		responses[i] = message
	}
	s := answers(t, nil, responses...)
	passes(t, run(t, s, "tests:\n  - { name: a, call: userservice.UserService/ListUsers, stream: [{ send: {} }, recv, close] }\n", suite.Config{}, suite.RunOptions{}))
}

// What functions of an expression make of a secret cannot be searched for.
func TestDerivedSecretsAreHidden(t *testing.T) {
	s := start(t, testserver.Config{})
	result := run(t, s, `
tests:
  - name: a
    call: userservice.UserService/CreateUser
    data: { name: "hunter2-hunter2", email: derived@example.com }
    capture: { pass: res.user.name }
    secret: pass
    expect:
      - res.user.name.upperAscii() == "A"
      - res.user.name.substring(1, 9) + "!" == "A"
      - '["x"].map(x, x + res.user.name.reverse()) == ["A"]'
      - '{"a": res.user.name.replace("h", "j")} == {"a": ""}'
      - timestamp(res.user.name.lowerAscii() + "X") == timestamp(0)
      - res.user.name.size() == 0
`, suite.Config{}, suite.RunOptions{})
	got := failures(result)
	if len(got) != 6 {
		t.Fatalf("%d failures, want 6", len(got))
	}
	for _, f := range got {
		text := f.Summary + f.Got + f.Want + f.Diff + f.Response
		for _, v := range f.Values {
			text += v.Text
		}
		for _, part := range []string{"unter2", "UNTER2", "2retnuh", "untes"} {
			if strings.Contains(text, part) {
				t.Errorf("%s tells %q: %s", f.Expression, part, text)
			}
		}
	}
	if got[5].Got != "15" {
		t.Errorf("the size is told as %q, want 15", got[5].Got)
	}
}

// Secrets are the keys of maps, too.
func TestSnapshotsHideSecretsInKeys(t *testing.T) {
	s := start(t, testserver.Config{})
	body := `
tests:
  - name: a
    call: userservice.UserService/CreateUser
    data: { name: hunter2-hunter2, email: keys@example.com, metadata: { hunter2-hunter2: x } }
    capture: { pass: res.user.name }
    secret: pass
    snapshot: { ignore: [id, created_at, updated_at] }
`
	path := write(t, body)
	if text := snapshotAfter(t, s, path, suite.RunOptions{}); strings.Contains(text, "hunter2") {
		t.Errorf("the snapshot holds the secret: %s", text)
	}
}

func TestUpdateDropsSnapshotsOfTestsThatAreGone(t *testing.T) {
	s := start(t, testserver.Config{})
	test := func(name string) string {
		return "  - { name: " + name + ", call: grpc.health.v1.Health/Check, snapshot: true }\n"
	}
	path := write(t, "tests:\n"+test("old")+test("kept"))
	if text := snapshotAfter(t, s, path, suite.RunOptions{}); !strings.Contains(text, `"old"`) {
		t.Fatalf("there is no snapshot: %s", text)
	}
	if err := os.WriteFile(path, []byte("version: 1\ntarget: server:1\ntests:\n"+test("kept")+test("new")), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := snapshotAfter(t, s, path, suite.RunOptions{}); !strings.Contains(text, `"old"`) || !strings.Contains(text, `"new"`) {
		t.Errorf("without --update the old snapshot is dropped, or the new one is not written: %s", text)
	}
	if text := snapshotAfter(t, s, path, suite.RunOptions{Snapshots: suite.UpdateSnapshots}); strings.Contains(text, `"old"`) || !strings.Contains(text, `"kept"`) {
		t.Errorf("after --update the snapshots are %s", text)
	}
}

// snapshotAfter runs the suite at path and returns its snapshots.
func snapshotAfter(tb testing.TB, s server, path string, o suite.RunOptions) string {
	tb.Helper()
	loaded, err := suite.Load(tb.Context(), suite.Config{Paths: []string{path}, Connect: s.connect})
	if err != nil {
		tb.Fatal(err)
	}
	defer loaded.Close()
	result, err := loaded.Run(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	passes(tb, result)
	text, err := os.ReadFile(strings.TrimSuffix(path, ".yaml") + ".snap.json")
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// What cannot be sent is told at its place, without a command that would send
// something else.
func TestValuesThatCannotBeSent(t *testing.T) {
	s := start(t, testserver.Config{})
	got := failures(run(t, s, "vars: { n: many }\ntests:\n  - { name: a, call: userservice.UserService/ListUsers, data: { limit: '${n}' } }\n", suite.Config{}, suite.RunOptions{}))
	if len(got) != 1 || got[0].Position.Column != 72 || got[0].Command != "" || got[0].Kind != suite.CallFailure {
		t.Errorf("failures are %+v", got[0])
	}
}

// The variable that credentials come from stands in the command.
func TestCommandsNameTheEnvironment(t *testing.T) {
	s := start(t, testserver.Config{})
	got := failures(run(t, s, "tests:\n  - { name: a, call: grpc.health.v1.Health/Check, metadata: { authorization: 'Bearer ${env.CI_PASS}' }, code: ABORTED }\n",
		suite.Config{LookupEnv: env("CI_PASS", "plain-value-0123")}, suite.RunOptions{}))
	if len(got) != 1 || !strings.Contains(got[0].Command, `-H 'authorization: Bearer '"$CI_PASS"`) {
		t.Errorf("the command is %s", got[0].Command)
	}
}

func TestAFileIsFoundOnce(t *testing.T) {
	path := write(t, "tests: []\n")
	dir := filepath.Dir(path)
	found, err := suite.Find([]string{path, dir, dir + "/./suite.yaml", dir})
	if err != nil || len(found) != 1 || found[0] != path {
		t.Errorf("found %q, %v, want %q once", found, err, path)
	}
}
