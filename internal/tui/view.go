package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/grpcx/grpcx/internal/termtext"
)

func (m *Model) layout() layout { return arrange(m.width, m.height, m.focus, m.zoomed) }

// View draws the screen, no line longer and no more lines than the terminal has.
func (m *Model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	v.WindowTitle = "grpcx " + termtext.Line(m.link.target.Address)
	if m.mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	if m.width < leastWidth || m.height < leastHeight {
		text := fmt.Sprintf("want a terminal of at least %dx%d", leastWidth, leastHeight)
		lines := wrap(text, max(1, m.width))
		v.SetContent(strings.Join(lines[:min(len(lines), max(1, m.height))], "\n"))
		return v
	}
	l := m.layout()
	screen := m.header(m.width) + "\n" + m.panes(l) + "\n" + m.bar(m.width)
	if m.overlay != nil {
		screen, v.Cursor = m.cover(screen)
	} else {
		v.Cursor = m.cursor(l)
	}
	v.SetContent(m.withNotice(screen))
	return v
}

// panes draws what is between header and bar.
func (m *Model) panes(l layout) string {
	m.response.SetDetailBeside(!l.detail.empty())
	var blocks [panes]string
	if r := l.pane[treePane]; !r.empty() {
		blocks[treePane] = m.drawTree(r)
	}
	if r := l.pane[requestPane]; !r.empty() {
		blocks[requestPane] = m.drawRequest(r)
	}
	if r := l.pane[responsePane]; !r.empty() {
		blocks[responsePane] = m.drawResponse(r)
	}
	switch {
	case !l.detail.empty():
		right := blocks[responsePane] + "\n" + m.drawDetail(l.detail)
		return beside(blocks[treePane], blocks[requestPane], right)
	case l.pane[treePane].empty() || l.pane[requestPane].empty():
		return blocks[m.focus]
	}
	return beside(blocks[treePane], blocks[requestPane]+"\n"+blocks[responsePane])
}

// header tells where we are connected to, and how the server is. Of an address that
// is long the end is left out, and the rest where it has no room.
func (m *Model) header(width int) string {
	var state string
	th := m.theme
	switch m.link.state {
	case unaddressed:
		state = th.dim.Render("○ not connected")
	case connecting:
		state = th.warn.Render("◌ connecting")
	case failed:
		state = th.bad.Render("✗ not connected")
	default:
		state = m.healthSign()
	}
	const name = " grpcx  "
	address := ansi.Truncate(termtext.Line(m.link.target.Address), max(8, width-len(name)-2-ansi.StringWidth(state)), "…")
	left := name + th.title.Render(address) + "  " + state
	if s := m.link.session; s != nil && s.Transport != "" {
		if with := left + "  " + termtext.Line(s.Transport); ansi.StringWidth(with) <= width {
			left = with
		}
	}
	right := ""
	if m.cfg.Environment != "" {
		right = th.dim.Render("env: "+termtext.Line(m.cfg.Environment)) + " "
	}
	if room := width - ansi.StringWidth(right); ansi.StringWidth(left)+1 <= room {
		return fit(left, room) + right
	}
	return fit(left, width)
}

func (m *Model) healthSign() string {
	h := m.link.health
	text := "● " + termtext.Line(h.State)
	switch {
	case h.Serving:
		return m.theme.good.Render(text)
	case !h.Reached:
		return m.theme.bad.Render("✗ " + termtext.Line(h.State))
	case m.link.told:
		return m.theme.warn.Render(text)
	}
	return text
}

func (m *Model) drawTree(r rect) string {
	in := r.inside()
	title, note := "1 Services", ""
	if m.link.state == ready && m.tree.loaded < len(m.tree.services) {
		note = fmt.Sprintf("%d/%d", m.tree.loaded, len(m.tree.services))
	}
	lines := m.stateLines(in.w)
	if lines == nil {
		lines, _ = m.tree.view(in.w, in.h, m.theme)
	}
	return m.theme.box(title, note, lines, r.w, r.h, m.focus == treePane)
}

func (m *Model) drawRequest(r rect) string {
	focused := m.focus == requestPane
	in := r.inside()
	if m.picking != nil {
		return m.theme.box("2 "+termtext.Line(m.picking.path), "", []string{"reading the schema …"}, r.w, r.h, focused)
	}
	title := "2 Request"
	if m.method != nil {
		title = "2 " + termtext.Line(string(m.method.Name())) + " " + kindSign(m.method.IsStreamingClient(), m.method.IsStreamingServer())
	}
	if m.asHeaders {
		lines, _, _ := m.headers.view(in.w, in.h, m.everyCall(), m.theme)
		return m.theme.box(title, "Metadata", lines, r.w, r.h, focused)
	}
	if m.method == nil {
		return m.theme.box(title, "", []string{m.theme.dim.Render("enter opens a method, / searches")}, r.w, r.h, focused)
	}
	lines := strings.Split(m.editor.View(in.w, max(1, in.h-1), focused), "\n")
	if in.h > 1 {
		lines = append(lines, m.status())
	}
	return m.theme.box(title, termtext.Line(string(m.method.Input().Name())), lines, r.w, r.h, focused)
}

// status is the line below the text of the request.
func (m *Model) status() string {
	status := m.editor.Status()
	switch {
	case m.editor.Problem() != nil:
		status = m.theme.bad.Render(status)
	case strings.HasPrefix(status, "✓"):
		status = m.theme.good.Render(status)
	}
	if n := len(m.headers.list); n > 0 || m.headers.timeout > 0 {
		status += m.theme.dim.Render(fmt.Sprintf("  metadata: %d  timeout: %s", n, m.headers.timeoutText()))
	}
	return status
}

func (m *Model) drawResponse(r rect) string {
	in := r.inside()
	focused := m.focus == responsePane
	title := m.responseTitle()
	tabs := m.response.Tabs(m.tabsWidth(in.w))
	lines := strings.Split(m.response.View(in.w, in.h, focused), "\n")
	return m.theme.box(title, tabs, lines, r.w, r.h, focused)
}

func (m *Model) responseTitle() string {
	title := "3 " + m.response.Title()
	if m.call != nil && m.method != nil && m.call.Method().FullName() != m.method.FullName() {
		title += " of " + termtext.Line(string(m.call.Method().Name()))
	}
	return title
}

// tabsWidth is how many cells the title leaves for the tabs.
func (m *Model) tabsWidth(width int) int {
	return max(0, width-ansi.StringWidth(m.responseTitle())-6)
}

func (m *Model) drawDetail(r rect) string {
	in := r.inside()
	focused := m.focus == responsePane
	lines := strings.Split(m.response.DetailView(in.w, in.h, focused && m.response.Detail()), "\n")
	title := m.response.DetailTitle()
	if title == "" {
		title = "Message"
	}
	return m.theme.box(title, "", lines, r.w, r.h, focused && m.response.Detail())
}

// cover draws the overlay over the screen.
func (m *Model) cover(screen string) (covered string, cursor *tea.Cursor) {
	w, h := min(m.width-2, 84), min(m.height-2, 30)
	title, lines, x, y := m.overlay.draw(m, w-4, h-2)
	h = min(h, max(len(lines), 1)+2)
	for i, l := range lines {
		lines[i] = " " + fit(l, w-4) + " "
	}
	left, top := (m.width-w)/2, max(1, (m.height-h)/3)
	m.covered = rect{left, top, w, h}
	rows := strings.Split(screen, "\n")
	for i, l := range strings.Split(m.theme.box(title, "", lines, w, h, true), "\n") {
		row := rows[top+i]
		rows[top+i] = fit(ansi.Truncate(row, left, ""), left) + l + fit(ansi.TruncateLeft(row, left+w, ""), m.width-left-w)
	}
	if y >= 0 {
		cursor = tea.NewCursor(left+2+min(x, w-5), top+1+y)
	}
	return strings.Join(rows, "\n"), cursor
}

// cursor is the real cursor: where text is typed, or on the selected row, where
// those who do not see the screen are told of it.
func (m *Model) cursor(l layout) *tea.Cursor {
	in := l.pane[m.focus].inside()
	switch m.where() {
	case inSearch:
		_, x := m.tree.filter.view(max(1, in.w-8))
		return tea.NewCursor(in.x+min(1+x, in.w-1), in.y)
	case inBody:
		if x, y, ok := m.editor.Cursor(); ok && m.picking == nil && x < in.w && y < in.h {
			return tea.NewCursor(in.x+x, in.y+y)
		}
	case inHeader, inHeaders:
		if _, x, y := m.headers.view(in.w, in.h, nil, m.theme); y < in.h {
			return tea.NewCursor(in.x+min(x, in.w-1), in.y+y)
		}
	case inTree:
		if m.focus == treePane && m.stateLines(in.w) == nil {
			if _, y := m.tree.view(in.w, in.h, m.theme); y < in.h {
				return tea.NewCursor(in.x, in.y+y)
			}
		}
	}
	return nil
}
