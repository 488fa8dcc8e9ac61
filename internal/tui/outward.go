package tui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/termtext"
	"github.com/grpcx/grpcx/internal/tui/response"
	"github.com/grpcx/grpcx/internal/tui/traffic"
)

// maxClipboard bounds what is handed to the terminal's clipboard, whose commands
// many terminals cut at about this size.
const maxClipboard = 74 << 10

// copy hands text to the clipboard of the terminal, by OSC 52, which works
// through SSH and tmux too.
func (m *Model) copy(text, what string) tea.Cmd {
	if len(text) > maxClipboard {
		m.say(fmt.Sprintf("%s is too large for the clipboard: %d KiB", what, len(text)>>10))
		return nil
	}
	m.say(ansi.Truncate("copied: "+termtext.Line(strings.Join(strings.Fields(text), " ")), max(1, m.width-2), "…"))
	return tea.SetClipboard(text)
}

func (m *Model) copyGrpcx() tea.Cmd { return m.copyCommand(Grpcx) }

func (m *Model) copyGrpcurl() tea.Cmd { return m.copyCommand(Grpcurl) }

func (m *Model) copyCommand(tool Tool) tea.Cmd {
	if m.cfg.Command == nil {
		m.say("commands are not available")
		return nil
	}
	r, err := m.current()
	command := ""
	if err == nil {
		command, err = m.cfg.Command(r, tool)
	}
	if err != nil {
		m.say("not copied: " + m.explain(err))
		return nil
	}
	return m.copy(command, "the command")
}

func (m *Model) copyResponse() tea.Cmd {
	text, err := m.response.Copy()
	if err != nil {
		m.say("not copied: " + m.explain(err))
		return nil
	}
	return m.copy(text, "the text")
}

// saveMessage asks for a file, whose name says the format.
func (m *Model) saveMessage() tea.Cmd {
	if m.call == nil {
		m.say("there is no message yet")
		return nil
	}
	m.overlay = newPrompt("Save the message in", m.responseFile("message", ".json"), formatAdvice,
		func(m *Model, path string) tea.Cmd {
			f, err := os.Create(path)
			if err == nil {
				err = m.response.SaveMessage(f, formatOf(path, message.Pretty))
				if closeErr := f.Close(); err == nil {
					err = closeErr
				}
			}
			m.report(err, "saved in "+path)
			return nil
		})
	return nil
}

const formatAdvice = "the name says the format: .json, .jsonl, .yaml, .txt (protobuf text) or .bin (length-delimited)"

// saveAll asks for a file for all messages that were received, and those to come.
func (m *Model) saveAll() tea.Cmd {
	if m.call == nil {
		m.say("there is no call yet")
		return nil
	}
	m.overlay = newPrompt("Save all messages in", m.responseFile("messages", ".jsonl"), formatAdvice+"; what is yet to come is added until the call ends",
		func(m *Model, path string) tea.Cmd {
			f, err := os.Create(path)
			if err != nil {
				m.report(err, "")
				return nil
			}
			return m.response.SaveAll(f, formatOf(path, message.JSONL), traffic.Received)
		})
	return nil
}

// savedAll tells how far the saving of all messages has come.
func (m *Model) savedAll(s response.Saved) {
	text := fmt.Sprintf("%d messages saved", s.Messages)
	if s.Going {
		text += ", and each that comes, until the call ends"
	}
	m.report(s.Err, text)
}

func (m *Model) responseFile(what, extension string) string {
	return string(m.call.Method().Name()) + "-" + what + extension
}

func formatOf(path string, otherwise message.Format) message.Format {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		return message.Pretty
	case ".jsonl":
		return message.JSONL
	case ".yaml", ".yml":
		return message.YAML
	case ".txt", ".textproto", ".txtpb":
		return message.Text
	case ".bin", ".binpb":
		return message.Binary
	}
	return otherwise
}

// report says what went wrong, or that nothing did.
func (m *Model) report(err error, success string) {
	if err != nil {
		m.say(m.explain(err))
		return
	}
	m.say(success)
}

// askGenerate asks where to write a client of the selected service.
func (m *Model) askGenerate() tea.Cmd {
	if m.cfg.Generate == nil || m.link.state != ready {
		m.say("there is nothing to generate a client of")
		return nil
	}
	services, what := m.chosenService()
	m.overlay = newPrompt("Generate TypeScript into", "src/gen", "a client of "+what,
		func(m *Model, dir string) tea.Cmd { return m.generateInto(services, dir) })
	return nil
}

// generateInto writes a client of the services, of all of them without any.
func (m *Model) generateInto(services []string, dir string) tea.Cmd {
	if m.cfg.Generate == nil || m.link.state != ready {
		m.say("there is nothing to generate a client of")
		return nil
	}
	m.say("generating …")
	ctx, source, generate := m.link.ctx, m.link.session.Source, m.cfg.Generate
	return m.later(func() func(*Model) tea.Cmd {
		said, err := generate(ctx, source, services, dir)
		return func(m *Model) tea.Cmd {
			m.report(err, said)
			return nil
		}
	})
}

// chosenService is the service of the selected row, or all of them.
func (m *Model) chosenService() (services []string, what string) {
	if r, ok := m.tree.selected(); ok && r.service != nil {
		name := string(r.service.name)
		return []string{name}, name
	}
	return nil, "all services"
}

// editElsewhere gives the request to the user's editor, and takes it back.
func (m *Model) editElsewhere() tea.Cmd {
	if m.cfg.Editor == nil || m.method == nil {
		m.say("there is no $EDITOR")
		return nil
	}
	f, err := os.CreateTemp("", "grpcx-*.json") // which is 0600
	if err == nil {
		_, err = f.WriteString(m.editor.Text())
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		m.say(m.explain(err))
		return nil
	}
	path, number := f.Name(), m.number
	return tea.ExecProcess(m.cfg.Editor(path), func(err error) tea.Msg {
		defer func() { _ = os.Remove(path) }()
		var text []byte
		if err == nil {
			text, err = readBounded(path, maxEdited)
		}
		return func(m *Model) tea.Cmd {
			if err != nil {
				m.say("$EDITOR: " + m.explain(err))
				return nil
			}
			if number != m.number {
				return nil
			}
			return m.editor.SetText(strings.TrimSuffix(string(text), "\n"))
		}
	})
}

// maxEdited bounds what comes back from another editor, in bytes.
const maxEdited = 16 << 20

func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("read %s: larger than %d MiB", path, limit>>20)
	}
	return os.ReadFile(path)
}
