package oneport

import (
	"encoding/binary"
	"sync"

	"golang.org/x/net/http2"
)

const frameHeadLen = 9

// frameHead is the head of an HTTP/2 frame.
type frameHead struct {
	length int
	kind   http2.FrameType
	flags  http2.Flags
	stream uint32
}

// parseHead reads the frameHeadLen bytes of b.
func parseHead(b []byte) frameHead {
	return frameHead{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   http2.FrameType(b[3]),
		flags:  http2.Flags(b[4]),
		stream: binary.BigEndian.Uint32(b[5:]) & (1<<31 - 1),
	}
}

// frames finds the heads of the frames in one direction of a connection, of
// which it gets all bytes, in pieces of any size. It copies nothing but the part
// of a head that a piece ends with.
type frames struct {
	skip int // bytes until the next head
	head [frameHeadLen]byte
	have int // bytes of head
}

// next returns the next head of b and what comes after it; false means that
// there is none.
func (f *frames) next(b []byte) (frameHead, []byte, bool) {
	if f.skip >= len(b) {
		f.skip -= len(b)
		return frameHead{}, nil, false
	}
	b = b[f.skip:]
	f.skip = 0
	var h frameHead
	if f.have == 0 && len(b) >= frameHeadLen {
		h = parseHead(b)
		b = b[frameHeadLen:]
	} else {
		n := copy(f.head[f.have:], b)
		f.have += n
		b = b[n:]
		if f.have < frameHeadLen {
			return frameHead{}, nil, false
		}
		h = parseHead(f.head[:])
		f.have = 0
	}
	f.skip = h.length
	return h, b, true
}

// traffic follows the calls of a native connection by the frames that pass. The
// received side is called by one goroutine, the sent side by another.
type traffic struct {
	in, out frames
	opened  func()
	closed  func()

	mu   sync.Mutex
	open map[uint32]struct{}
	last uint32 // highest stream of the client
	done bool
}

func newTraffic(opened, closed func()) *traffic {
	t := &traffic{opened: opened, closed: closed, open: map[uint32]struct{}{}}
	t.in.skip = len(http2.ClientPreface)
	return t
}

func (t *traffic) received(b []byte) {
	for {
		h, rest, ok := t.in.next(b)
		if !ok {
			return
		}
		switch h.kind {
		case http2.FrameHeaders:
			t.begin(h.stream)
		case http2.FrameRSTStream:
			t.end(h.stream)
		}
		b = rest
	}
}

// sent reports whether b begins an answer.
func (t *traffic) sent(b []byte) (answers bool) {
	for {
		h, rest, ok := t.out.next(b)
		if !ok {
			return answers
		}
		switch {
		case h.kind == http2.FrameRSTStream:
			t.end(h.stream)
		case h.kind == http2.FrameHeaders:
			answers = true
			fallthrough
		case h.kind == http2.FrameData:
			if h.flags.Has(http2.FlagDataEndStream) { // the same bit in HEADERS
				t.end(h.stream)
			}
		}
		b = rest
	}
}

func (t *traffic) begin(stream uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if stream <= t.last || t.done {
		return // trailers of the client
	}
	t.last = stream
	t.open[stream] = struct{}{}
	t.opened()
}

func (t *traffic) end(stream uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.open[stream]; ok {
		delete(t.open, stream)
		t.closed()
	}
}

// close ends all calls.
func (t *traffic) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = true
	for range t.open {
		t.closed()
	}
	t.open = nil
}
