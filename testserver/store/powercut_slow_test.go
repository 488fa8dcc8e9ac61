//go:build slow

package store_test

import "testing"

// TestPowerCutOften is TestPowerCut with many more moments.
func TestPowerCutOften(t *testing.T) { cutPower(t, 1000, 40) }
