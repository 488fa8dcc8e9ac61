package tui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/grpc/metadata"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/termtext"
)

// headers is the list of what goes with a request beside its messages: the
// timeout first, then metadata. One line at a time can be edited; the values of
// the others are hidden where they are secrets.
type headers struct {
	secret  func(name string) bool
	check   func(Header) error // whether it can be sent
	timeout time.Duration
	list    []Header

	at    int // the selected line: 0 is the timeout
	top   int // the first line shown
	open  bool
	fresh bool // the line under edit is a new one
	line  line
}

// maxHeaders bounds the lines of metadata.
const maxHeaders = 100

func (h *headers) reset(list []Header, timeout time.Duration) {
	h.list, h.timeout, h.at, h.open, h.fresh = list, timeout, 0, false, false
}

func (h *headers) editing() bool { return h.open }

func (h *headers) move(by int) {
	if !h.open {
		h.at = max(0, min(len(h.list), h.at+by))
	}
}

// click selects a line, or edits the one that is selected. A line under edit is kept
// first, unless that is wrong.
func (h *headers) click(y int) error {
	y += h.top
	if h.open && y != h.at {
		if err := h.keep(); err != nil {
			return err
		}
	}
	switch {
	case h.open || y > len(h.list):
	case y == h.at:
		h.edit()
	default:
		h.at = y
	}
	return nil
}

func (h *headers) edit() {
	text := ""
	switch {
	case h.at > 0:
		text = h.list[h.at-1].Name + ": " + h.list[h.at-1].Value
	case h.timeout > 0:
		text = h.timeout.String()
	}
	h.line, h.open, h.fresh = newLine(text), true, false
}

func (h *headers) add() {
	if len(h.list) >= maxHeaders {
		return
	}
	h.list = append(h.list, Header{})
	h.at = len(h.list)
	h.line, h.open, h.fresh = line{}, true, true
}

func (h *headers) remove() {
	if h.at == 0 {
		h.timeout = 0
		return
	}
	h.list = append(h.list[:h.at-1:h.at-1], h.list[h.at:]...)
	h.at = min(h.at, len(h.list))
}

// leave ends the edit and drops what was typed.
func (h *headers) leave() {
	h.open = false
	if h.fresh {
		h.remove()
	}
	h.fresh, h.line = false, line{}
}

// keep ends the edit with what was typed, unless that is wrong.
func (h *headers) keep() error {
	text := strings.TrimSpace(h.line.String())
	switch {
	case text == "":
		h.open, h.fresh = false, false
		h.remove()
		return nil
	case h.at == 0:
		timeout, err := time.ParseDuration(text)
		if err != nil || timeout < 0 {
			return errors.New("timeout: want a duration such as 1500ms, 2s or 1m")
		}
		h.timeout = timeout
	default:
		name, value, ok := strings.Cut(text, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return errors.New("metadata: want name: value")
		}
		header := Header{name, strings.TrimSpace(value)}
		if err := h.check(header); err != nil {
			return err
		}
		h.list[h.at-1] = header
	}
	h.open, h.fresh = false, false
	return nil
}

// checkHeader reports whether a header can be sent, as far as that is known: a
// reference's value may change until it is.
func (m *Model) checkHeader(h Header) error {
	if strings.Contains(h.Value, referenceStart) {
		h.Value = ""
	}
	_, err := m.cfg.Metadata([]Header{h})
	return err
}

// view gives lines for a pane of width by height cells, the selected one among them,
// and where the cursor is in the line under edit.
func (h *headers) view(width, height int, always []Header, th theme) (lines []string, x, y int) {
	lines = append(lines, h.row(0, "timeout: "+h.timeoutText(), width, th))
	for i, header := range h.list {
		lines = append(lines, h.row(i+1, h.shown(header), width, th))
	}
	if h.open {
		text, at := h.line.view(max(1, width-2))
		lines[h.at] = "> " + text
		x = at + 2
	}
	for _, header := range always {
		lines = append(lines, "  "+th.dim.Render(h.shown(header)+"  (with every call)"))
	}
	if !h.open {
		lines = append(lines, "")
		for _, l := range wrap("a adds, enter edits, d deletes; ${env.NAME} is a variable", width) {
			lines = append(lines, th.dim.Render(l))
		}
	}
	h.top = max(0, min(h.top, h.at, len(lines)-height), h.at-height+1)
	return lines[h.top:], x, h.at - h.top
}

func (h *headers) timeoutText() string {
	if h.timeout == 0 {
		return "none"
	}
	return h.timeout.String()
}

func (h *headers) row(i int, text string, width int, th theme) string {
	if i == h.at {
		return th.selected.Render(fit("> "+text, width))
	}
	return "  " + text
}

func (h *headers) shown(header Header) string {
	value := header.Value
	if _, secret := invoke.CutScheme(value); h.secret(header.Name) && !onlyReferences(secret) {
		value = "***"
	}
	return termtext.Line(header.Name + ": " + value)
}

func (m *Model) toggleHeaders() tea.Cmd {
	if m.asHeaders && m.headers.open {
		m.headers.leave()
	}
	m.asHeaders = !m.asHeaders || m.focus != requestPane
	m.focus = requestPane
	return nil
}

func (m *Model) editHeader() tea.Cmd {
	if !m.headers.open {
		m.headers.edit()
		return nil
	}
	if err := m.headers.keep(); err != nil {
		m.say(err.Error())
		return nil
	}
	if m.link.wantsCredentials() {
		m.focus, m.asHeaders = treePane, false
		return m.reconnect()
	}
	return nil
}

func (m *Model) addHeader() tea.Cmd {
	m.asHeaders, m.focus = true, requestPane
	m.headers.add()
	return nil
}

func (m *Model) removeHeader() tea.Cmd {
	m.headers.remove()
	return nil
}

// settle keeps the line of metadata that is under edit, as enter does.
func (m *Model) settle() error {
	if !m.headers.open {
		return nil
	}
	if err := m.headers.keep(); err != nil {
		m.focus, m.asHeaders = requestPane, true
		return err
	}
	return nil
}

// everyCall are the headers that go with every call, but for those that the request
// has others of the name in the place of.
func (m *Model) everyCall() []Header {
	return slices.DeleteFunc(slices.Clone(m.cfg.Headers), func(h Header) bool {
		return len(ofName(m.headers.list, h.Name)) > 0
	})
}

// ofName are the headers of a name.
func ofName(headers []Header, name string) []Header {
	return slices.DeleteFunc(slices.Clone(headers), func(h Header) bool { return !strings.EqualFold(h.Name, name) })
}

// without gives the headers but for the names of which others has the same ones:
// those go with every call anyway.
func without(headers, others []Header) []Header {
	return slices.DeleteFunc(slices.Clone(headers), func(h Header) bool {
		return slices.Equal(ofName(headers, h.Name), ofName(others, h.Name))
	})
}

// liveHeaders are the headers, references resolved.
func (m *Model) liveHeaders() ([]Header, error) {
	var live []Header
	for _, h := range m.headers.list {
		value, err := m.vault.expand(h.Value, func(s string) string { return s })
		if err != nil {
			return nil, fmt.Errorf("metadata %s: %w", h.Name, err)
		}
		live = append(live, Header{h.Name, value})
	}
	return live, nil
}

// callMetadata is what goes with the call.
func (m *Model) callMetadata() (metadata.MD, error) {
	live, err := m.liveHeaders()
	if err != nil {
		return nil, err
	}
	return m.cfg.Metadata(live)
}
