package tui

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/describe"
)

// pick is a method that was chosen, and what its request begins with. The schema
// of its messages may still have to be asked for.
type pick struct {
	path    string // pkg.Service/Method
	request *Request
	send    bool // as soon as it is there
}

// foundMsg brings the schema of a pick.
type foundMsg struct {
	number int
	method protoreflect.MethodDescriptor
	err    error
}

// open does what the selected row of the tree is for.
func (m *Model) open() tea.Cmd {
	r, ok := m.tree.selected()
	switch {
	case m.link.state == schemaless || m.link.state == failed || m.link.state == unaddressed:
		return m.mend() // what is kept of requests is out of sight
	case m.tree.typing && m.loading() && !m.tree.settled():
		m.awaiting, m.typed = true, nil
		return nil
	case !ok:
		return nil
	case r.kept != nil:
		return m.take(r.kept.request, false)
	case r.method == nil:
		if r.service != nil && r.service.err != nil {
			m.say(m.explain(r.service.err))
		}
		m.tree.fold(r)
		return nil
	}
	m.tree.typing = false
	return m.pick(pick{path: string(r.service.name) + "/" + string(r.method.Name)})
}

// loading reports whether there may be methods that are not known yet.
func (m *Model) loading() bool {
	return m.link.state == connecting || m.link.state == ready && m.tree.loaded < len(m.tree.services)
}

// arrived opens the method that enter was pressed for before it was known, and
// types what came after that.
func (m *Model) arrived() tea.Cmd {
	if !m.awaiting || m.loading() {
		return nil
	}
	m.awaiting = false
	typed := m.typed
	if len(m.tree.rows) == 0 || m.link.state != ready {
		m.typed = nil
		return nil
	}
	cmd := m.open()
	m.typed = typed
	return cmd
}

// take opens a request that was kept.
func (m *Model) take(r Request, send bool) tea.Cmd {
	return m.pick(pick{path: r.Method, request: &r, send: send})
}

// pick goes to the request of a method. Keys typed from now on are for its editor.
func (m *Model) pick(p pick) tea.Cmd {
	if m.link.state != ready {
		m.say("there is no schema yet")
		return nil
	}
	m.picking, m.typed, m.awaiting = &p, nil, false
	m.focus, m.asHeaders = requestPane, false
	return m.find(p)
}

// find asks for the schema of what was picked.
func (m *Model) find(p pick) tea.Cmd {
	m.number++
	number, ctx, source := m.number, m.link.ctx, m.link.session.Source
	return func() tea.Msg {
		method, err := findMethod(ctx, source, p.path)
		return foundMsg{number: number, method: method, err: err}
	}
}

func findMethod(ctx context.Context, source describe.Source, path string) (protoreflect.MethodDescriptor, error) {
	d, err := source.Find(ctx, protoreflect.FullName(strings.Replace(path, "/", ".", 1)))
	if err != nil {
		return nil, err
	}
	method, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, fmt.Errorf("find %s: it is not a method", path)
	}
	return method, nil
}

// found opens the request that was picked and types what came ahead of it.
func (m *Model) found(msg foundMsg) tea.Cmd {
	p := m.picking
	if p == nil || msg.number != m.number {
		return nil
	}
	typed := m.typed
	m.picking, m.typed = nil, nil
	if msg.err != nil {
		m.say(m.explain(msg.err))
		if m.method == nil {
			m.focus = treePane
		}
		return nil
	}
	cmds := []tea.Cmd{m.openRequest(msg.method, p.request)}
	for _, one := range typed {
		cmds = append(cmds, m.editor.Update(one))
	}
	if p.send {
		cmds = append(cmds, m.send())
	}
	return tea.Batch(cmds...)
}

// openRequest puts the request into the editor, or without one what was left there
// of this method. Metadata and timeout stay where the request has none of its own.
// What it replaces can be had back: by undo, or by opening the other method.
func (m *Model) openRequest(method protoreflect.MethodDescriptor, r *Request) tea.Cmd {
	before, types := m.method, m.link.session.Source.Types()
	m.method = method
	same := before != nil && before.FullName() == method.FullName()
	if same && r == nil {
		return m.editor.SetSchema(method, types)
	}
	if before != nil {
		m.drafts.keep(pathOf(before), m.editor.Text())
	}
	text := m.drafts.take(m.path())
	if r != nil {
		text = strings.Join(r.Messages, "\n")
		if text == "" {
			text = "\n" // no message, not a template
		}
		m.headers.reset(without(r.Headers, m.vault.hideHeaders(m.cfg.Headers)), r.Timeout)
	}
	if same {
		return tea.Batch(m.editor.SetSchema(method, types), m.editor.SetText(text))
	}
	return m.editor.SetMethod(method, types, text)
}
