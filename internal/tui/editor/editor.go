// Package editor is where the terminal UI's requests are written: an editor of
// JSON that knows the message it is writing. It offers names and values, checks
// the text while it is typed, and shows it as a form on demand.
//
// The text is JSON with // comments; commas before a closing bracket are
// allowed. Its bytes are the one truth: the form reads it and edits it. What is
// shown is safe for a terminal whatever the text and the schema are.
package editor

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/message"
)

// Options says how an editor works. Its zero value is an editor without colour.
type Options struct {
	Styles Styles
	Now    func() time.Time // for Timestamp fields; nil: time.Now
	Pause  time.Duration    // without a key before the text is checked; 0: 50 ms
}

// A Model is one request being written. It is not for concurrent use; the
// commands that its methods return may run at any time, and their messages
// belong to Update. Methods that change the text return such a command.
type Model struct {
	options Options
	palette *palette

	method protoreflect.MethodDescriptor
	types  message.Resolver

	buffer  buffer
	fresh   uint64 // the revision that is the template; 0 for none
	closers int    // brackets and quotes behind the cursor that were put there with their first half
	outline tree   // of the text at outline.revision
	check   check
	popup   popup
	form    form
	note    string // what the last key could not do; "" for nothing

	top, left     int  // the first line and the first cell shown
	scrolled      bool // by the wheel: the cursor may be out of sight
	width, height int  // of the last frame
	screen        screen
}

// New makes an editor with an empty text.
func New(o Options) *Model {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Pause == 0 {
		o.Pause = 50 * time.Millisecond
	}
	m := &Model{options: o, palette: newPalette(o.Styles)}
	m.buffer.set("")
	return m
}

// SetMethod begins a request of the method with the given text, or with
// Template where that is empty. types finds what Any messages hold; it may be
// nil. What was there is gone, its history too.
func (m *Model) SetMethod(method protoreflect.MethodDescriptor, types message.Resolver, text string) tea.Cmd {
	m.method, m.types = method, types
	fresh := text == ""
	if fresh {
		text = Template(method.Input())
	}
	m.buffer.set(text)
	if m.buffer.size > maxText {
		m.buffer.set("")
		m.note = tooLarge
	}
	m.popup, m.top, m.left = popup{}, 0, 0
	m.form = form{shown: m.form.shown}
	m.check, m.fresh = check{}, 0
	if fresh {
		m.fresh = m.buffer.revision
		m.buffer.moveTo(m.firstValue(place{}))
	}
	return m.changed()
}

// SetSchema gives the method of the request as the schema has it by now. The text,
// the cursor, what can be undone and what is being written stay.
func (m *Model) SetSchema(method protoreflect.MethodDescriptor, types message.Resolver) tea.Cmd {
	if method == m.method {
		return nil
	}
	was, _ := m.row()
	m.method, m.types = method, types
	m.check, m.form.rows = check{}, nil
	m.chooseLike(was)
	m.screen.stale = true
	return m.checkSoon()
}

// Method is the method that the request is for, nil before SetMethod.
func (m *Model) Method() protoreflect.MethodDescriptor { return m.method }

// Text gives the text as it stands, comments included.
func (m *Model) Text() string { return m.buffer.text() }

// SetText replaces the text, as one step that Undo takes back.
func (m *Model) SetText(text string) tea.Cmd {
	m.note = ""
	m.form.leave()
	at := m.buffer.at
	m.replace(place{}, m.buffer.end(), strings.Join(split(text), "\n"))
	m.buffer.moveTo(m.buffer.clamp(at))
	return m.changed()
}

// Restart puts the template in the place of the text, as one step that Undo
// takes back.
func (m *Model) Restart() tea.Cmd {
	if m.method == nil {
		return nil
	}
	cmd := m.SetText(Template(m.method.Input()))
	m.fresh = m.buffer.revision
	m.buffer.moveTo(m.firstValue(place{}))
	return cmd
}

// Revision is another number for another text.
func (m *Model) Revision() uint64 { return m.buffer.revision }

// Undo takes the last change back.
func (m *Model) Undo() tea.Cmd {
	m.note = ""
	m.form.leave()
	if !m.buffer.undo() {
		m.note = "nothing to undo"
	}
	return m.changed()
}

// Redo does again what Undo took back.
func (m *Model) Redo() tea.Cmd {
	m.note = ""
	m.form.leave()
	if !m.buffer.redo() {
		m.note = "nothing to redo"
	}
	return m.changed()
}

const tooLarge = "the text would be larger than 16 MiB"

// replace changes the text and tells when it would be too large.
func (m *Model) replace(from, to place, s string) bool {
	if !m.buffer.replace(from, to, s) {
		m.note = tooLarge
		return false
	}
	return true
}

// changed has to be called after every change; it returns the command that
// checks the text.
func (m *Model) changed() tea.Cmd {
	m.popup = popup{}
	m.touch()
	return m.checkSoon()
}

// touch has to be called whenever the next frame may differ from the last one.
func (m *Model) touch() {
	m.scrolled = false
	m.screen.stale = true
}

// GotoProblem puts the cursor where the text is wrong and reports whether it is.
func (m *Model) GotoProblem() bool {
	if m.check.problem == nil {
		return false
	}
	m.form.shown = false
	m.buffer.moveTo(m.problemToken().from)
	m.popup = popup{}
	m.touch()
	return true
}
