//go:build peers

package peers

import (
	"testing"
	"time"

	"github.com/grpcx/grpcx/testdata/testcert"
)

// TestNodeClients runs the clients that know nothing of this server but the
// schema that they bring.
func TestNodeClients(t *testing.T) {
	dir := workplace(t, "node")
	for _, program := range []string{"user", "chat", "conversation", "file"} {
		t.Run(program, func(t *testing.T) {
			runCases(t, dir, program+".js", serve(t))
		})
	}
}

// TestNodeInterop holds grpc-js against the server.
func TestNodeInterop(t *testing.T) {
	dir := workplace(t, "node")
	set := exportSchema(t, serve(t))
	authority := testcert.New(t)
	serverCert, serverKey := authority.Issue("localhost", time.Now().Add(time.Hour))
	clientCert, clientKey := authority.Issue("a client", time.Now().Add(time.Hour))
	secure := []string{"--tls-cert", serverCert, "--tls-key", serverKey}

	t.Run("plaintext", func(t *testing.T) {
		runCases(t, dir, "interop.js", serve(t), set)
	})
	t.Run("TLS", func(t *testing.T) {
		runCases(t, dir, "interop.js", serve(t, secure...), set, authority.File)
	})
	t.Run("mTLS", func(t *testing.T) {
		address := serve(t, append(secure, "--tls-client-ca", authority.File, "--client-auth", "require")...)
		runCases(t, dir, "interop.js", address, set, authority.File, clientCert, clientKey)
	})
}
