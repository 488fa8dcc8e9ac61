package tui

import (
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/reflection"
	rpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"

	"github.com/grpcx/grpcx/testdata/testnet"
)

// together keeps the questions about services back until there are so many of them.
type together struct {
	grpc.ServerStream
	wanted int
	held   []*rpb.ServerReflectionRequest
}

func (s *together) RecvMsg(m any) error {
	for len(s.held) == 0 || s.held[0].GetFileContainingSymbol() != "" && s.wanted > 0 {
		question := new(rpb.ServerReflectionRequest)
		if err := s.ServerStream.RecvMsg(question); err != nil {
			return err
		}
		s.held = append(s.held, question)
		if question.GetFileContainingSymbol() != "" {
			s.wanted--
		}
	}
	proto.Merge(m.(proto.Message), s.held[0])
	s.held = s.held[1:]
	return nil
}

// TestServicesAreAskedForTogether holds that no service waits for the round trip of
// another one.
func TestServicesAreAskedForTogether(t *testing.T) {
	server := grpc.NewServer(grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		return handler(srv, &together{ServerStream: stream, wanted: 3})
	}))
	healthpb.RegisterHealthServer(server, health.NewServer())
	testgrpc.RegisterTestServiceServer(server, testgrpc.UnimplementedTestServiceServer{})
	reflection.RegisterV1(server)
	s := newTerminal(t, config(t, testnet.Serve(t, server)), 80, 24)
	s.until("all services", func() bool { return s.m.link.state == ready && !s.m.loading() })
	if n := len(s.m.tree.services); n != 3 {
		t.Errorf("%d services", n)
	}
	for _, service := range s.m.tree.services {
		if service.err != nil || len(service.methods) == 0 {
			t.Errorf("%s: %d methods, %v", service.name, len(service.methods), service.err)
		}
	}
}
