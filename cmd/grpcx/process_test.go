package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/grpcx/grpcx/testserver"
)

// process is a running grpcx. Its standard output and error come as one.
type process struct {
	tb     testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	output *bufio.Reader
}

// start runs this test binary as grpcx: testscript.Main looks at the name
// that it was started under.
func start(tb testing.TB, args ...string) *process {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	tb.Cleanup(cancel)
	p := &process{tb: tb, cmd: exec.CommandContext(ctx, self)}
	p.cmd.Args = append([]string{"grpcx"}, args...)
	p.cmd.Env = append(os.Environ(), "GORACE="+noRaceSleep)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p.cmd.Stderr = p.cmd.Stdout
	p.output = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	return p
}

func (p *process) write(text string) {
	p.tb.Helper()
	if _, err := io.WriteString(p.stdin, text); err != nil {
		p.tb.Fatal(err)
	}
}

// until reads lines up to one that begins with prefix.
func (p *process) until(prefix string) {
	p.tb.Helper()
	var seen strings.Builder
	for {
		line, err := p.output.ReadString('\n')
		if err != nil {
			p.tb.Fatalf("wait for %q: %v; output: %s", prefix, err, seen.String())
		}
		if strings.HasPrefix(line, prefix) {
			return
		}
		seen.WriteString(line)
	}
}

// wait returns the rest of the output, and the exit code.
func (p *process) wait() (rest string, code int) {
	p.tb.Helper()
	out, err := io.ReadAll(p.output)
	if err != nil {
		p.tb.Fatal(err)
	}
	_ = p.cmd.Wait()
	return string(out), p.cmd.ProcessState.ExitCode()
}

func TestStatusWhileStandardInputIsOpen(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	p := start(t, "call", "--plaintext", server.Addr(), "FullDuplexCall", "-d", "@", "-o", "events")
	p.write(`{"responseParameters":[{"size":1}]}` + "\n")
	p.until(`{"event":"message"`)
	p.write(`{"responseStatus":{"code":3,"message":"early"}}` + "\n")
	if rest, code := p.wait(); code != 67 || !strings.Contains(rest, `"name":"INVALID_ARGUMENT"`) {
		t.Errorf("exit code %d, output %s", code, rest)
	}
}

// interrupts are calls that would not end by themselves.
func interrupts() []interruptedCall {
	return []interruptedCall{
		{"a server stream", []string{"grpc.health.v1.Health/Watch", "-o", "events"}, `{"event":"message"`, `"name":"CANCELLED"`},
		{"a bidi stream with standard input open", []string{"FullDuplexCall", "-d", "@", "-v"}, "> POST", "CANCELLED: interrupted, after 0 responses"},
		{"a client stream held open", []string{"StreamingInputCall", "--hold", "1h", "-v"}, "> POST", "CANCELLED: interrupted"},
		{"a concurrent batch whose requests have not come", []string{"EmptyCall", "-d", "@", "--concurrency", "2", "-v"}, "* schema", "grpcx: interrupted"},
		{"a unary call whose request has not come", []string{"EmptyCall", "-d", "@", "-v"}, "* schema", "grpcx: interrupted"},
	}
}

type interruptedCall struct {
	name  string
	args  []string
	until string // what shows that the call has got so far
	says  string
}

// run makes the call, and interrupts it.
func (c interruptedCall) run(tb testing.TB, address string) (began time.Time) {
	tb.Helper()
	p := start(tb, append([]string{"call", "--plaintext", address}, c.args...)...)
	p.until(c.until)
	began = time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		tb.Fatal(err)
	}
	if rest, code := p.wait(); code != 130 || !strings.Contains(rest, c.says) {
		tb.Errorf("exit code %d, want 130; output %q, want %q in it", code, rest, c.says)
	}
	return began
}

func TestInterrupt(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	for _, c := range interrupts() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, server.Addr())
		})
	}
}

// BenchmarkInterrupt measures the time from SIGINT to the end of the process,
// which is to be at most 200 ms.
func BenchmarkInterrupt(b *testing.B) {
	server := testserver.Start(b, testserver.Config{})
	for _, c := range interrupts() {
		b.Run(c.name, func(b *testing.B) {
			var worst time.Duration
			for b.Loop() {
				worst = max(worst, time.Since(c.run(b, server.Addr())))
			}
			b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
		})
	}
}
