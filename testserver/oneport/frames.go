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

// traffic follows the calls of an HTTP/2 connection by the frames that pass. What
// is received is told by one goroutine, what is sent by another.
type traffic struct {
	conn interface {
		crowded(more int) bool         // so much more would be too much
		count(calls int, weight int64) // what was opened, or below 0 closed
	}
	skip int // bytes of what is received until the next head
	let  int // so many calls pass in any case
	out  frames

	mu    sync.Mutex
	open  map[uint32]int64 // the weight of each open call
	last  uint32           // highest stream of the client
	ended bool
	gone  bool // the client was told that no further call is taken
}

// A call weighs 1, and 1 more for each of so many bytes of headers that it began
// with, which are kept in memory for its time.
const headerWeight = 4 << 10

func newTraffic(c *conn) *traffic {
	return &traffic{conn: c, skip: len(http2.ClientPreface), open: map[uint32]int64{}}
}

// received takes what comes next and returns how much of it may pass: up to the
// head of a frame that is not complete, or that of a call too many, which is
// held then. The rest is to be told again; letPass lets some calls pass.
func (t *traffic) received(b []byte) (pass int, held bool) {
	for {
		if rest := len(b) - pass; t.skip >= rest {
			t.skip -= rest
			return len(b), false
		}
		pass += t.skip
		t.skip = 0
		if len(b)-pass < frameHeadLen {
			return pass, false
		}
		h := parseHead(b[pass:])
		switch h.kind {
		case http2.FrameHeaders:
			if !t.begin(h.stream, int64(1+h.length/headerWeight)) {
				return pass, true
			}
		case http2.FrameContinuation:
			t.grow(h.stream, int64(h.length/headerWeight))
		case http2.FrameRSTStream:
			t.end(h.stream)
		}
		pass += frameHeadLen
		t.skip = h.length
	}
}

func (t *traffic) letPass(calls int) { t.let = calls }

// sent reports whether b begins an answer.
func (t *traffic) sent(b []byte) (answers bool) {
	for {
		h, rest, ok := t.out.next(b)
		if !ok {
			return answers
		}
		switch h.kind {
		case http2.FrameRSTStream:
			t.end(h.stream)
		case http2.FrameHeaders, http2.FrameData:
			answers = true
			if h.flags.Has(http2.FlagDataEndStream) { // the same bit in HEADERS
				t.end(h.stream)
			}
		}
		b = rest
	}
}

// begin counts a call; false means that there are too many.
func (t *traffic) begin(stream uint32, weight int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone {
		return stream <= t.last
	}
	if stream <= t.last || t.ended {
		return true // trailers of the client
	}
	if t.let == 0 && t.conn.crowded(1) {
		return false
	}
	t.let = max(0, t.let-1)
	t.last = stream
	t.open[stream] = weight
	t.conn.count(1, weight)
	return true
}

// grow adds to the weight of a call.
func (t *traffic) grow(stream uint32, weight int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.open[stream]; ok {
		t.open[stream] += weight
		t.conn.count(0, weight)
	}
}

func (t *traffic) end(stream uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if weight, ok := t.open[stream]; ok {
		delete(t.open, stream)
		t.conn.count(-1, -weight)
	}
}

// goAway returns the frame that tells the client which calls were taken, after
// which no other passes (RFC 9113, section 6.8); false means that something is
// half written, so that no frame can stand here.
func (t *traffic) goAway() (frame []byte, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.out.skip > 0 || t.out.have > 0 {
		return nil, false
	}
	t.gone = true
	frame = []byte{0, 0, 8, byte(http2.FrameGoAway), 0, 0, 0, 0, 0}
	frame = binary.BigEndian.AppendUint32(frame, t.last)
	return binary.BigEndian.AppendUint32(frame, uint32(http2.ErrCodeNo)), true
}

// left reports whether goAway has told the client.
func (t *traffic) left() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.gone
}

// close ends all calls.
func (t *traffic) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for _, weight := range t.open {
		t.conn.count(-1, -weight)
	}
	t.open = nil
}
