package tui

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/grpcx/grpcx/testserver"
)

// fuzzKeys are the keys that a wild typist has, but for those that leave or write
// files: s, S and w, whose prompts are taken by enter.
var fuzzKeys = []string{
	"enter", "esc", "tab", "shift+tab", "up", "down", "left", "right", "pgup", "pgdown", "home", "end", "backspace", "delete", "space",
	"ctrl+s", "ctrl+d", "ctrl+r", "ctrl+t", "ctrl+z", "ctrl+y", "ctrl+_", "ctrl+@", "ctrl+f", "ctrl+g", "ctrl+k", "ctrl+u", "ctrl+w", "f1", "f2", "f3",
	"j", "k", "h", "l", "g", "G", "f", "p", "[", "]", "n", "N", "x", "y", "1", "2", "3", "/", ":", "?", "z", "%", "m", "a", "d", ".", "Y", "U", "R", "H",
	"{", "}", `"`, ",", "e", "é", "漢", "\u202e", "0",
}

// TestWildKeys types at random: before there is a connection, during calls, and
// while the screen changes its size. Nothing may panic and no frame may exceed the
// screen, which send looks after.
func TestWildKeys(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			cfg := config(t, server.Addr())
			cfg.SavedFile = ""
			gate := make(chan struct{})
			cfg.Connect = func(ctx context.Context, target Target) (*Session, error) {
				select {
				case <-gate:
				case <-ctx.Done():
					return nil, ctx.Err()
				}
				return connectPlain(ctx, target)
			}
			s := newTerminal(t, cfg, 80, 24)
			random := rand.New(rand.NewPCG(seed, 5))
			for range 100 {
				s.wild(random)
			}
			close(gate)
			if s.m.link.state != ready {
				s.until("the services", func() bool { return s.m.link.state == ready })
			}
			for i := range 300 {
				if i%100 == 0 && s.m.overlay == nil { // calls do not come about by chance alone
					s.m.back()
					s.start(s.m.pick(pick{path: "grpc.testing.TestService/FullDuplexCall"}))
				}
				s.wild(random)
				for more := true; more; {
					select {
					case msg := <-s.messages:
						s.send(msg)
					default:
						more = false
					}
				}
			}
		})
	}
}

func (s *terminal) wild(random *rand.Rand) {
	switch random.IntN(40) {
	case 0:
		s.send(tea.WindowSizeMsg{Width: random.IntN(310), Height: random.IntN(105)})
	case 1:
		s.send(tea.PasteMsg{Content: "a\r\n\x1b[31m{\"x\": \u202e\t漢}"})
	case 2:
		s.send(tea.MouseClickMsg{X: random.IntN(s.m.width + 2), Y: random.IntN(s.m.height + 2), Button: tea.MouseLeft})
	case 3:
		s.send(tea.MouseWheelMsg{X: random.IntN(s.m.width + 2), Y: random.IntN(s.m.height + 2), Button: tea.MouseWheelDown})
	default:
		s.press(fuzzKeys[random.IntN(len(fuzzKeys))])
	}
	if p, ok := s.m.overlay.(*prompt); ok && p.title != "Connect to" {
		s.m.overlay = nil
	}
}

func TestTooSmall(t *testing.T) {
	s := newTerminal(t, Config{Address: "x", Connect: func(context.Context, Target) (*Session, error) { return nil, errors.New("no") }}, 39, 9)
	for w := range 45 {
		for h := range 14 {
			s.send(tea.WindowSizeMsg{Width: w, Height: h})
		}
	}
}
