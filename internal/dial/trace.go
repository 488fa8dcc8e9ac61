package dial

import (
	"crypto/tls"
	"net/http/httptrace"
	"sync"
	"time"
)

// Trace hears of the steps of a dial, each with the time that it took. Fields
// may be nil. Steps of attempts on several addresses may come at once.
type Trace struct {
	// DNS is called after a look-up of host.
	DNS func(host string, addrs []string, took time.Duration, err error)
	// Connect is called after each attempt on one address.
	Connect func(addr string, took time.Duration, err error)
	// TLS is called after a handshake; state is nil if it failed.
	TLS func(state *tls.ConnectionState, took time.Duration, err error)
}

// trace returns the hooks that package net calls, or nil.
func (d *dialer) trace() *httptrace.ClientTrace {
	t := d.cfg.Trace
	if t == nil {
		return nil
	}
	var mu sync.Mutex
	var host string
	var lookup time.Time
	connects := map[string]time.Time{}
	return &httptrace.ClientTrace{
		DNSStart: func(i httptrace.DNSStartInfo) {
			mu.Lock()
			defer mu.Unlock()
			host, lookup = i.Host, time.Now()
		},
		DNSDone: func(i httptrace.DNSDoneInfo) {
			mu.Lock()
			defer mu.Unlock()
			addrs := make([]string, len(i.Addrs))
			for n, a := range i.Addrs {
				addrs[n] = a.String()
			}
			if t.DNS != nil {
				t.DNS(host, addrs, time.Since(lookup), i.Err)
			}
		},
		ConnectStart: func(_, addr string) {
			mu.Lock()
			defer mu.Unlock()
			connects[addr] = time.Now()
		},
		ConnectDone: func(_, addr string, err error) {
			mu.Lock()
			defer mu.Unlock()
			if t.Connect != nil {
				t.Connect(addr, time.Since(connects[addr]), err)
			}
		},
	}
}
