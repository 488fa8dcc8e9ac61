// Package deploy tests what is in the folder deploy, as far as that goes without a
// container engine: the Dockerfile's commands are run and what they build is
// started, the other files are read by the libraries of the tools that they are
// for, and the server is given every argument, variable and file that they give it.
package deploy

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// root is the tree that an image is built from.
const root = "../.."

// image is what the Dockerfile makes.
type image struct {
	built                    string // the folder that the first stage filled
	dir                      string // the root of its files
	env                      []string
	user                     string
	entrypoint, cmd, healthy []string
}

// stages parses the Dockerfile; what its linter says is an error.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	f, err := os.Open(root + "/deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range parsed.Warnings {
		t.Errorf("Dockerfile: %s", w.Short)
	}
	all, _, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{
		Warn: func(rule, _, _, message string, location []parser.Range) {
			t.Errorf("Dockerfile: %v: %s: %s", location, rule, message)
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Name != "build" || all[1].BaseName != "scratch" {
		t.Fatalf("stages %+v, want build and one from scratch", all)
	}
	return all
}

// build runs the Dockerfile's commands on a copy of the tree, without what
// .dockerignore leaves out.
func build(t *testing.T) *image {
	t.Helper()
	all := stages(t)
	src := t.TempDir()
	copyContext(t, src)
	args := map[string]string{"TARGETOS": runtime.GOOS, "TARGETARCH": runtime.GOARCH}
	for _, c := range all[0].Commands {
		switch c := c.(type) {
		case *instructions.ArgCommand:
			for _, a := range c.Args {
				if a.Value != nil {
					args[a.Key] = *a.Value
				}
			}
		case *instructions.CopyCommand:
			for _, path := range c.SourcePaths {
				if _, err := os.Stat(filepath.Join(src, path)); err != nil {
					t.Errorf("%s: %v", c, err)
				}
			}
		case *instructions.WorkdirCommand:
			if c.Path != "/src" {
				t.Errorf("%s: this test takes the folder for /src", c)
			}
		case *instructions.RunCommand:
			runStep(t, src, args, c)
		default:
			t.Errorf("%s: this test does not know what that does", c)
		}
	}
	return assemble(t, src, all[1])
}

func runStep(t *testing.T, src string, args map[string]string, c *instructions.RunCommand) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", strings.Join(c.CmdLine, " "))
	cmd.Dir = src
	cmd.Env = os.Environ()
	for k, v := range args {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", c, err, out)
	}
}

func copyContext(t *testing.T, to string) {
	t.Helper()
	f, err := os.Open(root + "/.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	patterns, err := ignorefile.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == "." {
			return err
		}
		skip, err := ignored.MatchesOrParentMatches(name)
		switch {
		case err != nil:
			return err
		case skip && d.IsDir():
			return fs.SkipDir
		case skip:
			return nil
		case d.IsDir():
			return os.Mkdir(filepath.Join(to, name), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// assemble makes the last stage from what the first one built.
func assemble(t *testing.T, src string, last instructions.Stage) *image {
	t.Helper()
	i := &image{built: src, dir: t.TempDir()}
	for _, c := range last.Commands {
		switch c := c.(type) {
		case *instructions.CopyCommand:
			for _, path := range c.SourcePaths {
				from := filepath.Join(src, strings.TrimPrefix(path, "/src/"))
				if err := os.CopyFS(filepath.Join(i.dir, c.DestPath), os.DirFS(from)); err != nil {
					t.Errorf("%s: %v", c, err)
				}
			}
		case *instructions.EnvCommand:
			for _, e := range c.Env {
				i.env = append(i.env, e.String())
			}
		case *instructions.UserCommand:
			i.user = c.User
		case *instructions.EntrypointCommand:
			i.entrypoint = direct(t, c, c.ShellDependantCmdLine)
		case *instructions.CmdCommand:
			i.cmd = direct(t, c, c.ShellDependantCmdLine)
		case *instructions.HealthCheckCommand:
			if c.Health.Test[0] != "CMD" {
				t.Errorf("%s: the image has no shell", c)
			}
			i.healthy = c.Health.Test[1:]
		}
	}
	return i
}

// direct is a command line that needs no shell: the image has none.
func direct(t *testing.T, c instructions.Command, line instructions.ShellDependantCmdLine) []string {
	t.Helper()
	if line.PrependShell {
		t.Fatalf("%s: the image has no shell; write a list", c)
	}
	return line.CmdLine
}

// command is a command line of the image, by its own files.
func (i *image) command(ctx context.Context, env []string, line ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(i.dir, line[0]), line[1:]...)
	cmd.Dir = filepath.Join(i.dir, "data")
	cmd.Env = append(slices.Clone(i.env), env...)
	return cmd
}

// settings are what the server says of how it is told to run: for each setting
// what it is and where it comes from. Arguments and variables that it does not
// know are errors.
func (i *image) settings(t *testing.T, env []string, args ...string) map[string]setting {
	t.Helper()
	line := append(slices.Clone(i.entrypoint), args...)
	var stderr bytes.Buffer
	cmd := i.command(t.Context(), env, append(line, "--print-config")...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q with %q: %v\n%s", line, env, err, &stderr)
	}
	all, sources := map[string]setting{}, map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(# )?([a-z-]+):?(.*?) +# (\S+)`).FindAllStringSubmatch(string(out), -1) {
		s := setting{value: strings.Trim(m[3], ` "`), source: strings.TrimRight(m[4], ",")}
		sources[s.source] = true
		all[m[2]] = s
	}
	for _, e := range slices.Concat(i.env, env) {
		name, _, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, "GRPCX_") && !sources[name] && name != "GRPCX_LISTEN" {
			t.Errorf("the server knows no variable %s", name)
		}
	}
	return all
}

type setting struct{ value, source string }

func (s setting) duration(t *testing.T) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s.value)
	if err != nil {
		t.Error(err)
	}
	return d
}

func TestDeploy(t *testing.T) {
	i := build(t)
	t.Run("image", func(t *testing.T) { testImage(t, i) })
	t.Run("compose", func(t *testing.T) { testCompose(t, i) })
	t.Run("kubernetes", func(t *testing.T) { testKubernetes(t, i) })
}

func testImage(t *testing.T, i *image) {
	t.Run("the binary needs no other file", func(t *testing.T) {
		f, err := elf.Open(filepath.Join(i.dir, i.entrypoint[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				t.Error("it is linked dynamically")
			}
		}
	})
	t.Run("it runs as nobody in particular, and has what a program expects", func(t *testing.T) {
		if i.user != "65532:65532" {
			t.Errorf("user %s", i.user)
		}
		if info, err := os.Stat(i.built + "/image/tmp"); err != nil || info.Mode() != fs.ModeDir|fs.ModeSticky|0o777 {
			t.Errorf("/tmp: %v, %v", info, err)
		}
		for _, name := range []string{"data", "etc/passwd", "etc/ssl/certs/ca-certificates.crt"} {
			if _, err := os.Stat(filepath.Join(i.dir, name)); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("it listens where containers are reached", func(t *testing.T) {
		if s := i.settings(t, nil, i.cmd...)["listen"]; s != (setting{"0.0.0.0:50051", "GRPCX_LISTEN"}) {
			t.Errorf("%+v", s)
		}
	})
	t.Run("its health check and its end", func(t *testing.T) { testHealthCheck(t, i) })
}

func testHealthCheck(t *testing.T, i *image) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := i.command(ctx, []string{"GRPCX_LISTEN=127.0.0.1:0"}, append(slices.Clone(i.entrypoint), i.cmd...)...)
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	log := bufio.NewReader(stderr)
	address := ""
	for address == "" {
		line, err := log.ReadString('\n')
		if err != nil {
			t.Fatalf("wait for the address: %v", err)
		}
		if m := regexp.MustCompile(`msg=listening address=(\S+)`).FindStringSubmatch(line); m != nil {
			address = m[1]
		}
	}
	check := slices.Clone(i.healthy)
	last := len(check) - 1
	if check[last] != "grpc://127.0.0.1:50051" {
		t.Errorf("health check of %s", check[last])
	}
	check[last] = "grpc://" + address
	if out, err := i.command(ctx, nil, check...).CombinedOutput(); err != nil {
		t.Errorf("%q: %v: %s", check, err, out)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(log)
	if err := server.Wait(); err != nil {
		t.Errorf("%v\n%s", err, rest)
	}
	if out, err := i.command(ctx, nil, check...).CombinedOutput(); err == nil {
		t.Errorf("healthy after the end: %s", out)
	}
}
