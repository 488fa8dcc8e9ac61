package tui

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/invoke"
)

// healthMsg is a change of the server's health, or the end of the watch.
type healthMsg struct {
	number  int
	health  Health
	err     error // why the watch ended
	reports <-chan Health
}

// watchHealth follows the server's health until the session ends.
func (m *Model) watchHealth() tea.Cmd {
	number, ctx, watch := m.link.number, m.link.ctx, m.link.session.Health
	if watch == nil {
		return nil
	}
	reports := make(chan Health)
	follow := func() tea.Msg {
		defer close(reports)
		err := watch(ctx, "", func(h Health) {
			select {
			case reports <- h:
			case <-ctx.Done():
			}
		})
		return healthMsg{number: number, err: err}
	}
	return tea.Batch(follow, nextHealth(ctx, number, reports))
}

func nextHealth(ctx context.Context, number int, reports <-chan Health) tea.Cmd {
	return func() tea.Msg {
		select {
		case h, ok := <-reports:
			if ok {
				return healthMsg{number: number, health: h, reports: reports}
			}
		case <-ctx.Done():
		}
		return nil
	}
}

// healthChange is a line of the health log.
type healthChange struct {
	at, subject, state string
}

// maxHealthLog bounds the changes that are kept for the view of them.
const maxHealthLog = 200

func (m *Model) healthChanged(msg healthMsg) tea.Cmd {
	if msg.number != m.link.number {
		return nil
	}
	if msg.reports == nil {
		if msg.err != nil && m.link.ctx.Err() == nil {
			m.link.untold = true
			m.logHealth(wholeServer, "not told: "+m.explain(msg.err))
		}
		return nil
	}
	was := m.link.health
	m.link.health, m.link.told, m.link.since = msg.health, true, m.clock()
	m.logHealth(wholeServer, msg.health.State)
	if m.link.state == ready && !was.Reached && msg.health.Reached {
		m.say("the server is back; R reloads its schema")
	}
	return nextHealth(m.link.ctx, msg.number, msg.reports)
}

// seen takes the end of a call for a sign of the server's health, where the server
// does not tell of it.
func (m *Model) seen(s *status.Status) {
	if m.link.told || s == nil || m.link.state != ready {
		return
	}
	h := Health{State: "connected", Reached: true}
	if s.Code() == codes.Unavailable {
		h = Health{State: invoke.CodeName(codes.Unavailable)}
	}
	if h != m.link.health {
		m.link.health = h
		m.logHealth(wholeServer, h.State)
	}
}

// clock is the time of day.
func (m *Model) clock() string { return m.now().Format("15:04:05") }

// logHealth logs the state of a subject, unless that is its latest one in the log.
func (m *Model) logHealth(subject, state string) {
	if m.logged(subject) == state {
		return
	}
	m.healthLog = append(m.healthLog, healthChange{m.clock(), subject, state})
	if n := len(m.healthLog) - maxHealthLog; n > 0 {
		m.healthLog = m.healthLog[n:]
	}
}

// logged is the latest state of a subject in the log, "" for none.
func (m *Model) logged(subject string) string {
	for _, change := range slices.Backward(m.healthLog) {
		if change.subject == subject {
			return change.state
		}
	}
	return ""
}
