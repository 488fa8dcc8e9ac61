package editor

import "strings"

const (
	maxChanges = 10_000
	maxHistory = 32 << 20 // bytes of removed and inserted text
)

// A change is one replacement that can be undone.
type change struct {
	from              place
	removed, inserted string
	cursor            place  // before it
	step              uint64 // changes of one step are undone together
}

// A history remembers changes, the oldest of them not for ever.
type history struct {
	done, undone []change
	size         int    // bytes in done
	step         uint64 // of the next change
	open         bool   // the next change may be joined to the last one
	held         int    // more than 0: all changes are one step
	end          place  // of the cursor after the last change
}

// hold makes one step of all changes until release.
func (h *history) hold() {
	if h.held == 0 {
		h.step++
		h.open = false
	}
	h.held++
}

func (h *history) release() {
	if h.held--; h.held == 0 {
		h.open = false
	}
}

func (h *history) add(c change) {
	h.undone = nil
	if h.held == 0 {
		if h.open && c.cursor == h.end && h.join(c) {
			return
		}
		h.step++
	}
	c.step = h.step
	h.done = append(h.done, c)
	h.size += len(c.removed) + len(c.inserted)
	h.open = h.held == 0
	h.forget()
}

// moved notes where a change left the cursor; what is typed elsewhere is a
// step of its own.
func (h *history) moved(end place) { h.end = end }

// join makes c a part of the last change when both are typing, or both are
// deleting, within a word.
func (h *history) join(c change) bool {
	if len(h.done) == 0 {
		return false
	}
	last := &h.done[len(h.done)-1]
	switch {
	case len(c.inserted)+len(c.removed) > maxCluster || strings.Contains(c.inserted+c.removed, "\n"):
		return false
	case c.removed == "" && last.removed == "" && c.from == endOf(last.from, last.inserted):
		if isBlank(last.inserted[len(last.inserted)-1:]) && !isBlank(c.inserted) {
			return false // a word begins
		}
		last.inserted += c.inserted
	case c.inserted == "" && last.inserted == "" && endOf(c.from, c.removed) == last.from:
		last.from = c.from
		last.removed = c.removed + last.removed
	case c.inserted == "" && last.inserted == "" && c.from == last.from:
		last.removed += c.removed
	default:
		return false
	}
	h.size += len(c.removed) + len(c.inserted)
	return true
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

// forget drops the oldest steps when the history is too large.
func (h *history) forget() {
	if len(h.done) <= maxChanges && h.size <= maxHistory {
		return
	}
	n := 0
	for n < len(h.done) && (len(h.done)-n > maxChanges/2 || h.size > maxHistory/2) {
		for step := h.done[n].step; n < len(h.done) && h.done[n].step == step; n++ {
			h.size -= len(h.done[n].removed) + len(h.done[n].inserted)
		}
	}
	h.done = append([]change(nil), h.done[n:]...)
}

// undo takes the last step back and reports whether there was one.
func (b *buffer) undo() bool {
	h := &b.past
	if len(h.done) == 0 {
		return false
	}
	for step := h.done[len(h.done)-1].step; len(h.done) > 0 && h.done[len(h.done)-1].step == step; {
		c := h.done[len(h.done)-1]
		h.done = h.done[:len(h.done)-1]
		h.size -= len(c.removed) + len(c.inserted)
		b.splice(c.from, endOf(c.from, c.inserted), c.removed)
		b.moveTo(c.cursor)
		h.undone = append(h.undone, c)
	}
	h.open = false
	return true
}

// redo does again what undo took back and reports whether there was anything.
func (b *buffer) redo() bool {
	h := &b.past
	if len(h.undone) == 0 {
		return false
	}
	for step := h.undone[len(h.undone)-1].step; len(h.undone) > 0 && h.undone[len(h.undone)-1].step == step; {
		c := h.undone[len(h.undone)-1]
		h.undone = h.undone[:len(h.undone)-1]
		b.splice(c.from, endOf(c.from, c.removed), c.inserted)
		h.done = append(h.done, c)
		h.size += len(c.removed) + len(c.inserted)
	}
	h.open = false
	return true
}
