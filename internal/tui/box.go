package tui

import (
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/grpcx/grpcx/internal/tui/editor"
	"github.com/grpcx/grpcx/internal/tui/response"
)

// theme is how the screen looks. The colours are the terminal's own sixteen.
type theme struct {
	title, dim, good, bad, warn, selected, focus lipgloss.Style
}

func newTheme() theme {
	s := lipgloss.NewStyle
	return theme{
		title:    s().Bold(true),
		dim:      s().Faint(true),
		good:     s().Foreground(lipgloss.Green),
		bad:      s().Foreground(lipgloss.Red).Bold(true),
		warn:     s().Foreground(lipgloss.Yellow),
		selected: s().Reverse(true),
		focus:    s().Foreground(lipgloss.Blue).Bold(true),
	}
}

func (t theme) editor() editor.Styles {
	s := lipgloss.NewStyle
	return editor.Styles{
		Key: s().Foreground(lipgloss.Cyan), String: s().Foreground(lipgloss.Green), Number: s().Foreground(lipgloss.Magenta),
		Literal: s().Foreground(lipgloss.Magenta), Comment: t.dim, LineNumber: t.dim,
		Problem: s().Foreground(lipgloss.Red).Underline(true), Bracket: s().Bold(true),
		Popup: s().Foreground(lipgloss.Cyan), Selected: t.selected, Detail: t.dim,
	}
}

func (t theme) response() response.Styles {
	s := lipgloss.NewStyle
	return response.Styles{
		Title: t.title, Dim: t.dim, OK: t.good, Warn: t.warn, Error: t.bad, Selected: t.selected, Match: s().Underline(true).Bold(true),
		Key: s().Foreground(lipgloss.Cyan), String: s().Foreground(lipgloss.Green), Literal: s().Foreground(lipgloss.Magenta),
	}
}

// box draws lines in a border of w by h cells, with a title at its left and a
// note at its right, where there is room. The focused one has a double border,
// so that focus shows without colour. Texts are safe for a terminal already.
func (t theme) box(title, note string, lines []string, w, h int, focused bool) string {
	if w < 4 || h < 2 {
		return strings.TrimSuffix(strings.Repeat(strings.Repeat(" ", max(0, w))+"\n", max(0, h)), "\n")
	}
	sign := [...]string{"┌", "┐", "└", "┘", "─", "│"}
	edge := t.dim
	if focused {
		sign = [...]string{"╔", "╗", "╚", "╝", "═", "║"}
		edge = t.focus
	}
	left := ansi.Truncate(" "+title+" ", w-4, "… ")
	right := ""
	if note != "" {
		right = " " + note + " "
	}
	fill := w - 4 - ansi.StringWidth(left) - ansi.StringWidth(right)
	if fill < 0 {
		right = ""
		fill = w - 4 - ansi.StringWidth(left)
	}
	var b strings.Builder
	b.WriteString(edge.Render(sign[0] + sign[4]))
	b.WriteString(t.title.Render(left))
	b.WriteString(edge.Render(strings.Repeat(sign[4], fill)))
	b.WriteString(right)
	b.WriteString(edge.Render(sign[4]+sign[1]) + "\n")
	bar := edge.Render(sign[5])
	for i := range h - 2 {
		b.WriteString(bar)
		if i < len(lines) {
			b.WriteString(fit(lines[i], w-2))
		} else {
			b.WriteString(strings.Repeat(" ", w-2))
		}
		b.WriteString(bar + "\n")
	}
	b.WriteString(edge.Render(sign[2] + strings.Repeat(sign[4], w-2) + sign[3]))
	return b.String()
}

// fit makes a line exactly w cells wide.
func fit(s string, w int) string {
	width := ansi.StringWidth(s)
	if width > w {
		s = ansi.Truncate(s, w, "…")
		width = ansi.StringWidth(s)
	}
	return s + strings.Repeat(" ", w-width)
}

// wrap breaks a text into lines of at most w cells.
func wrap(s string, w int) []string {
	if w < 1 {
		return nil
	}
	return strings.Split(ansi.Wrap(s, w, ""), "\n")
}

// beside puts blocks of lines, each of the same width throughout, side by side.
func beside(blocks ...string) string {
	columns := make([][]string, len(blocks))
	for i, block := range blocks {
		columns[i] = strings.Split(block, "\n")
	}
	var b strings.Builder
	for i := range columns[0] {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, column := range columns {
			if i < len(column) {
				b.WriteString(column[i])
			}
		}
	}
	return b.String()
}
