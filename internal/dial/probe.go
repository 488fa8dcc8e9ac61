package dial

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"

	"golang.org/x/net/http2"
)

// protocol is what a server was heard to speak.
type protocol int

const (
	protocolUnknown protocol = iota
	protocolTLS
	protocolHTTP1
	protocolHTTP2
)

const (
	// silence is how long a server may leave a handshake unanswered before
	// it is asked what it speaks.
	silence = 400 * time.Millisecond
	// probes bounds the questions together, so that a wrong guess is named within a
	// second; an answer in HTTP/1.1 that takes its time may add to it. The last
	// question has what the others leave of it, and no less than each of them.
	probes = time.Second - silence
	// defaultProbeTime bounds each question but the last.
	defaultProbeTime = 250 * time.Millisecond
)

// recognise tells a protocol by the first bytes that a server sent.
func recognise(first []byte) protocol {
	switch {
	case bytes.HasPrefix(first, []byte("HTTP/1.")):
		return protocolHTTP1
	case len(first) >= 3 && (first[0] == 0x15 || first[0] == 0x16) && first[1] == 3:
		// An alert or handshake record (RFC 8446, section 5.1).
		return protocolTLS
	case len(first) >= 9 && first[3] == byte(http2.FrameSettings) && first[0] == 0:
		// A server's connection preface is a SETTINGS frame (RFC 9113, section 3.4).
		return protocolHTTP2
	}
	return protocolUnknown
}

// probeSilence waits until a connection has been up for some time without
// the server having said a word, and then finds out what it speaks. It
// returns an *Error if that is not what was asked for, else nil.
func (d *dialer) probeSilence(ctx context.Context) error {
	timer := time.NewTimer(silence)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-timer.C:
	}
	d.mu.Lock()
	phase, conn := d.phase, d.conn
	d.mu.Unlock()
	if first, _ := conn.seen(); conn == nil || len(first) > 0 {
		return nil
	}
	e := &Error{Address: d.cfg.Address, Phase: phase}
	if d.mismatch(e, d.probe(ctx)) {
		return e
	}
	return nil
}

// probe asks the server, on connections of its own, what it speaks: first the
// other of plaintext HTTP/2 and TLS, then HTTP/1.1. One that answers in HTTP/1.1
// may speak what is wanted, too, and have been slow to begin: that is asked last.
// Nothing of the user's is sent.
func (d *dialer) probe(ctx context.Context) protocol {
	if d.cfg.Dialer != nil || d.address.host == "" && d.address.unix == "" {
		return protocolUnknown
	}
	wanted, asked, other := protocolTLS, helloTLS, helloHTTP2
	if d.plaintext {
		wanted, asked, other = protocolHTTP2, helloHTTP2, helloTLS
	}
	begun, limit := time.Now(), cmp.Or(d.cfg.probeTime, defaultProbeTime)
	p := d.ask(ctx, limit, other)
	if p == protocolUnknown {
		p = d.ask(ctx, limit, helloHTTP1)
	}
	if p != protocolHTTP1 {
		return p
	}
	limit = cmp.Or(d.cfg.lastTime, max(limit, probes-time.Since(begun)))
	if d.ask(ctx, limit, asked) == wanted {
		return wanted
	}
	return p
}

func (d *dialer) ask(ctx context.Context, limit time.Duration, hello func(context.Context, net.Conn)) protocol {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	network, addr := "tcp", d.address.host
	if d.address.unix != "" {
		network, addr = "unix", d.address.unix
	}
	var nd net.Dialer
	conn, err := nd.DialContext(ctx, network, addr)
	if err != nil {
		return protocolUnknown
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	w := &witness{Conn: conn}
	hello(ctx, w)
	first, _ := w.seen()
	return recognise(first)
}

// The hellos send what opens a connection of their protocol, and read until
// the witness has seen enough of the answer; their own success is nothing to
// them.

func helloTLS(ctx context.Context, conn net.Conn) {
	_ = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}).HandshakeContext(ctx) //nolint:gosec // only the first bytes of the answer are looked at, nothing is sent
}

func helloHTTP2(_ context.Context, conn net.Conn) {
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return
	}
	if err := http2.NewFramer(conn, nil).WriteSettings(); err != nil {
		return
	}
	_, _ = io.ReadFull(conn, make([]byte, firstBytes))
}

func helloHTTP1(_ context.Context, conn net.Conn) {
	if _, err := io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return
	}
	_, _ = io.ReadFull(conn, make([]byte, firstBytes))
}
