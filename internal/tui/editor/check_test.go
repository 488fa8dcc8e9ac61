package editor

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/grpcx/grpcx/internal/message"
)

// settle runs a command and those that follow from it, as bubbletea does.
func settle(m *Model, cmd tea.Cmd) {
	for cmd != nil {
		results := make(chan tea.Msg)
		go func() { results <- cmd() }()
		cmd = m.Update(<-results)
	}
}

func TestStatus(t *testing.T) {
	for _, c := range []struct{ name, method, text, want string }{
		{"valid", "Tell", `{"name": "x"}`, "✓ valid"},
		{"empty", "Tell", " ", "✓ valid"},
		{"comments and commas", "Tell", "{ // a \"}\n  \"name\": \"//\", // b\n  // \"age\": 1\n}", "✓ valid"},
		{"several messages", "Feed", `{} {} []`, "✓ valid, 2 messages"},
		{"a list of messages", "Feed", `[{}, {"age": 1},]`, "✓ valid, 2 messages"},
		{"unknown field", "Tell", "{\n  \"nam\": 1\n}", `✗ 2:3: unknown field "nam"; did you mean "name"?`},
		{"more than one message", "Tell", "{}\n  {}", "✗ 2:3: Tell takes one request, this is another"},
		{"a comma alone", "Tell", "{,}", "✗ 1:2"},
		{"two commas", "Tell", `{"age": 1,,}`, "✗ 1:11"},
		{"a comma after all", "Tell", "{},", "✗ 1:3"},
		{"not JSON", "Tell", "{\"name\": tru}", "✗ 1:10"},
		{"the place behind wide characters", "Tell", `{"name": "日本", "agee": 1}`, "✗ 1:16"},
		{"unclosed", "Tell", "{", "✗ 1:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModel(t, c.method, "{}")
			settle(m, m.SetText(c.text))
			if got := m.Status(); got != c.want && (!strings.HasPrefix(c.want, "✗") || !strings.HasPrefix(got, c.want)) {
				t.Errorf("%q, want %q", got, c.want)
			}
			_, err := m.Messages()
			var problem *message.Error
			if errors.As(err, &problem) != (m.Problem() != nil) || err == nil != strings.HasPrefix(c.want, "✓") {
				t.Errorf("messages: %v, problem: %v", err, m.Problem())
			}
		})
	}
}

func TestProblemIsMarked(t *testing.T) {
	m := newModel(t, "Tell", "{\n  \"nam\": 1\n}")
	if _, err := m.Messages(); err == nil {
		t.Fatal("valid")
	}
	if got, want := m.problemToken(), (span{place{1, 2}, place{1, 7}}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	press(m, "<ctrl+end>")
	if !m.GotoProblem() || show(m) != "{\n  |\"nam\": 1\n}" {
		t.Errorf("the cursor is not at the problem: %s", show(m))
	}
}

// Checks run beside the keys; what they say of a text that is no more is
// dropped.
func TestChecksWhileTyping(t *testing.T) {
	m := newModel(t, "Tell", "{\n  \"name\": \"\"\n}")
	m.buffer.moveTo(place{1, 11})
	results := make(chan tea.Msg, 1000)
	var running sync.WaitGroup
	run := func(cmd tea.Cmd) {
		if cmd != nil {
			running.Go(func() { results <- cmd() })
		}
	}
	for i := range 200 {
		run(m.Update(tea.KeyPressMsg{Code: 'a', Text: "a"}))
		if i%10 == 0 {
			run(m.Update(<-results))
		}
	}
	for m.check.revision != m.buffer.revision {
		run(m.Update(<-results))
	}
	running.Wait()
	if got, err := m.Messages(); err != nil || len(got) != 1 || len(got[0]) != 202+1 {
		t.Errorf("%q, %v", got, err)
	}
	stale := checked{m, m.method, check{revision: m.buffer.revision - 1, problem: &message.Error{Msg: "old"}}}
	m.Update(stale)
	if m.Problem() != nil {
		t.Error("a stale result is shown")
	}
	m.Update(checked{New(Options{}), m.method, check{revision: m.buffer.revision, problem: &message.Error{Msg: "other"}}})
	if m.Problem() != nil {
		t.Error("another editor's result is shown")
	}
}

func TestOneCheckAfterManyKeys(t *testing.T) {
	m := newModel(t, "Tell", "{}")
	m.options.Pause = time.Millisecond
	first := m.SetText("{\"age\": 1}")
	second := m.SetText("{\"age\": 2}")
	if cmd := m.Update(first()); cmd != nil {
		t.Error("a text that is no more is checked")
	}
	settle(m, second)
	if got := m.Status(); got != "✓ valid" {
		t.Error(got)
	}
}

func TestSetTextIsOneStep(t *testing.T) {
	m := newModel(t, "Tell", "{\"age\": 1}")
	before := m.Revision()
	m.SetText("{}\r\n")
	if m.Text() != "{}\n" || m.Revision() == before {
		t.Errorf("%q at revision %d", m.Text(), m.Revision())
	}
	m.Undo()
	if m.Text() != "{\"age\": 1}" {
		t.Errorf("undone: %q", m.Text())
	}
	m.Redo()
	if m.Text() != "{}\n" {
		t.Errorf("redone: %q", m.Text())
	}
}

func TestTooLarge(t *testing.T) {
	m := newModel(t, "Tell", "{}")
	m.Update(paste(strings.Repeat("x", maxText)))
	if m.Text() != "{}" || m.Status() != tooLarge {
		t.Errorf("%d bytes, %q", len(m.Text()), m.Status())
	}
	press(m, "<left>")
	if m.Status() == tooLarge {
		t.Error("the note stays")
	}
}

func TestWithoutMethod(t *testing.T) {
	m := New(Options{})
	press(m, `{"a<complete><form>x<down><enter><form><toggle><undo>`)
	m.View(20, 5, true)
	if _, err := m.Messages(); err == nil {
		t.Error("messages without a method")
	}
}

func TestWants(t *testing.T) {
	m := at(t, "Tell", "{|}")
	for name, want := range map[string]bool{"esc": false, "tab": false, "up": true, "ctrl+s": false, "f": false, "ctrl+k": true} {
		if got := m.Wants(keyNamed(name)); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
	press(m, `"n`)
	for _, name := range []string{"esc", "tab", "up", "enter"} {
		if !m.Completing() || !m.Wants(keyNamed(name)) {
			t.Errorf("%s is not wanted with completions", name)
		}
	}
}

// A text that has more parts than an editor can know is still a text.
func TestTooManyParts(t *testing.T) {
	for name, text := range map[string]string{
		"nested":   strings.Repeat("[", maxNodes+1),
		"crossed":  strings.Repeat("[", maxNodes/4) + strings.Repeat("}", maxNodes),
		"messages": strings.Repeat("{}\n", maxMessages+1),
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(t, "Feed", text)
			press(m, "<ctrl+end><complete><toggle>\"a<enter><form><enter>")
			checkFrame(t, m.View(40, 10, true), 40, 10)
			press(m, "<form>")
			if got := m.Text(); got != text+"\"a\"\n" {
				t.Errorf("it became %.20q… of %d bytes", got, len(got))
			}
			if _, err := m.Messages(); err == nil {
				t.Error("it is valid")
			}
		})
	}
}
