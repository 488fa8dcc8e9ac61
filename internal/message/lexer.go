package message

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
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

// str reads a string, pos being at its opening quote.
func (l *lexer) str() ([]byte, error) {
	start := l.pos + 1
	ascii := true
	for i := start; ; {
		for ; i < len(l.buf); i++ {
			c := l.buf[i]
			switch {
			case c == '"':
				s := l.buf[start:i]
				if !ascii && !utf8.Valid(s) {
					return nil, l.invalidUTF8(start)
				}
				l.pos = i + 1
				return s, nil
			case c == '\\':
				return l.escaped(start, i)
			case c < ' ':
				return nil, l.control(i)
			case c >= utf8.RuneSelf:
				ascii = false
			}
		}
		if !l.more() {
			return nil, l.cut("a string")
		}
	}
}

func (l *lexer) control(at int) error {
	if c := l.buf[at]; c != '\n' && c != '\r' {
		return l.errorf(at, `control character in a string: write it \u%04x`, c)
	}
	return l.errorf(at, `the string is not closed on its line: write a line break in it \n`)
}

func (l *lexer) invalidUTF8(start int) error {
	at := start
	for at < len(l.buf) {
		r, size := utf8.DecodeRune(l.buf[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return l.errorf(at, "invalid UTF-8 in a string")
}

// escaped reads the rest of a string that begins at start and has its first
// escape at i.
func (l *lexer) escaped(start, i int) ([]byte, error) {
	out := append(l.scratch[:0], l.buf[start:i]...)
	defer func() { l.scratch = out[:0] }()
	for {
		if i >= len(l.buf) && !l.more() {
			return nil, l.cut("a string")
		}
		switch c := l.buf[i]; {
		case c == '"':
			// Every escape gives valid UTF-8, so only raw text can be invalid.
			if !utf8.Valid(out) {
				return nil, l.invalidUTF8(start)
			}
			l.pos = i + 1
			return out, nil
		case c < ' ':
			return nil, l.control(i)
		case c != '\\':
			out = append(out, c)
			i++
		default:
			r, n, err := l.escape(i)
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, r)
			i += n
		}
	}
}

// escape reads the escape sequence at i, which may be a surrogate pair, and
// gives its length.
func (l *lexer) escape(i int) (rune, int, error) {
	if !l.have(i + 2) {
		return 0, 0, l.cut("a string")
	}
	switch c := l.buf[i+1]; c {
	case '"', '\\', '/':
		return rune(c), 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	case 'u':
		return l.unicode(i)
	}
	return 0, 0, l.errorf(i, "invalid escape %s in a string", l.sequence(i, 2))
}

func (l *lexer) unicode(i int) (rune, int, error) {
	r, err := l.hex4(i)
	if err != nil || !utf16.IsSurrogate(r) {
		return r, 6, err
	}
	if !l.have(i + 12) {
		if l.failed() != nil || len(l.buf) == i+6 {
			return 0, 0, l.cut("a string")
		}
		return 0, 0, l.errorf(i, "%s is half of a surrogate pair", l.sequence(i, 6))
	}
	if l.buf[i+6] == '\\' && l.buf[i+7] == 'u' {
		low, err := l.hex4(i + 6)
		if err != nil {
			return 0, 0, err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12, nil
		}
	}
	return 0, 0, l.errorf(i, "%s is half of a surrogate pair", l.sequence(i, 6))
}

// hex4 reads the digits of the \uXXXX at i.
func (l *lexer) hex4(i int) (rune, error) {
	if !l.have(i + 6) {
		return 0, l.cut("a string")
	}
	var r rune
	for _, c := range l.buf[i+2 : i+6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, l.errorf(i, "invalid escape %s in a string: want four hexadecimal digits", l.sequence(i, 6))
		}
		r = r<<4 | rune(c)
	}
	return r, nil
}

// sequence quotes the escape sequence of n bytes at i without doubling its
// backslash.
func (l *lexer) sequence(i, n int) string {
	q := strconv.Quote(string(l.buf[i+1 : min(i+n, len(l.buf))]))
	return `\` + q[1:len(q)-1]
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
