package tui

import (
	"context"
	"io"
)

// RunAccessible is Run for those who do not see a screen.
func RunAccessible(ctx context.Context, cfg Config, in io.Reader, out io.Writer) error { return nil }
