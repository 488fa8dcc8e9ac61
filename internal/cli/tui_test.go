package cli

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/interop/grpc_testing" // whose service is recorded
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/tui"
	"github.com/grpcx/grpcx/testdata/testnet"
)

// recorder is a server that keeps the requests of each call as they came.
type recorder struct {
	mu    sync.Mutex
	calls []recordedCall
}

type recordedCall struct {
	method   string
	headers  map[string][]string
	requests [][]byte
}

// take returns the calls since the last take.
func (r *recorder) take() []recordedCall {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// raw is a codec for bytes; what is no []byte is a message.
type raw struct{ encoding.CodecV2 }

func (c raw) Marshal(v any) (mem.BufferSlice, error) {
	if b, ok := v.([]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c raw) Unmarshal(data mem.BufferSlice, v any) error {
	if b, ok := v.(*[]byte); ok {
		*b = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// record serves grpc.testing.TestService by reflection, and answers every call of
// it with nothing once the requests have ended.
func record(t *testing.T, options ...grpc.ServerOption) (*recorder, string) {
	t.Helper()
	r := &recorder{}
	server := grpc.NewServer(append(options,
		grpc.ForceServerCodecV2(raw{encoding.GetCodecV2("proto")}),
		grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
			method, _ := grpc.MethodFromServerStream(s)
			md, _ := metadata.FromIncomingContext(s.Context())
			call := recordedCall{method: method, headers: map[string][]string{}}
			for _, name := range []string{"authorization", "x-trace"} {
				if values := md.Get(name); values != nil {
					call.headers[name] = values
				}
			}
			for {
				var request []byte
				if err := s.RecvMsg(&request); err != nil {
					break
				}
				call.requests = append(call.requests, slices.Clone(request))
			}
			if strings.HasPrefix(method, "/grpc.testing.") { // not the watch of the server's health
				r.mu.Lock()
				r.calls = append(r.calls, call)
				r.mu.Unlock()
			}
			return s.SendMsg([]byte{})
		}))...)
	reflection.RegisterV1(reflectionOf{server})
	return r, testnet.Serve(t, server)
}

// reflectionOf lists the test service, whose calls the server does not know.
type reflectionOf struct{ *grpc.Server }

func (reflectionOf) GetServiceInfo() map[string]grpc.ServiceInfo {
	return map[string]grpc.ServiceInfo{"grpc.testing.TestService": {}}
}

// runMain runs grpcx, and returns its exit code and what it wrote.
func runMain(env map[string]string, in string, args ...string) (code int, out string) {
	var b bytes.Buffer
	code = Main(args, Streams{In: strings.NewReader(in), Out: &b, Err: &b, LookupEnv: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}}, "test")
	return code, b.String()
}

// words takes a command line apart as a shell does.
func words(t *testing.T, env map[string]string, command string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `grpcx() { printf '%s\0' "$@"; }; grpcurl() { printf '%s\0' "$@"; }; `+command)
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// What the terminal UI gives as a command, or saves, makes the same call again,
// with secrets by reference.
func TestTerminalRequestsRunAgain(t *testing.T) {
	const secret = "hunter2 'quoted'"
	for _, tc := range []struct{ name, method, script string }{
		{"unary", "UnaryCall", `message {"payload":{"body":"aGVsbG8="},"responseSize":3,"fillUsername":true}` + "\nsend\n"},
		{"dollars before a reference", "UnaryCall", `message {"responseStatus":{"message":"$${env.TWO}$$${env.TWO} $${b} ${'$'}"}}` + "\nsend\n"},
		{"server stream", "StreamingOutputCall", `message {"responseParameters":[{"size":1},{"size":2,"intervalUs":3}],"payload":{"type":"COMPRESSABLE"}}` + "\nsend\nwait\n"},
		{"client stream", "StreamingInputCall", "message {\"payload\":{\"body\":\"QQ==\"}}\nsend\nmessage {\"payload\":{}}\nsend\nmessage {}\nsend\nend\nwait\n"},
		{"bidi stream", "FullDuplexCall", "message {\"responseParameters\":[{\"size\":7}]}\nsend\nmessage {\"responseStatus\":{\"message\":\"it's ${HOME} $x \\u202e\\\" end\"}}\nsend\nend\nwait\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, address := record(t)
			dir := t.TempDir()
			saved := filepath.Join(dir, "saved.yaml")
			env := map[string]string{"XDG_STATE_HOME": dir, "TWO": "2"}
			code, out := runMain(env, "open "+tc.method+"\nmetadata authorization: Bearer "+secret+"\nmetadata x-trace: a b\n"+tc.script+"command\ncommand grpcurl\nsave again\nquit\n",
				"tui", "--accessible", "--plaintext", "--save-file", saved, address)
			want := r.take()
			if code != 0 || len(want) != 1 || strings.Contains(out, "hunter2") {
				t.Fatalf("exit code %d, %d calls\n%s", code, len(want), out)
			}
			everythingBelow(t, dir, func(path, text string) {
				if strings.Contains(text, "hunter2") {
					t.Errorf("a secret in %s:\n%s", path, text)
				}
			})
			env["AUTHORIZATION"] = secret
			if code, out := runMain(env, "", "test", saved); code != 0 {
				t.Fatalf("exit code %d of grpcx test\n%s", code, out)
			}
			if diff := cmp.Diff(want, r.take(), cmp.AllowUnexported(recordedCall{})); diff != "" {
				t.Errorf("grpcx test (-the UI +the suite):\n%s", diff)
			}
			for _, tool := range []string{"grpcx", "grpcurl"} {
				command := regexp.MustCompile(`(?ms)^` + tool + ` .*?/` + tc.method + `\b.*?$`).FindString(out)
				args := words(t, env, command)
				if code, out := runMain(env, "", args...); code != 0 {
					t.Fatalf("exit code %d of %s\n%s", code, command, out)
				}
				if diff := cmp.Diff(want, r.take(), cmp.AllowUnexported(recordedCall{})); diff != "" {
					t.Errorf("%s (-the UI +the command):\n%s", command, diff)
				}
			}
		})
	}
}

// TestSavedRequestsGiveReflectionCredentials saves a request to a server that shows
// its schema only to those with a token.
func TestSavedRequestsGiveReflectionCredentials(t *testing.T) {
	const token = "hunter2 'quoted'"
	r, address := record(t, grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		md, _ := metadata.FromIncomingContext(s.Context())
		if !slices.Equal(md.Get("authorization"), []string{"Bearer " + token}) {
			return status.Error(codes.Unauthenticated, "who is there?")
		}
		return handler(srv, s)
	}))
	for _, tc := range []struct {
		name, script string
		flags        []string
	}{
		{"typed", "metadata authorization: Bearer " + token + "\nreconnect\n", nil},
		{"of flags", "", []string{"-H", "authorization: Bearer " + token}},
		{"one for reflection, one for calls", "", []string{"--reflect-header", "authorization: Bearer " + token, "--rpc-header", "authorization: Bearer " + token}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			saved := filepath.Join(dir, "saved.yaml")
			env := map[string]string{"XDG_STATE_HOME": dir}
			code, out := runMain(env, tc.script+"open UnaryCall\nsend\nsave again\nquit\n",
				append([]string{"tui", "--accessible", "--plaintext", "--save-file", saved, address}, tc.flags...)...)
			if want := r.take(); code != 0 || len(want) != 1 {
				t.Fatalf("exit code %d, %d calls\n%s", code, len(want), out)
			}
			everythingBelow(t, dir, func(path, text string) {
				if strings.Contains(text, "hunter2") {
					t.Errorf("a secret in %s:\n%s", path, text)
				}
			})
			env["AUTHORIZATION"] = token
			if code, out := runMain(env, "", "test", saved); code != 0 {
				t.Fatalf("exit code %d of grpcx test\n%s", code, out)
			}
			if calls := r.take(); len(calls) != 1 {
				t.Errorf("grpcx test made %d calls", len(calls))
			}
		})
	}
}

// TestTypedMetadataTakesThePlaceOfFlags mends by metadata that is typed what was wrong
// on the command line: a token past its time, say.
func TestTypedMetadataTakesThePlaceOfFlags(t *testing.T) {
	r, address := record(t)
	dir := t.TempDir()
	code, out := runMain(map[string]string{"XDG_STATE_HOME": dir},
		"open UnaryCall\nmetadata authorization: Bearer good\nsend\ncommand\nmetadata x-trace: typed\nmetadata x-trace: twice\nsend\ncommand\nquit\n",
		"tui", "--accessible", "--plaintext", "-H", "authorization: Bearer expired", "-H", "x-trace: flag", address)
	want := []map[string][]string{
		{"authorization": {"Bearer good"}, "x-trace": {"flag"}},
		{"authorization": {"Bearer good"}, "x-trace": {"typed", "twice"}},
	}
	var got []map[string][]string
	for _, call := range r.take() {
		got = append(got, call.headers)
	}
	if diff := cmp.Diff(want, got); code != 0 || diff != "" {
		t.Errorf("exit code %d, sent (-want +got):\n%s\n%s", code, diff, out)
	}
	for i, command := range regexp.MustCompile(`(?m)^grpcx call .*$`).FindAllString(out, -1) {
		args := words(t, map[string]string{"AUTHORIZATION": "good"}, command)
		if code, out := runMain(nil, "", args...); code != 0 {
			t.Fatalf("exit code %d of %s\n%s", code, command, out)
		}
		if diff := cmp.Diff(want[i], r.take()[0].headers); diff != "" {
			t.Errorf("%s (-want +got):\n%s", command, diff)
		}
	}
	c := connection{headers: []string{"authorization: Bearer expired"}, reflectionHeaders: []string{"x-trace: flag"}}
	with, err := c.with(nil, []tui.Header{{Name: "authorization", Value: "Bearer good"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		md, err := with.reflectionMetadata(t.Context(), nil)
		if diff := cmp.Diff(metadata.MD{"authorization": {"Bearer good"}, "x-trace": {"flag"}}, md); err != nil || diff != "" {
			t.Fatalf("%v, with reflection (-want +got):\n%s", err, diff)
		}
		md["authorization"][0] = "changed"
	}
}

// TestHealthWithoutASchema asks for the health of a server whose schema is not to be
// had.
func TestHealthWithoutASchema(t *testing.T) {
	_, address := record(t)
	o := &tuiOptions{program: &program{Streams: Streams{LookupEnv: func(string) (string, bool) { return "", false }}}}
	o.plaintext = true
	session, err := o.open(t.Context(), tui.Target{Address: address, Files: []string{filepath.Join(t.TempDir(), "none.protoset")}})
	if session == nil || err == nil {
		t.Fatalf("session %v, error %v", session, err)
	}
	defer session.Close()
	if session.Health == nil {
		t.Fatal("nobody can ask for the health")
	}
}

func everythingBelow(t *testing.T, dir string, look func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err == nil && strings.Contains(path, "history") && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		text, err := os.ReadFile(path)
		look(path, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
