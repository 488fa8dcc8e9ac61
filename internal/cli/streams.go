package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Streams is the world outside the process, as commands see it. Nothing else
// in the program reaches for it.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// InTerminal, OutTerminal and ErrTerminal say which are terminals; colour
	// and progress go to terminals only.
	InTerminal, OutTerminal, ErrTerminal bool
	// LookupEnv reads the environment.
	LookupEnv func(string) (string, bool)
}

// System returns the streams of the process.
func System() Streams {
	return Streams{
		In:          os.Stdin,
		Out:         os.Stdout,
		Err:         os.Stderr,
		InTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		OutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		LookupEnv:   os.LookupEnv,
	}
}

// colour reports whether w, a terminal or not, is to be coloured
// (https://no-color.org).
func (s Streams) colour(terminal bool) bool {
	if v, ok := s.LookupEnv("NO_COLOR"); ok && v != "" {
		return false
	}
	dumb, _ := s.LookupEnv("TERM")
	return terminal && dumb != "dumb"
}
