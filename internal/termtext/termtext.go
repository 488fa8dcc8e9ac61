// Package termtext makes text that a stranger chose safe to show on a
// terminal: what could move the cursor, change colours, hide or reorder text
// is shown as an escape (\x1b, \u202e) instead of being obeyed.
//
// Escaped are the C0 and C1 controls, DEL, the bidirectional controls and all
// other format characters of Unicode (category Cf, the zero-width ones and the
// byte order mark among them), the line and paragraph separators U+2028 and
// U+2029, and bytes that are not UTF-8. Backslashes stay as they are: the
// result is for reading, not for reading back.
package termtext

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Line returns s as one line: newlines and tabs are escaped too (\n, \t).
// A clean s is returned as it is, without allocation.
func Line(s string) string { return escape(s, false) }

// Text returns s with its newlines and tabs kept. A clean s is returned as it
// is, without allocation.
func Text(s string) string { return escape(s, true) }

// JSON returns the JSON text b with every character that Line would escape
// written as a \uXXXX escape, which leaves its value the same. b must be valid
// JSON; its own layout (newlines, tabs between tokens) is kept. A clean b is
// returned as it is.
func JSON(b []byte) []byte {
	i := 0
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		if risky(r, n, true) {
			break
		}
		i += n
	}
	if i == len(b) {
		return b
	}
	out := append(make([]byte, 0, len(b)+16), b[:i]...)
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		if risky(r, n, true) {
			out = appendJSONEscape(out, r)
		} else {
			out = append(out, b[i:i+n]...)
		}
		i += n
	}
	return out
}

func escape(s string, keepLayout bool) string {
	i := clean(s, keepLayout)
	if i == len(s) {
		return s
	}
	out := append(make([]byte, 0, len(s)+16), s[:i]...)
	return string(appendEscaped(out, s[i:], keepLayout))
}

// clean returns the length of the prefix of s that needs no escape.
func clean(s string, keepLayout bool) int {
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		if risky(r, n, keepLayout) {
			return i
		}
		i += n
	}
	return len(s)
}

func appendEscaped[T string | []byte](out []byte, s T, keepLayout bool) []byte {
	for i := 0; i < len(s); {
		r, n := decode(s[i:])
		if risky(r, n, keepLayout) {
			out = appendEscape(out, r, n, s[i])
		} else {
			out = append(out, s[i:i+n]...)
		}
		i += n
	}
	return out
}

func decode[T string | []byte](s T) (rune, int) {
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	// At most one rune is copied, so no conversion of the whole text.
	return utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
}

// risky reports whether r, decoded from n bytes, must not reach a terminal.
func risky(r rune, n int, keepLayout bool) bool {
	switch {
	case r < 0x20:
		return !keepLayout || (r != '\n' && r != '\t')
	case r < 0x7f:
		return false
	case r <= 0x9f:
		return true
	case r == utf8.RuneError:
		return n == 1
	case r == '\u2028' || r == '\u2029':
		return true
	}
	return unicode.Is(unicode.Cf, r)
}

const hex = "0123456789abcdef"

func appendEscape(out []byte, r rune, n int, first byte) []byte {
	switch {
	case r == '\n':
		return append(out, `\n`...)
	case r == '\t':
		return append(out, `\t`...)
	case r == '\r':
		return append(out, `\r`...)
	case n == 1:
		return append(out, '\\', 'x', hex[first>>4], hex[first&0xf])
	}
	return append(out, escapeRune(r)...)
}

// escapeRune writes r as \uXXXX or \UXXXXXXXX.
func escapeRune(r rune) string {
	digits := strconv.FormatInt(int64(r), 16)
	if r > 0xffff {
		return `\U` + "00000000"[len(digits):] + digits
	}
	return `\u` + "0000"[len(digits):] + digits
}

func appendJSONEscape(out []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		out = append(out, escapeRune(0xd800+r>>10)...)
		r = 0xdc00 + r&0x3ff
	}
	return append(out, escapeRune(r)...)
}
