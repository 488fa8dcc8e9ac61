package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/termtext"
)

// stateLines tells in the tree's place why there is none, and what can be done
// about it; nil where there is one.
func (m *Model) stateLines(width int) []string {
	address := termtext.Line(m.link.target.Address)
	var lines []string
	say := func(text string) {
		if text != "" {
			lines = append(lines, wrap(termtext.Text(text), width)...)
			lines = append(lines, "")
		}
	}
	switch m.link.state {
	case unaddressed:
		say("No server yet.")
		lines = append(lines, "enter  connect to one", "q  quit")
	case connecting:
		say("connecting to " + address + " …")
		say("You can type ahead: / searches as soon as there is something to find.")
	case failed:
		say("✗ " + invoke.ErrorText(m.link.err))
		say(m.hint())
		lines = append(lines, "R  try again", "o  another server", "q  quit")
	case schemaless:
		switch {
		case m.link.notGRPC():
			say("The server speaks HTTP, but not gRPC. Is this the right address and port?")
		case m.link.wantsCredentials():
			say("The server wants credentials for reflection.")
		case m.link.noReflection():
			say("The server does not support reflection.")
		}
		say("✗ " + invoke.ErrorText(m.link.err))
		say(m.hint())
		if m.link.wantsCredentials() {
			lines = append(lines, "enter  give metadata", "F  choose .proto files", "R  try again", "o  another server")
			break
		}
		lines = append(lines, "enter  choose .proto files", "       or a descriptor set", "R  try again", "o  another server")
	case ready:
		if len(m.tree.services) == 0 {
			say("The schema has no services.")
			lines = append(lines, "F  choose .proto files", "R  read it again")
		}
	}
	return lines
}

func (m *Model) hint() string {
	if m.cfg.Hint == nil {
		return ""
	}
	return m.cfg.Hint(m.link.err)
}

// mend is what enter does where there is no schema.
func (m *Model) mend() tea.Cmd {
	switch {
	case m.link.state == unaddressed:
		return m.askAddress()
	case m.link.wantsCredentials() && len(m.headers.list) == 0:
		return m.addHeader()
	case m.link.wantsCredentials():
		return m.toggleHeaders()
	case m.link.state == schemaless:
		return m.pickFiles()
	}
	return m.reconnect()
}

func (m *Model) reconnect() tea.Cmd {
	if m.link.state == unaddressed {
		return m.askAddress()
	}
	cmd := m.connect(m.link.target)
	m.link.again = true
	return cmd
}

// resume goes on after a reconnect with what was open before, or was about to be. What
// is under edit stays as it is.
func (m *Model) resume() tea.Cmd {
	var find tea.Cmd
	if m.picking != nil {
		find = m.find(*m.picking)
	}
	return tea.Batch(m.renew(), find)
}

// renew reads the schema of the open method again.
func (m *Model) renew() tea.Cmd {
	if m.method == nil {
		return nil
	}
	m.link.renewing = true
	number, path, ctx, source := m.link.number, m.path(), m.link.ctx, m.link.session.Source
	return func() tea.Msg {
		method, err := findMethod(ctx, source, path)
		return func(m *Model) tea.Cmd {
			if number != m.link.number {
				return nil
			}
			m.link.renewing = false
			switch {
			case m.path() != path: // another one was opened in the meantime
			case err != nil:
				m.say(m.explain(err))
			default:
				m.method = method
				return m.editor.SetSchema(method, source.Types())
			}
			return nil
		}
	}
}

func (m *Model) askAddress() tea.Cmd {
	m.overlay = newPrompt("Connect to", m.link.target.Address,
		"host:port (TLS), grpc://host:port (plaintext), unix:/path, or demo: a server inside this process",
		(*Model).goTo)
	return nil
}

// goTo leaves the server, with all that was open, for another one.
func (m *Model) goTo(address string) tea.Cmd {
	m.drop()
	m.method, m.picking, m.call, m.sent = nil, nil, nil, Request{}
	m.drafts, m.healthLog = drafts{}, nil
	m.headers.reset(nil, 0) // credentials are for the server that they were given for
	m.vault.typed = nil     // so are the secrets that references stand for
	m.response.SetCall(nil, nil)
	m.focus = treePane
	return m.connect(Target{Address: address})
}
