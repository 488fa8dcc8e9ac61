package tui

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/grpcx/grpcx/internal/termtext"
)

// maxWatched bounds the services whose health is watched at once, well below the
// 100 streams that servers usually allow a connection.
const maxWatched = 64

// serviceHealth is what is known of a service.
type serviceHealth struct {
	Health
	name  string
	since string
	told  string // the latest state that the server told of
}

// healthView shows the health of the server and of each service, and what has
// changed. The services are watched as long as it is shown.
type healthView struct {
	pager
	cancel   context.CancelFunc
	services []*serviceHealth
	others   int // services that are not watched
}

// showHealth watches the server's services, and shows what it says of them.
func (m *Model) showHealth() tea.Cmd {
	if m.link.session == nil || m.link.session.Health == nil {
		m.say("there is no server whose health could be watched")
		return nil
	}
	ctx, cancel := context.WithCancel(m.link.ctx)
	v := &healthView{cancel: cancel}
	v.title, v.lines = "Health of "+termtext.Line(m.link.target.Address), v.text
	m.overlay, m.watched = v, v
	if m.link.untold {
		return nil // who does not tell of the server tells of no service
	}
	var watches []tea.Cmd
	for _, service := range m.tree.services[:min(maxWatched, len(m.tree.services))] {
		s := &serviceHealth{name: string(service.name)}
		v.services = append(v.services, s)
		watches = append(watches, m.watchService(ctx, s))
	}
	v.others = len(m.tree.services) - len(watches)
	return tea.Batch(watches...)
}

// endWatch ends the watch of services that are out of sight.
func (m *Model) endWatch() {
	if m.watched != nil && m.overlay != m.watched {
		m.watched.cancel()
		m.watched = nil
	}
}

// watchService follows the health of a service until ctx ends.
func (m *Model) watchService(ctx context.Context, s *serviceHealth) tea.Cmd {
	watch := m.link.session.Health
	reports := make(chan Health)
	follow := func() tea.Msg {
		defer close(reports)
		err := watch(ctx, s.name, func(h Health) {
			select {
			case reports <- h:
			case <-ctx.Done():
			}
		})
		if err == nil || ctx.Err() != nil {
			return nil
		}
		return func(m *Model) tea.Cmd {
			s.Health, s.since = Health{State: "not told"}, m.clock()
			m.logHealth(s.name, "not told: "+m.explain(err))
			return nil
		}
	}
	return tea.Batch(follow, nextReport(ctx, s, reports))
}

func nextReport(ctx context.Context, s *serviceHealth, reports <-chan Health) tea.Cmd {
	return func() tea.Msg {
		select {
		case h, ok := <-reports:
			if !ok {
				return nil
			}
			return func(m *Model) tea.Cmd {
				m.serviceChanged(s, h)
				return nextReport(ctx, s, reports)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// serviceChanged takes a state of a service. The first one is a change if the log has
// another. That the server is out of reach is a change of the server's, not one of each
// of its services.
func (m *Model) serviceChanged(s *serviceHealth, h Health) {
	s.Health, s.since = h, m.clock()
	if !h.Reached {
		return
	}
	if s.told != h.State && (s.told != "" || m.logged(s.name) != "") {
		m.logHealth(s.name, h.State)
	}
	s.told = h.State
}

const (
	wholeServer = "the server"
	stateWidth  = len("SERVICE_UNKNOWN")
	sinceWidth  = 56 // from here there is room to tell since when
)

// text is a table of what is, and below it what has changed, the newest first.
func (v *healthView) text(m *Model, width int) []string {
	var rows []*serviceHealth
	if m.link.told {
		rows = append(rows, &serviceHealth{Health: m.link.health, name: wholeServer, since: m.link.since})
	}
	rows = append(rows, v.services...)
	names := 0
	for _, s := range rows {
		names = max(names, ansi.StringWidth(termtext.Line(s.name)))
	}
	columns := stateWidth + 2
	if width >= sinceWidth {
		columns += 2 + len("15:04:05")
	}
	names = min(names, width-columns)
	var lines []string
	for _, s := range rows {
		line := m.healthRow(s, names)
		if width >= sinceWidth {
			line += "  " + m.theme.dim.Render(s.since)
		}
		lines = append(lines, line)
	}
	if v.others > 0 {
		lines = append(lines, m.theme.dim.Render(fmt.Sprintf("and %d more, which are not watched", v.others)))
	}
	if lines != nil && len(m.healthLog) > 0 {
		lines = append(lines, "", m.theme.title.Render("Changes"))
	}
	for i := len(m.healthLog) - 1; i >= 0; i-- {
		change := m.healthLog[i]
		lines = append(lines, wrap(change.at+"  "+termtext.Line(change.subject+"  "+change.state), width)...)
	}
	if lines == nil {
		lines = []string{"waiting for the server to tell"}
	}
	return lines
}

// healthRow is a line of the table, with so many cells for the name.
func (m *Model) healthRow(s *serviceHealth, names int) string {
	state, style := termtext.Line(s.State), m.theme.bad
	switch {
	case s.State == "":
		state, style = "…", m.theme.dim
	case s.Serving:
		style = m.theme.good
	case s.Unknown:
		style = m.theme.dim
	}
	name := fit(shorten(termtext.Line(s.name), names), names)
	return name + "  " + style.Render(fit(state, stateWidth))
}
