package tui

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/testserver"
)

func TestMain(m *testing.M) {
	// teatest waits for signals until the process ends.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/charmbracelet/x/exp/teatest/v2.NewTestModel.func2"))
}

// patience is how long a test waits for what has to come. It bounds no figure.
const patience = time.Minute

// terminal runs a model as the program's loop does, in the test's goroutine: each
// message, then what it asked for, elsewhere. It holds every frame to the size of
// the screen.
type terminal struct {
	t         testing.TB
	m         *Model
	messages  chan tea.Msg
	running   sync.WaitGroup
	frame     string // the last one, without escapes
	clipboard string
	over      bool
}

// newTerminal shows a model on a screen of this size until the test ends.
func newTerminal(t testing.TB, cfg Config, width, height int) *terminal {
	t.Helper()
	s := &terminal{t: t, m: newModel(t.Context(), cfg), messages: make(chan tea.Msg, 256)}
	t.Cleanup(s.close)
	s.start(s.m.Init())
	s.send(tea.WindowSizeMsg{Width: width, Height: height})
	return s
}

func (s *terminal) close() {
	s.m.close()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	for {
		select {
		case <-s.messages:
		case <-done:
			return
		}
	}
}

func (s *terminal) start(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	s.running.Go(func() {
		switch msg := cmd().(type) {
		case nil:
		case tea.BatchMsg:
			for _, one := range msg {
				s.start(one)
			}
		default:
			s.messages <- msg
		}
	})
}

// send gives the model one message, and looks at the frame.
func (s *terminal) send(msg tea.Msg) {
	s.t.Helper()
	switch {
	case msg == tea.Msg(tea.QuitMsg{}):
		s.over = true
		return
	case strings.HasSuffix(reflect.TypeOf(msg).String(), "setClipboardMsg"):
		s.clipboard = fmt.Sprint(msg)
		return
	}
	_, cmd := s.m.Update(msg)
	s.start(cmd)
	s.look()
}

// look draws the screen, and fails the test if it is larger than the terminal.
func (s *terminal) look() {
	s.t.Helper()
	view := s.m.View()
	lines := strings.Split(view.Content, "\n")
	if len(lines) > max(1, s.m.height) {
		s.t.Fatalf("%d lines on a screen of %d:\n%s", len(lines), s.m.height, view.Content)
	}
	for _, l := range lines {
		if w := ansi.StringWidth(l); w > max(1, s.m.width) {
			s.t.Fatalf("a line of %d cells on a screen of %d: %q", w, s.m.width, l)
		}
	}
	if c := view.Cursor; c != nil && (c.X < 0 || c.Y < 0 || c.X >= s.m.width || c.Y >= s.m.height) {
		s.t.Fatalf("the cursor is at %d, %d of %d, %d", c.X, c.Y, s.m.width, s.m.height)
	}
	s.frame = ansi.Strip(view.Content)
}

// until runs the loop until the condition holds.
func (s *terminal) until(what string, holds func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for !holds() {
		select {
		case msg := <-s.messages:
			s.send(msg)
		case <-ctx.Done():
			s.t.Fatalf("waited in vain for %s:\n%s", what, s.frame)
		}
	}
}

// see waits until the screen shows the text.
func (s *terminal) see(text string) {
	s.t.Helper()
	s.until(fmt.Sprintf("%q", text), func() bool { return strings.Contains(s.frame, text) })
}

// lose waits until the screen does not show the text.
func (s *terminal) lose(text string) {
	s.t.Helper()
	s.until(fmt.Sprintf("the end of %q", text), func() bool { return !strings.Contains(s.frame, text) })
}

// press types keys by their names, as bubbletea has them.
func (s *terminal) press(keys ...string) {
	s.t.Helper()
	for _, key := range keys {
		s.send(keyPress(key))
	}
}

// write types text, a character a key.
func (s *terminal) write(text string) {
	s.t.Helper()
	for _, r := range text {
		if r == '\n' {
			s.press("enter")
			continue
		}
		s.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

// replace puts text in the place of what the editor holds.
func (s *terminal) replace(text string) {
	s.t.Helper()
	s.start(s.m.editor.SetText(text))
	s.look()
}

func keyPress(name string) tea.KeyPressMsg {
	var k tea.KeyPressMsg
	for {
		mod, rest, ok := strings.Cut(name, "+")
		if !ok || rest == "" {
			break
		}
		switch mod {
		case "ctrl":
			k.Mod |= tea.ModCtrl
		case "alt":
			k.Mod |= tea.ModAlt
		case "shift":
			k.Mod |= tea.ModShift
		}
		name = rest
	}
	special := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft,
		"right": tea.KeyRight, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
		"backspace": tea.KeyBackspace, "delete": tea.KeyDelete, "f1": tea.KeyF1, "f2": tea.KeyF2, "f3": tea.KeyF3, "space": tea.KeySpace,
	}
	if code, ok := special[name]; ok {
		k.Code = code
		return k
	}
	k.Code = []rune(name)[0]
	if k.Mod == 0 {
		k.Text = name
	}
	return k
}

// config reaches servers by address, in plaintext, as the command line does.
func config(t testing.TB, address string) Config {
	t.Helper()
	return Config{
		Address: address,
		Connect: connectPlain,
		Secret: func(name string) bool {
			return name == "authorization" || strings.Contains(strings.ToLower(name), "password")
		},
		Now: func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) },
	}
}

func connectPlain(ctx context.Context, target Target) (*Session, error) {
	cc, err := grpc.NewClient(target.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	session := &Session{Conn: cc, Transport: "plaintext", Close: func() { _ = cc.Close() }}
	if len(target.Files) > 0 {
		session.Source, err = describe.Compile(ctx, nil, target.Files)
		return session, err
	}
	source := describe.NewReflection(ctx, cc, describe.ReflectionOptions{Metadata: metadataOf(target.Headers)})
	session.Source = source
	session.Close = func() {
		_ = source.Close()
		_ = cc.Close()
	}
	return session, nil
}

func metadataOf(headers []Header) metadata.MD {
	md := metadata.MD{}
	for _, h := range headers {
		md.Append(h.Name, h.Value)
	}
	return md
}

// reference runs the reference server and shows it on a screen of this size.
func reference(t testing.TB, width, height int) *terminal {
	t.Helper()
	server := testserver.Start(t, testserver.Config{})
	s := newTerminal(t, config(t, server.Addr()), width, height)
	s.see("chat.ChatService")
	s.until("all methods", func() bool { return s.m.tree.loaded == len(s.m.tree.services) })
	return s
}

// open finds a method by typing and opens it.
func (s *terminal) open(method string) {
	s.t.Helper()
	for s.m.where() != inTree {
		s.press("tab")
	}
	s.press("/")
	s.write(method)
	s.press("enter")
	s.until(method, func() bool {
		return s.m.picking == nil && s.m.method != nil && string(s.m.method.Name()) == method[strings.LastIndex(method, "/")+1:]
	})
}
