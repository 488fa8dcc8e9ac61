package testserver

import (
	"context"
	"net/netip"

	"google.golang.org/grpc/peer"
)

// peerHost is where a call comes from, without the port. The addresses of an
// IPv6 network of 64 bits, which are one client's to choose, count as one host.
func peerHost(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return ""
	}
	text := p.Addr.String()
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return text
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return text
	}
	return network.String()
}
