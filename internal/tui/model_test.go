package tui

import (
	"context"
	"strings"
	"testing"

	"github.com/grpcx/grpcx/internal/tui/traffic"
	"github.com/grpcx/grpcx/testserver"
)

func TestUnaryCall(t *testing.T) {
	s := reference(t, 80, 24)
	s.press("/")
	s.write("createuser")
	s.see("> · CreateUser  userservi")
	s.press("enter")
	s.see(`"name": ""`)
	s.write("Ada")
	s.see(`"name": "Ada"`)
	s.press("ctrl+s")
	s.see("INVALID_ARGUMENT")
	s.see("email")
	s.press("2")
	s.replace(`{"name": "Ada", "email": "ada@example.com"}`)
	s.press("ctrl+s")
	s.see("✓ OK")
	s.see(`"email": "ada@example.com"`)
	s.press("1", "esc", "end")
	s.see("▸ History  2")
}

func TestKinds(t *testing.T) {
	s := reference(t, 100, 30)
	t.Run("server stream", func(t *testing.T) {
		s.open("StreamingOutputCall")
		s.replace(`{"responseParameters": [{"size": 1}, {"size": 2}, {"size": 3}]}`)
		s.press("ctrl+s")
		s.see("✓ OK")
		s.see("←3")
	})
	t.Run("client stream", func(t *testing.T) {
		s.open("StreamingInputCall")
		s.replace(`{"payload": {"body": "AAAA"}}`)
		s.press("ctrl+s")
		s.until("one sent", func() bool { return s.m.call.Snapshot().Sent == 1 })
		s.press("ctrl+s")
		s.until("two sent", func() bool { return s.m.call.Snapshot().Sent == 2 })
		s.press("ctrl+d")
		s.see("aggregatedPayloadSize")
		s.see("6")
	})
	t.Run("bidi", func(t *testing.T) {
		s.open("FullDuplexCall")
		s.replace(`{"responseParameters": [{"size": 4}]}`)
		s.press("ctrl+s")
		s.see("←1")
		s.press("ctrl+s")
		s.see("←2")
		s.press("ctrl+d")
		s.see("✓ OK")
	})
	t.Run("cancelled", func(t *testing.T) {
		s.open("FullDuplexCall")
		s.replace(`{"responseParameters": [{"size": 4}]}`)
		s.press("ctrl+s")
		s.see("←1")
		s.press("esc")
		s.until("the end", func() bool { return s.m.call.Snapshot().State == traffic.CancelledByYou })
		s.see("cancelled by you")
	})
}

func TestTypedAhead(t *testing.T) {
	s := reference(t, 80, 24)
	s.press("/")
	s.write("createuser")
	s.press("enter") // what follows is for the editor, whenever it is there
	s.write("q Ada")
	s.until("the method", func() bool { return s.m.picking == nil && s.m.method != nil })
	if s.over || !strings.Contains(s.m.editor.Text(), `"q Ada"`) {
		t.Errorf("over %v, the text is %s", s.over, s.m.editor.Text())
	}
}

// TestTypedBeforeConnect types a search, enter and text before there is a
// connection; all of it comes to where it was meant for.
func TestTypedBeforeConnect(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	cfg := config(t, server.Addr())
	gate := make(chan struct{})
	cfg.Connect = func(ctx context.Context, target Target) (*Session, error) {
		<-gate
		return connectPlain(ctx, target)
	}
	s := newTerminal(t, cfg, 80, 24)
	s.see("connecting")
	s.press("/")
	s.write("createuser\nquit?")
	close(gate)
	s.see(`"name": "quit?"`)
}
