package termtext

import (
	"io"
	"slices"
	"unicode/utf8"
)

// NewWriter returns a writer that passes what is written on to w as Text shows
// it. A character split over two writes is kept until it is whole; the bytes
// of one that never is are shown when the next write proves it, or by Flush.
// It is not safe for concurrent use.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// A Writer escapes on the way; see [NewWriter].
type Writer struct {
	w    io.Writer
	tail []byte // the start of a character, at most utf8.UTFMax-1 bytes
	buf  []byte
}

// Write always takes all of p unless the writer below fails.
func (w *Writer) Write(p []byte) (int, error) {
	text := p
	if len(w.tail) > 0 {
		text = slices.Concat(w.tail, p)
	}
	whole := len(text) - incomplete(text)
	w.buf = appendEscaped(w.buf[:0], text[:whole], true)
	w.tail = append([]byte(nil), text[whole:]...)
	if len(w.buf) == 0 {
		return len(p), nil
	}
	if _, err := w.w.Write(w.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes the bytes of a character that was begun and not ended.
func (w *Writer) Flush() error {
	if len(w.tail) == 0 {
		return nil
	}
	w.buf = appendEscaped(w.buf[:0], w.tail, true)
	w.tail = nil
	_, err := w.w.Write(w.buf)
	return err
}

// incomplete returns how many bytes at the end of p begin a character that
// more bytes could complete.
func incomplete(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if last := p[len(p)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}
