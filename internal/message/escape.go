package message

import (
	"unicode"
	"unicode/utf8"
)

// needsEscape reports whether a terminal might act on r instead of showing it:
// controls (C0, DEL, C1), format characters (bidi overrides, zero-width ones,
// tags), line and paragraph separators.
func needsEscape(r rune) bool {
	switch {
	case r < 0x7f:
		return r < ' '
	case r < 0xa0:
		return true
	case r < 0xad, 0x2070 <= r && r < 0xfe00:
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

const hexDigits = "0123456789abcdef"

// appendEscape writes r as \uXXXX, and beyond the BMP as JSON's surrogate pair.
func appendEscape(dst []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		dst = appendEscape(dst, 0xd800+r>>10)
		return appendEscape(dst, 0xdc00+r&0x3ff)
	}
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// appendJSONString writes s as a JSON string that is safe on a terminal.
// Invalid UTF-8 becomes U+FFFD.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if ' ' <= c && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
			if (r != utf8.RuneError || size > 1) && !needsEscape(r) {
				i += size
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		i += size
		from = i
		switch {
		case r == utf8.RuneError:
			dst = append(dst, "\ufffd"...)
		case r == '"', r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r == '\b':
			dst = append(dst, '\\', 'b')
		case r == '\f':
			dst = append(dst, '\\', 'f')
		default:
			dst = appendEscape(dst, r)
		}
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}
