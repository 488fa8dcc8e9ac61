package message

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// place is where a byte of a text stands in its source.
type place struct {
	line, col int   // of the text's first byte, from 1, col in characters
	off       int64 // of the text's first byte, from 0
}

// after gives the place of what follows text.
func (p place) after(text []byte) place {
	p.off += int64(len(text))
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		p.line += bytes.Count(text, []byte{'\n'})
		p.col = 1
		text = text[i+1:]
	}
	p.col += utf8.RuneCount(text)
	return p
}

const (
	snippetBefore = 60 // characters kept before the token
	snippetAfter  = 40 // and from it on
)

// locate fills in where text[off] is, text beginning at p, and the line it
// stands in.
func (e *Error) locate(p place, text []byte, off int) {
	off = min(max(off, 0), len(text))
	at := p.after(text[:off])
	e.Line, e.Col, e.Offset = at.line, at.col, at.off
	begin := bytes.LastIndexByte(text[:off], '\n') + 1
	end := len(text)
	if i := bytes.IndexByte(text[off:], '\n'); i >= 0 {
		end = off + i
	}
	e.snippet(text[begin:end], off-begin)
}

// snippet keeps what surrounds line[at].
func (e *Error) snippet(line []byte, at int) {
	head, tail := line[:at], line[at:]
	from, cut := len(head), false
	for n := 0; from > 0; n++ {
		if n == snippetBefore {
			cut = true
			break
		}
		_, size := utf8.DecodeLastRune(head[:from])
		from -= size
	}
	var before, after strings.Builder
	if cut {
		before.WriteString("…")
	}
	appendVisible(&before, head[from:])
	to := 0
	for n := 0; to < len(tail) && n < snippetAfter; n++ {
		_, size := utf8.DecodeRune(tail[to:])
		to += size
	}
	appendVisible(&after, bytes.TrimRight(tail[:to], "\r"))
	if to < len(tail) {
		after.WriteString("…")
	}
	e.Snippet = before.String() + after.String()
	e.Caret = utf8.RuneCountInString(before.String())
}

// appendVisible writes text with everything escaped that a terminal would act on.
func appendVisible(b *strings.Builder, text []byte) {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x`)
			b.WriteString(strconv.FormatUint(uint64(text[0]), 16))
		case needsEscape(r):
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteRune(r)
		}
		text = text[size:]
	}
}
