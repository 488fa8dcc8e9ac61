//go:build slow

package traffic_test

import (
	"runtime"
	"testing"
	"time"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/grpcx/grpcx/internal/tui/traffic"
)

// paced sends 10,000 messages a second for a minute.
type paced struct {
	testpb.UnimplementedTestServiceServer
}

const pacedSeconds = 60

func (paced) StreamingOutputCall(_ *testpb.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[testpb.StreamingOutputCallResponse]) error {
	m := &testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: make([]byte, 100)}}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 100 * pacedSeconds {
		<-tick.C
		for range 100 {
			if err := stream.Send(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestLargeStreamOfAMinute(t *testing.T) {
	_, address := serve(t, paced{})
	call := traffic.Start(t.Context(), connect(t, address), traffic.Options{Method: method("StreamingOutputCall"), Requests: [][]byte{nil}})
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	var most uint64
	for n := 0; !call.Snapshot().State.Over(); n++ {
		<-tick.C
		if n%30 == 0 {
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			most = max(most, memory.HeapInuse+memory.StackInuse)
		}
	}
	s := ended(t, call)
	if s.Received != 10_000*pacedSeconds || s.Next != s.Received+1 {
		t.Errorf("counted %d messages of %d", s.Received, 10_000*pacedSeconds)
	}
	if most > 150<<20 {
		t.Errorf("heap in use came to %d MiB", most>>20)
	}
	t.Logf("%d messages in %v, %.0f a second, heap in use at most %d MiB, %d kept", s.Received, s.Elapsed, s.Rate, most>>20, s.Next-s.First)
}
