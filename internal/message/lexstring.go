package message

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

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
	out := l.scratch[:0]
	out = append(out, l.buf[start:i]...)
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
