package tui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/grpcx/grpcx/internal/tui/traffic"
)

// barItem is an action as the bar tells of it.
type barItem struct{ key, short string }

// barItems are the actions that have a key at a place: those that matter most
// now, those of the place alone, and the others.
func (m *Model) barItems(at place) []barItem {
	first := m.prominent(at)
	var items, own, general []barItem
	for _, a := range m.actions {
		key := ""
		for _, k := range a.keys {
			if a.counts(k, at) {
				key = k
				break
			}
		}
		item := barItem{keyName(key), a.short}
		switch {
		case key == "" || slices.Contains(first, a.short):
		case m.link.state == unaddressed && a.short == "schema files": // are a server's
		case a.places == everywhere || a.places == outside:
			general = append(general, item)
		default:
			own = append(own, item)
		}
	}
	for _, short := range first {
		if a := m.called(short); a != nil {
			for _, k := range a.keys {
				if a.counts(k, at) {
					items = append(items, barItem{keyName(k), m.meaning(a)})
					break
				}
			}
		}
	}
	return slices.Concat(items, own, general)
}

// called is the action of a short name, nil if there is none.
func (m *Model) called(short string) *action {
	for i := range m.actions {
		if m.actions[i].short == short {
			return &m.actions[i]
		}
	}
	return nil
}

// meaning is the short name of an action, or what it comes to now.
func (m *Model) meaning(a *action) string {
	switch {
	case a.short == "back" && m.backCancels():
		return "cancel"
	case a.short == "open" && m.link.state == unaddressed:
		return "connect to"
	case a.short == "open" && m.link.state == failed:
		return "try again"
	case a.short == "open" && m.link.wantsCredentials():
		return "give metadata"
	case a.short == "open" && m.link.state == schemaless:
		return "choose files"
	case a.short == "hold" && m.running() && m.call.Snapshot().State == traffic.Held:
		return "read on"
	case a.short == "send" && m.method != nil && m.talking() && m.method.IsStreamingClient():
		return "send another"
	}
	return a.short
}

// prominent are the short names of the actions that matter most now, in the order
// of the bar.
func (m *Model) prominent(at place) []string {
	var names []string
	if m.running() {
		if m.method != nil && m.talking() && m.method.IsStreamingClient() {
			names = append(names, "send", "half-close")
		}
		if names = append(names, "back"); at == inResponse {
			names = append(names, "hold", "follow", "expand")
		}
	}
	switch at {
	case inTree:
		if m.link.state == unaddressed {
			names = append(names, "open", "quit", "actions")
			break
		}
		if m.link.state != ready && m.link.state != connecting {
			names = append(names, "open", "reconnect", "connect to", "schema files", "quit", "metadata")
			break
		}
		names = append(names, "open", "search")
		if m.method != nil {
			names = append(names, "send")
		}
		names = append(names, "next pane", "history", "connect to", "actions")
	case inSearch:
		names = append(names, "open", "back", "next pane")
	case inBody:
		names = append(names, "send", "back", "complete", "form", "metadata", "next value")
	case inHeaders:
		names = append(names, "add", "edit", "delete", "back", "send")
	case inHeader:
		names = append(names, "edit", "back", "send")
	case inResponse:
		names = append(names, "next pane", "next tab", "send", "expand", "copy", "save message", "copy command", "save")
	case inFind:
		names = append(names, "back")
	}
	return names
}

// maxNotice bounds the lines of a notice.
const maxNotice = 5

// noticeLines are the lines of the notice, for the bottom of the screen: the fewest
// that have room for it. None without a notice.
func (m *Model) noticeLines() []string {
	if m.notice == "" {
		return nil
	}
	said := wrap(m.notice, m.width-2)
	if len(said) > maxNotice {
		said = said[:maxNotice]
		said[maxNotice-1] += " …"
	}
	return said
}

// withNotice puts the notice over the bottom lines of the screen.
func (m *Model) withNotice(screen string) string {
	said := m.noticeLines()
	if said == nil {
		return screen
	}
	rows := strings.Split(screen, "\n")
	for i, l := range said {
		rows[len(rows)-len(said)+i] = fit(" "+l, m.width)
	}
	return strings.Join(rows, "\n")
}

// bar is the bottom line: what can be done here, as much as there is room for, with
// help at its end.
func (m *Model) bar(width int) string {
	if m.overlay != nil {
		return m.theme.dim.Render(fit(barText(m.overlay.keys(), width), width))
	}
	at := m.where()
	help := " ? help"
	if at&outside == 0 {
		help = " F1 help"
	}
	items := slices.DeleteFunc(m.barItems(at), func(i barItem) bool { return i.short == "help" })
	return m.theme.dim.Render(fit(barText(items, width-ansi.StringWidth(help)-1)+help, width))
}

// barText tells of items, each once, as far as width cells go.
func barText(items []barItem, width int) string {
	var b strings.Builder
	told := map[string]bool{}
	used := 0
	for _, item := range items {
		text := " " + item.key + " " + item.short + " "
		n := ansi.StringWidth(text)
		if used+n > width || told[item.short] {
			continue
		}
		used += n
		told[item.short] = true
		b.WriteString(text)
	}
	return b.String()
}
