package tui

import (
	"strings"
	"testing"
)

func TestDrafts(t *testing.T) {
	s := reference(t, 100, 30)
	s.open("CreateUser")
	s.write("Ada")
	s.press("f3", "a")
	s.write("x-tenant: blue")
	s.press("enter", "f3")
	t.Run("another method", func(t *testing.T) {
		s.open("GetUser")
		if strings.Contains(s.frame, "Ada") {
			t.Errorf("the text is still there:\n%s", s.frame)
		}
		s.see("metadata: 1")
	})
	t.Run("back again", func(t *testing.T) {
		s.open("CreateUser")
		s.see(`"name": "Ada"`)
	})
	t.Run("anew", func(t *testing.T) {
		s.press("ctrl+n")
		s.see(`"name": ""`)
		s.press("ctrl+z")
		s.see(`"name": "Ada"`)
	})
	t.Run("a kept request is undone", func(t *testing.T) {
		s.press("ctrl+s")
		s.see("INVALID_ARGUMENT")
		s.until("the history", func() bool { return s.m.remembered == s.m.call })
		s.press("2", "ctrl+n")
		s.write("Bob")
		s.press("ctrl+r", "enter")
		s.see(`"name":"Ada"`)
		s.press("ctrl+z")
		s.see(`"name": "Bob"`)
	})
	t.Run("another server gets none of it", func(t *testing.T) {
		s.press("esc", "o", "enter")
		s.until("the methods", func() bool { return s.m.link.state == ready && s.m.tree.loaded == len(s.m.tree.services) })
		s.open("CreateUser")
		s.see(`"name": ""`)
		if len(s.m.headers.list) != 0 {
			t.Errorf("metadata %v", s.m.headers.list)
		}
	})
}

func TestDraftsAreBounded(t *testing.T) {
	var d drafts
	for _, path := range []string{"a", "b", "c"} {
		d.keep(path, strings.Repeat(path, maxDrafts/2))
	}
	if d.take("a") != "" || len(d.take("b")) != maxDrafts/2 || len(d.take("c")) != maxDrafts/2 || d.size != 0 {
		t.Errorf("%d texts, %d bytes", len(d.list), d.size)
	}
}

// TestSendKeepsWhatIsUnderEdit sends while a line of metadata is written.
func TestSendKeepsWhatIsUnderEdit(t *testing.T) {
	s := reference(t, 100, 30)
	s.open("grpc.testing.TestService/EmptyCall")
	s.press("f3", "a")
	s.write("x-tenant: blue")
	s.press("ctrl+s")
	s.see("✓ OK")
	if len(s.m.sent.Headers) != 1 || s.m.sent.Headers[0] != (Header{"x-tenant", "blue"}) {
		t.Errorf("sent %v", s.m.sent.Headers)
	}
	s.press("2", "a")
	s.write("nonsense")
	s.press("ctrl+s")
	s.see("not sent: metadata: want name: value")
}

// TestResponseOfAnotherMethod holds that nobody takes it for an answer to what is
// open.
func TestResponseOfAnotherMethod(t *testing.T) {
	s := reference(t, 100, 30)
	s.open("grpc.testing.TestService/EmptyCall")
	s.press("ctrl+s")
	s.see("✓ OK")
	s.open("UnaryCall")
	s.see(" of EmptyCall ")
	s.press("ctrl+s")
	s.lose("of EmptyCall")
}
