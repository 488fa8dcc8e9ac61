package cli

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/stream"
	"github.com/grpcx/grpcx/internal/termtext"
)

// narrator tells on standard error what happens on the way to a call and in
// it: "*" what grpcx does, ">" what it sends, "<" what comes back. A nil
// narrator is silent. Its methods may be called from several goroutines.
type narrator struct {
	mu    sync.Mutex
	w     io.Writer
	start time.Time
	raw   bool // sizes and bytes of messages, too
}

// narrate begins the narration of a command, nil for level 0. Its end is told
// by report, below the command's error.
func (p *program) narrate(level int) *narrator {
	if level > 0 {
		p.narrator = &narrator{w: p.Err, start: time.Now(), raw: level > 1}
	}
	return p.narrator
}

// say writes a line. What it is given may come from a server.
func (n *narrator) say(mark byte, format string, args ...any) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	_, _ = fmt.Fprintf(n.w, "%c %s\n", mark, termtext.Line(fmt.Sprintf(format, args...)))
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// outcome is how long a step took, and its error if it failed.
func outcome(took time.Duration, err error) string {
	if err != nil {
		return fmt.Sprintf("failed after %s: %v", milliseconds(took), err)
	}
	return milliseconds(took)
}

// trace returns the hooks for a dial, nil for a nil narrator.
func (n *narrator) trace() *dial.Trace {
	if n == nil {
		return nil
	}
	return &dial.Trace{
		DNS: func(host string, addrs []string, took time.Duration, err error) {
			n.say('*', "dns %s: %s (%s)", host, strings.Join(addrs, ", "), outcome(took, err))
		},
		Connect: func(addr string, took time.Duration, err error) {
			n.say('*', "connect %s (%s)", addr, outcome(took, err))
		},
		TLS: func(state *tls.ConnectionState, took time.Duration, err error) {
			if state == nil {
				n.say('*', "tls (%s)", outcome(took, err))
				return
			}
			n.say('*', "tls %s, %s, ALPN %q (%s)", tls.VersionName(state.Version),
				tls.CipherSuiteName(state.CipherSuite), state.NegotiatedProtocol, outcome(took, err))
			if len(state.PeerCertificates) > 0 {
				leaf := state.PeerCertificates[0]
				n.say('*', "certificate %s, by %s, valid until %s", leaf.Subject, leaf.Issuer, leaf.NotAfter.Format(time.RFC3339))
			}
		},
	}
}

// metadata writes one line a value, keys in order, secrets as "[redacted]".
func (n *narrator) metadata(mark byte, md metadata.MD) {
	if n == nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(md)) {
		for _, value := range md[key] {
			switch {
			case invoke.Sensitive(key):
				value = "[redacted]"
			case strings.HasSuffix(key, "-bin"):
				value = base64.StdEncoding.EncodeToString([]byte(value))
			}
			n.say(mark, "%s: %s", key, value)
		}
	}
}

// dump writes a message's bytes, at level 2.
func (n *narrator) dump(mark byte, number int, wire []byte) {
	if n == nil {
		return
	}
	if !n.raw {
		n.say(mark, "message %d", number)
		return
	}
	n.say(mark, "message %d, %d bytes", number, len(wire))
	for _, line := range strings.Split(strings.TrimSuffix(hex.Dump(wire), "\n"), "\n") {
		if line != "" {
			n.say(mark, "%s", line)
		}
	}
}

// request tells what opens a call.
func (n *narrator) request(m protoreflect.MethodDescriptor, md metadata.MD, timeout time.Duration) {
	if n == nil {
		return
	}
	n.say('>', "POST %s", stream.Path(m))
	if timeout > 0 {
		n.say('>', "grpc-timeout: %v", timeout)
	}
	n.metadata('>', md)
}

// sending narrates the requests that in gives.
func (n *narrator) sending(in stream.Requests) stream.Requests {
	if n == nil {
		return in
	}
	return &narratedRequests{narrator: n, Requests: in}
}

type narratedRequests struct {
	*narrator
	stream.Requests
	count int
}

func (r *narratedRequests) Next() ([]byte, error) {
	m, err := r.Requests.Next()
	if err == nil {
		r.count++
		r.dump('>', r.count, m)
	}
	return m, err
}

// receiving narrates what goes to out.
func (n *narrator) receiving(out stream.Responses) stream.Responses {
	if n == nil {
		return out
	}
	return &narratedResponses{narrator: n, out: out, start: time.Now()}
}

type narratedResponses struct {
	*narrator
	out   stream.Responses
	start time.Time
	count int
}

func (r *narratedResponses) Header(md metadata.MD) error {
	r.say('*', "response headers after %s", milliseconds(time.Since(r.start)))
	r.metadata('<', md)
	return r.out.Header(md)
}

func (r *narratedResponses) Message(m []byte) error {
	r.count++
	if r.count == 1 {
		r.say('*', "first message after %s", milliseconds(time.Since(r.start)))
	}
	r.dump('<', r.count, m)
	return r.out.Message(m)
}

func (r *narratedResponses) Trailer(md metadata.MD, st *status.Status) error {
	r.metadata('<', md)
	r.say('<', "status %s (%d)", invoke.CodeName(st.Code()), st.Code())
	r.say('*', "call took %s", milliseconds(time.Since(r.start)))
	return r.out.Trailer(md, st)
}

// total tells the time since the command began.
func (n *narrator) total() {
	if n != nil {
		n.say('*', "total %s", milliseconds(time.Since(n.start)))
	}
}
