package invoke_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/stream"
	"github.com/grpcx/grpcx/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(tb testserver.TB) *grpc.ClientConn {
	tb.Helper()
	server := testserver.Start(tb, testserver.Config{})
	cc, err := grpc.NewClient(server.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatalf("connect: %v", err)
	}
	tb.Cleanup(func() { _ = cc.Close() })
	return cc
}

func method(name protoreflect.Name) protoreflect.MethodDescriptor {
	return testpb.File_grpc_testing_test_proto.Services().ByName("TestService").Methods().ByName(name)
}

// recorder keeps the metadata, and answers each message with verdict.
type recorder struct {
	header, trailer metadata.MD
	verdict         error
}

func (r *recorder) Header(md metadata.MD) error { r.header = md; return nil }
func (r *recorder) Message([]byte) error        { return r.verdict }
func (r *recorder) Trailer(md metadata.MD, _ *status.Status) error {
	r.trailer = md
	return nil
}

func encode(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	wire, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return wire
}

func TestDo(t *testing.T) {
	cc := connect(t)
	t.Run("metadata goes both ways", func(t *testing.T) {
		out := &recorder{}
		result, err := invoke.Do(context.Background(), cc, invoke.Call{
			Method:    method("UnaryCall"),
			Metadata:  metadata.Pairs("x-grpc-test-echo-initial", "a", "x-grpc-test-echo-trailing-bin", "\xab\xcd"),
			Requests:  stream.Messages(),
			Responses: out,
		})
		if err != nil || result.Status.Code() != codes.OK || result.Sent != 1 || result.Received != 1 {
			t.Fatalf("result = %+v, err = %v", result, err)
		}
		if got := out.header.Get("x-grpc-test-echo-initial"); len(got) != 1 || got[0] != "a" {
			t.Errorf("header = %q", got)
		}
		if got := out.trailer.Get("x-grpc-test-echo-trailing-bin"); len(got) != 1 || got[0] != "\xab\xcd" {
			t.Errorf("trailer = %q", got)
		}
		if result.Elapsed <= 0 {
			t.Errorf("elapsed = %v", result.Elapsed)
		}
	})
	t.Run("a status is a result", func(t *testing.T) {
		request := encode(t, &testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Code: 5, Message: "gone"}})
		result, err := invoke.Do(context.Background(), cc, invoke.Call{
			Method: method("UnaryCall"), Requests: stream.Messages(request), Responses: &recorder{},
		})
		if err != nil || result.Status.Code() != codes.NotFound || result.Status.Message() != "gone" {
			t.Errorf("result = %+v, err = %v", result, err)
		}
	})
	t.Run("the timeout is the call's own", func(t *testing.T) {
		result, err := invoke.Do(context.Background(), cc, invoke.Call{
			Method: method("FullDuplexCall"), Timeout: 20 * time.Millisecond,
			Requests: stream.Held(context.Background(), stream.Messages(), 200*time.Millisecond), Responses: &recorder{},
		})
		if err != nil || result.Status.Code() != codes.DeadlineExceeded {
			t.Errorf("result = %+v, err = %v", result, err)
		}
	})
	two := encode(t, &testpb.StreamingOutputCallRequest{ResponseParameters: []*testpb.ResponseParameters{{Size: 1}, {Size: 1}}})
	t.Run("a sink that has enough stops the call", func(t *testing.T) {
		result, err := invoke.Do(context.Background(), cc, invoke.Call{
			Method: method("StreamingOutputCall"), Requests: stream.Messages(two), Responses: &recorder{verdict: stream.Stop},
		})
		if err != nil || !result.Stopped || result.Received != 1 || result.Status.Code() != codes.OK {
			t.Errorf("result = %+v, err = %v", result, err)
		}
	})
	t.Run("a sink that fails is our error", func(t *testing.T) {
		broken := errors.New("broken pipe")
		result, err := invoke.Do(context.Background(), cc, invoke.Call{
			Method: method("StreamingOutputCall"), Requests: stream.Messages(two), Responses: &recorder{verdict: broken},
		})
		if !errors.Is(err, broken) || result.Stopped || result.Received != 1 {
			t.Errorf("result = %+v, err = %v", result, err)
		}
	})
}

// A call of any kind needs its method, a source of requests and a sink.
func ExampleDo() {
	server, err := testserver.Listen(testserver.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Shutdown(context.Background()) }()
	cc, err := grpc.NewClient(server.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = cc.Close() }()
	result, err := invoke.Do(context.Background(), cc, invoke.Call{
		Method:    method("EmptyCall"),
		Requests:  stream.Messages(),
		Responses: &recorder{},
	})
	fmt.Println(result.Status.Code(), result.Sent, result.Received, err)
	// Output: OK 1 1 <nil>
}
