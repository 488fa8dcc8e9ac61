package message

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// lexer reads the tokens of JSON (RFC 8259) from a source. Slices that it
// returns are valid until the next token.
type lexer struct {
	source
	scratch []byte // a string without its escapes
}

// errorf makes an error about the token at off.
func (l *lexer) errorf(off int, format string, args ...any) error {
	return &Error{Msg: fmt.Sprintf(format, args...), off: off}
}

// cut makes the error for an input that ends too early, or cannot be read on.
func (l *lexer) cut(inside string) error {
	if err := l.failed(); err != nil {
		return l.readError(err)
	}
	return &Error{Msg: "the input ends inside " + inside, off: len(l.buf), err: io.ErrUnexpectedEOF}
}

// readError makes the error for a source that cannot be read on.
func (s *source) readError(err error) error {
	if errors.Is(err, errTooLarge) {
		return &Error{Msg: fmt.Sprintf("the message is longer than %d bytes", s.max), off: s.start, err: err}
	}
	return &Error{Msg: "read: " + reason(err), off: len(s.buf), err: err}
}

// unexpected makes the error for the byte at pos where want was due.
func (l *lexer) unexpected(want, inside string) error {
	if l.ended() {
		return l.cut(inside)
	}
	c := l.buf[l.pos]
	hint := ""
	switch c {
	case '/', '#':
		hint = " (JSON has no comments)"
	case '\'':
		hint = " (JSON strings take double quotes)"
	case '}', ']':
		if want == wantName || want == wantValue {
			hint = " (JSON has no trailing commas)"
		}
	}
	return l.errorf(l.pos, "want %s, got %s%s", want, l.piece(), hint)
}

const (
	wantName  = "a field name in double quotes"
	wantValue = "a value"
)

// piece quotes what stands at pos: a word, or one character.
func (l *lexer) piece() string {
	end := l.pos
	for end < len(l.buf) && end-l.pos <= maxQuoted && wordByte(l.buf[end]) {
		end++
	}
	if end == l.pos {
		_, size := utf8.DecodeRune(l.buf[l.pos:])
		end += size
	}
	return quote(string(l.buf[l.pos:end]))
}

// wordByte reports whether c may be part of a number or literal, or would be
// taken for part of one if it touched it.
func wordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '+' || c == '.' || c == '_'
}

// word reads the run of word bytes at pos.
func (l *lexer) word() []byte {
	start := l.pos
	for {
		for l.pos < len(l.buf) {
			if !wordByte(l.buf[l.pos]) {
				return l.buf[start:l.pos]
			}
			l.pos++
		}
		if !l.more() {
			return l.buf[start:l.pos]
		}
	}
}

// number reads a number.
func (l *lexer) number() ([]byte, error) {
	start := l.pos
	w := l.word()
	if l.failed() != nil {
		return nil, l.cut("a number")
	}
	if !validNumber(w) {
		return nil, l.errorf(start, "invalid number %s", quote(string(w)))
	}
	return w, nil
}

// literal reads want, one of true, false and null.
func (l *lexer) literal(want string) error {
	start := l.pos
	w := l.word()
	if l.failed() != nil {
		return l.cut("a value")
	}
	if string(w) != want {
		l.pos = start
		return l.errorf(start, "invalid value %s", quote(string(w)))
	}
	return nil
}

// validNumber reports whether b is a number by JSON's grammar.
func validNumber(b []byte) bool {
	digits := func() bool {
		n := 0
		for n < len(b) && b[n]-'0' <= 9 {
			n++
		}
		b = b[n:]
		return n > 0
	}
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if len(b) > 0 && b[0] == '0' {
		b = b[1:]
	} else if !digits() {
		return false
	}
	if len(b) > 0 && b[0] == '.' {
		b = b[1:]
		if !digits() {
			return false
		}
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		b = b[1:]
		if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(b) == 0
}

// skip reads any value. depth counts what it stands in.
func (l *lexer) skip(depth, maxDepth int) error {
	switch c := l.next(); {
	case c == '"':
		_, err := l.str()
		return err
	case c == '-' || c-'0' <= 9:
		_, err := l.number()
		return err
	case c == 't':
		return l.literal("true")
	case c == 'f':
		return l.literal("false")
	case c == 'n':
		return l.literal("null")
	case c == '{' || c == '[':
		if depth >= maxDepth {
			return l.tooDeep(maxDepth)
		}
		if c == '{' {
			return l.skipObject(depth+1, maxDepth)
		}
		return l.skipArray(depth+1, maxDepth)
	}
	return l.unexpected(wantValue, "a value")
}

// mismatch makes the error for a value of another kind than want, or for what
// is no value at all.
func (l *lexer) mismatch(want string) error {
	c := l.next()
	start := l.pos
	got := ""
	switch {
	case c == '"':
		s, err := l.str()
		if err != nil {
			return err
		}
		got = "string " + quote(string(s))
	case c == '-' || c-'0' <= 9:
		w, err := l.number()
		if err != nil {
			return err
		}
		got = "number " + clip(string(w))
	case c == '{':
		got = "an object"
	case c == '[':
		got = "an array"
	default:
		got = string(l.word())
		if got != "true" && got != "false" && got != "null" {
			l.pos = start
			return l.unexpected(want, "a value")
		}
	}
	return l.errorf(start, "want %s, got %s", want, got)
}

func clip(s string) string {
	if len(s) > maxQuoted {
		return s[:maxQuoted] + "…"
	}
	return s
}

func (l *lexer) tooDeep(maxDepth int) error {
	return l.errorf(l.pos, "nested deeper than %d messages", maxDepth)
}

func (l *lexer) skipObject(depth, maxDepth int) error {
	l.pos++
	for first := true; ; first = false {
		done, err := l.member(first)
		if done || err != nil {
			return err
		}
		if _, err := l.str(); err != nil {
			return err
		}
		if err := l.colon(); err != nil {
			return err
		}
		if err := l.skip(depth, maxDepth); err != nil {
			return err
		}
	}
}

func (l *lexer) skipArray(depth, maxDepth int) error {
	l.pos++
	for first := true; ; first = false {
		done, err := l.element(first)
		if done || err != nil {
			return err
		}
		if err := l.skip(depth, maxDepth); err != nil {
			return err
		}
	}
}

// member moves to the name of an object's next member, or past its end.
func (l *lexer) member(first bool) (done bool, err error) {
	c := l.next()
	if c == '}' {
		l.pos++
		return true, nil
	}
	want := `"}" or ` + wantName
	if !first {
		if c != ',' {
			return false, l.unexpected(`"," or "}"`, "an object")
		}
		l.pos++
		c = l.next()
		want = wantName
	}
	if c != '"' {
		return false, l.unexpected(want, "an object")
	}
	return false, nil
}

// element moves to the next element of an array, or past its end.
func (l *lexer) element(first bool) (done bool, err error) {
	c := l.next()
	if c == ']' {
		l.pos++
		return true, nil
	}
	if !first {
		if c != ',' {
			return false, l.unexpected(`"," or "]"`, "an array")
		}
		l.pos++
		c = l.next()
		if c == ']' {
			return false, l.unexpected(wantValue, "an array")
		}
	}
	if c == 0 && l.ended() {
		return false, l.cut("an array")
	}
	return false, nil
}

// colon moves past the colon after a member's name.
func (l *lexer) colon() error {
	if l.next() != ':' {
		return l.unexpected(`":" after the field name`, "an object")
	}
	l.pos++
	return nil
}
