package editor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/termtext"
)

// A check is what is known of the text of one revision.
type check struct {
	revision uint64 // 0: nothing has been checked
	asked    uint64 // the revision that a command is on its way for
	wire     [][]byte
	problem  *message.Error
}

// paused says that the text of this revision has stood for a while.
type paused struct {
	model    *Model
	revision uint64
}

// checked brings the result of a check against the schema of a method.
type checked struct {
	model  *Model
	method protoreflect.MethodDescriptor
	check  check
}

// checkSoon returns the command that checks the text once no key has come for
// a while.
func (m *Model) checkSoon() tea.Cmd {
	revision := m.buffer.revision
	if m.method == nil || m.check.revision == revision || m.check.asked == revision {
		return nil
	}
	m.check.asked = revision
	return tea.Tick(m.options.Pause, func(time.Time) tea.Msg { return paused{m, revision} })
}

// checkNow returns the command that checks the text away from the keyboard.
func (m *Model) checkNow() tea.Cmd {
	lines, revision := slices.Clone(m.buffer.lines), m.buffer.revision
	method, r := m.method, m.reader()
	return func() tea.Msg {
		c := check{revision: revision}
		c.wire, c.problem = r.read(lines)
		return checked{m, method, c}
	}
}

// Messages gives the messages of the text as wire bytes: none for an empty
// text. What is wrong with the text is a *message.Error. A value that is being
// written in the form is kept first.
func (m *Model) Messages() ([][]byte, error) {
	if m.method == nil {
		return nil, errors.New("read request: no method chosen")
	}
	if _, done := m.settle(); !done {
		return nil, &message.Error{Msg: m.note}
	}
	if m.check.revision != m.buffer.revision {
		c := check{revision: m.buffer.revision, asked: m.buffer.revision}
		c.wire, c.problem = m.reader().read(m.buffer.lines)
		m.check = c
		m.screen.stale = true
	}
	if m.check.problem != nil {
		return nil, m.check.problem
	}
	return slices.Clone(m.check.wire), nil
}

// Problem is what is wrong with the text, as far as it has been checked; nil
// for nothing.
func (m *Model) Problem() *message.Error { return m.check.problem }

// Status says in one line how things stand, safe for a terminal.
func (m *Model) Status() string {
	p := m.check.problem
	switch {
	case m.note != "":
		return m.note
	case m.method == nil || m.check.revision == 0:
		return ""
	case p != nil:
		return "✗ " + termtext.Line(p.Error())
	case len(m.check.wire) > 1:
		return fmt.Sprintf("✓ valid, %d messages", len(m.check.wire)) + m.formAdvice()
	}
	return "✓ valid" + m.formAdvice()
}

// formAdvice tells of the keys of the form.
func (m *Model) formAdvice() string {
	switch {
	case !m.form.shown:
		return ""
	case m.form.input != nil:
		return "  enter keeps, esc drops"
	}
	return "  type or enter: edit  space: un/set  +: add"
}

// maxMessages is how many messages a text may have.
const maxMessages = 100_000

// A reader turns text into messages.
type reader struct {
	md     protoreflect.MessageDescriptor
	types  message.Resolver
	stream bool // any number of messages
	method string
}

func (m *Model) reader() reader {
	return reader{m.method.Input(), m.types, m.method.IsStreamingClient(), string(m.method.Name())}
}

func (r reader) read(lines []string) ([][]byte, *message.Error) {
	source := plain(lines)
	decoder := message.NewDecoder(bytes.NewReader(source), r.md, message.DecodeOptions{Types: r.types, Array: r.stream})
	var wire [][]byte
	for {
		one, err := decoder.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, asProblem(err)
		}
		if len(wire) == maxMessages {
			return nil, &message.Error{Msg: fmt.Sprintf("more than %d messages", maxMessages)}
		}
		wire = append(wire, one)
	}
	if len(wire) > 1 && !r.stream {
		return nil, r.another(lines)
	}
	return wire, nil
}

// another is the problem of a second message where one is wanted.
func (r reader) another(lines []string) *message.Error {
	e := &message.Error{Msg: r.method + " takes one request, this is another"}
	t := parse(lines)
	if t.tooLarge {
		return e
	}
	second := t.nodes[t.nodes[t.nodes[0].first].next].from
	e.Line, e.Col = second.line+1, utf8.RuneCountInString(lines[second.line][:second.col])+1
	return e
}

func asProblem(err error) *message.Error {
	var e *message.Error
	if errors.As(err, &e) {
		return e
	}
	return &message.Error{Msg: err.Error()}
}

// problemToken gives the line and the bytes of what is wrong.
func (m *Model) problemToken() (at span) {
	p := m.check.problem
	if p == nil || p.Line < 1 || p.Line > len(m.buffer.lines) {
		return span{}
	}
	line := m.buffer.lines[p.Line-1]
	col := 0
	for range max(p.Col-1, 0) {
		_, size := utf8.DecodeRuneInString(line[col:])
		col += size
	}
	at = span{place{p.Line - 1, col}, place{p.Line - 1, col}}
	if t, ok := lex(line, col); ok && t.from == col {
		at.to.col = t.to
	}
	return at
}

// A span is the text between two places.
type span struct{ from, to place }

func (s span) empty() bool { return s.from == s.to }
