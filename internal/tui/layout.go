package tui

// pane is a part of the screen that can have the focus.
type pane int

const (
	treePane pane = iota
	requestPane
	responsePane
	panes // how many there are
)

// The smallest screen that is drawn at all, and where the layout changes.
const (
	leastWidth, leastHeight   = 40, 10
	singleWidth, singleHeight = 60, 14 // below, one pane at a time
	columnsWidth              = 140    // from here, three columns
	bars                      = 2      // lines for header and bottom bar
)

type rect struct{ x, y, w, h int }

func (r rect) empty() bool { return r.w <= 0 || r.h <= 0 }

func (r rect) has(x, y int) bool { return x >= r.x && x < r.x+r.w && y >= r.y && y < r.y+r.h }

// inside is what the border leaves.
func (r rect) inside() rect { return rect{r.x + 1, r.y + 1, max(0, r.w-2), max(0, r.h-2)} }

// layout says where each pane is; an empty rectangle is not shown.
type layout struct {
	pane   [panes]rect
	detail rect // of the selected message, in three columns
}

// arrange divides a screen of w by h cells. zoomed gives the focused pane all of it.
func arrange(w, h int, focus pane, zoomed bool) layout {
	var l layout
	body := h - bars
	switch {
	case zoomed || w < singleWidth || h < singleHeight:
		l.pane[focus] = rect{0, 1, w, body}
	case w >= columnsWidth:
		tree := min(44, w/4)
		rest := w - tree
		middle := rest * share(focus == requestPane, 52, 45) / 100
		l.pane[treePane] = rect{0, 1, tree, body}
		l.pane[requestPane] = rect{tree, 1, middle, body}
		upper := body / 2
		l.pane[responsePane] = rect{tree + middle, 1, rest - middle, upper}
		l.detail = rect{tree + middle, 1 + upper, rest - middle, body - upper}
	default:
		tree := max(24, min(36, w*share(focus == treePane, 36, 30)/100))
		upper := body / 2
		switch focus {
		case requestPane:
			upper = body * 6 / 10
		case responsePane:
			upper = body * 35 / 100
		}
		l.pane[treePane] = rect{0, 1, tree, body}
		l.pane[requestPane] = rect{tree, 1, w - tree, upper}
		l.pane[responsePane] = rect{tree, 1 + upper, w - tree, body - upper}
	}
	return l
}

func share(focused bool, yes, no int) int {
	if focused {
		return yes
	}
	return no
}

// at is the pane at a cell, false for none.
func (l layout) at(x, y int) (pane, bool) {
	for p := range panes {
		if l.pane[p].has(x, y) {
			return p, true
		}
	}
	if l.detail.has(x, y) {
		return responsePane, true
	}
	return 0, false
}
