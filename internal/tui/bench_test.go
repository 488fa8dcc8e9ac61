package tui

import (
	"testing"

	tea "charm.land/bubbletea/v2"
)

// BenchmarkView draws a screen of 200x50 after a key that changes one pane.
func BenchmarkView(b *testing.B) {
	s := reference(b, 200, 50)
	s.open("FullDuplexCall")
	s.replace(`{"responseParameters": [{"size": 4}]}`)
	s.press("ctrl+s")
	s.see("←1")
	draw := func(name string, msg ...tea.Msg) {
		b.Run(name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				s.m.Update(msg[i%len(msg)])
				s.m.View()
				i++
			}
		})
	}
	draw("unchanged", wakeMsg{})
	s.m.focus = requestPane
	draw("typing", keyPress("a"), keyPress("backspace"))
	s.m.focus = responsePane
	draw("scrolling", keyPress("up"), keyPress("down"))
	s.m.focus = treePane
	draw("tree", keyPress("up"), keyPress("down"))
	s.m.showPalette()
	draw("palette", keyPress("up"), keyPress("down"))
}
