package testserver

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Bounds on what one request may ask for.
const (
	maxInteropPayload = 4 << 20  // bytes of one response
	maxInteropTotal   = 64 << 20 // bytes of the responses to one request
	maxInteropHeld    = 1000     // requests that HalfDuplexCall keeps
)

// interopServer is grpc.testing.TestService as the official interop tests
// describe it. UnimplementedCall stays unimplemented, as they ask.
type interopServer struct {
	grpc_testing.UnimplementedTestServiceServer
}

func (*interopServer) EmptyCall(context.Context, *grpc_testing.Empty) (*grpc_testing.Empty, error) {
	return &grpc_testing.Empty{}, nil
}

func (*interopServer) UnaryCall(ctx context.Context, req *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	if err := echoMetadata(ctx); err != nil {
		return nil, err
	}
	if err := requestedStatus(req.GetResponseStatus()); err != nil {
		return nil, err
	}
	payload, err := newPayload(req.GetResponseType(), req.GetResponseSize())
	if err != nil {
		return nil, err
	}
	return &grpc_testing.SimpleResponse{Payload: payload}, nil
}

func (*interopServer) StreamingInputCall(stream grpc.ClientStreamingServer[grpc_testing.StreamingInputCallRequest, grpc_testing.StreamingInputCallResponse]) error {
	total := 0
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&grpc_testing.StreamingInputCallResponse{AggregatedPayloadSize: int32(total)})
		}
		if err != nil {
			return err
		}
		if total += len(req.GetPayload().GetBody()); total > math.MaxInt32 {
			return status.Error(codes.OutOfRange, "the payloads add up to more than 2 GiB")
		}
	}
}

func (*interopServer) StreamingOutputCall(req *grpc_testing.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[grpc_testing.StreamingOutputCallResponse]) error {
	if err := echoMetadata(stream.Context()); err != nil {
		return err
	}
	return answer(stream.Context(), req, stream.Send)
}

func (*interopServer) FullDuplexCall(stream grpc.BidiStreamingServer[grpc_testing.StreamingOutputCallRequest, grpc_testing.StreamingOutputCallResponse]) error {
	if err := echoMetadata(stream.Context()); err != nil {
		return err
	}
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := answer(stream.Context(), req, stream.Send); err != nil {
			return err
		}
	}
}

// HalfDuplexCall answers when all requests have come.
func (*interopServer) HalfDuplexCall(stream grpc.BidiStreamingServer[grpc_testing.StreamingOutputCallRequest, grpc_testing.StreamingOutputCallResponse]) error {
	if err := echoMetadata(stream.Context()); err != nil {
		return err
	}
	var held []*grpc_testing.StreamingOutputCallRequest
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if len(held) == maxInteropHeld {
			return status.Errorf(codes.ResourceExhausted, "more than %d requests", maxInteropHeld)
		}
		req.Payload = nil // nothing is made of it
		held = append(held, req)
	}
	for _, req := range held {
		if err := answer(stream.Context(), req, stream.Send); err != nil {
			return err
		}
	}
	return nil
}

// answer sends the responses that a request asks for, each after its interval.
func answer(ctx context.Context, req *grpc_testing.StreamingOutputCallRequest, send func(*grpc_testing.StreamingOutputCallResponse) error) error {
	if err := requestedStatus(req.GetResponseStatus()); err != nil {
		return err
	}
	total := 0
	for _, p := range req.GetResponseParameters() {
		if total += int(max(0, p.GetSize())); total > maxInteropTotal {
			return status.Errorf(codes.InvalidArgument, "responses of more than %d bytes in all", maxInteropTotal)
		}
		if err := sleep(ctx, time.Duration(p.GetIntervalUs())*time.Microsecond); err != nil {
			return err
		}
		payload, err := newPayload(req.GetResponseType(), p.GetSize())
		if err != nil {
			return err
		}
		if err := send(&grpc_testing.StreamingOutputCallResponse{Payload: payload}); err != nil {
			return err
		}
	}
	return nil
}

// sleep waits for d, or fails when ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

func newPayload(kind grpc_testing.PayloadType, size int32) (*grpc_testing.Payload, error) {
	switch {
	case kind != grpc_testing.PayloadType_COMPRESSABLE:
		return nil, status.Errorf(codes.InvalidArgument, "unsupported payload type %d", kind)
	case size < 0:
		return nil, status.Errorf(codes.InvalidArgument, "negative response size %d", size)
	case size > maxInteropPayload:
		return nil, status.Errorf(codes.InvalidArgument, "response size %d is above %d", size, maxInteropPayload)
	}
	return &grpc_testing.Payload{Type: kind, Body: make([]byte, size)}, nil
}

// requestedStatus returns the error that the client asks for, if any.
func requestedStatus(st *grpc_testing.EchoStatus) error {
	if st.GetCode() == 0 {
		return nil
	}
	return status.Error(codes.Code(uint32(st.GetCode())), st.GetMessage())
}

// echoMetadata sends back the metadata of the custom_metadata test.
func echoMetadata(ctx context.Context) error {
	const initial, trailing = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
	if v := metadata.ValueFromIncomingContext(ctx, initial); len(v) > 0 {
		if err := grpc.SetHeader(ctx, metadata.MD{initial: v}); err != nil {
			return err
		}
	}
	if v := metadata.ValueFromIncomingContext(ctx, trailing); len(v) > 0 {
		return grpc.SetTrailer(ctx, metadata.MD{trailing: v})
	}
	return nil
}
