package invoke_test

import (
	"testing"

	"github.com/grpcx/grpcx/internal/invoke"
)

func TestCutScheme(t *testing.T) {
	for value, want := range map[string][2]string{
		"Bearer abc":    {"Bearer ", "abc"},
		"basic   a b":   {"basic   ", "a b"},
		"Token ${A}":    {"Token ", "${A}"},
		"hunter2 abc":   {"", "hunter2 abc"},
		"Bearer":        {"", "Bearer"},
		"Bearer ":       {"", "Bearer "},
		"Bearerabc def": {"", "Bearerabc def"},
		"":              {"", ""},
	} {
		if scheme, rest := invoke.CutScheme(value); scheme != want[0] || rest != want[1] {
			t.Errorf("%q is cut into %q and %q", value, scheme, rest)
		}
	}
}
