package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/testserver"
)

func TestHistory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	h, err := openHistory(dir, "server")
	if err != nil {
		t.Fatal(err)
	}
	other, err := openHistory(dir, "server")
	if err != nil {
		t.Fatal(err)
	}
	add := func(h *history, method, message string) {
		t.Helper()
		if err := h.add(entry{Time: time.Unix(1, 0).UTC(), Outcome: "OK", Request: Request{Method: method, Messages: []string{message}}}); err != nil {
			t.Fatal(err)
		}
	}
	methods := func(h history) (all []string) {
		for _, e := range h.entries {
			all = append(all, e.Request.Method)
		}
		return all
	}
	t.Run("two processes keep what both add", func(t *testing.T) {
		add(&h, "S/A", "{}")
		add(&other, "S/B", "{}")
		add(&h, "S/C", "{}")
		if diff := cmp.Diff([]string{"S/C", "S/B", "S/A"}, methods(h)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what is large is kept until the end", func(t *testing.T) {
		add(&h, "S/Large", strings.Repeat("x", maxEntryBytes))
		add(&h, "S/D", "{}")
		if got := methods(h); got[0] != "S/D" && got[1] != "S/Large" {
			t.Errorf("entries %q", got)
		}
		again, err := openHistory(dir, "server")
		if got := methods(again); err != nil || len(got) != 4 {
			t.Errorf("on disk are %q, %v", got, err)
		}
	})
	t.Run("it is bounded", func(t *testing.T) {
		for range maxHistory + 5 {
			h.put(entry{Request: Request{Method: "S/M", Messages: []string{strings.Repeat("y", 8<<10)}}})
		}
		if err := h.write(); err != nil {
			t.Fatal(err)
		}
		add(&h, "S/Last", "{}")
		info, err := os.Stat(h.path)
		if err != nil || info.Size() > maxHistoryBytes || info.Mode().Perm() != 0o600 || len(h.entries) > maxHistory {
			t.Errorf("%d entries, file %v, %v", len(h.entries), info, err)
		}
	})
	t.Run("lines that make no sense are left out", func(t *testing.T) {
		if err := os.WriteFile(h.path, []byte("{\n\x00\xff\n{\"request\":{\"method\":\"S/M\"}}\n[]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := openHistory(dir, "server")
		if got := methods(again); err != nil || len(got) != 1 {
			t.Errorf("entries %q, %v", got, err)
		}
	})
	t.Run("a directory that cannot be written", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		h := history{path: filepath.Join(file, "x")}
		if err := h.add(entry{Request: Request{Method: "S/M"}}); err == nil || len(h.entries) != 1 {
			t.Errorf("error %v, %d entries", err, len(h.entries))
		}
	})
}

// TestSavedAndAgain saves a request with a secret, reads it back, and runs it again.
func TestSavedAndAgain(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	cfg := config(t, server.Addr())
	cfg.SavedFile = filepath.Join(t.TempDir(), "saved.yaml")
	cfg.HistoryDir = t.TempDir()
	s := newTerminal(t, cfg, 120, 30)
	s.see("chat.ChatService")
	s.until("all methods", func() bool { return s.m.tree.loaded == len(s.m.tree.services) })
	s.open("Login")
	s.replace(`{"username": "admin", "password": "password"}`)
	s.press("f3", "a")
	s.write("authorization: Bearer s3cret")
	s.press("enter")
	s.see("authorization: ***")
	s.press("f3", "ctrl+s")
	s.see("✓ OK")
	s.press("w")
	s.see("Save the request as")
	s.press("ctrl+u")
	s.write("log in")
	s.press("enter")
	s.see("Save it in")
	s.press("enter")
	s.see("saved; run it by")
	s.press("1", "end")
	s.until("the section", func() bool { return len(s.m.tree.sections[0].kept) == 1 })
	for _, dir := range []string{filepath.Dir(cfg.SavedFile), cfg.HistoryDir} {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("files %q, %v", files, err)
		}
		text, err := os.ReadFile(files[0])
		if err != nil || strings.Contains(string(text), "s3cret") || strings.Contains(string(text), `"password":"password"`) || !strings.Contains(string(text), "${env.PASSWORD}") {
			t.Errorf("%s, %v:\n%s", files[0], err, text)
		}
	}
	call := s.m.call
	s.press(".")
	s.until("another call", func() bool { return s.m.call != call && !s.m.running() && !s.m.ticking })
	s.see("✓ OK")
	if s.m.history.entries[0].Outcome != "OK" {
		t.Errorf("the call ended with %s", s.m.history.entries[0].Outcome)
	}
}

// TestReconnect loses the server and comes back; what was open stays open.
func TestReconnect(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	cfg := config(t, server.Addr())
	attempts := 0
	cfg.Connect = func(ctx context.Context, target Target) (*Session, error) {
		if attempts++; attempts == 2 {
			return nil, errors.New("connect: refused")
		}
		return connectPlain(ctx, target)
	}
	s := newTerminal(t, cfg, 80, 24)
	s.see("chat.ChatService")
	s.until("all methods", func() bool { return s.m.tree.loaded == len(s.m.tree.services) })
	s.open("CreateUser")
	s.replace(`{"name": "kept"}`)
	s.press("tab")
	s.press("R")
	s.see("refused")
	s.press("R")
	s.until("the schema", func() bool { return s.m.link.state == ready && s.m.picking == nil })
	s.see(`"name": "kept"`)
	s.see("connected again: 12 services")
}

// TestReconnectWhileTyping reconnects while the message, and then a line of metadata,
// is written.
func TestReconnectWhileTyping(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	cfg := config(t, server.Addr())
	gate := make(chan struct{}, 1)
	gate <- struct{}{}
	cfg.Connect = func(ctx context.Context, target Target) (*Session, error) {
		<-gate
		return connectPlain(ctx, target)
	}
	s := newTerminal(t, cfg, 80, 24)
	s.until("all methods", func() bool { return s.m.link.state == ready && !s.m.loading() })
	s.open("CreateUser")
	connected := func(number int) {
		t.Helper()
		s.until("the schema", func() bool { return s.m.link.number == number && s.m.link.state == ready })
	}
	renewed := func() {
		t.Helper()
		before := s.m.method
		s.until("the method", func() bool { return s.m.method != before })
	}
	s.write("Ada")
	s.press("esc", "R", "2")
	s.write(" Lo")
	gate <- struct{}{}
	connected(2)
	s.write("vel")
	s.press("ctrl+s")
	if s.m.call != nil || !strings.Contains(s.frame, "schema is not there yet") {
		t.Errorf("a request is sent by the schema of the earlier connection:\n%s", s.frame)
	}
	renewed()
	s.write("ace")
	if text := s.m.editor.Text(); !strings.Contains(text, `"Ada Lovelace"`) {
		t.Errorf("the text is %s", text)
	}
	s.press("esc", "R", "f3", "a")
	s.write("x-")
	gate <- struct{}{}
	connected(3)
	s.write("te")
	renewed()
	s.write("nant: blue\n")
	if diff := cmp.Diff([]Header{{"x-tenant", "blue"}}, s.m.headers.list); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	s.press("R")
	gate <- struct{}{}
	connected(4)
	s.start(s.m.pick(pick{path: "userservice.UserService/GetUser"}))
	s.until("the other method", func() bool { return s.m.picking == nil && !s.m.link.renewing })
	s.until("nothing more", func() bool { return !s.m.loading() })
	if s.m.method.Name() != "GetUser" {
		t.Errorf("%s is open", s.m.method.Name())
	}
}

// TestReconnectWhileAMethodOpens reconnects when a method was chosen whose schema is
// not there yet. It is opened from the new schema, with what was typed ahead.
func TestReconnectWhileAMethodOpens(t *testing.T) {
	s := reference(t, 80, 24)
	s.open("CreateUser")
	s.start(s.m.take(Request{Method: "userservice.UserService/GetUser", Messages: []string{"{}"}}, false))
	s.press("home", "right", "enter")
	late := foundMsg{number: s.m.number, method: s.m.method}
	s.start(s.m.reconnect())
	s.send(late)
	s.until("the method", func() bool { return s.m.link.state == ready && s.m.picking == nil })
	if got := string(s.m.method.Name()); got != "GetUser" || !strings.Contains(s.m.editor.Text(), "\n") {
		t.Errorf("%s is open with %q", got, s.m.editor.Text())
	}
}

func TestStaleResultsAreDropped(t *testing.T) {
	s := reference(t, 80, 24)
	number := s.m.link.number
	s.send(connectedMsg{number: number - 1, err: errors.New("late")})
	s.send(methodsMsg{number: number - 1, loaded: []serviceMethods{{service: "chat.ChatService"}}})
	s.send(foundMsg{number: 99, err: errors.New("late")})
	s.send(healthMsg{number: number - 1, health: Health{State: "late"}, reports: make(chan Health)})
	s.send(endedMsg{})
	s.send(tickMsg{})
	if s.m.link.state != ready || strings.Contains(s.frame, "late") {
		t.Errorf("state %v:\n%s", s.m.link.state, s.frame)
	}
}

func TestExpressionsOfSuites(t *testing.T) {
	for in, want := range map[string]string{
		"${env.A} ${b} $${c}": "${env.A} $${b} $$${c}", "plain $x": "plain $x",
		"$$${env.A}${b}": "${'$'}${'$'}${env.A}$${b}", "${'$'}$${env.A}": "$${'$'}${'$'}${env.A}",
	} {
		got := escapeExpressions(in)
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if back := fromSuite(suite.Request{Expressions: true, Messages: []string{got}}).Messages[0]; back != in {
			t.Errorf("%q is read back as %q", in, back)
		}
	}
	if got := fromSuite(suite.Request{Messages: []string{"$${a}"}}).Messages[0]; got != "$${a}" {
		t.Errorf("what holds no expression is read back as %q", got)
	}
	if got := fmt.Sprintln(variable("x-api-key"), variable("9"), variable("é")); got != "X_API_KEY _9 _\n" {
		t.Error(got)
	}
}

// TestSearchKeepsTheBest searches while methods are still coming.
func TestSearchKeepsTheBest(t *testing.T) {
	var tr tree
	tr.setServices([]protoreflect.FullName{"a.A", "b.B"})
	tr.typing, tr.filter = true, newLine("do21")
	method := func(name protoreflect.Name) []describe.MethodInfo { return []describe.MethodInfo{{Name: name}} }
	tr.setMethods([]serviceMethods{{service: "a.A", methods: method("Do2x1")}})
	tr.setMethods([]serviceMethods{{service: "b.B", methods: method("Do21")}})
	if r, ok := tr.selected(); !ok || r.method.Name != "Do21" {
		t.Errorf("selected is %v", r.method)
	}
	tr.move(1)
	tr.rebuild()
	if r, ok := tr.selected(); !ok || r.method.Name != "Do2x1" {
		t.Errorf("after a move %v is selected", r.method)
	}
}
