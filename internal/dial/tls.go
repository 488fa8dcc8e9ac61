package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// TLS says how a connection is secured. The zero value is TLS with the
// system's roots, unless the address itself says plaintext.
type TLS struct {
	// Plaintext turns TLS off.
	Plaintext bool
	// Insecure accepts any certificate of the server.
	Insecure bool
	// CACert is a PEM file whose roots replace the system's.
	CACert string
	// Cert and Key are PEM files that identify the client.
	Cert, Key string
	// ServerName replaces the name that the certificate is checked against.
	// It may differ from the authority.
	ServerName string
}

// set reports whether any option asks for TLS.
func (t TLS) set() bool {
	return t.Insecure || t.CACert != "" || t.Cert != "" || t.Key != "" || t.ServerName != ""
}

// decideTLS settles between what the address and the options say.
func (d *dialer) decideTLS() error {
	t, scheme := d.cfg.TLS, d.address.scheme
	switch {
	case t.Plaintext && t.set():
		return &ConfigError{errors.New("--plaintext cannot be combined with --insecure, --cacert, --cert, --key or --servername")}
	case t.Plaintext && scheme == saysTLS:
		return &ConfigError{fmt.Errorf("address %q asks for TLS, --plaintext for none", d.cfg.Address)}
	case scheme == saysPlaintext && t.set() && d.address.unix == "":
		return &ConfigError{fmt.Errorf("address %q is plaintext, the TLS options have no place; write host:port", d.cfg.Address)}
	}
	d.plaintext = t.Plaintext || scheme == saysPlaintext && !t.set()
	return nil
}

func (d *dialer) credentials() (credentials.TransportCredentials, error) {
	if d.plaintext {
		return insecure.NewCredentials(), nil
	}
	t := d.cfg.TLS
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: t.Insecure, //nolint:gosec // the user asked for it by --insecure
	}
	if t.CACert != "" {
		pem, err := os.ReadFile(t.CACert)
		if err != nil {
			return nil, fmt.Errorf("read CA certificates: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read CA certificates %s: no PEM certificate in the file", t.CACert)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, &ConfigError{errors.New("--cert and --key go together")}
	}
	var certificate tls.Certificate // an empty one is none (RFC 8446, section 4.4.2)
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("read client certificate %s with key %s: %w", t.Cert, t.Key, err)
		}
		certificate = pair
	}
	// The certificate that the user named is sent whatever authorities the
	// server asks for: it is the server that must judge it.
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.asked = true
		return &certificate, nil
	}
	return &tlsCredentials{TransportCredentials: credentials.NewTLS(cfg), dialer: d}, nil
}

// tlsCredentials checks certificates against TLS.ServerName where there is
// one, whatever the authority, and reports handshakes to the dialer.
type tlsCredentials struct {
	credentials.TransportCredentials
	dialer *dialer
}

func (c *tlsCredentials) Clone() credentials.TransportCredentials {
	return &tlsCredentials{TransportCredentials: c.TransportCredentials.Clone(), dialer: c.dialer}
}

func (c *tlsCredentials) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	start := time.Now()
	if name := c.dialer.cfg.TLS.ServerName; name != "" {
		authority = name
	}
	conn, info, err := c.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if t := c.dialer.cfg.Trace; t != nil && t.TLS != nil {
		var state *tls.ConnectionState
		if tlsInfo, ok := info.(credentials.TLSInfo); ok {
			state = &tlsInfo.State
		}
		t.TLS(state, time.Since(start), err)
	}
	if err != nil {
		c.dialer.failed(PhaseTLS, err)
		return nil, nil, err
	}
	inner := &witness{Conn: conn}
	c.dialer.mu.Lock()
	c.dialer.phase, c.dialer.inner = PhaseHTTP2, inner
	c.dialer.mu.Unlock()
	return inner, info, nil
}
