package message

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	minRead = 4 << 10
	maxRead = 256 << 10
	// keepLine is how much of the line before a message is kept for snippets.
	keepLine = 4 * snippetBefore
)

// source is an input, read no further than its consumer asks: with a pipe,
// what has arrived can be used before anything else does.
type source struct {
	r     io.Reader
	buf   []byte // what has been read and not discarded
	pos   int    // of the next byte to use
	start int    // of the message that is being read
	max   int    // length of a message
	err   error  // that ended the reading: io.EOF or a real one
	base  place  // of buf[0]
	size  int    // of the next read
}

func newSource(r io.Reader, max int) source {
	return source{r: r, max: max, base: place{line: 1, col: 1}, size: minRead}
}

// more reads on. It reports false when there is nothing more to have; failed
// tells why.
func (s *source) more() bool {
	if s.err != nil {
		return false
	}
	if len(s.buf)-s.start >= s.max {
		s.err = errTooLarge
		return false
	}
	if cap(s.buf)-len(s.buf) < s.size/2 {
		grown := make([]byte, len(s.buf), 2*len(s.buf)+s.size)
		copy(grown, s.buf)
		s.buf = grown
	}
	room := s.buf[len(s.buf):cap(s.buf)]
	if left := s.max - (len(s.buf) - s.start); len(room) > left {
		room = room[:left]
	}
	for range 100 {
		n, err := s.r.Read(room)
		if n < 0 || n > len(room) {
			s.err = fmt.Errorf("invalid read of %d bytes", n)
			return false
		}
		s.buf = s.buf[:len(s.buf)+n]
		s.err = err
		if n == len(room) && s.size < maxRead {
			s.size *= 2
		}
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	s.err = io.ErrNoProgress
	return false
}

var errTooLarge = errors.New("message too large")

// have reports whether the source reaches to end, reading on if it must.
func (s *source) have(end int) bool {
	for len(s.buf) < end {
		if !s.more() {
			return false
		}
	}
	return true
}

// failed gives what ended the reading other than the end of the input.
func (s *source) failed() error {
	if s.err == io.EOF {
		return nil
	}
	return s.err
}

// begin starts a message at pos and forgets what lies before it, but for the
// beginning of its line.
func (s *source) begin() {
	s.start = s.pos
	if s.pos < len(s.buf) && s.pos < maxRead {
		return
	}
	from := bytes.LastIndexByte(s.buf[:s.pos], '\n') + 1
	if s.pos-from > keepLine {
		from = s.pos - keepLine
	}
	if from == 0 {
		return
	}
	s.base = s.base.after(s.buf[:from])
	n := copy(s.buf, s.buf[from:])
	s.buf = s.buf[:n]
	s.pos -= from
	s.start = s.pos
}

// next skips white space and gives the byte that follows it, unconsumed; 0 at
// the end of the input.
func (s *source) next() byte {
	for {
		for s.pos < len(s.buf) {
			switch c := s.buf[s.pos]; c {
			case ' ', '\n', '\t', '\r':
				s.pos++
			default:
				return c
			}
		}
		if !s.more() {
			return 0
		}
	}
}

// nextMessage is next between messages: white space there is nobody's length.
func (s *source) nextMessage() byte {
	for {
		for s.pos < len(s.buf) {
			switch c := s.buf[s.pos]; c {
			case ' ', '\n', '\t', '\r':
				s.pos++
			default:
				s.begin()
				return c
			}
		}
		s.begin()
		if !s.more() {
			return 0
		}
	}
}

// ended reports whether nothing follows pos: after next gave 0, as opposed to
// a zero byte.
func (s *source) ended() bool { return s.pos >= len(s.buf) }
