package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// clickOn clicks on the first cell of a text on the screen.
func (s *terminal) clickOn(text string) {
	s.t.Helper()
	s.look()
	for y, line := range strings.Split(s.frame, "\n") {
		if before, _, ok := strings.Cut(line, text); ok {
			s.send(tea.MouseClickMsg{X: ansi.StringWidth(before), Y: y, Button: tea.MouseLeft})
			return
		}
	}
	s.t.Fatalf("there is no %q to click on:\n%s", text, s.frame)
}

func (s *terminal) wheelOn(text string, button tea.MouseButton) {
	s.t.Helper()
	for y, line := range strings.Split(s.frame, "\n") {
		if before, _, ok := strings.Cut(line, text); ok {
			s.send(tea.MouseWheelMsg{X: ansi.StringWidth(before), Y: y, Button: button})
			return
		}
	}
	s.t.Fatalf("there is no %q to scroll:\n%s", text, s.frame)
}

// TestMouse makes a call and reads its response by the mouse alone, but for the text.
func TestMouse(t *testing.T) {
	s := reference(t, 80, 24)
	s.clickOn("testing.TestService")
	s.clickOn("FullDuplexCall")
	s.see("StreamingOutputCallRequest")
	s.replace(`{"responseParameters": [{"size": 3}, {"size": 5}]}`)
	s.press("ctrl+s", "ctrl+d")
	s.until("the end", func() bool { return !s.m.running() && !s.m.ticking })
	for _, tab := range []string{"Timing", "Status", "Metadata"} {
		s.clickOn(tab)
		if !strings.Contains(s.frame, "["+tab+"]") {
			t.Errorf("%s is not the page:\n%s", tab, s.frame)
		}
	}
	s.clickOn("Messages")
	s.clickOn(`{"payload":{"body":"AAAA"}}`)
	s.clickOn(`{"payload":{"body":"AAAA"}}`)
	s.see("Response ← 1")
}

func TestMouseInOverlays(t *testing.T) {
	s := reference(t, 80, 24)
	s.press(":")
	s.write("pane")
	s.clickOn("give the pane the whole screen")
	if s.m.overlay != nil || !s.m.zoomed {
		t.Errorf("zoomed %v:\n%s", s.m.zoomed, s.frame)
	}
	s.press(":")
	s.write("help")
	s.wheelOn("show this help", tea.MouseWheelLeft) // is no way down
	s.clickOn("grpcx  ")
	if s.m.overlay != nil {
		t.Errorf("a click beside the palette leaves it open:\n%s", s.frame)
	}
}

func TestMouseInTheEditor(t *testing.T) {
	s := reference(t, 80, 24)
	s.open("ListUsers")
	t.Run("completion", func(t *testing.T) {
		s.replace("{}")
		s.press("home", "right", "ctrl+space")
		s.see("filter")
		s.clickOn("filter")
		s.until("the field", func() bool { return strings.Contains(s.m.editor.Text(), `"filter": ""`) })
	})
	t.Run("another row while one is written", func(t *testing.T) {
		s.replace(`{"page": 1, "limit": 2}`)
		s.press("ctrl+t", "pgup", "7")
		s.clickOn("limit")
		s.press("9")
		s.clickOn("page")
		if got := s.m.editor.Text(); got != `{"page": 7, "limit": 9}` {
			t.Error(got)
		}
		s.press("ctrl+t")
	})
}

// TestMouseInMetadata clicks on lines that the pane has no room for all at once.
func TestMouseInMetadata(t *testing.T) {
	s := reference(t, 80, 24)
	s.open("EmptyCall")
	s.press("f3")
	for i := range 20 {
		s.press("a")
		s.write(fmt.Sprintf("x-%d: v\n", i))
	}
	s.clickOn("x-17: v")
	s.clickOn("x-17: v")
	s.press("ctrl+u")
	s.write("x-17: w")
	s.clickOn("x-18: v")
	s.see("x-17: w")
	if h := s.m.headers; h.open || h.at != 19 || h.list[17].Value != "w" {
		t.Errorf("line %d of %v", h.at, h.list)
	}
}

// TestMouseInTheDetail scrolls and enters the message beside the list.
func TestMouseInTheDetail(t *testing.T) {
	s := reference(t, 160, 45)
	s.open("FullDuplexCall")
	s.replace(`{"responseParameters": [` + strings.TrimSuffix(strings.Repeat(`{"size": 3},`, 60), ",") + `]}`)
	s.press("ctrl+s", "ctrl+d")
	s.until("the end", func() bool { return !s.m.running() && !s.m.ticking })
	s.press("tab", "g")
	s.see(`"responseParameters": [`)
	was := s.m.response.Detail()
	before := s.frame
	s.wheelOn("240B  grpc.testing", tea.MouseWheelDown)
	if s.frame == before || s.m.response.Detail() != was {
		t.Errorf("the message is not scrolled:\n%s", s.frame)
	}
	s.clickOn("240B  grpc.testing")
	if !s.m.response.Detail() {
		t.Errorf("the message has not the keys:\n%s", s.frame)
	}
	s.clickOn(`>→   1`)
	s.clickOn(`←   7`)
	if s.m.response.Detail() || !strings.Contains(s.frame, ">←   7") {
		t.Errorf("a click does not choose from the list:\n%s", s.frame)
	}
}

// TestMouseWithoutATree clicks where there is no tree, whatever requests are kept.
func TestMouseWithoutATree(t *testing.T) {
	cfg := config(t, "127.0.0.1:1")
	cfg.Connect = func(context.Context, Target) (*Session, error) { return nil, errors.New("refused") }
	s := newTerminal(t, cfg, 80, 24)
	s.see("try again")
	s.m.tree.setSection(savedSection, []kept{{name: "One"}})
	number := s.m.link.number
	s.clickOn("✗ ")
	if s.m.link.number != number || s.m.overlay != nil {
		t.Error("a click on the error connects")
	}
}

// TestMouseOnANotice clicks where a notice hides what is below.
func TestMouseOnANotice(t *testing.T) {
	s := reference(t, 80, 24)
	notice := strings.Repeat("notice ", 30)
	s.press("3")
	s.m.say(notice)
	s.clickOn("notice") // over the pane of services
	if s.m.notice != "" || s.m.focus != responsePane {
		t.Errorf("notice %q, pane %v:\n%s", s.m.notice, s.m.focus, s.frame)
	}
	s.press(":")
	s.m.say(notice)
	s.send(tea.MouseClickMsg{X: 1, Y: 23, Button: tea.MouseLeft}) // beside the palette
	if s.m.notice != "" || s.m.overlay == nil {
		t.Errorf("what lies over the screen is closed:\n%s", s.frame)
	}
	s.press("esc")
	s.m.say(notice)
	s.clickOn("1 Services")
	if s.m.notice != "" || s.m.focus != treePane {
		t.Errorf("a click above the notice does not count:\n%s", s.frame)
	}
}

// TestMouseWhileASearchWaits opens, by a click, one of the methods that a search has
// found while it waits for others.
func TestMouseWhileASearchWaits(t *testing.T) {
	s := reference(t, 80, 24)
	for _, name := range []string{"UnaryCall", "EmptyCall"} {
		s.m.tree.loaded = len(s.m.tree.services) - 1 // one is still to come
		s.press("1", "/")
		s.write("Call")
		s.press("enter")
		if !s.m.awaiting {
			t.Fatalf("the search does not wait:\n%s", s.frame)
		}
		s.clickOn(name)
		s.until("the method", func() bool { return s.m.picking == nil && s.m.method != nil && string(s.m.method.Name()) == name })
		s.replace("{}")
		before := s.m.call
		s.press("ctrl+s")
		if s.m.awaiting || s.m.call == before {
			t.Errorf("%s is not called:\n%s", name, s.frame)
		}
		s.until("the end", func() bool { return !s.m.running() && !s.m.ticking })
	}
}
