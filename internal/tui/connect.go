package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/message"
)

// linkState is how far the way to the server has come.
type linkState int

const (
	unaddressed linkState = iota // no address is known
	connecting
	failed     // there is no connection
	schemaless // there is one, and no schema
	ready
)

// link is the way to one server. Each attempt has a number of its own: what
// belongs to another one is stale.
type link struct {
	number  int
	state   linkState
	target  Target
	session *Session
	err     error
	again   bool            // the user asked for it anew
	ctx     context.Context // ends with the attempt, and what it began
	cancel  context.CancelFunc
	health  Health
	since   string // when health was told
	told    bool   // health is what the server said
	untold  bool   // the server does not tell

	renewing bool // the schema of the open method, which is that of an earlier link
}

type connectedMsg struct {
	number   int
	session  *Session
	services []protoreflect.FullName
	err      error
}

// connect leaves the server and goes to the target, with the headers of now.
func (m *Model) connect(target Target) tea.Cmd {
	if err := m.settle(); err != nil {
		m.say("not connected: " + m.explain(err))
		return nil
	}
	headers, err := m.liveHeaders()
	if err == nil {
		_, err = m.cfg.Metadata(headers) // a connection is not given up for what cannot be sent
	}
	if err != nil {
		m.focus, m.asHeaders = requestPane, true
		m.say("not connected: " + m.explain(err))
		return nil
	}
	target.Headers = headers
	m.disconnect()
	number := m.link.number + 1
	ctx, cancel := context.WithCancel(m.ctx)
	m.link = link{number: number, state: connecting, target: target, ctx: ctx, cancel: cancel}
	m.openHistory()
	return func() tea.Msg {
		session, err := m.cfg.Connect(ctx, target)
		if session == nil {
			return connectedMsg{number: number, err: err}
		}
		if !m.sessions.keep(session) {
			return nil // the program is over
		}
		msg := connectedMsg{number: number, session: session, err: err}
		if err == nil {
			msg.services, msg.err = session.Source.Services(ctx)
		}
		return msg
	}
}

// disconnect ends the call under way and the session.
func (m *Model) disconnect() {
	if m.call != nil {
		m.call.Cancel()
	}
	if m.link.cancel != nil {
		m.link.cancel()
	}
	m.number++ // what was asked of this server's schema is stale
	if m.link.session != nil {
		m.sessions.drop(m.link.session)
		m.link.session = nil
	}
}

func (m *Model) connected(msg connectedMsg) tea.Cmd {
	if msg.number != m.link.number {
		if msg.session != nil {
			m.sessions.drop(msg.session)
		}
		return nil
	}
	m.link.session, m.link.err = msg.session, msg.err
	switch {
	case msg.err == nil:
		m.link.state = ready
		m.link.health = Health{State: "connected", Reached: true}
	case msg.session == nil:
		m.link.state = failed
		m.picking, m.typed = nil, nil
		return m.arrived()
	default:
		m.link.state = schemaless
		m.picking, m.typed = nil, nil
		m.link.health = Health{State: "connected", Reached: true}
		return tea.Batch(m.watchHealth(), m.arrived())
	}
	m.tree.setServices(msg.services)
	if m.link.again {
		m.say(fmt.Sprintf("connected again: %d services", len(msg.services)))
	}
	return tea.Batch(m.loadMethods(msg.services), m.watchHealth(), m.resume())
}

// noReflection reports whether files would help.
func (l *link) noReflection() bool { return errors.Is(l.err, describe.ErrNoReflection) }

// wantsCredentials reports whether reflection is there, for others.
func (l *link) wantsCredentials() bool {
	if l.state != schemaless {
		return false
	}
	code := status.Code(l.err)
	return code == codes.Unauthenticated || code == codes.PermissionDenied
}

// types finds what Any messages hold; nil where there is no schema.
func (l *link) types() message.Resolver {
	if l.session == nil || l.session.Source == nil {
		return nil
	}
	return l.session.Source.Types()
}

// notGRPC reports whether what answered was a server of plain HTTP/2. grpc-go makes
// UNIMPLEMENTED of its 404, and UNKNOWN of a page.
func (l *link) notGRPC() bool {
	text := l.err.Error()
	return strings.Contains(text, "unexpected HTTP status code") || strings.Contains(text, "unexpected content-type") || strings.Contains(text, "malformed header: missing HTTP content-type")
}

// serviceMethods is what was found of one service.
type serviceMethods struct {
	service protoreflect.FullName
	methods []describe.MethodInfo
	err     error
}

// methodsMsg brings the methods of some services; more is where the next come
// from, nil after the last.
type methodsMsg struct {
	number int
	loaded []serviceMethods
	more   <-chan serviceMethods
}

// foundAhead is how many services may wait to be shown.
const foundAhead = 128

// loadMethods asks for the methods of all services, and shows them as they come.
func (m *Model) loadMethods(services []protoreflect.FullName) tea.Cmd {
	number, ctx, source := m.link.number, m.link.ctx, m.link.session.Source
	found := make(chan serviceMethods, foundAhead)
	ask := func() tea.Msg {
		defer close(found)
		describe.EachMethods(ctx, source, services, func(service protoreflect.FullName, methods []describe.MethodInfo, err error) {
			select {
			case found <- serviceMethods{service, methods, err}:
			case <-ctx.Done():
			}
		})
		return nil
	}
	return tea.Batch(ask, collect(number, found))
}

// collect waits for one service and takes those that are there with it.
func collect(number int, found <-chan serviceMethods) tea.Cmd {
	return func() tea.Msg {
		msg := methodsMsg{number: number, more: found}
		first, ok := <-found
		for ok {
			msg.loaded = append(msg.loaded, first)
			select {
			case first, ok = <-found:
			default:
				return msg
			}
		}
		msg.more = nil
		return msg
	}
}

func (m *Model) methodsLoaded(msg methodsMsg) tea.Cmd {
	var next tea.Cmd
	if msg.more != nil {
		next = collect(msg.number, msg.more)
	}
	if msg.number == m.link.number {
		m.tree.setMethods(msg.loaded)
		next = tea.Batch(next, m.arrived())
	}
	return next
}

// sessions closes what was opened, also what comes when all is over. Its methods
// may be called at once.
type sessions struct {
	mu   sync.Mutex
	open map[*Session]bool
	over bool
}

// keep takes a session over, or closes it and returns false.
func (s *sessions) keep(session *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		session.Close()
		return false
	}
	if s.open == nil {
		s.open = map[*Session]bool{}
	}
	s.open[session] = true
	return true
}

func (s *sessions) drop(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[session] {
		delete(s.open, session)
		session.Close()
	}
}

func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for session := range s.open {
		session.Close()
	}
	clear(s.open)
}
