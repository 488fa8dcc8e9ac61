// Package driver runs the grpcx command and reads its events, the way any
// program does that uses the machine contract of `grpcx call -o events`.
package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Event is one line of `-o events`.
type Event struct {
	// Name is headers, message, trailers or status.
	Name     string              `json:"event"`
	Metadata map[string][]string `json:"metadata"`
	Message  json.RawMessage     `json:"message"`
	Status   Status              `json:"status"`
	// Sent and Received come with the status.
	Sent     int `json:"sent"`
	Received int `json:"received"`
}

// Status is how a call ended.
type Status struct {
	Code    int               `json:"code"`
	Name    string            `json:"name"`
	Message string            `json:"message"`
	Details []json.RawMessage `json:"details"`
}

// Process is one running `grpcx call`. Next belongs to one goroutine and the
// sends to another; Interrupt and Narrated may be called from any.
type Process struct {
	cmd       *exec.Cmd
	stdin     io.WriteCloser
	events    *json.Decoder
	narration *narration
}

// killAfter is how long a process may linger once its output is closed or its
// context has ended.
const killAfter = 5 * time.Second

// Call starts `grpcx call` with args, to which it adds `-o events -v -d @`.
// The process is killed when ctx ends. The caller must call Wait.
func Call(ctx context.Context, grpcx string, args ...string) (*Process, error) {
	args = append([]string{"call", "-o", "events", "-v", "-d", "@"}, args...)
	p := &Process{
		cmd:       exec.CommandContext(ctx, grpcx, args...),
		narration: newNarration(),
	}
	p.cmd.Stderr = p.narration
	p.cmd.WaitDelay = killAfter
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start grpcx: %w", err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start grpcx: %w", err)
	}
	p.events = json.NewDecoder(stdout)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start grpcx: %w", err)
	}
	return p, nil
}

// Send writes one request, in JSON. It fails when the process has ended.
func (p *Process) Send(request []byte) error {
	_, err := p.stdin.Write(append(request, '\n'))
	return err
}

// CloseSend ends the requests.
func (p *Process) CloseSend() error { return p.stdin.Close() }

// Next returns the next event; io.EOF means that the process has closed its
// output.
func (p *Process) Next() (Event, error) {
	var e Event
	err := p.events.Decode(&e)
	return e, err
}

// Interrupt sends SIGINT.
func (p *Process) Interrupt() error { return p.cmd.Process.Signal(os.Interrupt) }

// Narrated waits until n lines of standard error begin with prefix.
func (p *Process) Narrated(ctx context.Context, prefix string, n int) error {
	return p.narration.wait(ctx, prefix, n)
}

// Stderr returns what the process has written to standard error so far.
func (p *Process) Stderr() string { return p.narration.String() }

// Wait drops the events that are left, closes the send side, and returns the
// exit code; -1 is a process that a signal ended.
func (p *Process) Wait() (int, error) {
	for {
		if _, err := p.Next(); err != nil {
			break
		}
	}
	_ = p.stdin.Close()
	err := p.cmd.Wait()
	p.narration.close()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("wait for grpcx: %w", err)
	}
	return p.cmd.ProcessState.ExitCode(), nil
}
