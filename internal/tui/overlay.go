package tui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/sahilm/fuzzy"

	"github.com/grpcx/grpcx/internal/termtext"
)

// overlay is what lies over the screen and takes the keys until it is closed.
type overlay interface {
	key(m *Model, k tea.KeyPressMsg) tea.Cmd
	paste(m *Model, text string)
	scroll(m *Model, by int)
	click(m *Model, y int) tea.Cmd // in a line of what was drawn last
	keys() []barItem               // for the bar
	// draw gives its title and at most height lines, of any width, for a box of
	// width cells inside; x and y are where the cursor is, y below 0 for nowhere.
	draw(m *Model, width, height int) (title string, lines []string, x, y int)
}

// choice is what a chooser offers. Its texts may be a stranger's.
type choice struct {
	name, note string
	run        func(*Model) tea.Cmd
}

// chooser is a list to choose from by typing any letters of a name.
type chooser struct {
	title   string
	choices []choice
	filter  line
	shown   []int // of choices, the best first
	at, top int
	rows    int // that were drawn last
}

func newChooser(title string, choices []choice) *chooser {
	c := &chooser{title: title, choices: choices}
	c.match()
	return c
}

func (c *chooser) match() {
	c.shown, c.at, c.top = c.shown[:0], 0, 0
	pattern := c.filter.String()
	if pattern == "" {
		for i := range c.choices {
			c.shown = append(c.shown, i)
		}
		return
	}
	names := make([]string, len(c.choices))
	for i, choice := range c.choices {
		names[i] = choice.name
	}
	for _, found := range fuzzy.Find(pattern, names) {
		c.shown = append(c.shown, found.Index)
	}
}

func (c *chooser) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc", "ctrl+c", "f1", "f2":
		m.overlay = nil
	case "down", "ctrl+n", "tab":
		c.scroll(m, 1)
	case "up", "ctrl+p", "shift+tab":
		c.scroll(m, -1)
	case "pgdown":
		c.scroll(m, max(1, c.rows))
	case "pgup":
		c.scroll(m, -max(1, c.rows))
	case "enter":
		return c.choose(m, c.at)
	default:
		if c.filter.key(k) {
			c.match()
		}
	}
	return nil
}

// choose takes the choice that is shown at i, if there is one.
func (c *chooser) choose(m *Model, i int) tea.Cmd {
	if i >= len(c.shown) {
		return nil
	}
	m.overlay = nil
	return c.choices[c.shown[i]].run(m)
}

// click takes the choice of a line; the first is what is typed.
func (c *chooser) click(m *Model, y int) tea.Cmd {
	if y == 0 {
		return nil
	}
	return c.choose(m, c.top+y-1)
}

func (c *chooser) paste(_ *Model, text string) {
	c.filter.insert(text)
	c.match()
}

func (c *chooser) scroll(_ *Model, by int) { c.at = max(0, min(len(c.shown)-1, c.at+by)) }

func (c *chooser) keys() []barItem {
	return []barItem{{"enter", "choose"}, {"esc", "close"}, {"↑↓", "move"}, {"letters", "narrow the list"}}
}

func (c *chooser) draw(m *Model, width, height int) (title string, lines []string, x, y int) {
	count := fmt.Sprintf("%d/%d", len(c.shown), len(c.choices))
	text, x := c.filter.view(max(1, width-len(count)-3))
	lines = append(lines, fit("> "+text, max(0, width-len(count)-1))+" "+m.theme.dim.Render(count))
	c.rows = max(1, height-1)
	c.top = max(0, min(c.top, c.at, len(c.shown)-c.rows))
	if c.at >= c.top+c.rows {
		c.top = c.at - c.rows + 1
	}
	for i := c.top; i < min(len(c.shown), c.top+c.rows); i++ {
		choice := c.choices[c.shown[i]]
		row := c.row(choice, width-2)
		if i == c.at {
			row = m.theme.selected.Render(fit("> "+row, width))
		} else {
			row = "  " + row
		}
		lines = append(lines, row)
	}
	return c.title, lines, x + 2, 0
}

// row has the name at its left and the note at its right.
func (c *chooser) row(choice choice, width int) string {
	note := ansi.Truncate(termtext.Line(choice.note), max(0, width/2), "…")
	room := width - ansi.StringWidth(note)
	if note != "" {
		room -= 2
	}
	if room < 1 {
		return fit(termtext.Line(choice.name), max(0, width))
	}
	row := fit(termtext.Line(choice.name), room)
	if note != "" {
		row += "  " + note
	}
	return row
}

// prompt asks for one line.
type prompt struct {
	title  string
	advice string // below the line
	line   line
	done   func(m *Model, text string) tea.Cmd
}

func newPrompt(title, text, advice string, done func(*Model, string) tea.Cmd) *prompt {
	return &prompt{title: title, advice: advice, line: newLine(text), done: done}
}

func (p *prompt) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc", "ctrl+c":
		m.overlay = nil
	case "enter":
		if text := p.line.String(); text != "" {
			m.overlay = nil
			return p.done(m, text)
		}
	default:
		p.line.key(k)
	}
	return nil
}

func (p *prompt) paste(_ *Model, text string) { p.line.insert(text) }

func (p *prompt) scroll(*Model, int) {}

func (p *prompt) click(*Model, int) tea.Cmd { return nil }

func (p *prompt) keys() []barItem { return []barItem{{"enter", "go on"}, {"esc", "leave it"}} }

func (p *prompt) draw(m *Model, width, height int) (title string, lines []string, x, y int) {
	text, x := p.line.view(max(1, width-2))
	lines = append(lines, "> "+text)
	if p.advice != "" {
		lines = append(lines, "")
		for _, l := range wrap(termtext.Text(p.advice), width) {
			lines = append(lines, m.theme.dim.Render(l))
		}
	}
	return p.title, lines[:min(len(lines), height)], x + 2, 0
}

// maxPaged is more than the lines of any pager.
const maxPaged = 1 << 20

// pager shows lines to read.
type pager struct {
	title string
	lines func(m *Model, width int) []string // safe for a terminal; asked for each frame
	top   int
	rows  int // that were drawn last
}

func (p *pager) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc", "ctrl+c", "q", "enter", "f1", "?", "H":
		m.overlay = nil
	case "j", "down":
		p.scroll(m, 1)
	case "k", "up":
		p.scroll(m, -1)
	case "pgdown", "space":
		p.scroll(m, max(1, p.rows-1))
	case "pgup":
		p.scroll(m, -max(1, p.rows-1))
	case "home", "g":
		p.top = 0
	case "end", "G":
		p.scroll(m, maxPaged)
	}
	return nil
}

func (p *pager) paste(*Model, string) {}

func (p *pager) scroll(_ *Model, by int) { p.top = max(0, p.top+by) }

func (p *pager) click(*Model, int) tea.Cmd { return nil }

func (p *pager) keys() []barItem {
	return []barItem{{"esc", "close"}, {"j/k", "move"}, {"pgup/pgdown", "move a page"}}
}

func (p *pager) draw(m *Model, width, height int) (title string, lines []string, x, y int) {
	all := p.lines(m, width)
	p.rows = height
	p.top = max(0, min(p.top, len(all)-height))
	title = p.title
	if len(all) > height {
		title += fmt.Sprintf(" %d-%d/%d", p.top+1, p.top+height, len(all))
	}
	return title, all[p.top:min(len(all), p.top+height)], 0, -1
}
