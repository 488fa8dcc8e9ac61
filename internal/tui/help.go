package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
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
	}
	for name, arrow := range map[string]string{"down": "↓", "up": "↑"} {
		if modifier, ok := strings.CutSuffix(key, name); ok && (modifier == "" || strings.HasSuffix(modifier, "+")) {
			return modifier + arrow
		}
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
		choices = append(choices, choice{name: a.name, note: keyNames(a.keys), run: func(m *Model) tea.Cmd {
			m.enter(a.places)
			return a.run(m)
		}})
	}
	m.overlay = newChooser("Actions", choices)
	return nil
}

// counts reports whether one of the action's keys means the action at a place.
func (a *action) counts(key string, at place) bool {
	if len(key) == 1 {
		at &= outside
	}
	return a.places&at != 0
}
