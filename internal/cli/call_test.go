package cli

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
)

// What ends a call is told, and how far it had come.
func TestCallWhenTimeIsUp(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		says string
	}{
		"of the call":            {[]string{"grpc.health.v1.Health/Watch", "--timeout", "1s"}, "DEADLINE_EXCEEDED: --timeout 1s ran out, after 1 response\n"},
		"of the command":         {[]string{"grpc.health.v1.Health/Watch", "--max-time", "2"}, "DEADLINE_EXCEEDED: --max-time 2s ran out"},
		"of a call that is held": {[]string{"FullDuplexCall", "--hold", "1h", "--timeout", "50ms"}, "DEADLINE_EXCEEDED: --timeout 50ms ran out"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out, problems bytes.Buffer
				p := &program{version: "test", Streams: Streams{
					In: strings.NewReader(""), Out: &out, Err: &problems,
					LookupEnv: func(string) (string, bool) { return "", false },
				}}
				root := newRoot(p)
				root.SetArgs(append([]string{"call", "demo"}, tc.args...))
				code := p.report(root.ExecuteContext(t.Context()))
				if code != 68 || !strings.Contains(problems.String(), tc.says) {
					t.Errorf("exit code %d, standard error %q, want %q", code, problems.String(), tc.says)
				}
			})
		})
	}
}
