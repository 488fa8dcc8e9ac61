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
	return rest[prefix(rest, column-1):]
}

// prefix is the length of the first n characters of text, or of all.
func prefix(text []byte, n int) int {
	at := 0
	for ; n > 0 && at < len(text); n-- {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

// finisher makes of the parser's nodes those that Parse promises.
type finisher struct {
	mask
	lines []int // see lineStarts
	// The place that was looked at last, and its offset. Nodes are looked at in the
	// order of the text, so that a long line is gone through once.
	line, column, at int
}

// newFinisher is for the nodes of m's text.
func newFinisher(m mask) *finisher { return &finisher{mask: m, lines: lineStarts(m.text)} }

func (f *finisher) finish(n *yaml.Node) {
	f.unmask(n)
	blockMap := n.Kind == yaml.MappingNode && n.Style == 0 && len(n.Content) > 0
	anchored := n.Anchor != "" && (n.Kind != yaml.ScalarNode || n.Style != 0 || n.Value != "")
	if anchored && !blockMap {
		f.passAnchor(n)
	}
	for _, child := range n.Content {
		f.finish(child)
	}
	if anchored && blockMap {
		n.Line, n.Column = n.Content[0].Line, n.Content[0].Column
	}
}

// from is what the text has from a place on, nothing from one that it does not have.
func (f *finisher) from(line, column int) []byte {
	if line < 1 || line > len(f.lines) {
		return nil
	}
	if line != f.line || column < f.column {
		f.line, f.column, f.at = line, 1, f.lines[line-1]
	}
	f.at += prefix(f.text[f.at:], column-f.column)
	f.column = column
	return f.text[f.at:]
}

// passAnchor moves the place of n past an anchor, and what is between that and n.
func (f *finisher) passAnchor(n *yaml.Node) {
	rest := f.from(n.Line, n.Column)
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
