package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/grpcx/grpcx/internal/message"
)

// What stands after an unknown key, or after what does not belong in the file, may be
// a secret.
func TestConfigFileErrorsShowNoSecrets(t *testing.T) {
	for _, tc := range []struct{ name, content, snippet string }{
		{"key", "stor: postgres://u:hunter2@h/db", `stor`},
		{"key in quotes", `'stor': postgres://u:hunter2@h/db`, `'stor'`},
		{"key with an escape", `"st\x6fr": postgres://u:hunter2@h/db`, `"`},
		{"key with an escape, and again in the value", `"\x68": hunter2@h/db`, `"`},
		{"key with a quote in it", `'it''s': hunter2`, `'`},
		{"key of several lines", "? a\n  b\n: hunter2", `? a`},
		{"key in a block", "? |\n  a hunter2\n: x", `? |`},
		{"empty key", `"": hunter2`, `""`},
		{"value with an anchor", "store: &a hunter2", `store: `},
		{"value with a tag", "store: !x hunter2", `store: `},
		{"value with a tag and an anchor", "store: !x &a hunter2", `store: `},
		{"anchor on the line before", "store: &a\n  hunter2", `  `},
		{"key with an anchor", "&a stor: hunter2", ``},
		{"place in a value", "fault: \"a.B=ABORTED,\\x64ealy=1\" # hunter2", `fault: "`},
		{"place in a value that a comment repeats", "max-streams: \"\\x30\" # hunter2 0", `max-streams: "`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := parseConfig("server.yaml", tc.content+"\n", new(serveSettings).groups())
			e, ok := errors.AsType[*message.Error](err)
			if !ok {
				t.Fatalf("got %v, want an error with a place", err)
			}
			if strings.Contains(e.Snippet, "hunter2") || e.Snippet != tc.snippet {
				t.Errorf("%v shows %q, want %q", e, e.Snippet, tc.snippet)
			}
		})
	}
}
