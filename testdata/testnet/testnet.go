// Package testnet has the addresses that tests need, and servers on them.
package testnet

import (
	"net"
	"testing"

	"google.golang.org/grpc"
)

// Refusing returns a loopback address that refuses connections. Nobody else gets
// its port while the test runs: it is the client's end of a connection.
func Refusing(tb testing.TB) string {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	client, err := new(net.Dialer).DialContext(tb.Context(), "tcp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	_ = l.Close()
	tb.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
	})
	return client.LocalAddr().String()
}

// Serve serves on a loopback address, which it returns, until the test ends.
func Serve(tb testing.TB, server *grpc.Server) (address string) {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	tb.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			tb.Error(err)
		}
	})
	return l.Addr().String()
}
