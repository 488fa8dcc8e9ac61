package oneport

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	webType     = "application/grpc-web"
	webTextType = "application/grpc-web-text"
)

// webText turns a call of gRPC-Web in text mode, which is base64 both ways, into
// one in binary, and its response back.
type webText struct {
	http.ResponseWriter
	request *http.Request // in binary
	began   bool
	rest    []byte // bytes that are no whole group of three yet
	encoded []byte // reused
}

// newWebText returns nil if r is not in text mode.
func newWebText(w http.ResponseWriter, r *http.Request) *webText {
	format, ok := strings.CutPrefix(strings.ToLower(r.Header.Get("Content-Type")), webTextType)
	if !ok {
		return nil
	}
	binary := r.Clone(r.Context())
	binary.Header.Set("Content-Type", webType+format)
	binary.Header.Del("Content-Length")
	binary.ContentLength = -1
	binary.Body = &textBody{source: r.Body}
	return &webText{ResponseWriter: w, request: binary}
}

func (t *webText) WriteHeader(code int) {
	t.began = true
	h := t.Header()
	if format, ok := strings.CutPrefix(h.Get("Content-Type"), webType); ok && !strings.HasPrefix(format, "-text") {
		h.Set("Content-Type", webTextType+format)
	}
	t.ResponseWriter.WriteHeader(code)
}

// Write encodes whole groups, so that base64 is padded only where the response
// is flushed.
func (t *webText) Write(b []byte) (int, error) {
	if !t.began {
		t.WriteHeader(http.StatusOK)
	}
	t.rest = append(t.rest, b...)
	whole := len(t.rest) / 3 * 3
	if err := t.encode(t.rest[:whole]); err != nil {
		return 0, err
	}
	t.rest = append(t.rest[:0], t.rest[whole:]...)
	return len(b), nil
}

func (t *webText) encode(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	t.encoded = base64.StdEncoding.AppendEncode(t.encoded[:0], b)
	_, err := t.ResponseWriter.Write(t.encoded)
	return err
}

// Flush sends all that was written.
func (t *webText) Flush() {
	t.finish()
	_ = http.NewResponseController(t.ResponseWriter).Flush() // every ResponseWriter of net/http can
}

// finish writes what was held back.
func (t *webText) finish() {
	if !t.began {
		t.WriteHeader(http.StatusOK)
	}
	_ = t.encode(t.rest) // a broken connection shows in the next write
	t.rest = t.rest[:0]
}

func (t *webText) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// textBody decodes base64 that may be padded in its midst: clients pad each of
// the pieces that they send.
type textBody struct {
	source  io.ReadCloser
	encoded []byte // read, and not decoded
	decoded []byte // and not given out
	err     error
}

func (t *textBody) Read(b []byte) (int, error) {
	for len(t.decoded) == 0 {
		if t.err != nil {
			return 0, t.err
		}
		if err := t.fill(); err != nil {
			t.err = err
		}
	}
	n := copy(b, t.decoded)
	t.decoded = t.decoded[n:]
	return n, nil
}

// fill reads and decodes some groups of four.
func (t *textBody) fill() error {
	var buf [4 << 10]byte
	n, readErr := t.source.Read(buf[:])
	t.encoded = append(t.encoded, buf[:n]...)
	t.decoded = t.decoded[:0]
	for {
		whole := len(t.encoded) / 4 * 4
		if whole == 0 {
			break
		}
		if i := bytes.IndexByte(t.encoded[:whole], '='); i >= 0 {
			whole = i/4*4 + 4
		}
		var err error
		if t.decoded, err = base64.StdEncoding.AppendDecode(t.decoded, t.encoded[:whole]); err != nil {
			return fmt.Errorf("decode text of gRPC-Web: %w", err)
		}
		t.encoded = append(t.encoded[:0], t.encoded[whole:]...)
	}
	if readErr == io.EOF && len(t.encoded) > 0 {
		return io.ErrUnexpectedEOF
	}
	return readErr
}

func (t *textBody) Close() error { return t.source.Close() }
