package testserver

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func payload(n int) *grpc_testing.Payload { return &grpc_testing.Payload{Body: make([]byte, n)} }

// asked returns a streaming request for responses of these sizes.
func asked(sizes ...int32) *grpc_testing.StreamingOutputCallRequest {
	req := &grpc_testing.StreamingOutputCallRequest{}
	for _, size := range sizes {
		req.ResponseParameters = append(req.ResponseParameters, &grpc_testing.ResponseParameters{Size: size})
	}
	return req
}

// The cases of the official description that exercise the server, under their
// names there.
func TestInterop(t *testing.T) {
	cc := dial(t, Start(t, Config{}))
	c := grpc_testing.NewTestServiceClient(cc)
	for name, test := range map[string]func(*testing.T, grpc_testing.TestServiceClient){
		"empty_unary": func(t *testing.T, c grpc_testing.TestServiceClient) {
			if resp, err := c.EmptyCall(withDeadline(t), &grpc_testing.Empty{}); err != nil || !proto.Equal(resp, &grpc_testing.Empty{}) {
				t.Error(resp, err)
			}
		},
		"large_unary": func(t *testing.T, c grpc_testing.TestServiceClient) {
			resp, err := c.UnaryCall(withDeadline(t), &grpc_testing.SimpleRequest{ResponseSize: 314159, Payload: payload(271828)})
			if err != nil || len(resp.GetPayload().GetBody()) != 314159 {
				t.Error(len(resp.GetPayload().GetBody()), err)
			}
		},
		"client_streaming": clientStreaming,
		"server_streaming": func(t *testing.T, c grpc_testing.TestServiceClient) {
			sizes := []int32{31415, 9, 2653, 58979}
			stream, err := c.StreamingOutputCall(withDeadline(t), asked(sizes...))
			if err != nil {
				t.Fatal(err)
			}
			wantSizes(t, stream, sizes)
		},
		"ping_pong":               pingPong,
		"status_code_and_message": statusCodeAndMessage,
		"special_status_message": func(t *testing.T, c grpc_testing.TestServiceClient) {
			const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
			_, err := c.UnaryCall(withDeadline(t), &grpc_testing.SimpleRequest{ResponseStatus: &grpc_testing.EchoStatus{Code: 2, Message: message}})
			if st := status.Convert(err); st.Code() != codes.Unknown || st.Message() != message {
				t.Error(st)
			}
		},
		"custom_metadata": customMetadata,
		"unimplemented_method": func(t *testing.T, c grpc_testing.TestServiceClient) {
			_, err := c.UnimplementedCall(withDeadline(t), &grpc_testing.Empty{})
			wantStatus(t, err, codes.Unimplemented, "")
		},
		"unimplemented_service": func(t *testing.T, _ grpc_testing.TestServiceClient) {
			_, err := grpc_testing.NewUnimplementedServiceClient(cc).UnimplementedCall(withDeadline(t), &grpc_testing.Empty{})
			wantStatus(t, err, codes.Unimplemented, "")
		},
		"timeout_on_sleeping_server": func(t *testing.T, c grpc_testing.TestServiceClient) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			stream, err := c.FullDuplexCall(ctx)
			if err == nil {
				_, err = stream.Recv()
			}
			wantStatus(t, err, codes.DeadlineExceeded, "")
		},
	} {
		t.Run(name, func(t *testing.T) { test(t, c) })
	}
}

func wantSizes(t *testing.T, stream interface {
	Recv() (*grpc_testing.StreamingOutputCallResponse, error)
}, sizes []int32) {
	t.Helper()
	for _, size := range sizes {
		if resp, err := stream.Recv(); err != nil || len(resp.GetPayload().GetBody()) != int(size) {
			t.Fatalf("%d bytes, %v, want %d", len(resp.GetPayload().GetBody()), err, size)
		}
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("error %v, want the end", err)
	}
}

func clientStreaming(t *testing.T, c grpc_testing.TestServiceClient) {
	stream, err := c.StreamingInputCall(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{27182, 8, 1828, 45904} {
		if err := stream.Send(&grpc_testing.StreamingInputCallRequest{Payload: payload(size)}); err != nil {
			t.Fatal(err)
		}
	}
	if resp, err := stream.CloseAndRecv(); err != nil || resp.GetAggregatedPayloadSize() != 74922 {
		t.Error(resp, err)
	}
}

// pingPong also is empty_stream, with no request at all.
func pingPong(t *testing.T, c grpc_testing.TestServiceClient) {
	for _, sizes := range [][]int32{{31415, 9, 2653, 58979}, {}} {
		stream, err := c.FullDuplexCall(withDeadline(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range sizes {
			if err := stream.Send(asked(size)); err != nil {
				t.Fatal(err)
			}
			if resp, err := stream.Recv(); err != nil || len(resp.GetPayload().GetBody()) != int(size) {
				t.Fatal(len(resp.GetPayload().GetBody()), err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		wantSizes(t, stream, nil)
	}
}

func statusCodeAndMessage(t *testing.T, c grpc_testing.TestServiceClient) {
	want := &grpc_testing.EchoStatus{Code: 2, Message: "test status message"}
	_, err := c.UnaryCall(withDeadline(t), &grpc_testing.SimpleRequest{ResponseStatus: want})
	wantStatus(t, err, codes.Unknown, want.GetMessage())
	stream, err := c.FullDuplexCall(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&grpc_testing.StreamingOutputCallRequest{ResponseStatus: want}); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv() // without CloseSend
	wantStatus(t, err, codes.Unknown, want.GetMessage())
}

func customMetadata(t *testing.T, c grpc_testing.TestServiceClient) {
	const initial, trailing = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
	ctx := metadata.AppendToOutgoingContext(withDeadline(t), initial, "test_initial_metadata_value", trailing, "\xab\xab\xab")
	check := func(header, trailer metadata.MD) {
		t.Helper()
		if v := header.Get(initial); len(v) != 1 || v[0] != "test_initial_metadata_value" {
			t.Errorf("header %v", header)
		}
		if v := trailer.Get(trailing); len(v) != 1 || v[0] != "\xab\xab\xab" {
			t.Errorf("trailer %v", trailer)
		}
	}
	var header, trailer metadata.MD
	if _, err := c.UnaryCall(ctx, &grpc_testing.SimpleRequest{ResponseSize: 1}, grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
		t.Fatal(err)
	}
	check(header, trailer)
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(stream.Send(asked(1)), stream.CloseSend()); err != nil {
		t.Fatal(err)
	}
	wantSizes(t, stream, []int32{1})
	header, err = stream.Header()
	if err != nil {
		t.Fatal(err)
	}
	check(header, stream.Trailer())
}

func TestInteropHalfDuplex(t *testing.T) {
	c := grpc_testing.NewTestServiceClient(dial(t, Start(t, Config{})))
	stream, err := c.HalfDuplexCall(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int32{5, 0, 70_000}
	for _, size := range sizes {
		req := &grpc_testing.StreamingOutputCallRequest{ResponseParameters: []*grpc_testing.ResponseParameters{{Size: size}}}
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for _, size := range sizes {
		if resp, err := stream.Recv(); err != nil || len(resp.GetPayload().GetBody()) != int(size) {
			t.Fatalf("%d bytes, %v, want %d", len(resp.GetPayload().GetBody()), err, size)
		}
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestInteropBounds(t *testing.T) {
	t.Parallel()
	c := grpc_testing.NewTestServiceClient(dial(t, Start(t, Config{})))
	for _, size := range []int32{-1, maxInteropPayload + 1, 1<<31 - 1} {
		_, err := c.UnaryCall(withDeadline(t), &grpc_testing.SimpleRequest{ResponseSize: size})
		wantStatus(t, err, codes.InvalidArgument, "size")
	}
	_, err := c.UnaryCall(withDeadline(t), &grpc_testing.SimpleRequest{ResponseType: 7})
	wantStatus(t, err, codes.InvalidArgument, "payload type")

	total := &grpc_testing.StreamingOutputCallRequest{}
	for range maxInteropTotal/(1<<20) + 1 {
		total.ResponseParameters = append(total.ResponseParameters, &grpc_testing.ResponseParameters{Size: 1 << 20})
	}
	stream, err := c.StreamingOutputCall(withDeadline(t), total)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = stream.Recv()
	}
	wantStatus(t, err, codes.InvalidArgument, "in all")

	t.Run("requests held by half duplex", func(t *testing.T) {
		stream, err := c.HalfDuplexCall(withDeadline(t))
		if err != nil {
			t.Fatal(err)
		}
		for range maxInteropHeld + 1 {
			if err := stream.Send(&grpc_testing.StreamingOutputCallRequest{}); err != nil {
				break
			}
		}
		_, err = stream.Recv()
		wantStatus(t, err, codes.ResourceExhausted, "")
	})
}

func TestInteropIntervalEndsWithCall(t *testing.T) {
	started := make(chan struct{})
	s := startWith(t, Config{}, func(ctx context.Context, _ *call, next func(context.Context) error) error {
		close(started)
		return next(ctx)
	})
	c := grpc_testing.NewTestServiceClient(dial(t, s))
	ctx, cancel := context.WithCancel(withDeadline(t))
	stream, err := c.StreamingOutputCall(ctx, &grpc_testing.StreamingOutputCallRequest{
		ResponseParameters: []*grpc_testing.ResponseParameters{{IntervalUs: 1<<31 - 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-started
	cancel()
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Error(err)
	}
	if err := s.Shutdown(withDeadline(t)); err != nil { // no handler is left asleep
		t.Error(err)
	}
}
