package suite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/grpcx/grpcx/internal/termtext"
)

// maxFile bounds a suite file: its parser needs many times the memory.
const maxFile = 4 << 20

// source is the text of a file that problems point into.
type source struct {
	name  string // for people: Position.File
	path  string // for the system
	lines []string
}

// place is a place in a source; the zero line means the file as a whole.
type place struct {
	source       *source
	line, column int // from 1, column in characters
}

func (p place) position() Position {
	if p.source == nil {
		return Position{}
	}
	return Position{File: p.source.name, Line: p.line, Column: p.column}
}

// newSource makes a source of text, whose lines end in \n, \r\n or, as YAML has it,
// in \r, and which may begin with a byte order mark.
func newSource(path string, text []byte) *source {
	s := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(text), "\uFEFF"))
	return &source{name: displayName(path), path: path, lines: strings.Split(s, "\n")}
}

// readSource reads a file of at most maxFile bytes.
func readSource(path string) (*source, error) {
	text, err := readCapped(path, maxFile)
	if err != nil {
		return nil, err
	}
	return newSource(path, text), nil
}

// readCapped reads a file of at most limit bytes.
func readCapped(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", displayName(path), plainPathError(err))
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", displayName(path), plainPathError(err))
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("read %s: larger than %d MiB", displayName(path), limit>>20)
	}
	return text, nil
}

// plainPathError leaves out the path, which the caller says.
func plainPathError(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// displayName is path with slashes, relative to the working directory if it is
// below.
func displayName(path string) string {
	name := path
	if abs, err := filepath.Abs(path); err == nil {
		if wd, err := os.Getwd(); err == nil {
			if rel, err := filepath.Rel(wd, abs); err == nil && filepath.IsLocal(rel) {
				name = rel
			}
		}
	}
	return filepath.ToSlash(name)
}

func (s *source) text() string { return strings.Join(s.lines, "\n") }

// at returns a place in s.
func (s *source) at(line, column int) place { return place{s, line, column} }

// snippet returns a line fit for a terminal, and how many of its characters
// stand before column.
func (s *source) snippet(line, column int) (text string, caret int) {
	const before, most = 60, 100
	if line < 1 || line > len(s.lines) {
		return "", 0
	}
	runes := []rune(strings.ToValidUTF8(s.lines[line-1], "\uFFFD"))
	at := max(0, min(column-1, len(runes)))
	start := 0
	if len(runes) > most && at > before {
		start = at - before
	}
	end := min(len(runes), start+most)
	head := shown(string(runes[start:at]))
	text = head + shown(string(runes[at:max(at, end)]))
	if start > 0 {
		text, head = "…"+text, "…"+head
	}
	if end < len(runes) {
		text += "…"
	}
	return text, utf8.RuneCountInString(head)
}

// shown makes s one safe line; a tab is as wide as the caret takes it to be.
func shown(s string) string { return termtext.Line(strings.ReplaceAll(s, "\t", " ")) }
