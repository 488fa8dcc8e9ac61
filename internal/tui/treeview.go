package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/termtext"
)

// view gives at most height lines of at most width cells, and the line that the
// selected row is on.
func (t *tree) view(width, height int, th theme) (lines []string, selected int) {
	if t.headed = t.searching() && height > 1; t.headed {
		count := fmt.Sprintf("%d/%d", t.found, t.total)
		text, _ := t.filter.view(max(1, width-len(count)-3))
		lines = append(lines, fit("/"+text, max(0, width-len(count)-1))+" "+th.dim.Render(count))
		height--
	}
	t.height = height
	t.top = max(0, min(t.top, t.at, len(t.rows)-height))
	if t.at >= t.top+height {
		t.top = t.at - height + 1
	}
	for i := t.top; i < min(len(t.rows), t.top+height); i++ {
		name, note := t.label(t.rows[i], width-2)
		if i == t.at {
			selected = len(lines)
			lines = append(lines, th.selected.Render(fit("> "+join(name, note), width)))
			continue
		}
		name = ansi.Truncate(name, max(0, width-2), "…")
		if room := width - 4 - ansi.StringWidth(name); note != "" && room > 2 {
			name += "  " + th.dim.Render(ansi.Truncate(note, room, "…"))
		}
		lines = append(lines, "  "+name)
	}
	return lines, selected
}

func join(name, note string) string {
	if note == "" {
		return name
	}
	return name + "  " + note
}

// label is what a row says, safe for a terminal.
func (t *tree) label(r row, width int) (name, note string) {
	switch {
	case r.heading != "":
		for _, s := range t.sections {
			if s.name == r.heading {
				return arrow(s.open) + s.name, fmt.Sprint(len(s.kept))
			}
		}
	case r.kept != nil:
		return "  " + termtext.Line(r.kept.name), termtext.Line(r.kept.note)
	case r.method == nil:
		return t.serviceLabel(r.service, width)
	case t.searching():
		return shape(r.method) + " " + termtext.Line(string(r.method.Name)), termtext.Line(string(r.service.name))
	default:
		name = "  " + shape(r.method) + " " + termtext.Line(string(r.method.Name))
		if r.method.Deprecated {
			note = "deprecated"
		}
	}
	return name, note
}

func (t *tree) serviceLabel(s *service, width int) (name, note string) {
	name = arrow(s.open) + shorten(termtext.Line(string(s.name)), width-2)
	switch {
	case s.err != nil:
		note = "✗ " + termtext.Line(s.err.Error())
	case !s.loaded:
		note = "…"
	}
	return name, note
}

func arrow(open bool) string {
	if open {
		return "▾ "
	}
	return "▸ "
}

// shape is the sign of a method's kind.
func shape(m *describe.MethodInfo) string { return kindSign(m.ClientStreaming, m.ServerStreaming) }

func kindSign(client, server bool) string {
	switch {
	case client && server:
		return "⇄"
	case client:
		return "↑"
	case server:
		return "↓"
	}
	return "·"
}

// shorten keeps the last parts of a.b.c.Service that fit into width cells.
func shorten(s string, width int) string {
	if ansi.StringWidth(s) <= width {
		return s
	}
	for {
		i := strings.IndexByte(s, '.')
		if i < 0 {
			return s
		}
		s = s[i+1:]
		if ansi.StringWidth(s)+1 <= width {
			return "…" + s
		}
	}
}
