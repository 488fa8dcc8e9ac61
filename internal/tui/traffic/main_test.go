package traffic_test

import (
	"context"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/tui/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, address string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	cc, err := grpc.NewClient(address, options...)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { cc.Close() })
	return cc
}

// serve runs a real server with handlers of the test's own, and returns it and its
// address.
func serve(t *testing.T, service testpb.TestServiceServer) (*grpc.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	testpb.RegisterTestServiceServer(server, service)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return server, l.Addr().String()
}

func method(name protoreflect.Name) protoreflect.MethodDescriptor {
	return testpb.File_grpc_testing_test_proto.Services().ByName("TestService").Methods().ByName(name)
}

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	wire, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// until waits for what the call must come to.
func until(t *testing.T, c *traffic.Call, what string, reached func(traffic.Snapshot) bool) traffic.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s := c.Snapshot()
		if reached(s) {
			return s
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not reached: %+v", what, s)
		}
	}
}

// ended waits for the call's end.
func ended(t *testing.T, c *traffic.Call) traffic.Snapshot {
	t.Helper()
	select {
	case <-c.Ended():
	case <-time.After(time.Minute):
		t.Fatalf("call does not end: %+v", c.Snapshot())
	}
	return c.Snapshot()
}
