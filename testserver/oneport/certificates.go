package oneport

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// ClientAuth says whether clients show certificates. Those that they show are
// always verified.
type ClientAuth string

// The choices of ClientAuth; "" is ClientAuthNone without authorities for
// clients, and ClientAuthRequire with them.
const (
	ClientAuthNone    ClientAuth = "none"
	ClientAuthRequest ClientAuth = "request" // asked for, not insisted on
	ClientAuthRequire ClientAuth = "require"
)

// reloadInterval is how long changed files may stay unnoticed.
const reloadInterval = time.Second

// Files are the PEM files that TLS is made of. They are read again when they
// change, for the connections that come then.
type Files struct {
	Cert, Key  string // of the server, Cert with its chain
	ClientCA   string // authorities of clients
	ClientAuth ClientAuth
	// OnReload, if it is set, is told once of each change of the files: err is nil
	// if it was taken over, and else why the files of before stay in use. It is
	// called while a client waits.
	OnReload func(err error)

	now func() time.Time // nil means time.Now
}

// LoadTLS reads the files and returns the configuration of a server that follows
// their changes.
func LoadTLS(f Files) (*tls.Config, error) {
	if f.now == nil {
		f.now = time.Now
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	r := &reloader{files: f}
	var err error
	if r.read, err = f.read(); err != nil {
		return nil, err
	}
	if r.config, err = f.config(r.read); err != nil {
		return nil, err
	}
	r.checked = f.now()
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: protocols(),
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return r.current(), nil
		},
	}, nil
}

func (f Files) check() error {
	switch {
	case f.Cert == "" || f.Key == "":
		return errors.New("TLS: a certificate and its key go together")
	case !slices.Contains([]ClientAuth{"", ClientAuthNone, ClientAuthRequest, ClientAuthRequire}, f.ClientAuth):
		return fmt.Errorf("TLS: client authentication %q: want %s, %s or %s", f.ClientAuth, ClientAuthNone, ClientAuthRequest, ClientAuthRequire)
	case f.ClientCA == "" && (f.ClientAuth == ClientAuthRequest || f.ClientAuth == ClientAuthRequire):
		return fmt.Errorf("TLS: client authentication %q needs the authorities of clients", f.ClientAuth)
	}
	return nil
}

// pems are the contents of the files.
type pems struct{ cert, key, clientCA []byte }

func (p pems) equal(q pems) bool {
	return bytes.Equal(p.cert, q.cert) && bytes.Equal(p.key, q.key) && bytes.Equal(p.clientCA, q.clientCA)
}

func (f Files) read() (p pems, err error) {
	for _, file := range []struct {
		path string
		to   *[]byte
	}{{f.Cert, &p.cert}, {f.Key, &p.key}, {f.ClientCA, &p.clientCA}} {
		if file.path == "" {
			continue
		}
		if *file.to, err = os.ReadFile(file.path); err != nil {
			return pems{}, fmt.Errorf("TLS: %w", err)
		}
	}
	return p, nil
}

func (f Files) config(p pems) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		return nil, fmt.Errorf("TLS: %s and %s: %w", f.Cert, f.Key, err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols(), Certificates: []tls.Certificate{pair}}
	if p.clientCA == nil || f.ClientAuth == ClientAuthNone {
		return c, nil
	}
	c.ClientCAs = x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(p.clientCA) {
		return nil, fmt.Errorf("TLS: %s: no certificate in PEM", f.ClientCA)
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	if f.ClientAuth == ClientAuthRequest {
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return c, nil
}

// reloader has the configuration that the files last gave. A new one has new
// keys for session tickets, so no session outlives the authorities of its time.
type reloader struct {
	files Files

	mu      sync.Mutex
	config  *tls.Config
	read    pems   // what the files held when they were last read
	failure string // of reading them, or ""
	checked time.Time
}

func (r *reloader) current() *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.files.now()
	if now.Sub(r.checked) < reloadInterval {
		return r.config
	}
	r.checked = now
	p, err := r.files.read()
	if err != nil {
		if err.Error() != r.failure {
			r.failure = err.Error()
			r.report(err)
		}
		return r.config
	}
	if r.failure == "" && p.equal(r.read) {
		return r.config
	}
	changed := !p.equal(r.read)
	r.failure, r.read = "", p
	if changed {
		config, err := r.files.config(p)
		if err == nil {
			r.config = config
		}
		r.report(err)
	}
	return r.config
}

func (r *reloader) report(err error) {
	if r.files.OnReload != nil {
		r.files.OnReload(err)
	}
}
