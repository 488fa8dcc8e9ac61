package tui

import (
	"strings"
	"testing"
)

// TestBar holds that the bar of a small screen tells of what can be done now.
func TestBar(t *testing.T) {
	s := reference(t, 80, 24)
	tells := func(where string, wants ...string) {
		t.Helper()
		lines := strings.Split(s.frame, "\n")
		bar := lines[len(lines)-1]
		for _, want := range wants {
			if !strings.Contains(bar, want) {
				t.Errorf("%s: the bar does not tell of %q: %s", where, want, bar)
			}
		}
	}
	tells("services", "enter open", "/ search", "tab next pane", "? help")
	s.open("FullDuplexCall")
	tells("request", "ctrl+s send ", "esc back", "ctrl+space complete", "F1 help")
	s.press("f3")
	tells("metadata", "a add", "enter edit", "d delete", "esc back")
	s.press("f3")
	s.replace(`{"responseParameters": [{"size": 4}]}`)
	s.press("ctrl+s")
	s.see("←1")
	tells("request of a stream", "ctrl+s send another", "ctrl+d half-close", "esc cancel")
	s.press("tab")
	tells("stream", "esc cancel", "p hold", "ctrl+d half-close")
	s.press(":")
	tells("palette", "enter choose", "esc close")
	s.press("esc", "esc")
	s.see("cancelled by you")
	tells("response", "enter expand", "] next tab")
}

// TestLongNotice holds that all of a notice is shown, and one that is longer than
// any is bounded.
func TestLongNotice(t *testing.T) {
	s := newTerminal(t, config(t, ""), 40, 10)
	s.m.say(strings.Repeat("word ", 20) + "end")
	s.look()
	if !strings.Contains(s.frame, " end ") {
		t.Errorf("the notice is cut:\n%s", s.frame)
	}
	s.m.say(strings.Repeat("\u202eword", 10_000))
	s.look()
	if n := strings.Count(s.frame, "word"); n < 10 || n > 25 || !strings.Contains(s.frame, "…") {
		t.Errorf("%d words of the notice are shown:\n%s", n, s.frame)
	}
}

// TestPaletteGoesToThePlace takes an action whose pane has not the focus.
func TestPaletteGoesToThePlace(t *testing.T) {
	s := reference(t, 80, 24)
	s.open("UnaryCall")
	s.press("esc", ":")
	s.write("add a line of metadata")
	s.press("enter")
	s.write("x-a: b")
	s.press("enter")
	s.see("> x-a: b")
}

// TestWithoutAServer holds that what is offered before there is a server can be done.
func TestWithoutAServer(t *testing.T) {
	s := newTerminal(t, config(t, ""), 80, 24)
	s.press("esc")
	lines := strings.Split(s.frame, "\n")
	if bar := lines[len(lines)-1]; !strings.Contains(bar, "enter connect to") || !strings.Contains(bar, "? help") || strings.Contains(bar, "F schema files") {
		t.Errorf("the bar is %s", bar)
	}
	s.press("F")
	if s.m.overlay != nil || !strings.Contains(s.frame, "connect to a server first") {
		t.Errorf("files are offered:\n%s", s.frame)
	}
	s.press("enter")
	s.see("Connect to")
}
