package response

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// Styles are the colours of the pane. The zero value has none, and writes no
// escape sequence.
type Styles struct {
	Title    lipgloss.Style // headings
	Dim      lipgloss.Style // what matters less
	OK       lipgloss.Style
	Warn     lipgloss.Style
	Error    lipgloss.Style
	Selected lipgloss.Style // the selected row, which also has a ">"
	Match    lipgloss.Style // what a search has found
	Key      lipgloss.Style // JSON, as the rest
	String   lipgloss.Style
	Literal  lipgloss.Style // numbers, true, false, null
}

// paint is a style reduced to what stands before and after a text: a row has many
// texts, and a screen many rows.
type paint struct{ before, after string }

func newPaint(s lipgloss.Style) paint {
	before, after, _ := strings.Cut(s.Inline(true).Render("x"), "x")
	return paint{before, after}
}

func (p paint) on(text string) string {
	if p.before == "" || text == "" {
		return text
	}
	return p.before + text + p.after
}

type paints struct {
	plain, title, dim, ok, warn, bad, selected, match, key, text, literal paint
}

func newPaints(s Styles) paints {
	return paints{
		title: newPaint(s.Title), dim: newPaint(s.Dim), ok: newPaint(s.OK), warn: newPaint(s.Warn), bad: newPaint(s.Error),
		selected: newPaint(s.Selected), match: newPaint(s.Match),
		key: newPaint(s.Key), text: newPaint(s.String), literal: newPaint(s.Literal),
	}
}
