package tui

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/termtext"
	"github.com/grpcx/grpcx/internal/tui/traffic"
)

// RunAccessible is Run for those who do not see a screen: it reads one command a
// line from in, and tells what happens line by line, without drawing. It returns
// at the end of in, at the command quit, or when ctx ends; a line being read then
// is still awaited by a goroutine of its own.
func RunAccessible(ctx context.Context, cfg Config, in io.Reader, out io.Writer) error {
	m := newModel(ctx, cfg)
	l := &linear{m: m, out: out, messages: make(chan tea.Msg, 64)}
	defer l.close()
	lines := readLines(m.ctx, in)
	l.start(m.Init())
	m.overlay = nil // what Init asked for is asked for by the first line
	l.say("grpcx. Type help for the commands.")
	if m.link.state == unaddressed {
		l.say("Not connected. connect ADDRESS connects.")
	}
	for !l.over {
		ready := lines
		if l.busy() {
			ready = nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case msg := <-l.messages:
			l.take(msg)
		case line, ok := <-ready:
			if !ok {
				return l.failed
			}
			l.command(line)
		}
		l.tell()
	}
	return l.failed
}

// maxInput bounds a line of input, in bytes.
const maxInput = 1 << 20

func readLines(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, maxInput)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// linear runs a model line by line. It is the loop that a program is elsewhere.
type linear struct {
	m        *Model
	out      io.Writer
	failed   error // of out
	messages chan tea.Msg
	running  sync.WaitGroup
	over     bool

	found   []string // what the last list numbered, from 1
	filling *filling // the message that lines are for
	waiting bool     // for the call to end

	state  linkState // that was told of
	health string
	method string
	call   *traffic.Call
	next   int // the first message of it that was not told of
	ended  bool
}

func (l *linear) close() {
	l.m.close()
	go func() {
		for range l.messages { // is dropped
		}
	}()
	l.running.Wait()
	close(l.messages)
}

func (l *linear) start(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	l.running.Go(func() {
		switch msg := cmd().(type) {
		case nil:
		case tea.BatchMsg:
			for _, one := range msg {
				l.start(one)
			}
		default:
			l.messages <- msg
		}
	})
}

func (l *linear) take(msg tea.Msg) {
	if _, ok := msg.(tea.QuitMsg); ok {
		l.over = true
		return
	}
	_, cmd := l.m.Update(msg)
	l.start(cmd)
}

// busy reports whether the next command has to wait for what the last one began.
func (l *linear) busy() bool {
	m := l.m
	return m.working > 0 || m.link.state == connecting || m.picking != nil || m.link.renewing ||
		m.link.state == ready && m.tree.loaded < len(m.tree.services) ||
		m.running() && (l.waiting || !m.call.Method().IsStreamingClient() && !m.call.Method().IsStreamingServer())
}

// say writes one line. Its text may be a stranger's.
func (l *linear) say(format string, args ...any) {
	text := termtext.Text(fmt.Sprintf(format, args...))
	if _, err := io.WriteString(l.out, text+"\n"); err != nil && l.failed == nil {
		l.failed = err
		l.over = true
	}
}

// tell says what has changed since it was last told.
func (l *linear) tell() {
	m := l.m
	if m.notice != "" {
		l.say("%s", m.notice)
		m.notice = ""
	}
	if m.link.state != l.state && (m.link.state != ready || m.tree.loaded == len(m.tree.services)) {
		l.state = m.link.state
		l.tellLink()
	}
	if m.link.told && m.link.health.State != l.health {
		l.health = m.link.health.State
		l.say("Health: %s.", l.health)
	}
	if m.method != nil && m.picking == nil && l.method != string(m.method.FullName()) {
		l.method = string(m.method.FullName())
		l.say("Opened %s, %s. The request is", m.path(), kindName(m.method.IsStreamingClient(), m.method.IsStreamingServer()))
		l.request()
	}
	l.tellCall()
}

// request tells what would be sent, metadata and timeout too: they stay when
// another method is opened.
func (l *linear) request() {
	l.say("%s", l.m.editor.Text())
	for _, h := range l.m.headers.list {
		l.say("Metadata %s", l.m.headers.shown(h))
	}
	if l.m.headers.timeout > 0 {
		l.say("Timeout %s", l.m.headers.timeoutText())
	}
}

func (l *linear) tellLink() {
	m := l.m
	switch m.link.state {
	case connecting:
		l.say("Connecting to %s.", m.link.target.Address)
	case ready:
		l.say("Connected to %s, %s: %d services, %d methods.", m.link.target.Address, m.link.session.Transport, len(m.tree.services), m.tree.total)
	case failed, schemaless:
		l.say("Error: %s.", invoke.ErrorText(m.link.err))
		if hint := m.hint(); hint != "" {
			l.say("Hint: %s", hint)
		}
		if m.link.wantsCredentials() {
			l.say("metadata NAME: VALUE gives credentials, then reconnect tries again.")
		}
		if m.link.state == schemaless {
			l.say("schema FILE... takes the schema from .proto files or a descriptor set.")
		}
	}
}

// maxTold bounds the messages of a stream that are told of at a time.
const maxTold = 20

func (l *linear) tellCall() {
	call := l.m.call
	if call == nil {
		return
	}
	if call != l.call {
		l.call, l.next, l.ended = call, 0, false
	}
	s := call.Snapshot()
	if left := s.Next - maxTold; l.next < left {
		l.say("%d messages not told of; show NUMBER shows one.", left-l.next)
		l.next = left
	}
	for ; l.next < s.Next; l.next++ {
		if e, ok := call.Entry(l.next); ok {
			l.say("%s", l.messageText(l.next, e, message.JSON))
		}
	}
	if !s.State.Over() || l.ended {
		return
	}
	l.ended, l.waiting = true, false
	switch {
	case s.Err != nil:
		l.say("The call failed: %v", s.Err)
	case s.Status != nil:
		l.say("Status %s. %s", invoke.CodeName(s.Status.Code()), s.Status.Message())
	}
	l.say("%d sent, %d received, %v.", s.Sent, s.Received, s.Elapsed.Round(10*time.Microsecond))
}

func (l *linear) messageText(i int, e traffic.Entry, f message.Format) string {
	encoder := message.NewEncoder(l.call.MessageType(e.Direction), message.EncodeOptions{Format: f, Types: l.m.link.types()})
	text, err := encoder.Append(nil, e.Wire)
	if err != nil {
		text = []byte(err.Error())
	}
	direction := "received"
	if e.Direction == traffic.Sent {
		direction = "sent"
	}
	return fmt.Sprintf("Message %d, %s: %s", i+1, direction, strings.TrimSpace(string(text)))
}

func kindName(client, server bool) string {
	switch {
	case client && server:
		return "a stream both ways"
	case client:
		return "a stream of requests"
	case server:
		return "a stream of responses"
	}
	return "one request, one response"
}
