package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/exp/teatest/v2"
	"google.golang.org/grpc/codes"

	"github.com/grpcx/grpcx/testserver"
)

// TestProgram runs the model in bubbletea's own loop.
func TestProgram(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	m := newModel(t.Context(), config(t, server.Addr()))
	defer m.close()
	tm := teatest.NewTestModel(t, m, teatest.WithInitialTermSize(100, 30))
	see := func(text string) {
		t.Helper()
		teatest.WaitFor(t, tm.Output(), func(b []byte) bool { return bytes.Contains(b, []byte(text)) }, teatest.WithDuration(patience))
	}
	see("chat.ChatService")
	tm.Type("/emptycall")
	tm.Send(keyPress("enter"))
	see("valid")
	for _, key := range []string{"shift+tab", "esc", "ctrl+s"} {
		tm.Send(keyPress(key))
	}
	see("History") // where the call is, once it is over
	tm.Send(keyPress("1"))
	tm.Send(keyPress("q"))
	tm.WaitFinished(t, teatest.WithFinalTimeout(patience))
	if s := m.call.Snapshot(); s.Status.Code() != codes.OK {
		t.Errorf("the call ended with %v", s.Status)
	}
}

// TestRunEnds ends the terminal UI from outside, and by a panic within.
func TestRunEnds(t *testing.T) {
	t.Run("its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := config(t, "nowhere")
		cfg.Connect = func(ctx context.Context, _ Target) (*Session, error) {
			cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		var out bytes.Buffer
		if err := Run(ctx, cfg, strings.NewReader(""), &out, []string{"TERM=xterm"}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		restored(t, out.String())
	})
	t.Run("a panic", func(t *testing.T) {
		cfg := config(t, "nowhere")
		cfg.Connect = func(context.Context, Target) (*Session, error) { panic("on purpose") }
		var out bytes.Buffer
		in, keep := io.Pipe()
		defer keep.Close()
		if err := Run(t.Context(), cfg, in, &out, []string{"TERM=xterm"}); !errors.Is(err, tea.ErrProgramPanic) {
			t.Errorf("error %v", err)
		}
		restored(t, out.String())
	})
}

// restored wants the alternate screen left for good.
func restored(t *testing.T, out string) {
	t.Helper()
	if entered, left := strings.LastIndex(out, "\x1b[?1049h"), strings.LastIndex(out, "\x1b[?1049l"); left < entered {
		t.Errorf("the screen is not restored: %q", out)
	}
}
