package tui

import (
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/tui/traffic"
)

// send makes the call, or sends another message of one that is under way.
func (m *Model) send() tea.Cmd {
	switch {
	case m.picking != nil || m.link.renewing:
		m.say("the method's schema is not there yet")
		return nil
	case m.method == nil:
		m.say("open a method first: enter, or / to search")
		return nil
	case m.link.session == nil || m.link.session.Conn == nil:
		m.say("there is no connection; R reconnects")
		return nil
	}
	if err := m.settle(); err != nil {
		m.say("not sent: " + m.explain(err))
		return nil
	}
	texts, wires, err := m.messages()
	if err != nil {
		m.refuse(err)
		return nil
	}
	if m.talking() && m.method.IsStreamingClient() {
		m.sendMore(texts, wires)
		return nil
	}
	return m.start(texts, wires)
}

// talking reports whether the call under way is of the method that is open.
func (m *Model) talking() bool {
	return m.running() && m.call.Method().FullName() == m.method.FullName()
}

func (m *Model) running() bool { return m.call != nil && !over(m.call) }

func over(c *traffic.Call) bool {
	select {
	case <-c.Ended():
		return true
	default:
		return false
	}
}

// refuse says why the request cannot be sent, and where.
func (m *Model) refuse(err error) {
	var problem *message.Error
	if errors.As(err, &problem) {
		m.focus, m.asHeaders = requestPane, false
		m.editor.GotoProblem()
	}
	m.say("not sent: " + m.explain(err))
}

// messages gives what the editor holds as JSON in which secrets are references,
// and as what these texts mean, in wire bytes: what is sent is what the kept text
// says, so that it can be sent again.
func (m *Model) messages() (texts []string, wires [][]byte, err error) {
	written, err := m.editor.Messages()
	if err != nil {
		return nil, nil, err
	}
	types := m.link.types()
	encoder := message.NewEncoder(m.method.Input(), message.EncodeOptions{Format: message.JSON, Types: types})
	for _, wire := range written {
		text, err := encoder.Append(nil, wire)
		if err != nil {
			return nil, nil, fmt.Errorf("read request: %w", err)
		}
		text = []byte(strings.TrimSuffix(string(text), "\n"))
		live, err := m.vault.expandJSON(string(text))
		if err != nil {
			return nil, nil, err
		}
		decoder := message.NewDecoder(strings.NewReader(live), m.method.Input(), message.DecodeOptions{Types: types})
		if wire, err = decoder.Next(); err != nil {
			return nil, nil, fmt.Errorf("read request: %w", err)
		}
		texts = append(texts, m.vault.hideJSON(string(text)))
		wires = append(wires, wire)
	}
	return texts, wires, nil
}

// start makes a new call, and ends the one that may be under way.
func (m *Model) start(texts []string, wires [][]byte) tea.Cmd {
	md, err := m.callMetadata()
	if err != nil {
		m.focus, m.asHeaders = requestPane, true
		m.say("not sent: " + m.explain(err))
		return nil
	}
	m.drop()
	types := m.link.types()
	call := traffic.Start(m.link.ctx, m.link.session.Conn, traffic.Options{
		Method: m.method, Metadata: md, Timeout: m.headers.timeout, Requests: wires, Types: types, MaxBytes: keptBytes,
	})
	m.call = call
	m.sent = m.request(texts)
	m.response.SetCall(call, types)
	m.response.Tick()
	if !m.method.IsStreamingClient() || m.focus != requestPane {
		m.focus = responsePane
	}
	return tea.Batch(m.startTicking(), func() tea.Msg {
		<-call.Ended()
		return endedMsg{call}
	})
}

// keptBytes bounds the messages that are kept of a call. With it the process stays
// below 150 MB, whatever the stream.
const keptBytes = 24 << 20

// drop cancels the call that may be under way, and keeps its request.
func (m *Model) drop() {
	if m.running() {
		m.call.Cancel()
	}
	m.remember()
}

// sendMore queues further messages of the stream.
func (m *Model) sendMore(texts []string, wires [][]byte) {
	if len(wires) == 0 {
		m.say("there is no message to send")
		return
	}
	for i, wire := range wires {
		if err := m.call.Send(wire); err != nil {
			m.say("not sent: " + m.explain(err))
			return
		}
		m.sent.Messages = append(m.sent.Messages, texts[i])
	}
	if n := len(wires); n > 1 {
		m.say(fmt.Sprintf("%d messages sent", n))
	}
}

func (m *Model) startTicking() tea.Cmd {
	if m.ticking {
		return nil
	}
	m.ticking = true
	return tick()
}

// tick looks at the call, as long as there is one under way.
func (m *Model) tick() tea.Cmd {
	if !m.response.Tick() {
		m.ticking = false
		return nil
	}
	return tick()
}

// ended shows the end of the call and keeps its request.
func (m *Model) ended(call *traffic.Call) {
	if call == nil || call != m.call {
		return
	}
	m.response.Tick()
	m.remember()
	m.seen(call.Snapshot().Status)
}

func (m *Model) halfClose() tea.Cmd {
	if !m.running() {
		m.say("there is no stream under way")
		return nil
	}
	m.call.CloseSend()
	return nil
}

func (m *Model) cancelOrQuit() tea.Cmd {
	if m.running() {
		m.call.Cancel()
		return nil
	}
	return m.quit()
}

func (m *Model) quit() tea.Cmd { return tea.Quit }

// again runs the latest request once more, with all of its messages.
func (m *Model) again() tea.Cmd {
	last, ok := m.history.last()
	if m.sent.Method != "" {
		last, ok = m.sent, true
	}
	if !ok {
		m.say("nothing was sent yet")
		return nil
	}
	return m.take(last, true)
}

// path is the method that is open: pkg.Service/Method.
func (m *Model) path() string { return pathOf(m.method) }

func pathOf(method protoreflect.MethodDescriptor) string {
	return string(method.Parent().FullName()) + "/" + string(method.Name())
}

// request is what is open, as it can be kept; texts are its messages.
func (m *Model) request(texts []string) Request {
	return Request{
		Address:  m.link.target.Address,
		Files:    m.link.target.Files,
		Method:   m.path(),
		Headers:  append(m.vault.hideHeaders(m.everyCall()), m.vault.hideHeaders(m.headers.list)...),
		Timeout:  m.headers.timeout,
		Messages: texts,
	}
}

// current is the request to copy or to save: of a stream that is shown all that
// was sent, else what is open.
func (m *Model) current() (Request, error) {
	if m.method == nil || m.link.session == nil {
		return Request{}, errors.New("no method is open")
	}
	if err := m.settle(); err != nil {
		return Request{}, err
	}
	if m.call != nil && m.call.Method().FullName() == m.method.FullName() && m.method.IsStreamingClient() && len(m.sent.Messages) > 0 {
		return m.sent, nil
	}
	texts, _, err := m.messages()
	if err != nil {
		return Request{}, err
	}
	return m.request(texts), nil
}

// remember keeps the call's request in the history, once.
func (m *Model) remember() {
	if m.call == nil || m.call == m.remembered {
		return
	}
	m.remembered = m.call
	s := m.call.Snapshot()
	outcome := traffic.CancelledByYou.String()
	if s.Status != nil && s.State == traffic.Done {
		outcome = invoke.CodeName(s.Status.Code())
	}
	err := m.history.add(entry{Time: m.now().Add(-s.Elapsed).UTC().Truncate(time.Second), Outcome: outcome, Request: m.sent})
	if err != nil {
		m.say("history: " + m.explain(err))
	}
	m.listHistory()
}
