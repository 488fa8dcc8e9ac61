package suite

import (
	"strings"
	"testing"
)

// Servers cut what they repeat, and tokens begin alike.
func TestBeginningsOfSecretsThatBeginAlike(t *testing.T) {
	const header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
	for range 20 { // in whatever order they are tried
		s := newSecrets()
		s.add("FIRST", header+"first-"+strings.Repeat("a", 40))
		s.add("SECOND", header+"second-"+strings.Repeat("b", 40))
		s.add("THIRD", header+"third-"+strings.Repeat("c", 40))
		got := s.redact("user " + header + "second-bbbb... and " + header + "third-c, not " + header[:12])
		if want := "user ***... and ***, not " + header[:12]; got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}
