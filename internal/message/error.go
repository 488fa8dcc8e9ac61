package message

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error says what is wrong with an input, and where.
type Error struct {
	Source     string // DecodeOptions.Name
	Line, Col  int    // of the offending token in the whole source, from 1, Col in characters; 0: not a text
	Offset     int64  // in bytes from the start of the source, from 0
	Path       string // of the field: user.roles[1]; "" at the top
	Msg        string // what is wrong, without the place
	Suggestion string // the name that was probably meant; "" for none
	Snippet    string // the offending line, made safe for a terminal and cut to about 100 characters
	Caret      int    // characters of Snippet before the offending token

	off   int      // of the token in the decoder's buffer
	steps []string // of the path, innermost first
	err   error
}

// Error gives SOURCE:LINE:COL: PATH: MESSAGE; did you mean "SUGGESTION"?
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Source)
	if e.Line > 0 {
		if e.Source != "" {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%d:%d", e.Line, e.Col)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path)
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	if e.Suggestion != "" {
		b.WriteString("; did you mean ")
		b.WriteString(strconv.Quote(e.Suggestion))
		b.WriteByte('?')
	}
	return b.String()
}

// Unwrap gives the cause, such as the error of the source's Read.
func (e *Error) Unwrap() error { return e.err }

// within notes that err arose inside the field, element or entry that step
// names: ".user", "[1]", `["key"]`.
func within(err error, step string) error {
	var e *Error
	if errors.As(err, &e) {
		e.steps = append(e.steps, step)
	}
	return err
}

// maxSteps bounds the length of a path in an error.
const maxSteps = 32

// path joins the steps, leaving out the middle of a very long path.
func (e *Error) path() string {
	var b strings.Builder
	for i := len(e.steps) - 1; i >= 0; i-- {
		if n := len(e.steps); n > maxSteps && i < n-maxSteps/2 && i >= maxSteps/2 {
			b.WriteString("…")
			i = maxSteps / 2
			continue
		}
		b.WriteString(e.steps[i])
	}
	return strings.TrimPrefix(b.String(), ".")
}

// memberStep is the step of a member called name: an identifier or an
// extension's name in brackets as it is, anything else quoted.
func memberStep(name string) string {
	plain := name
	if n := len(name); n > 2 && name[0] == '[' && name[n-1] == ']' {
		plain = name[1 : n-1]
	}
	for i := 0; i < len(plain); i++ {
		switch c := plain[i]; {
		case c == '_', c == '.', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		default:
			return "." + quote(name)
		}
	}
	if plain == "" || len(plain) > 512 {
		return "." + quote(name)
	}
	return "." + name
}

func indexStep(i int) string      { return "[" + strconv.Itoa(i) + "]" }
func entryStep(key string) string { return "[" + quote(key) + "]" }

// reason gives the text of another package's error, made safe for a terminal
// and without the prefix that protobuf-go puts before its own.
func reason(err error) string {
	s := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	return visible(strings.TrimPrefix(s, "proto: "))
}

// maxQuoted is how many bytes of an input's own text an error repeats.
const maxQuoted = 60

// quote makes text safe and short for an error.
func quote(s string) string {
	if len(s) <= maxQuoted {
		return strconv.Quote(s)
	}
	n := maxQuoted
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strconv.Quote(s[:n]) + "…"
}
