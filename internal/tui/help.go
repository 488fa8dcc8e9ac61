package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/grpcx/grpcx/internal/termtext"
)

// showHelp lists every action with its keys.
func (m *Model) showHelp() tea.Cmd {
	m.overlay = &pager{title: "Help", lines: helpLines}
	return nil
}

func helpLines(m *Model, width int) []string {
	var lines []string
	for _, g := range groups() {
		if lines != nil {
			lines = append(lines, "")
		}
		lines = append(lines, m.theme.title.Render(g.name))
		for _, a := range g.actions {
			keys := fit(keyNames(a.keys), 18) + " "
			for i, l := range wrap(a.name, max(8, width-20)) {
				if i > 0 {
					keys = strings.Repeat(" ", 19)
				}
				lines = append(lines, " "+keys+l)
			}
		}
	}
	return lines
}

// keyNames is how people are told of keys.
func keyNames(keys []string) string {
	names := make([]string, 0, len(keys))
	for _, key := range keys {
		switch key {
		case "ctrl+@":
			continue // what terminals send for ctrl+space
		case "ctrl+_":
			continue // what terminals send for ctrl+/
		}
		names = append(names, keyName(key))
	}
	return strings.Join(names, " ")
}

func keyName(key string) string {
	switch key {
	case "ctrl+@":
		return "ctrl+space"
	case "ctrl+_":
		return "ctrl+/"
	case "down":
		return "↓"
	case "up":
		return "↑"
	}
	if len(key) > 1 && key[0] == 'f' && key[1] >= '1' && key[1] <= '9' {
		return strings.ToUpper(key)
	}
	return key
}

// showPalette offers every action by its name.
func (m *Model) showPalette() tea.Cmd {
	var choices []choice
	for _, a := range m.actions {
		choices = append(choices, choice{name: a.name, note: keyNames(a.keys), run: a.run})
	}
	m.overlay = newChooser("Actions", choices)
	return nil
}

// barItem is an action as the bar tells of it.
type barItem struct{ key, short string }

// barItems are the actions of a place: the first of the table, those of the place
// alone, and the others.
func (m *Model) barItems(at place) []barItem {
	var own, general []barItem
	for _, a := range m.actions {
		key := ""
		for _, k := range a.keys {
			if a.counts(k, at) {
				key = k
				break
			}
		}
		if key == "" {
			continue
		}
		item := barItem{keyName(key), a.short}
		if own != nil && (a.places == everywhere || a.places == outside) {
			general = append(general, item)
		} else {
			own = append(own, item)
		}
	}
	return append(own, general...)
}

// counts reports whether one of the action's keys means the action at a place.
func (a *action) counts(key string, at place) bool {
	if len(key) == 1 {
		at &= outside
	}
	return a.places&at != 0
}

// bar is the bottom line: a notice, or what can be done here, as much as there is
// room for, with help at its end.
func (m *Model) bar(width int) string {
	if m.notice != "" {
		return fit(" "+m.notice, width)
	}
	at := m.where()
	help := " ? help"
	if at&outside == 0 {
		help = " F1 help"
	}
	room := width - ansi.StringWidth(help) - 1
	var b strings.Builder
	used := 0
	for _, item := range m.barItems(at) {
		if item.short == "help" {
			continue
		}
		text := " " + item.key + " " + item.short + " "
		n := ansi.StringWidth(text)
		if used+n > room {
			continue
		}
		used += n
		b.WriteString(text)
	}
	return m.theme.dim.Render(fit(b.String()+help, width))
}

// showHealth opens the log of the server's health.
func (m *Model) showHealth() tea.Cmd {
	if m.link.session == nil || m.link.session.Health == nil {
		m.say("there is no server whose health could be watched")
		return nil
	}
	m.overlay = &pager{title: "Health of " + termtext.Line(m.link.target.Address), lines: healthLines}
	return nil
}

func healthLines(m *Model, width int) []string {
	var lines []string
	for i := len(m.healthLog) - 1; i >= 0; i-- {
		change := m.healthLog[i]
		lines = append(lines, wrap(change.at+"  "+termtext.Line(change.state), width)...)
	}
	if lines == nil {
		lines = []string{"waiting for the server to tell"}
	}
	return lines
}
