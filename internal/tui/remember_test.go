package tui

import "testing"

// TestRememberOnce makes a call when the one before has ended and the model has not
// been told yet, and leaves when it has been told of everything.
func TestRememberOnce(t *testing.T) {
	s := reference(t, 80, 24)
	s.open("EmptyCall")
	for range 2 {
		s.press("ctrl+s")
		<-s.m.call.Ended()
	}
	s.until("both to be kept", func() bool { return len(s.m.history.entries) == 2 })
	s.m.close()
	if n := len(s.m.history.entries); n != 2 {
		t.Errorf("%d requests are kept of 2", n)
	}
}
