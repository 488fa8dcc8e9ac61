//go:build codegen

// Package live holds the clients that `grpcx gen` generates against servers: each
// run builds the command, has it generate from servers by reflection, compiles
// that with all versions of TypeScript, and calls from Node and from Chromium. It
// needs npm packages and a browser, which `make codegen-live` installs.
package live

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/grpcx/grpcx/testdata/testcert"
)

const (
	repository = "../../.."
	// patience is how long a program may take on a slow machine.
	patience = 10 * time.Minute
)

// grpcx is the path of the command under test.
var grpcx string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "grpcx-codegen")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	grpcx = filepath.Join(dir, "grpcx")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", grpcx, "./cmd/grpcx")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build ./cmd/grpcx: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// site is what the programs call: servers on plaintext or on TLS.
type site struct {
	reference string // `grpcx serve`
	probe     string // the services of testdata/proto
	authority string // file; "" for plaintext
	flags     []string
}

func newSite(t *testing.T, secure bool) *site {
	t.Helper()
	s := &site{}
	var cert, key string
	if secure {
		authority := testcert.New(t)
		cert, key = authority.Issue("localhost", time.Now().Add(time.Hour))
		s.authority, s.flags = authority.File, []string{"--tls-cert", cert, "--tls-key", key}
	}
	s.reference, _ = serve(t, s.flags...)
	s.probe = startProbe(t, cert, key)
	return s
}

// url is an address as transports of Connect have it, host as certificates do.
func (s *site) url(address string) string {
	if s.authority == "" {
		return "http://" + address
	}
	return "https://" + s.host(address)
}

func (s *site) host(address string) string {
	return strings.Replace(address, "127.0.0.1", "localhost", 1)
}

// generate runs `grpcx gen` on both servers, into dir/gen and dir/probe.
func (s *site) generate(t *testing.T, dir, language string, flags ...string) {
	t.Helper()
	for out, args := range map[string][]string{
		// The details of errors are in a file that no service needs.
		"gen":   {s.reference, "userservice.UserService", "userservice.AuthService", "grpc.testing.TestService", "grpc.testing.UnimplementedService", "grpc.health.v1.Health", "google.rpc.BadRequest"},
		"probe": {s.probe},
	} {
		args[0] = "grpc://" + args[0]
		args = append(append([]string{"gen", language}, args...), "--out", filepath.Join(dir, out))
		output(t, dir, exec.CommandContext(t.Context(), grpcx, append(args, flags...)...))
	}
}

// serve runs `grpcx serve` with more flags until the test ends, when it must end
// by itself, or until kill is called. It returns its address.
func serve(t *testing.T, flags ...string) (address string, kill func() error) {
	t.Helper()
	cmd := exec.Command(grpcx, append([]string{"serve", "--listen", "127.0.0.1:0", "--cors-origin", "*"}, flags...)...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	ended := make(chan struct{})
	var text bytes.Buffer
	var failure error
	go func() {
		defer close(ended)
		pattern := regexp.MustCompile(`msg=listening address=(\S+)`)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			fmt.Fprintln(&text, lines.Text())
			if found := pattern.FindStringSubmatch(lines.Text()); found != nil {
				listening <- found[1]
				pattern = regexp.MustCompile(`^$.`) // there is one
			}
		}
		failure = cmd.Wait()
	}()
	killed := false
	kill = func() error {
		killed = true
		err := cmd.Process.Kill()
		<-ended
		return err
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have been killed
		select {
		case <-ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-ended
			t.Error("grpcx serve did not end")
		}
		if !killed && (failure != nil || strings.Contains(text.String(), "goroutine ")) {
			t.Errorf("grpcx serve: %v\n%s", failure, text.String())
		}
	})
	select {
	case address := <-listening:
		return address, kill
	case <-ended:
		t.Fatalf("grpcx serve ended before it listened: %v\n%s", failure, text.String())
	case <-time.After(patience):
		t.Fatal("grpcx serve does not listen")
	}
	return "", nil
}

// victim is a server like the reference one, which never answers GetUser, and the
// URL of something that kills it by SIGKILL when it is asked.
func (s *site) victim(t *testing.T) (address, control string) {
	t.Helper()
	address, kill := serve(t, append([]string{"--fault", "userservice.UserService/GetUser=delay=1h"}, s.flags...)...)
	asked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		if err := kill(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	t.Cleanup(asked.Close)
	return address, asked.URL
}

// workplace makes a directory that holds programs of src, by default all of them,
// with the installed packages.
func workplace(t *testing.T, programs ...string) string {
	t.Helper()
	dir := t.TempDir()
	if programs == nil {
		if err := os.CopyFS(dir, os.DirFS("src")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range programs {
		text, err := os.ReadFile(filepath.Join("src", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, string(text))
	}
	if err := os.Symlink(modules(t), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "package.json", `{"type":"module"}`)
	return dir
}

// modules is where `make codegen-live` installs packages.
func modules(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join(repository, ".cache", "codegen", "live", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("%v: run make codegen-live, which installs it", err)
	}
	return dir
}

// choose makes api.ts, by which the programs reach generated code, of one of its
// variants.
func choose(t *testing.T, dir, variant string) {
	t.Helper()
	for _, name := range []string{"api", "api-grpcjs"} {
		text, err := os.ReadFile(filepath.Join(dir, name+"-"+variant+".ts"))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []string{"multi", "single"} {
			if err := os.Remove(filepath.Join(dir, name+"-"+v+".ts")); err != nil {
				t.Fatal(err)
			}
		}
		write(t, dir, name+".ts", string(text))
	}
}

// compilers are the versions of TypeScript that take what is generated.
var compilers = []string{"typescript59", "typescript60", "typescript70"}

// check compiles dir with a version of TypeScript, which must find nothing.
func check(t *testing.T, dir, compiler string) {
	t.Helper()
	checkProject(t, dir, compiler, "tsconfig.json")
}

func checkProject(t *testing.T, dir, compiler, project string) {
	t.Helper()
	tsc := filepath.Join("node_modules", compiler, "bin", "tsc")
	output(t, dir, exec.CommandContext(t.Context(), "node", tsc, "--project", project))
}

// bundle makes a program for Node of dir/name.ts.
func bundle(t *testing.T, dir, name string) {
	t.Helper()
	esbuild(t, dir, name+".ts", "--platform=node", "--packages=external", "--outfile="+name+".mjs")
}

func esbuild(t *testing.T, dir string, args ...string) {
	t.Helper()
	args = append([]string{filepath.Join("node_modules", "esbuild", "bin", "esbuild"), "--bundle", "--format=esm", "--target=es2022", "--log-level=warning"}, args...)
	output(t, dir, exec.CommandContext(t.Context(), "node", args...))
}

// output runs cmd in dir and returns what it prints.
func output(t *testing.T, dir string, cmd *exec.Cmd) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, &stderr)
	}
	return out
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	name = filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// report is a line that a program prints: a case, or at the end how many there were.
type report struct {
	Case  string `json:"case"`
	Error string `json:"error"`
	Cases int    `json:"cases"`
}

// runCases runs a Node program in dir and makes each case that it reports a
// subtest; there must be at least so many. The program must end by itself.
func runCases(t *testing.T, atLeast int, dir, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{"--expose-gc", program}, args...)...)
	cmd.Dir = dir
	cmd.WaitDelay = 10 * time.Second // for a browser that outlives its driver
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		t.Errorf("%s: killed: it did not end by itself", program)
	}
	cases, announced, failed := 0, 0, false
	for line := range bytes.Lines(out) {
		var r report
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%s printed %q: %v", program, line, err)
		}
		if r.Case == "" {
			announced += r.Cases
			continue
		}
		cases++
		failed = failed || r.Error != ""
		t.Run(r.Case, func(t *testing.T) {
			if r.Error != "" {
				t.Error(r.Error)
			}
		})
	}
	if cases < atLeast || cases != announced {
		t.Errorf("%s: %d cases ran, %d were announced, want at least %d", program, cases, announced, atLeast)
	}
	t.Logf("%s: %d cases", program, cases)
	if err != nil && !failed {
		t.Errorf("%s: %v", program, err)
	}
	if t.Failed() && stderr.Len() > 0 {
		t.Logf("%s: standard error:\n%s", program, &stderr)
	}
}
