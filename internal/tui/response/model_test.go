package response

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/grpc"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/tui/traffic"
	"github.com/grpcx/grpcx/testserver/proto/userservice"
)

// selectedRow is the row with the ">".
func selectedRow(t *testing.T, m *Model) string {
	t.Helper()
	for l := range strings.SplitSeq(m.View(78, 12, true), "\n") {
		if strings.HasPrefix(l, ">") {
			return strings.TrimSpace(l)
		}
	}
	t.Fatalf("no row is selected:\n%s", m.View(78, 12, true))
	return ""
}

func wantSelected(t *testing.T, m *Model, prefix string) {
	t.Helper()
	if got := selectedRow(t, m); !strings.HasPrefix(got, prefix) {
		t.Errorf("selected is %q, want %q", got, prefix)
	}
}

func TestSelection(t *testing.T) {
	inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
		m := New(Options{})
		start(t, m, cc, "ListUsers", &userservice.ListUsersRequest{Limit: 1000})
		settle(m, 202*time.Millisecond)
		wantSelected(t, m, ">←  40")
		if !m.Following() {
			t.Error("a new call is not followed")
		}
		m.Up()
		wantSelected(t, m, ">←  39")
		settle(m, time.Second)
		wantSelected(t, m, ">←  39")
		m.PageUp()
		wantSelected(t, m, ">←  29")
		m.Top()
		wantSelected(t, m, ">→   1")
		m.Up()
		wantSelected(t, m, ">→   1")
		m.Down()
		wantSelected(t, m, ">←   1")
		m.Bottom()
		settle(m, time.Second)
		wantSelected(t, m, ">← 440")
		m.Follow()
		settle(m, time.Second)
		wantSelected(t, m, ">← 440")
		m.Follow()
		wantSelected(t, m, ">← 640")
		m.Update(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
		wantSelected(t, m, ">← 637")
		m.Update(tea.MouseClickMsg{Y: 3})
		first := selectedRow(t, m)
		if strings.HasPrefix(first, ">← 637") {
			t.Error("a click selects nothing")
		}
		m.Update(tea.MouseClickMsg{Y: 3})
		if !m.Detail() || m.Title() != "Response "+strings.Join(strings.Fields(first)[0:2], " ")[1:] {
			t.Errorf("a second click shows %q, not %q", m.Title(), first)
		}
		if !m.Back() || m.Detail() || m.Back() {
			t.Error("Back does not leave the message, once")
		}
		if m.Expand(); !m.Detail() {
			t.Error("Expand does not show the message")
		}
		if m.Expand(); m.Detail() {
			t.Error("Expand does not show the list again")
		}
		wantSelected(t, m, first[:6])
		m.Bottom()
		m.Up()
		for range 5 {
			m.Down()
		}
		if !m.Following() {
			t.Error("the newest message is not followed from there on")
		}
	})
}

func TestSelectionOutlivesTheRing(t *testing.T) {
	inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
		m := New(Options{})
		call := traffic.Start(t.Context(), cc, traffic.Options{
			Method: method("ListUsers"), Requests: [][]byte{encode(t, &userservice.ListUsersRequest{Limit: 500})}, MaxBytes: 10_000,
		})
		defer call.Cancel()
		m.SetCall(call, nil)
		settle(m, 102*time.Millisecond)
		m.View(78, 12, true)
		m.Up()
		wantSelected(t, m, ">←  19")
		settle(m, 2*time.Second)
		s := m.Snapshot()
		if s.First < 100 {
			t.Fatalf("nothing was evicted: %d", s.First)
		}
		wantSelected(t, m, ">←  19   0.095s {\"users\"")
		frame := m.View(78, 12, true)
		checkFrame(t, frame, 78, 12, false)
		if !strings.Contains(frame, "earlier messages are no longer kept") {
			t.Errorf("the gap is not shown:\n%s", frame)
		}
		m.Expand()
		if !strings.Contains(m.View(78, 12, true), `"id": "u-018"`) {
			t.Errorf("the message is not shown in full:\n%s", m.View(78, 12, true))
		}
		m.Back()
		m.Down()
		if e, _ := call.Entry(s.First); m.list.selected != s.First || e.Number == 0 {
			t.Errorf("down goes to %d, not to the oldest kept, %d", m.list.selected, s.First)
		}
		if _, ok := call.Entry(19); ok {
			t.Error("the message was kept after another was selected")
		}
	})
}

func TestUnary(t *testing.T) {
	t.Run("the response is shown in full at once, the list behind it", func(t *testing.T) {
		inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
			m := New(Options{})
			start(t, m, cc, "GetUser", &userservice.GetUserRequest{UserId: "u-001"})
			settle(m, time.Second)
			if m.Tick() || !m.Detail() || m.Tab() != Messages {
				t.Error("not in full")
			}
			m.Back()
			wantSelected(t, m, ">←   1")
			m.Tick()
			if m.Detail() {
				t.Error("opened again")
			}
		})
	})
	t.Run("a failure shows its status, unless a page was chosen", func(t *testing.T) {
		inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
			m := New(Options{})
			start(t, m, cc, "GetUser", &userservice.GetUserRequest{})
			settle(m, time.Second)
			if m.Tab() != Status {
				t.Errorf("tab = %v", m.Tab())
			}
			start(t, m, cc, "GetUser", &userservice.GetUserRequest{})
			m.SetTab(Timing)
			settle(m, time.Second)
			if m.Tab() != Timing {
				t.Errorf("tab = %v", m.Tab())
			}
		})
	})
}

func TestHold(t *testing.T) {
	inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
		m := New(Options{})
		start(t, m, cc, "ListUsers", &userservice.ListUsersRequest{Limit: 1000})
		settle(m, 102*time.Millisecond)
		m.Hold()
		at := m.Snapshot()
		settle(m, time.Second)
		if s := m.Snapshot(); s.State != traffic.Held || s.Received != at.Received {
			t.Errorf("%d messages came while held after %d, %v", s.Received, at.Received, s.State)
		}
		m.Hold()
		settle(m, 10*time.Millisecond)
		if s := m.Snapshot(); s.State != traffic.Streaming || s.Received < 200 {
			t.Errorf("%d messages afterwards, %v", s.Received, s.State)
		}
	})
}

func TestFastMessagesAreDrawnSlowly(t *testing.T) {
	inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
		m := New(Options{})
		start(t, m, cc, "ListUsers", &userservice.ListUsersRequest{Limit: 10_000})
		settle(m, 2002*time.Millisecond)
		frames := map[string]bool{}
		for range 300 { // ticks in 10 s
			settle(m, time.Second/30)
			frames[m.View(78, 12, true)] = true
		}
		if len(frames) > 90 || len(frames) < 50 {
			t.Errorf("%d frames in 10 s", len(frames))
		}
		m.Call().Cancel()
		settle(m, time.Millisecond)
		if frame := m.View(78, 12, true); !strings.Contains(frame, "cancelled by you") {
			t.Errorf("the end is not drawn at once:\n%s", frame)
		}
	})
}

func press(m *Model, keys ...string) {
	for _, k := range keys {
		switch k {
		case "enter":
			m.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
		case "esc":
			m.Update(tea.KeyPressMsg{Code: tea.KeyEscape})
		case "backspace":
			m.Update(tea.KeyPressMsg{Code: tea.KeyBackspace})
		default:
			m.Update(tea.KeyPressMsg{Code: []rune(k)[0], Text: k})
		}
	}
}

func TestSearch(t *testing.T) {
	inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
		m := New(Options{})
		start(t, m, cc, "GetUser", &userservice.GetUserRequest{UserId: "u"})
		settle(m, time.Second)
		m.View(40, 6, true)
		m.Search()
		press(m, "a", "d", "x", "backspace")
		if !m.Typing() || !strings.HasSuffix(m.View(40, 6, true), "/ad▏  1/4") {
			t.Errorf("while typing:\n%s", m.View(40, 6, true))
		}
		for _, want := range []string{`>    "name": "Ada`, `>    "email": "ada1@`, `>      "admin"`, `>    "metadata": {`, `>    "name": "Ada`} {
			if frame := m.View(40, 6, true); !strings.Contains(frame, want) {
				t.Errorf("%s is not shown:\n%s", want, frame)
			}
			press(m, "enter")
			m.NextMatch()
		}
		m.PrevMatch()
		m.PrevMatch()
		if frame := m.View(40, 6, true); m.Typing() || !strings.Contains(frame, ">    \"metadata") {
			t.Errorf("two back:\n%s", frame)
		}
		if !m.Back() || !m.Detail() || strings.Contains(m.View(40, 6, true), "> ") {
			t.Errorf("Back does not end the search alone:\n%s", m.View(40, 6, true))
		}
		m.Search()
		press(m, "A", "d")
		if frame := m.View(40, 6, true); !strings.Contains(frame, "1/1") {
			t.Errorf("a capital counts:\n%s", frame)
		}
		press(m, "esc")
		if m.Typing() {
			t.Error("esc does not end the typing")
		}
		m.SetTab(Metadata)
		m.Search()
		m.Update(tea.PasteMsg{Content: "server-\x1b[31m\nmore"})
		if frame := m.View(80, 10, true); !strings.Contains(frame, `/server-\x1b[31m▏  0/0`) {
			t.Errorf("a paste:\n%s", frame)
		}
	})
}

func TestDetailBeside(t *testing.T) {
	inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
		m := New(Options{})
		m.SetDetailBeside(true)
		start(t, m, cc, "ListUsers", &userservice.ListUsersRequest{Limit: 30})
		settle(m, 52*time.Millisecond)
		wantSelected(t, m, ">←  10")
		if d := m.DetailView(40, 20, false); !strings.Contains(d, `"id": "u-009"`) || m.DetailTitle() != "← 10  0.050s  97B  userservice.ListUsersResponse" {
			t.Errorf("%s\n%s", m.DetailTitle(), d)
		}
		settle(m, time.Second)
		if d := m.DetailView(40, 20, false); !strings.Contains(d, `"id": "u-029"`) {
			t.Errorf("the detail does not follow:\n%s", d)
		}
		m.Up()
		m.Expand()
		m.Search()
		press(m, "a", "d", "a")
		d := m.DetailView(40, 20, true)
		checkFrame(t, d, 40, 20, false)
		if !strings.Contains(d, `"id": "u-028"`) || !strings.Contains(d, "/ada▏  1/3") {
			t.Errorf("a search beside:\n%s", d)
		}
		wantSelected(t, m, ">←  29")
	})
}

type file struct {
	bytes.Buffer
	closed int
}

func (f *file) Close() error { f.closed++; return nil }

func TestCopyAndSave(t *testing.T) {
	inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
		m := New(Options{})
		if _, err := m.Copy(); !errors.Is(err, ErrNothing) {
			t.Errorf("copy without a call: %v", err)
		}
		if err := m.SaveMessage(&file{}, message.JSON); !errors.Is(err, ErrNothing) {
			t.Errorf("save without a call: %v", err)
		}
		start(t, m, cc, "ListUsers", &userservice.ListUsersRequest{Limit: 20})
		settle(m, 52*time.Millisecond)
		m.Top()
		if text, err := m.Copy(); err != nil || text != "{\n  \"limit\": 20\n}" {
			t.Errorf("%q, %v", text, err)
		}
		m.ToggleHex()
		if text, err := m.Copy(); err != nil || text != "000000  10 14                                            ..\n" {
			t.Errorf("%q, %v", text, err)
		}
		one := &file{}
		if err := m.SaveMessage(one, message.JSON); err != nil || one.String() != "{\"limit\":20}\n" {
			t.Errorf("%q, %v", one, err)
		}
		all := &file{}
		saved, ok := m.SaveAll(all, message.JSON, traffic.Received)().(Saved)
		if !ok || saved.Err != nil || !saved.Going || saved.Messages != 10 || all.closed != 0 {
			t.Errorf("saved = %+v", saved)
		}
		settle(m, 10*time.Millisecond)
		if frame := m.View(78, 12, true); !strings.Contains(frame, "saving 12") {
			t.Errorf("saving is not shown:\n%s", frame)
		}
		if twice, _ := m.SaveAll(&file{}, message.JSON, traffic.Sent)().(Saved); !errors.Is(twice.Err, traffic.ErrRecording) {
			t.Errorf("twice at a time: %+v", twice)
		}
		settle(m, time.Second)
		if n := strings.Count(all.String(), "\n"); n != 20 || all.closed != 1 {
			t.Errorf("%d messages saved, closed %d times", n, all.closed)
		}
		after := &file{}
		saved, _ = m.SaveAll(after, message.JSON, traffic.Received)().(Saved)
		if saved.Err != nil || saved.Going || saved.Messages != 20 || after.String() != all.String() || after.closed != 1 {
			t.Errorf("after the end: %+v", saved)
		}
		if err := m.StopSaving(); err != nil {
			t.Error(err)
		}
	})
}

func TestSecrets(t *testing.T) {
	inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
		m := New(Options{}) // nobody says what is secret
		start(t, m, cc, "GetUser", &userservice.GetUserRequest{UserId: "u"})
		settle(m, time.Second)
		m.SetTab(Metadata)
		frame := m.View(78, 30, true)
		if strings.Contains(frame, "sesame") || !strings.Contains(frame, "authorization: ***") || !strings.Contains(frame, "x-run: ***") {
			t.Errorf("what was sent is shown:\n%s", frame)
		}
		if text, err := m.Copy(); err != nil || strings.Contains(text, "sesame") {
			t.Errorf("what was sent is copied: %v\n%s", err, text)
		}
	})
}

func TestTabs(t *testing.T) {
	m := New(Options{})
	for width, want := range map[int]string{
		40: "[Messages] Metadata Status Timing", 33: "[Messages] Metadata Status Timing", 32: "[Messages] 1/4", 12: "[Messages]", 6: "[Mess…", 0: "",
	} {
		if got := m.Tabs(width); got != want {
			t.Errorf("within %d cells: %q, want %q", width, got, want)
		}
	}
	m.PrevTab()
	if got := m.Tabs(80); got != "Messages Metadata Status [Timing]" {
		t.Errorf("the page before the first: %q", got)
	}
	m.NextTab()
	if m.Tab() != Messages {
		t.Errorf("the page after the last: %v", m.Tab())
	}
}

// TestNumbersAlign draws the same rows before and after the thousandth message.
func TestNumbersAlign(t *testing.T) {
	inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
		m := New(Options{})
		start(t, m, cc, "ListUsers", &userservice.ListUsersRequest{Limit: 1200})
		settle(m, time.Second)
		m.View(80, 10, true)
		m.Top()
		m.View(80, 10, true)
		settle(m, 9*time.Second)
		for row := range strings.SplitSeq(m.View(80, 10, true), "\n") {
			if at := strings.Index(row, "{"); at >= 0 && at != len(" ← 1000 ")+len("  0.005s ") {
				t.Errorf("the message begins at %d in %q", at, row)
			}
		}
	})
}
