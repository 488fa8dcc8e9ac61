//go:build peers

package main

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"testing"

	"github.com/grpcx/grpcx/cmd/grpcx/internal/driver"
)

// peer is an interop server and the way to call it.
type peer struct {
	grpcx, address string
	set            string   // a descriptor set of the interop services
	schema         []string // flags; none means reflection
}

// peerCall is a call under way, and what has come of it.
type peerCall struct {
	ctx     context.Context
	process *driver.Process
	outcome
}

type outcome struct {
	headers, trailers map[string][]string
	messages          []json.RawMessage
	status            driver.Status
	exit              int
	stderr            string
}

func (p *peer) start(t *testing.T, method string, args ...string) *peerCall {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	args = slices.Concat(p.schema, args, []string{p.address, method})
	started, err := driver.Call(ctx, p.grpcx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return &peerCall{ctx: ctx, process: started}
}

// call makes a whole call.
func (p *peer) call(t *testing.T, method string, requests []string, args ...string) outcome {
	t.Helper()
	c := p.start(t, method, args...)
	for _, request := range requests {
		c.send(t, request)
	}
	return c.finish(t)
}

func (c *peerCall) send(t *testing.T, request string) {
	t.Helper()
	if err := c.process.Send([]byte(request)); err != nil {
		t.Fatalf("send: %v\n%s", err, c.process.Stderr())
	}
}

func (c *peerCall) interrupt(t *testing.T) {
	t.Helper()
	if err := c.process.Interrupt(); err != nil {
		t.Fatal(err)
	}
}

// until takes events up to the first of that name.
func (c *peerCall) until(t *testing.T, name string) {
	t.Helper()
	for {
		switch got, err := c.next(); {
		case err != nil:
			t.Fatalf("wait for event %s: %v\n%s", name, err, c.process.Stderr())
		case got == name:
			return
		}
	}
}

// next takes an event and returns its name.
func (c *peerCall) next() (string, error) {
	e, err := c.process.Next()
	switch e.Name {
	case "headers":
		c.headers = e.Metadata
	case "message":
		c.messages = append(c.messages, e.Message)
	case "trailers":
		c.trailers = e.Metadata
	case "status":
		c.status = e.Status
	}
	return e.Name, err
}

// finish ends the requests and takes all that still comes.
func (c *peerCall) finish(t *testing.T) outcome {
	t.Helper()
	if err := c.process.CloseSend(); err != nil {
		t.Error(err)
	}
	return c.drain(t)
}

// drain takes all that still comes; the last event must be the status.
func (c *peerCall) drain(t *testing.T) outcome {
	t.Helper()
	last := ""
	for {
		name, err := c.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("read events: %v\n%s", err, c.process.Stderr())
		}
		last = name
	}
	var err error
	if c.exit, err = c.process.Wait(); err != nil {
		t.Fatal(err)
	}
	c.stderr = c.process.Stderr()
	if last != "status" {
		t.Fatalf("the last event is %q, want the status\n%s", last, c.stderr)
	}
	return c.outcome
}

func (o outcome) ended(t *testing.T, status string, exit int) {
	t.Helper()
	if o.status.Name != status || o.exit != exit {
		t.Fatalf("status %s %q, exit code %d; want %s, %d\n%s", o.status.Name, o.status.Message, o.exit, status, exit, o.stderr)
	}
}

func (o outcome) says(t *testing.T, message string) {
	t.Helper()
	if o.status.Message != message {
		t.Errorf("status message %q, want %q", o.status.Message, message)
	}
}

// bodies checks the sizes of the responses' payloads.
func (o outcome) bodies(t *testing.T, sizes ...int) {
	t.Helper()
	var got []int
	for _, message := range o.messages {
		var response struct{ Payload struct{ Body []byte } }
		if err := json.Unmarshal(message, &response); err != nil {
			t.Fatal(err)
		}
		got = append(got, len(response.Payload.Body))
	}
	if !slices.Equal(got, sizes) {
		t.Errorf("responses of %v bytes, want %v", got, sizes)
	}
}
