package yamltext

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const byteOrderMark = "\uFEFF"

// invalid is the offset of the first byte of text that is no UTF-8, -1 for none.
func invalid(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	at := 0
	for {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
}

// errorAt is an error about what is at an offset. A byte order mark has no column.
func errorAt(text []byte, at int, format string, args ...any) *Error {
	before := bytes.TrimPrefix(text[:min(at, len(text))], []byte(byteOrderMark))
	start := bytes.LastIndexByte(before, '\n') + 1
	return &Error{bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1, fmt.Sprintf(format, args...)}
}

// lineStarts are the offsets at which the parser's lines begin.
func lineStarts(text []byte) []int {
	starts := []int{0}
	if bytes.HasPrefix(text, []byte(byteOrderMark)) {
		starts[0] = len(byteOrderMark)
	}
	for i, b := range text {
		if b == '\n' || b == '\r' && !bytes.HasPrefix(text[i+1:], []byte("\n")) {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// from is what text has from a place on, nothing from one that it does not have.
func from(text []byte, starts []int, line, column int) []byte {
	if line < 1 || line > len(starts) {
		return nil
	}
	rest := text[starts[line-1]:]
	for ; column > 1 && len(rest) > 0; column-- {
		_, size := utf8.DecodeRune(rest)
		rest = rest[size:]
	}
	return rest
}

// finisher makes of the parser's nodes those that Parse promises.
type finisher struct {
	mask
	lines []int // see lineStarts
}

func (f *finisher) finish(n *yaml.Node) {
	for _, child := range n.Content {
		f.finish(child)
	}
	f.unmask(n)
	switch {
	case n.Anchor == "" || n.Kind == yaml.ScalarNode && n.Style == 0 && n.Value == "":
	case n.Kind == yaml.MappingNode && n.Style == 0 && len(n.Content) > 0:
		n.Line, n.Column = n.Content[0].Line, n.Content[0].Column
	default:
		f.passAnchor(n)
	}
}

// passAnchor moves the place of n past an anchor, and what is between that and n.
func (f *finisher) passAnchor(n *yaml.Node) {
	rest := from(f.text, f.lines, n.Line, n.Column)
	if len(rest) == 0 || rest[0] != '&' {
		return
	}
	skip := func(stop func(rune) bool) {
		for len(rest) > 0 {
			r, size := utf8.DecodeRune(rest)
			if stop(r) {
				return
			}
			n.Column++
			if r == '\n' || r == '\r' && !bytes.HasPrefix(rest[1:], []byte("\n")) {
				n.Line, n.Column = n.Line+1, 1
			}
			rest = rest[size:]
		}
	}
	skip(func(r rune) bool { return strings.ContainsRune(" \t\r\n,[]{}", r) })
	for {
		skip(func(r rune) bool { return !strings.ContainsRune(" \t\r\n", r) })
		if len(rest) == 0 || rest[0] != '#' {
			return
		}
		skip(func(r rune) bool { return r == '\r' || r == '\n' })
	}
}
