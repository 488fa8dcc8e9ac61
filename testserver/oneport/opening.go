package oneport

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Bounds on what is read before the client is known.
const (
	maxOpening      = 32 << 10 // bytes; a client that says more is for net/http
	maxFrame        = 16 << 10 // the largest frame that a client may send unasked
	minPingInterval = time.Second
	maxPings        = 10 // that come faster
)

// tlsRecord is the first byte of a client that speaks TLS.
const tlsRecord = 22

var (
	errTooManyPings = errors.New("too many pings")
	errPlaintext    = errors.New("the client speaks TLS and the port does not")
)

// opening is the beginning of a connection, up to the headers of its first call.
type opening struct {
	conn  *conn
	buf   []byte // all that the client said, but for its pings
	http2 bool   // and our SETTINGS are sent
	since time.Time
	pings int // that came too early
	last  time.Time
}

// inspect reads from the client until it is known whether grpc-go is to serve it.
// That is everything that begins with a call of gRPC in protobuf; all else, wrong
// HTTP included, is for net/http.
func (o *opening) inspect() (native bool, err error) {
	o.since = time.Now()
	for len(o.buf) < len(http2.ClientPreface) {
		if err := o.read(false); err != nil {
			return false, err
		}
		if o.buf[0] == tlsRecord {
			// The SETTINGS tell a client that its TLS is out of place here.
			return false, errors.Join(errPlaintext, o.sendSettings())
		}
		if n := min(len(o.buf), len(http2.ClientPreface)); string(o.buf[:n]) != http2.ClientPreface[:n] {
			return false, nil
		}
	}
	if err := o.sendSettings(); err != nil {
		return false, err
	}
	o.http2 = true
	return o.readFrames()
}

// sendSettings tells the client the limits. Clients of grpc-go make no call
// before they got SETTINGS, so these cannot wait for the server that is chosen,
// which sends its own.
func (o *opening) sendSettings() error {
	cfg := o.conn.server.cfg
	return http2.NewFramer(o.conn.Conn, nil).WriteSettings(
		http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: cfg.MaxStreams},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: cfg.MaxHeaderBytes},
	)
}

// readFrames reads up to the end of the first headers.
func (o *opening) readFrames() (native bool, err error) {
	headers := &headerBlock{}
	for at := len(http2.ClientPreface); ; {
		first := at == len(http2.ClientPreface)
		h, payload, ok, err := o.frame(at, !headers.begun && !first)
		if err != nil || !ok {
			return false, err
		}
		size := frameHeadLen + h.length
		switch {
		case first && h.kind != http2.FrameSettings, headers.begun != (h.kind == http2.FrameContinuation):
			return false, nil
		case h.kind == http2.FrameHeaders || h.kind == http2.FrameContinuation:
			if !headers.add(h, payload) {
				return false, nil
			}
			if h.flags.Has(http2.FlagHeadersEndHeaders) {
				return headers.native(), nil
			}
		case h.kind == http2.FramePing && h.length == 8 && h.stream == 0 && !h.flags.Has(http2.FlagPingAck):
			if err := o.answerPing([8]byte(payload)); err != nil {
				return false, err
			}
			o.buf = slices.Delete(o.buf, at, at+size) // the next server shall not answer it too
			size = 0
		}
		at += size
		if !headers.begun {
			o.since = time.Now()
		}
	}
}

// frame returns the frame that begins at the offset at, when all of it is there;
// false means that it is too large. If the client may rest here, it has all the
// time that it wants until it begins the frame.
func (o *opening) frame(at int, rest bool) (h frameHead, payload []byte, ok bool, err error) {
	for {
		got := o.buf[at:]
		if len(got) >= frameHeadLen {
			h = parseHead(got)
			if h.length > maxFrame || at+frameHeadLen+h.length > maxOpening {
				return h, nil, false, nil
			}
			if len(got) >= frameHeadLen+h.length {
				return h, got[frameHeadLen : frameHeadLen+h.length], true, nil
			}
		}
		if err := o.read(rest && len(got) == 0); err != nil {
			return h, nil, false, err
		}
	}
}

// read reads what comes next. Unless the client may rest, the step that began at
// o.since has a limited time.
func (o *opening) read(rest bool) error {
	left := time.Duration(0)
	if !rest {
		if left = o.conn.server.cfg.HandshakeTimeout - time.Since(o.since); left <= 0 {
			left = 1 // the time is over
		}
	}
	if !o.conn.wait(left) {
		return io.ErrClosedPipe
	}
	if cap(o.buf)-len(o.buf) < 256 {
		o.buf = slices.Grow(o.buf, max(512, len(o.buf)))
	}
	n, err := o.conn.Conn.Read(o.buf[len(o.buf):cap(o.buf)])
	o.buf = o.buf[:len(o.buf)+n]
	if n > 0 {
		err = nil // it comes again
		if rest {
			o.since = time.Now()
		}
	}
	return err
}

// answerPing keeps a resting client assured, up to a point.
func (o *opening) answerPing(data [8]byte) error {
	now := time.Now()
	if now.Sub(o.last) < minPingInterval {
		if o.pings++; o.pings > maxPings {
			_ = o.framer().WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("too_many_pings"))
			return errTooManyPings
		}
	}
	o.last = now
	if !o.conn.wait(o.conn.server.cfg.HandshakeTimeout) {
		return io.ErrClosedPipe
	}
	return o.framer().WritePing(true, data)
}

// dismiss tells a client that has made no call to go elsewhere.
func (o *opening) dismiss() {
	if o.http2 {
		_ = o.conn.Conn.SetDeadline(time.Now().Add(time.Second))
		_ = o.framer().WriteGoAway(0, http2.ErrCodeNo, nil)
	}
}

func (o *opening) framer() *http2.Framer { return http2.NewFramer(o.conn.Conn, nil) }

// replay returns what the client said, to be read again.
func (o *opening) replay() *replay {
	r := &replay{said: bytes.NewReader(o.buf), acked: !o.http2}
	r.source = io.MultiReader(r.said, o.conn.Conn)
	if o.http2 {
		r.skip = len(http2.ClientPreface)
	}
	return r
}

// headerBlock is a block of headers, in pieces.
type headerBlock struct {
	begun bool
	block []byte
}

// add takes the fragment of a HEADERS or CONTINUATION frame; false means that it
// is malformed.
func (b *headerBlock) add(h frameHead, payload []byte) bool {
	if h.kind == http2.FrameHeaders {
		padding := 0
		if h.flags.Has(http2.FlagHeadersPadded) {
			if len(payload) == 0 {
				return false
			}
			padding, payload = int(payload[0]), payload[1:]
		}
		if h.flags.Has(http2.FlagHeadersPriority) {
			if len(payload) < 5 {
				return false
			}
			payload = payload[5:]
		}
		if padding > len(payload) {
			return false
		}
		payload = payload[:len(payload)-padding]
	}
	b.begun = true
	b.block = append(b.block, payload...)
	return true
}

// native reports whether the headers are those of a call that grpc-go can serve.
func (b *headerBlock) native() bool {
	native := false
	d := hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if f.Name == "content-type" {
			native = nativeContentType(f.Value)
		}
	})
	d.SetMaxStringLength(maxOpening)
	if _, err := d.Write(b.block); err != nil {
		return false
	}
	return d.Close() == nil && native
}

func nativeContentType(s string) bool {
	s, _, _ = strings.Cut(strings.ToLower(s), ";")
	s = strings.TrimSpace(s)
	return s == "application/grpc" || s == "application/grpc+proto"
}

// replay reads what a client said and then what it says. Over HTTP/2 it leaves
// out the first acknowledgement of SETTINGS, which is of those that we sent and
// not of those of the server that reads.
type replay struct {
	said   *bytes.Reader
	source io.Reader // said, and then the connection
	skip   int       // bytes until the next head of a frame
	head   []byte    // not read yet
	acked  bool
}

// over reports whether all further bytes are the connection's own.
func (r *replay) over() bool { return r.acked && r.said.Len() == 0 && len(r.head) == 0 }

func (r *replay) Read(b []byte) (int, error) {
	for {
		switch {
		case len(r.head) > 0:
			n := copy(b, r.head)
			r.head = r.head[n:]
			return n, nil
		case r.acked:
			return r.source.Read(b)
		case r.skip > 0:
			n, err := r.source.Read(b[:min(r.skip, len(b))])
			r.skip -= n
			return n, err
		}
		head := make([]byte, frameHeadLen)
		if _, err := io.ReadFull(r.source, head); err != nil {
			return 0, err
		}
		h := parseHead(head)
		if h.kind == http2.FrameSettings && h.flags.Has(http2.FlagSettingsAck) && h.length == 0 {
			r.acked = true
			continue
		}
		r.head, r.skip = head, h.length
	}
}
