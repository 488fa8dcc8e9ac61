//go:build codegen

package live

import (
	"testing"
)

// TestConnect calls by the transports of @connectrpc/connect-node.
func TestConnect(t *testing.T) {
	plain := newSite(t, false)
	dir := workplace(t)
	plain.generate(t, dir, "ts", "--runtime", "grpc-js")
	choose(t, dir, "multi")
	for _, compiler := range compilers {
		t.Run(compiler, func(t *testing.T) { check(t, dir, compiler) })
	}
	bundle(t, dir, "node")
	for _, tt := range []struct {
		name, transport string
		secure          bool
	}{
		{name: "gRPC", transport: "grpc"},
		{name: "gRPC over TLS", transport: "grpc", secure: true},
		{name: "gRPC-Web", transport: "grpc-web"},
		{name: "Connect", transport: "connect"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := plain
			if tt.secure {
				s = newSite(t, true)
			}
			victim, control := s.victim(t)
			runCases(t, 100, dir, "node.mjs", tt.transport, s.url(s.reference), s.url(s.probe), s.url(victim), control, s.authority)
		})
	}
	bundle(t, dir, "grpcjs")
	for _, secure := range []bool{false, true} {
		name := "grpc-js"
		if secure {
			name += " over TLS"
		}
		t.Run(name, func(t *testing.T) {
			s := plain
			if secure {
				s = newSite(t, true)
			}
			victim, control := s.victim(t)
			runCases(t, 100, dir, "grpcjs.mjs", s.host(s.reference), s.host(s.probe), s.host(victim), control, s.authority)
		})
	}
}

// TestSingleFile calls by clients that are in one file with all that they need.
func TestSingleFile(t *testing.T) {
	s := newSite(t, false)
	dir := workplace(t)
	s.generate(t, dir, "ts", "--single-file", "--runtime", "grpc-js")
	choose(t, dir, "single")
	for _, compiler := range compilers {
		t.Run(compiler, func(t *testing.T) { check(t, dir, compiler) })
	}
	for _, tt := range []struct {
		program string
		args    []string
		url     func(string) string
	}{
		{program: "node", args: []string{"grpc"}, url: s.url},
		{program: "grpcjs", url: s.host},
	} {
		t.Run(tt.program, func(t *testing.T) {
			bundle(t, dir, tt.program)
			victim, control := s.victim(t)
			runCases(t, 100, dir, tt.program+".mjs", append(tt.args, tt.url(s.reference), tt.url(s.probe), tt.url(victim), control, s.authority)...)
		})
	}
}
