package testserver

import (
	"fmt"
	"net"
)

// CheckExposure tells whether a server with this configuration may listen on the
// address without anybody having said that the network is trusted: on loopback
// and on unix sockets always, elsewhere if connections are encrypted and
// credentials are required. The error says what is missing.
func (c Config) CheckExposure(a net.Addr, encrypted bool) error {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsLoopback() || a.Network() == "unix" {
		return nil
	}
	missing := ""
	switch authenticated := c.Auth == AuthRequired; {
	case !encrypted && !authenticated:
		missing = "neither TLS nor required authentication"
	case !encrypted:
		missing = "no TLS"
	case !authenticated:
		missing = "no required authentication"
	default:
		return nil
	}
	return fmt.Errorf("listen on %s: beyond the loopback interface, with %s", a, missing)
}

// usesDefaultAdmin tells whether admin logs in with the password that everybody
// knows.
func (c Config) usesDefaultAdmin() bool {
	return c.DefaultAdmin && c.AdminPassword == ""
}
