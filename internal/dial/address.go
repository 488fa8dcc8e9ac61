package dial

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Demo is the address of the reference server inside the process. Whoever
// dials it supplies Config.Dialer.
const Demo = "demo"

// Address is an address as people write it, taken apart.
type Address struct {
	target string   // for grpc.NewClient
	host   string   // host:port to probe, "" where there is no single one
	unix   string   // path of a socket, "" for TCP
	list   []string // addresses behind one name, tried in their order
	scheme security
}

// security is what the address itself says about TLS.
type security int

const (
	unsaid security = iota
	saysPlaintext
	saysTLS
)

// ConfigError is a Config that makes no sense, whatever the server is.
type ConfigError struct{ error }

// ParseAddress takes host:port, grpc://host:port (plaintext), grpcs://host:port
// (TLS), http and https in their place, unix:/path, unix-abstract:name,
// dns:///host:port, ipv4:a:1,b:2, ipv6:[::1]:1 and demo. Its error is a
// *ConfigError.
func ParseAddress(s string) (Address, error) {
	a, err := parseAddress(s)
	if err != nil {
		return Address{}, &ConfigError{err}
	}
	return a, nil
}

func parseAddress(s string) (Address, error) {
	if s == "" {
		return Address{}, errors.New("address is empty: write host:port")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return Address{}, fmt.Errorf("address %q has white space or control characters", s)
	}
	if s == Demo {
		return Address{target: "passthrough:///demo", scheme: saysPlaintext}, nil
	}
	scheme, rest, found := strings.Cut(s, ":")
	if found {
		switch strings.ToLower(scheme) {
		case "grpc", "http":
			return parseURL(s, saysPlaintext, "80")
		case "grpcs", "https":
			return parseURL(s, saysTLS, "443")
		case "unix":
			return parseUnix(s, strings.TrimPrefix(rest, "//"))
		case "unix-abstract":
			return parseUnix(s, "@"+rest)
		case "dns", "passthrough":
			return Address{target: s}, nil
		case "ipv4", "ipv6":
			return parseList(s, scheme, rest)
		case "consul", "xds":
			return Address{}, fmt.Errorf("address %q: %s:// is not supported by this build", s, scheme)
		}
	}
	if found && strings.HasPrefix(rest, "//") {
		return Address{}, fmt.Errorf("address %q: unknown scheme %q; write host:port, grpc:// or grpcs://", s, scheme)
	}
	return parseHostPort(s, s, unsaid)
}

// parseList takes the addresses of gRPC's ipv4 and ipv6 name schemes
// (https://github.com/grpc/grpc/blob/master/doc/naming.md).
func parseList(s, scheme, list string) (Address, error) {
	a := Address{target: scheme + ":///" + list}
	for hostPort := range strings.SplitSeq(list, ",") {
		addr, err := netip.ParseAddrPort(hostPort)
		if err != nil || addr.Addr().Is4() != (scheme == "ipv4") {
			return Address{}, fmt.Errorf("address %q: want %s:ADDRESS:PORT,..., got %q", s, scheme, hostPort)
		}
		a.list = append(a.list, hostPort)
	}
	if len(a.list) == 1 {
		a.host = a.list[0]
	}
	return a, nil
}

func parseUnix(s, path string) (Address, error) {
	if path == "" || path == "@" {
		return Address{}, fmt.Errorf("address %q: the socket has no path", s)
	}
	return Address{target: "passthrough:///localhost", unix: path, scheme: saysPlaintext}, nil
}

func parseURL(s string, scheme security, port string) (Address, error) {
	u, err := url.Parse(s)
	if err != nil {
		// url.Error repeats the URL, quoted.
		return Address{}, fmt.Errorf("address: %w", err)
	}
	if u.User != nil {
		return Address{}, errors.New("address: a URL with credentials; send them as metadata with -H")
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return Address{}, fmt.Errorf("address %q: gRPC has no place for a path; write %s://%s", s, u.Scheme, u.Host)
	}
	if u.Hostname() == "" {
		return Address{}, fmt.Errorf("address %q has no host", s)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	return parseHostPort(s, net.JoinHostPort(u.Hostname(), port), scheme)
}

func parseHostPort(s, hostPort string, scheme security) (Address, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		if strings.HasSuffix(err.Error(), "missing port in address") {
			return Address{}, fmt.Errorf("address %q has no port; write %s:443 for instance", s, s)
		}
		return Address{}, fmt.Errorf("address %q: want host:port", s)
	}
	if port == "" {
		return Address{}, fmt.Errorf("address %q has no port; write %s443 for instance", s, s)
	}
	if host == "" {
		host = "localhost"
	}
	hostPort = net.JoinHostPort(host, port)
	return Address{target: "passthrough:///" + hostPort, host: hostPort, scheme: scheme}, nil
}
