package tui

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/grpcx/grpcx/internal/suite"
)

// readSaved lists the requests of the suite file that requests are saved to.
func (m *Model) readSaved() tea.Cmd {
	path := m.cfg.SavedFile
	if path == "" {
		return nil
	}
	return m.later(func() func(*Model) tea.Cmd {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return func(*Model) tea.Cmd { return nil }
		}
		requests, err := suite.Requests(path)
		return func(m *Model) tea.Cmd {
			if err != nil {
				m.say(m.explain(err))
			}
			m.listSaved(requests)
			return nil
		}
	})
}

const savedSection = "Saved"

func (m *Model) listSaved(requests []suite.Request) {
	var all []kept
	for _, r := range requests {
		all = append(all, kept{name: r.Name, note: methodName(r.Method), request: fromSuite(r)})
	}
	m.tree.setSection(savedSection, all)
}

// saveRequest asks under which name, and in which file, to save the request.
func (m *Model) saveRequest() tea.Cmd {
	r, err := m.current()
	if err != nil {
		m.say("not saved: " + m.explain(err))
		return nil
	}
	stream := m.method.IsStreamingClient()
	m.overlay = newPrompt("Save the request as", methodName(r.Method), "the name of a test in a suite file, which grpcx test runs",
		func(m *Model, name string) tea.Cmd {
			m.overlay = newPrompt("Save it in", m.cfg.SavedFile, "a suite file; an existing one is added to",
				func(m *Model, path string) tea.Cmd { return m.save(path, name, r, stream) })
			return nil
		})
	return nil
}

func (m *Model) save(path, name string, r Request, stream bool) tea.Cmd {
	saved, err := m.toSuite(name, r, stream)
	if err != nil {
		m.say("not saved: " + m.explain(err))
		return nil
	}
	return m.later(func() func(*Model) tea.Cmd {
		err := suite.Save(path, saved)
		return func(m *Model) tea.Cmd {
			if err != nil {
				m.say("not saved: " + m.explain(err))
				return nil
			}
			m.cfg.SavedFile = path
			m.say("saved; run it by: grpcx test " + path)
			return m.readSaved()
		}
	})
}

// toSuite gives r as a test. References mean the same in both; what else looks
// like an expression of a suite is escaped.
func (m *Model) toSuite(name string, r Request, stream bool) (suite.Request, error) {
	s := suite.Request{Name: name, Method: r.Method, Stream: stream, Timeout: r.Timeout, Expressions: true}
	if m.cfg.SuiteTarget != nil {
		var err error
		if s.Target, err = m.cfg.SuiteTarget(m.link.target); err != nil {
			return s, err
		}
		var headers []Header
		for _, h := range s.Target.Metadata {
			headers = append(headers, Header(h))
		}
		s.Target.Metadata = suiteHeaders(m.vault.hideHeaders(headers))
	} else {
		s.Target.Address = r.Address
	}
	s.Metadata = suiteHeaders(r.Headers)
	for _, text := range r.Messages {
		s.Messages = append(s.Messages, escapeExpressions(text))
	}
	return s, nil
}

func suiteHeaders(headers []Header) []suite.Header {
	var out []suite.Header
	for _, h := range headers {
		out = append(out, suite.Header{Name: h.Name, Value: escapeExpressions(h.Value)})
	}
	return out
}

func fromSuite(s suite.Request) Request {
	plain := func(text string) string { return text }
	if s.Expressions {
		plain = strings.NewReplacer("$${", "${", literalDollar, "$").Replace
	}
	r := Request{Method: s.Method, Timeout: s.Timeout}
	for _, h := range s.Metadata {
		r.Headers = append(r.Headers, Header{h.Name, plain(h.Value)})
	}
	for _, text := range s.Messages {
		r.Messages = append(r.Messages, plain(text))
	}
	return r
}

// literalDollar is how a suite says $ where a bare one would escape what follows.
const literalDollar = "${'$'}"

// escapeExpressions escapes every ${ but those of references.
func escapeExpressions(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		if !found {
			b.WriteString(s)
			return b.String()
		}
		if strings.HasPrefix("${"+rest, referenceStart) {
			text := strings.TrimRight(before, "$")
			before = text + strings.Repeat(literalDollar, len(before)-len(text))
		} else {
			before += "$"
		}
		b.WriteString(before + "${")
		s = rest
	}
}
