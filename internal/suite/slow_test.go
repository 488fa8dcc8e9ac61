//go:build slow

package suite_test

import "testing"

func TestLargeStream(t *testing.T) { countMessages(t, 100_000, 600) }
