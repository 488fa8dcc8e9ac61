package traffic_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/tui/traffic"
	"github.com/grpcx/grpcx/testdata/testnet"
	"github.com/grpcx/grpcx/testserver"
)

func sized(sizes ...int32) *testpb.StreamingOutputCallRequest {
	r := &testpb.StreamingOutputCallRequest{}
	for _, n := range sizes {
		r.ResponseParameters = append(r.ResponseParameters, &testpb.ResponseParameters{Size: n})
	}
	return r
}

func TestKinds(t *testing.T) {
	cc := connect(t, testserver.Start(t, testserver.Config{}).Addr())
	t.Run("unary", func(t *testing.T) {
		done := make(chan struct{}, 2)
		call := traffic.Start(t.Context(), cc, traffic.Options{
			Method:   method("UnaryCall"),
			Metadata: metadata.Pairs("x-grpc-test-echo-initial", "a", "x-grpc-test-echo-trailing-bin", "\xab"),
			Done:     func() { done <- struct{}{} },
		})
		request := encode(t, &testpb.SimpleRequest{ResponseSize: 3})
		if err := call.Send(request); err != nil {
			t.Fatal(err)
		}
		if err := call.Send(request); !errors.Is(err, traffic.ErrSendClosed) {
			t.Errorf("a second request: %v", err)
		}
		s := ended(t, call)
		<-done
		if s.State != traffic.Done || s.Status.Code() != codes.OK || s.Sent != 1 || s.Received != 1 {
			t.Errorf("snapshot = %+v", s)
		}
		if s.Header.Get("x-grpc-test-echo-initial")[0] != "a" || s.Trailer.Get("x-grpc-test-echo-trailing-bin")[0] != "\xab" {
			t.Errorf("header %v, trailer %v", s.Header, s.Trailer)
		}
		if s.Connected <= 0 || s.FirstSent < s.Connected || s.FirstByte < s.FirstSent || s.FirstMessage < s.FirstByte || s.Elapsed < s.LastMessage {
			t.Errorf("moments are out of order: %+v", s.Progress)
		}
		out, _ := call.Entry(0)
		in, _ := call.Entry(1)
		if out.Direction != traffic.Sent || out.Number != 1 || !bytes.Equal(out.Wire, request) {
			t.Errorf("entry 0 = %+v", out)
		}
		if in.Direction != traffic.Received || in.Number != 1 || s.ReceivedBytes != int64(len(in.Wire)) || s.SentBytes != int64(len(request)) {
			t.Errorf("entry 1 = %+v of %d bytes", in, s.ReceivedBytes)
		}
		if len(done) > 0 {
			t.Error("Done was called twice")
		}
	})
	t.Run("client stream", func(t *testing.T) {
		one := encode(t, &testpb.StreamingInputCallRequest{Payload: &testpb.Payload{Body: make([]byte, 5)}})
		call := traffic.Start(t.Context(), cc, traffic.Options{Method: method("StreamingInputCall"), Requests: [][]byte{one, one, one}, CloseSend: true})
		s := ended(t, call)
		if s.Sent != 3 || s.Received != 1 || s.Status.Code() != codes.OK {
			t.Errorf("snapshot = %+v", s)
		}
	})
	t.Run("server stream", func(t *testing.T) {
		call := traffic.Start(t.Context(), cc, traffic.Options{Method: method("StreamingOutputCall"), Requests: [][]byte{encode(t, sized(1, 2, 3))}})
		s := ended(t, call)
		if s.Sent != 1 || s.Received != 3 || s.Next != 4 || s.Gaps.Total != 2 {
			t.Errorf("snapshot = %+v", s)
		}
	})
	t.Run("bidi stream", func(t *testing.T) {
		call := traffic.Start(t.Context(), cc, traffic.Options{Method: method("FullDuplexCall")})
		for n := 1; n <= 3; n++ {
			if err := call.Send(encode(t, sized(7))); err != nil {
				t.Fatal(err)
			}
			until(t, call, "an answer", func(s traffic.Snapshot) bool { return s.Received == n && s.State == traffic.Streaming })
		}
		for i, want := range []traffic.Direction{traffic.Sent, traffic.Received, traffic.Sent, traffic.Received, traffic.Sent, traffic.Received} {
			if e, ok := call.Entry(i); !ok || e.Direction != want || e.Number != i/2+1 {
				t.Errorf("entry %d = %+v, %v", i, e, ok)
			}
		}
		call.CloseSend()
		if s := ended(t, call); s.State != traffic.Done || s.Status.Code() != codes.OK || s.Sent != 3 {
			t.Errorf("snapshot = %+v", s)
		}
		if err := call.Send(nil); !errors.Is(err, traffic.ErrSendClosed) {
			t.Errorf("send after the end: %v", err)
		}
	})
}

func TestEnds(t *testing.T) {
	cc := connect(t, testserver.Start(t, testserver.Config{}).Addr())
	t.Run("cancelled by you", func(t *testing.T) {
		call := traffic.Start(t.Context(), cc, traffic.Options{Method: method("FullDuplexCall")})
		until(t, call, "streaming", func(s traffic.Snapshot) bool { return s.State == traffic.Streaming })
		call.Cancel()
		if s := ended(t, call); s.State != traffic.CancelledByYou || s.Status.Code() != codes.Canceled {
			t.Errorf("snapshot = %+v", s)
		}
	})
	t.Run("cancelled while held", func(t *testing.T) {
		call := traffic.Start(t.Context(), cc, traffic.Options{Method: method("FullDuplexCall"), Requests: [][]byte{encode(t, sized(1))}})
		call.Hold(true)
		until(t, call, "held", func(s traffic.Snapshot) bool { return s.State == traffic.Held })
		call.Cancel()
		if s := ended(t, call); s.State != traffic.CancelledByYou {
			t.Errorf("snapshot = %+v", s)
		}
	})
	t.Run("the deadline passes while held", func(t *testing.T) {
		call := traffic.Start(t.Context(), cc, traffic.Options{
			Method: method("FullDuplexCall"), Requests: [][]byte{encode(t, sized(1))}, Timeout: 50 * time.Millisecond,
		})
		call.Hold(true)
		if s := ended(t, call); s.State != traffic.Done || s.Status.Code() != codes.DeadlineExceeded {
			t.Errorf("snapshot = %+v", s)
		}
	})
	t.Run("half-closed, then a status", func(t *testing.T) {
		call := traffic.Start(t.Context(), cc, traffic.Options{Method: method("FullDuplexCall")})
		failing := sized(1)
		failing.ResponseStatus = &testpb.EchoStatus{Code: 9, Message: "not now"}
		if err := call.Send(encode(t, failing)); err != nil {
			t.Fatal(err)
		}
		if s := ended(t, call); s.State != traffic.Done || s.Status.Code() != codes.FailedPrecondition || s.Status.Message() != "not now" {
			t.Errorf("snapshot = %+v", s)
		}
	})
	t.Run("the context of Start", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		call := traffic.Start(ctx, cc, traffic.Options{Method: method("UnaryCall")})
		cancel()
		if s := ended(t, call); s.State != traffic.Done || s.Status.Code() != codes.Canceled || s.Sent != 0 {
			t.Errorf("snapshot = %+v", s)
		}
	})
	t.Run("no server", func(t *testing.T) {
		call := traffic.Start(t.Context(), connect(t, testnet.Refusing(t)), traffic.Options{Method: method("UnaryCall"), Requests: [][]byte{nil}})
		if s := ended(t, call); s.Status.Code() != codes.Unavailable || s.Connected != 0 || s.Sent != 0 {
			t.Errorf("snapshot = %+v", s)
		}
	})
}

// flood sends messages of a size, without end or as many as it says.
type flood struct {
	testpb.UnimplementedTestServiceServer
	size, count int
	sent        atomic.Int64
}

func (f *flood) StreamingOutputCall(_ *testpb.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[testpb.StreamingOutputCallResponse]) error {
	m := &testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: make([]byte, f.size)}}
	if f.size == 0 {
		m.Payload = nil
	}
	for f.count == 0 || f.sent.Load() < int64(f.count) {
		if err := stream.Send(m); err != nil {
			return err
		}
		f.sent.Add(1)
	}
	return nil
}

// FullDuplexCall reads nothing.
func (f *flood) FullDuplexCall(stream grpc.BidiStreamingServer[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse]) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

func TestHoldReachesTheServer(t *testing.T) {
	const size, windowSize = 16 << 10, 64 << 10
	service := &flood{size: size}
	_, address := serve(t, service)
	cc := connect(t, address, grpc.WithStaticStreamWindowSize(windowSize), grpc.WithStaticConnWindowSize(windowSize))
	call := traffic.Start(t.Context(), cc, traffic.Options{Method: method("StreamingOutputCall"), Requests: [][]byte{nil}})
	until(t, call, "some messages", func(s traffic.Snapshot) bool { return s.Received > 10 })
	call.Hold(true)
	held := until(t, call, "held", func(s traffic.Snapshot) bool { return s.State == traffic.Held })
	// A server that never had to wait would go past any bound: what may be on its
	// way is the window, what grpc-go's sender queues, and one message of ours.
	var last int64
	same := 0
	until(t, call, "the server waits", func(traffic.Snapshot) bool {
		if now := service.sent.Load(); now == last {
			same++
		} else {
			last, same = now, 0
		}
		return same >= 50
	})
	s := call.Snapshot()
	if s.Received > held.Received+1 {
		t.Errorf("received %d while held after %d", s.Received, held.Received)
	}
	const slack = (windowSize + 2*64<<10) / size
	if on := service.sent.Load() - int64(s.Received); on > slack+2 {
		t.Errorf("server is %d messages ahead", on)
	}
	call.Hold(false)
	until(t, call, "more messages", func(now traffic.Snapshot) bool { return now.Received > s.Received+100 })
	call.Cancel()
	ended(t, call)
}

func TestServerKilled(t *testing.T) {
	server, address := serve(t, &flood{size: 10})
	call := traffic.Start(t.Context(), connect(t, address), traffic.Options{Method: method("StreamingOutputCall"), Requests: [][]byte{nil}})
	until(t, call, "some messages", func(s traffic.Snapshot) bool { return s.Received > 10 })
	server.Stop()
	s := ended(t, call)
	if s.State != traffic.Done || s.Status.Code() != codes.Unavailable || s.Received < 10 {
		t.Errorf("snapshot = %+v", s)
	}
	if e, ok := call.Entry(s.Next - 1); !ok || e.Number != s.Received {
		t.Errorf("the last message is not kept: %+v", e)
	}
}

func TestSendQueueIsBounded(t *testing.T) {
	_, address := serve(t, &flood{})
	call := traffic.Start(t.Context(), connect(t, address), traffic.Options{Method: method("FullDuplexCall")})
	until(t, call, "streaming", func(s traffic.Snapshot) bool { return s.State == traffic.Streaming })
	wire := encode(t, &testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: make([]byte, 64<<10)}})
	taken := 0
	var err error
	for err == nil && taken < 2000 {
		if err = call.Send(wire); err == nil {
			taken++
		}
	}
	s := call.Snapshot()
	if !errors.Is(err, traffic.ErrFull) || s.Queued*len(wire) > 16<<20 || s.Sent+s.Queued > taken {
		t.Errorf("after %d messages: %v, %+v", taken, err, s)
	}
	call.Cancel()
	if s := ended(t, call); s.Queued != 0 {
		t.Errorf("%d messages still wait", s.Queued)
	}
}

func TestEveryMessageIsCounted(t *testing.T) {
	const count = 60_000
	_, address := serve(t, &flood{size: 20, count: count})
	record := &file{}
	call := traffic.Start(t.Context(), connect(t, address), traffic.Options{Method: method("StreamingOutputCall"), MaxBytes: 64 << 10})
	if err := call.Record(record, message.Binary, traffic.Received); err != nil {
		t.Fatal(err)
	}
	if err := call.Send(nil); err != nil {
		t.Fatal(err)
	}
	// Who looks on, and pins, changes nothing.
	until(t, call, "the end", func(s traffic.Snapshot) bool {
		if _, ok := call.Pin(s.First); !ok && s.Next > 0 {
			t.Error("nothing could be pinned")
		}
		return s.State.Over()
	})
	s := ended(t, call)
	if s.Received != count || s.Next != count+1 || s.Recorded != count || s.Recording || s.RecordErr != nil {
		t.Fatalf("snapshot = %+v", s)
	}
	if s.First < count-1000 {
		t.Errorf("%d messages are kept in 64 KiB", s.Next-s.First)
	}
	decoder := message.NewDecoder(&record.Buffer, method("StreamingOutputCall").Output(), message.DecodeOptions{Format: message.Binary})
	read := 0
	for ; ; read++ {
		wire, err := decoder.Next()
		if err != nil {
			break
		}
		var m testpb.StreamingOutputCallResponse
		if err := proto.Unmarshal(wire, &m); err != nil || len(m.GetPayload().GetBody()) != 20 {
			t.Fatalf("message %d of the record: %v, %v", read, err, &m)
		}
	}
	if read != count || record.closed != 1 {
		t.Errorf("record has %d messages and was closed %d times", read, record.closed)
	}
}
