package editor

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// Styles says how the parts of the editor look. Only colours and attributes of
// text count, no sizes, margins or borders. The zero value writes no escape
// sequence at all.
type Styles struct {
	Key, String, Number, Literal, Punctuation, Comment lipgloss.Style

	LineNumber lipgloss.Style
	Problem    lipgloss.Style // the sign in the gutter and what it is about
	Bracket    lipgloss.Style // the one at the cursor and its other half
	Popup      lipgloss.Style // completions, and what is edited in the form
	Selected   lipgloss.Style // the chosen completion, the row of the form
	Detail     lipgloss.Style // types in the form
}

// A style is an index into a palette.
type style uint8

const (
	stylePlain style = iota
	styleKey
	styleString
	styleNumber
	styleLiteral
	stylePunctuation
	styleComment
	styleLineNumber
	styleProblem
	styleBracket
	stylePopup
	styleSelected
	styleDetail
	styleCount
)

// A palette holds what begins and what ends each style on the terminal:
// lipgloss is asked once, not for every word of every frame.
type palette [styleCount]struct{ begin, end string }

func newPalette(s Styles) *palette {
	var p palette
	for i, st := range map[style]lipgloss.Style{
		styleKey: s.Key, styleString: s.String, styleNumber: s.Number, styleLiteral: s.Literal,
		stylePunctuation: s.Punctuation, styleComment: s.Comment, styleLineNumber: s.LineNumber,
		styleProblem: s.Problem, styleBracket: s.Bracket, stylePopup: s.Popup,
		styleSelected: s.Selected, styleDetail: s.Detail,
	} {
		const sample = "x"
		p[i].begin, p[i].end, _ = strings.Cut(st.Inline(true).Render(sample), sample)
	}
	return &p
}

func (p *palette) write(b *strings.Builder, st style, s string) {
	if s == "" {
		return
	}
	b.WriteString(p[st].begin)
	b.WriteString(s)
	b.WriteString(p[st].end)
}
