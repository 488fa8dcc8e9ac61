package suite

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// scalarStyle is how a string is written in YAML.
type scalarStyle byte

const (
	plainStyle scalarStyle = iota
	singleStyle
	doubleStyle
	blockStyle // | and >
)

func styleOf(n *yaml.Node) scalarStyle {
	switch {
	case n.Style&yaml.SingleQuotedStyle != 0:
		return singleStyle
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return doubleStyle
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return blockStyle
	}
	return plainStyle
}

// within returns the place of the character of n's text at offset, in characters.
// What YAML folds or escapes is followed through the source; where that fails, it
// is the place of n.
func (n *node) within(offset int) place {
	if n.kind != stringKind || n.at.source == nil {
		return n.at
	}
	c := &cursor{lines: n.at.source.lines, line: n.at.line, column: n.at.column, style: n.style}
	if !c.enter() {
		return n.at
	}
	text := []rune(n.text)
	for i := 0; i < len(text); {
		c.join()
		if !isSpace(text[i]) || c.escaped() {
			if i == offset {
				return n.at.source.at(c.line, c.column)
			}
			if !c.take(text[i]) {
				return n.at
			}
			i++
			continue
		}
		// A run of white space in the text is one in the source, of another
		// length where lines are folded.
		start := i
		for i < len(text) && isSpace(text[i]) {
			i++
		}
		spots, folded := c.space()
		if offset < i && !folded && offset-start < len(spots) {
			return spots[offset-start].in(n.at.source)
		}
		if offset < i {
			break
		}
	}
	return n.at.source.at(c.line, c.column)
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' }

// cursor walks over the source of a scalar.
type cursor struct {
	lines        []string
	line, column int // of the next character, from 1, column in characters
	style        scalarStyle
}

type spot struct{ line, column int }

func (s spot) in(src *source) place { return src.at(s.line, s.column) }

// enter moves to the first character of the content.
func (c *cursor) enter() bool {
	switch c.style {
	case singleStyle, doubleStyle:
		if r := c.peek(); r != '\'' && r != '"' {
			return false
		}
		c.column++
	case blockStyle:
		c.line, c.column = c.line+1, 1
		for c.line <= len(c.lines) && c.blank() {
			c.line++
		}
		for r := c.peek(); r == ' '; r = c.peek() {
			c.column++
		}
	}
	return c.line <= len(c.lines)
}

func (c *cursor) blank() bool {
	for _, r := range c.lines[c.line-1] {
		if !isSpace(r) {
			return false
		}
	}
	return true
}

// peek returns the next character, '\n' at the end of a line, 0 at the end.
func (c *cursor) peek() rune {
	if c.line > len(c.lines) {
		return 0
	}
	line := c.lines[c.line-1]
	for i := 1; i < c.column && line != ""; i++ {
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
	}
	if line == "" {
		return '\n'
	}
	r, _ := utf8.DecodeRuneInString(line)
	return r
}

func (c *cursor) advance() {
	if c.peek() == '\n' {
		c.line, c.column = c.line+1, 1
		return
	}
	c.column++
}

// escaped reports whether an escape of a double-quoted string comes next.
func (c *cursor) escaped() bool { return c.style == doubleStyle && c.peek() == '\\' }

// take moves past the character r of the text, however it is written.
func (c *cursor) take(r rune) bool {
	next := c.peek()
	switch {
	case c.style == singleStyle && r == '\'':
		c.column++ // written twice
	case c.escaped():
		return c.escape(r)
	}
	if next != r {
		return false
	}
	c.advance()
	return true
}

// join moves past escaped line breaks, which stand for nothing.
func (c *cursor) join() {
	for c.escaped() && strings.HasSuffix(c.lines[c.line-1], "\\") && c.column == utf8.RuneCountInString(c.lines[c.line-1]) {
		c.line, c.column = c.line+1, 1
		c.space()
	}
}

// escape moves past the escape that stands for r.
func (c *cursor) escape(r rune) bool {
	c.column++
	kind := c.peek()
	c.advance()
	length := map[rune]int{'x': 2, 'u': 4, 'U': 8}[kind]
	digits := ""
	for range length {
		digits += string(c.peek())
		c.advance()
	}
	if length == 0 {
		return true
	}
	v, err := strconv.ParseUint(digits, 16, 32)
	return err == nil && rune(v) == r
}

// space moves past white space and returns where its characters are, and
// whether line breaks are among them.
func (c *cursor) space() (spots []spot, folded bool) {
	for r := c.peek(); isSpace(r); r = c.peek() {
		folded = folded || r == '\n'
		spots = append(spots, spot{c.line, c.column})
		c.advance()
	}
	return spots, folded
}
