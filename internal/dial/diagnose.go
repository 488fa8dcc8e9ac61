package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"sync"
	"syscall"
)

// Phase is a step of a dial.
type Phase string

// The phases of a dial, in their order.
const (
	PhaseResolve Phase = "resolve"
	PhaseConnect Phase = "connect"
	PhaseTLS     Phase = "TLS handshake"
	PhaseHTTP2   Phase = "HTTP/2"
)

// Error says why a server could not be reached.
type Error struct {
	Address string
	// Phase is the step that failed.
	Phase Phase
	// Err is the cause, in our words where the server is not what it was
	// taken for.
	Err error
	// Hint tells how to fix it, "" where nothing is known. It may quote the
	// server's certificate.
	Hint string
	// Timeout is true if the time ran out.
	Timeout bool
}

func (e *Error) Error() string {
	if e.Phase == PhaseConnect || e.Phase == PhaseResolve {
		return fmt.Sprintf("connect to %s: %v", e.Address, e.Err)
	}
	return fmt.Sprintf("connect to %s: %s: %v", e.Address, e.Phase, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// witness keeps the first bytes and the first error that a connection reads.
type witness struct {
	net.Conn
	mu    sync.Mutex
	first []byte
	err   error
}

// firstBytes is how much tells the protocols apart.
const firstBytes = 16

func (w *witness) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	if missing := firstBytes - len(w.first); missing > 0 {
		w.first = append(w.first, b[:min(n, missing)]...)
	}
	if w.err == nil {
		w.err = err
	}
	return n, err
}

func (w *witness) seen() ([]byte, error) {
	if w == nil {
		return nil, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.first, w.err
}

// diagnose explains the failed attempt.
func (d *dialer) diagnose(ctx context.Context) error {
	d.mu.Lock()
	phase, err, conn, inner, asked := d.phase, d.err, d.conn, d.inner, d.asked
	d.mu.Unlock()
	e := &Error{Address: d.cfg.Address, Phase: phase, Err: err}
	if conn == nil {
		d.explainConnect(e)
		return e
	}
	raw, _ := conn.seen()
	spoken := recognise(raw)
	above, readErr := inner.seen()
	if inner != conn && recognise(above) == protocolHTTP1 {
		spoken = protocolHTTP1
	}
	var record tls.RecordHeaderError // an answer that is not TLS
	if spoken == protocolUnknown && (err == nil || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.As(err, &record)) {
		spoken = d.probe(ctx)
	}
	if d.mismatch(e, spoken) {
		return e
	}
	if e.Err == nil {
		e.Err = readErr
	}
	explainTLS(e, asked && len(above) == 0)
	return e
}

// mismatch fills in e if the server speaks something else than was asked for.
func (d *dialer) mismatch(e *Error, spoken protocol) bool {
	switch {
	case spoken == protocolHTTP1:
		e.Err = errors.New("the server speaks HTTP/1.1, gRPC needs HTTP/2")
		e.Hint = "this is a web server's port, or a proxy without HTTP/2; is it the right one?"
	case spoken == protocolTLS && d.plaintext:
		e.Err = errors.New("the server speaks TLS")
		e.Hint = "drop --plaintext (or write grpcs:// for grpc://)"
	case spoken == protocolHTTP2 && !d.plaintext:
		e.Err = errors.New("the server speaks plaintext")
		e.Hint = "add --plaintext (or write grpc://" + d.address.host + ")"
	default:
		return false
	}
	return true
}

func (d *dialer) explainConnect(e *Error) {
	e.Phase = PhaseConnect
	var dns *net.DNSError
	switch {
	case e.Err == nil:
		e.Err = errors.New("no address to connect to")
	case errors.As(e.Err, &dns):
		e.Phase = PhaseResolve
		e.Err = fmt.Errorf("look up %s: %s", dns.Name, dns.Err)
		e.Hint = "is the host name spelt right?"
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		e.Hint = "nothing listens there; is the server running, and the port right?"
	case d.address.unix != "" && errors.Is(e.Err, fs.ErrNotExist):
		e.Hint = "there is no such socket; is the server running?"
	}
}

// explainTLS adds what is known about a failed handshake. refused is true if
// the server asked for a client certificate and then said nothing more: TLS
// 1.3 refuses a certificate after the handshake, and the alert may be lost
// with the connection.
func explainTLS(e *Error, refused bool) {
	const wanted = "the server wants a client certificate that it trusts; give --cert and --key"
	if refused && e.Phase == PhaseHTTP2 {
		e.Hint = wanted
		if e.Err == nil || !strings.Contains(e.Err.Error(), "tls: ") {
			e.Err = errors.New("the server asked for a client certificate and closed the connection")
		}
		return
	}
	if e.Err == nil || errors.Is(e.Err, io.EOF) || errors.Is(e.Err, net.ErrClosed) || errors.Is(e.Err, syscall.ECONNRESET) {
		e.Err = errors.New("the server closed the connection")
		return
	}
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var remote *net.OpError // an alert that the server sent
	alerted := errors.As(e.Err, &remote) && remote.Op == "remote error"
	switch text := e.Err.Error(); {
	case errors.As(e.Err, &authority):
		e.Hint = "give the certificate of its authority with --cacert, or --insecure to skip the check"
	case errors.As(e.Err, &hostname):
		e.Hint = "give the name in the certificate with --servername"
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		e.Hint = "the certificate has expired or is not valid yet; --insecure skips the check"
	case strings.Contains(text, "missing selected ALPN property"), strings.Contains(text, "no application protocol"):
		e.Err = errors.New("the server speaks TLS, but not HTTP/2 (no ALPN \"h2\")")
		e.Hint = "this is a web server's port, or a proxy without HTTP/2; is it the right one?"
	case alerted && (strings.Contains(text, "certificate required") || strings.Contains(text, "bad certificate")):
		e.Hint = wanted
	}
}

// timedOut explains why the time ran out, or passes on what a probe found.
func (d *dialer) timedOut(cause error) error {
	var found *Error
	if errors.As(cause, &found) {
		return found
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	phase := d.phase
	if phase == "" {
		phase = PhaseConnect
	}
	e := &Error{Address: d.cfg.Address, Phase: phase, Err: cause, Timeout: true}
	if phase == PhaseConnect {
		e.Hint = "the host does not answer; is a firewall in between? --connect-timeout allows more time"
	}
	return e
}
