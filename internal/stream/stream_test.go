package stream_test

import (
	"context"
	"errors"
	"io"
	"strings"
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

	"github.com/grpcx/grpcx/internal/stream"
	"github.com/grpcx/grpcx/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect starts the reference server and returns a connection to it.
func connect(tb testing.TB) *grpc.ClientConn {
	tb.Helper()
	server := testserver.Start(tb, testserver.Config{})
	cc, err := grpc.NewClient(server.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = cc.Close() })
	return cc
}

func method(name string) protoreflect.MethodDescriptor {
	return testpb.File_grpc_testing_test_proto.Services().ByName("TestService").Methods().ByName(protoreflect.Name(name))
}

func encode(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// recorder keeps what the pump hands over; failAt makes the nth message fail.
type recorder struct {
	messages [][]byte
	header   metadata.MD
	trailers int
	status   *status.Status
	failAt   int
	fail     error
}

func (r *recorder) Header(md metadata.MD) error { r.header = md; return nil }

func (r *recorder) Message(m []byte) error {
	r.messages = append(r.messages, append([]byte(nil), m...))
	if len(r.messages) == r.failAt {
		return r.fail
	}
	return nil
}

func (r *recorder) Trailer(_ metadata.MD, st *status.Status) error {
	r.trailers++
	r.status = st
	return nil
}

// chain gives the requests of several sources, one after the other.
type chain []stream.Requests

func (c *chain) Next() ([]byte, error) {
	for len(*c) > 0 {
		m, err := (*c)[0].Next()
		if err != io.EOF {
			return m, err
		}
		*c = (*c)[1:]
	}
	return nil, io.EOF
}

type failing struct{ err error }

func (f failing) Next() ([]byte, error) { return nil, f.err }

// blocking blocks until released, as a terminal does.
type blocking chan struct{}

func (b blocking) Next() ([]byte, error) { <-b; return nil, io.EOF }

func TestPump(t *testing.T) {
	cc := connect(t)
	early := encode(t, &testpb.StreamingOutputCallRequest{ResponseStatus: &testpb.EchoStatus{Code: 3, Message: "early"}})
	one := encode(t, &testpb.StreamingOutputCallRequest{ResponseParameters: []*testpb.ResponseParameters{{Size: 1}}})
	two := encode(t, &testpb.StreamingOutputCallRequest{ResponseParameters: []*testpb.ResponseParameters{{Size: 1}, {Size: 2}}})
	denied := encode(t, &testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Code: 7, Message: "no"}})
	input := encode(t, &testpb.StreamingInputCallRequest{Payload: &testpb.Payload{Body: []byte("hi")}})
	errBad := errors.New("bad JSON")
	errPipe := errors.New("broken pipe")
	errRefused := status.Error(codes.Internal, "not of this type")
	open := make(blocking)
	t.Cleanup(func() { close(open) })

	for _, tc := range []struct {
		name     string
		method   string
		in       stream.Requests
		failAt   int
		fail     error
		received int
		sent     int
		code     codes.Code
		err      error
		begun    bool
	}{
		{name: "unary", method: "EmptyCall", in: stream.Messages([]byte{}), received: 1, sent: 1, begun: true},
		{name: "no request means an empty one", method: "EmptyCall", in: stream.Messages(), received: 1, sent: 1, begun: true},
		{name: "two requests on unary", method: "EmptyCall", in: stream.Messages([]byte{}, []byte{}), err: stream.ErrExtraRequest},
		{name: "bad request on unary", method: "EmptyCall", in: failing{errBad}, err: errBad},
		{name: "status is a result", method: "UnaryCall", in: stream.Messages(denied), sent: 1, code: codes.PermissionDenied, begun: true},
		{name: "client stream", method: "StreamingInputCall", in: stream.Messages(input, input), received: 1, sent: 2, begun: true},
		{name: "empty client stream", method: "StreamingInputCall", in: stream.Messages(), received: 1, begun: true},
		{name: "server stream", method: "StreamingOutputCall", in: stream.Messages(two), received: 2, sent: 1, begun: true},
		{name: "bidi", method: "FullDuplexCall", in: stream.Messages(one, two), received: 3, sent: 2, begun: true},
		{name: "empty bidi", method: "FullDuplexCall", in: stream.Messages(), begun: true},
		{name: "bad request in mid-stream", method: "FullDuplexCall", in: &chain{stream.Messages(one), failing{errBad}}, received: -1, sent: 1, code: codes.Canceled, err: errBad, begun: true},
		{name: "status while the source blocks", method: "FullDuplexCall", in: &chain{stream.Messages(early), open}, sent: 1, code: codes.InvalidArgument, begun: true},
		{name: "sink fails", method: "StreamingOutputCall", in: stream.Messages(two), failAt: 1, fail: errPipe, received: 1, sent: 1, code: codes.Canceled, err: errPipe, begun: true},
		{name: "sink refuses a message", method: "StreamingOutputCall", in: stream.Messages(two), failAt: 1, fail: errRefused, received: 1, sent: 1, code: codes.Internal, begun: true},
		{name: "sink has all it wants", method: "StreamingOutputCall", in: stream.Messages(two), failAt: 1, fail: stream.Stop, received: 1, sent: 1, begun: true},
		{name: "unimplemented", method: "UnimplementedCall", in: stream.Messages(), sent: 1, code: codes.Unimplemented, begun: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			out := &recorder{failAt: tc.failAt, fail: tc.fail}
			counts, err := stream.Pump(ctx, cc, method(tc.method), tc.in, out)
			if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) {
				t.Fatalf("err = %v, want %v", err, tc.err)
			}
			if !tc.begun {
				if out.trailers != 0 {
					t.Errorf("Trailer called %d times for a call that did not begin", out.trailers)
				}
				return
			}
			if out.trailers != 1 {
				t.Errorf("Trailer called %d times, want 1", out.trailers)
			}
			if out.status == nil || out.status.Code() != tc.code {
				t.Errorf("status = %v, want %v", out.status, tc.code)
			}
			if tc.received >= 0 && (counts.Received != tc.received || len(out.messages) != tc.received) {
				t.Errorf("received %d, handed over %d, want %d", counts.Received, len(out.messages), tc.received)
			}
			if counts.Sent != tc.sent {
				t.Errorf("sent = %d, want %d", counts.Sent, tc.sent)
			}
		})
	}
}

func TestPumpContext(t *testing.T) {
	cc := connect(t)
	t.Run("cancel while the one request is read", func(t *testing.T) {
		open := make(blocking)
		defer close(open)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		out := &recorder{}
		if _, err := stream.Pump(ctx, cc, method("EmptyCall"), open, out); err != nil {
			t.Fatal(err)
		}
		if out.status.Code() != codes.Canceled {
			t.Errorf("status = %v, want CANCELLED", out.status)
		}
	})
	t.Run("cancel while both sides are silent", func(t *testing.T) {
		open := make(blocking)
		defer close(open)
		ctx, cancel := context.WithCancel(context.Background())
		out := &recorder{}
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := stream.Pump(ctx, cc, method("FullDuplexCall"), open, out); err != nil {
			t.Fatal(err)
		}
		if out.status.Code() != codes.Canceled {
			t.Errorf("status = %v, want CANCELLED", out.status)
		}
	})
	t.Run("deadline of a held stream", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		out := &recorder{}
		in := stream.Held(ctx, stream.Messages(), time.Hour)
		if _, err := stream.Pump(ctx, cc, method("FullDuplexCall"), in, out); err != nil {
			t.Fatal(err)
		}
		if out.status.Code() != codes.DeadlineExceeded {
			t.Errorf("status = %v, want DEADLINE_EXCEEDED", out.status)
		}
	})
	t.Run("a request over the size limit is the status", func(t *testing.T) {
		out := &recorder{}
		limited := limitSize{cc, 10}
		if _, err := stream.Pump(context.Background(), limited, method("FullDuplexCall"), stream.Messages(make([]byte, 100)), out); err != nil {
			t.Fatal(err)
		}
		if out.status.Code() != codes.ResourceExhausted || !strings.Contains(out.status.Message(), "larger than max") {
			t.Errorf("status = %v, want RESOURCE_EXHAUSTED", out.status)
		}
	})
}

// limitSize caps what a call may send.
type limitSize struct {
	grpc.ClientConnInterface
	max int
}

func (l limitSize) NewStream(ctx context.Context, d *grpc.StreamDesc, path string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	return l.ClientConnInterface.NewStream(ctx, d, path, append(o, grpc.MaxCallSendMsgSize(l.max))...)
}

// answeredFirst is a connection whose SendMsg returns only when the response is
// there: what a busy machine makes of any connection now and then.
type answeredFirst struct{ grpc.ClientConnInterface }

func (a answeredFirst) NewStream(ctx context.Context, d *grpc.StreamDesc, path string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	st, err := a.ClientConnInterface.NewStream(ctx, d, path, o...)
	return &answeredStream{ClientStream: st, answered: make(chan struct{})}, err
}

type answeredStream struct {
	grpc.ClientStream
	answered chan struct{}
}

func (s *answeredStream) SendMsg(m any) error {
	err := s.ClientStream.SendMsg(m)
	<-s.answered
	return err
}

func (s *answeredStream) RecvMsg(m any) error {
	defer close(s.answered)
	return s.ClientStream.RecvMsg(m)
}

func TestRequestsCountThoughTheAnswerIsQuicker(t *testing.T) {
	cc := answeredFirst{connect(t)}
	counts, err := stream.Pump(t.Context(), cc, method("EmptyCall"), stream.Messages(), &recorder{})
	if err != nil || counts != (stream.Counts{Sent: 1, Received: 1}) {
		t.Errorf("counts = %+v, err = %v", counts, err)
	}
}

func TestSingleEndsWithTheContext(t *testing.T) {
	ctx, end := context.WithCancelCause(t.Context())
	over := errors.New("it is over")
	end(over)
	in := make(blocking)
	defer close(in)
	if _, err := stream.Single(ctx, in); !errors.Is(err, over) {
		t.Errorf("error %v, want the cause of the end", err)
	}
}

func TestPaced(t *testing.T) {
	const interval = 20 * time.Millisecond
	in := stream.Paced(context.Background(), stream.Messages(nil, nil, nil), interval)
	start := time.Now()
	for range 3 {
		if _, err := in.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 2*interval {
		t.Errorf("three requests took %v, want at least %v", took, 2*interval)
	}
	if _, err := in.Next(); err != io.EOF {
		t.Errorf("err = %v, want io.EOF", err)
	}
}

func BenchmarkPumpUnary(b *testing.B) {
	cc := connect(b)
	m := method("EmptyCall")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := stream.Pump(context.Background(), cc, m, stream.Messages([]byte{}), &recorder{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPumpServerStream(b *testing.B) {
	cc := connect(b)
	m := method("StreamingOutputCall")
	sizes := make([]*testpb.ResponseParameters, 1000)
	for i := range sizes {
		sizes[i] = &testpb.ResponseParameters{Size: 64}
	}
	request := encode(b, &testpb.StreamingOutputCallRequest{ResponseParameters: sizes})
	b.ReportAllocs()
	for b.Loop() {
		counts, err := stream.Pump(context.Background(), cc, m, stream.Messages(request), discard{})
		if err != nil || counts.Received != len(sizes) {
			b.Fatal(counts, err)
		}
	}
	b.ReportMetric(float64(len(sizes))*float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

type discard struct{}

func (discard) Header(metadata.MD) error                  { return nil }
func (discard) Message([]byte) error                      { return nil }
func (discard) Trailer(metadata.MD, *status.Status) error { return nil }
