package traffic_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/tui/traffic"
	"github.com/grpcx/grpcx/testserver"
)

// file is a file in memory, which can be full.
type file struct {
	bytes.Buffer
	full   error
	closed int
}

func (f *file) Write(p []byte) (int, error) {
	if f.full != nil {
		return 0, f.full
	}
	return f.Buffer.Write(p)
}

func (f *file) Close() error { f.closed++; return nil }

func TestSave(t *testing.T) {
	cc := connect(t, testserver.Start(t, testserver.Config{}).Addr())
	call := traffic.Start(t.Context(), cc, traffic.Options{Method: method("StreamingOutputCall"), Requests: [][]byte{encode(t, sized(1, 2, 3))}})
	ended(t, call)
	t.Run("what was received", func(t *testing.T) {
		var b strings.Builder
		n, err := call.Save(&b, message.JSON, traffic.Received)
		want := `{"payload":{"body":"AA=="}}` + "\n" + `{"payload":{"body":"AAA="}}` + "\n" + `{"payload":{"body":"AAAA"}}` + "\n"
		if n != 3 || err != nil || b.String() != want {
			t.Errorf("%d, %v:\n%s", n, err, b.String())
		}
	})
	t.Run("what was sent is read back to the same bytes", func(t *testing.T) {
		var b bytes.Buffer
		if n, err := call.Save(&b, message.Pretty, traffic.Sent); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		wire, err := message.NewDecoder(&b, call.Method().Input(), message.DecodeOptions{}).Next()
		if e, _ := call.Entry(0); err != nil || !bytes.Equal(wire, e.Wire) {
			t.Errorf("%x, %v, sent %x", wire, err, e.Wire)
		}
	})
	t.Run("one message", func(t *testing.T) {
		var b strings.Builder
		if err := call.SaveEntry(&b, message.JSON, 2); err != nil || b.String() != `{"payload":{"body":"AAA="}}`+"\n" {
			t.Errorf("%q, %v", b.String(), err)
		}
		if err := call.SaveEntry(&b, message.JSON, 9); !errors.Is(err, traffic.ErrEvicted) {
			t.Errorf("a message that is not there: %v", err)
		}
	})
	t.Run("a full disk", func(t *testing.T) {
		full := errors.New("disk full")
		if _, err := call.Save(&file{full: full}, message.JSON, traffic.Received); !errors.Is(err, full) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("nothing to record after the end", func(t *testing.T) {
		f := &file{}
		if err := call.Record(f, message.JSON, traffic.Received); !errors.Is(err, traffic.ErrOver) || f.closed != 0 {
			t.Errorf("%v, closed %d times", err, f.closed)
		}
	})
}

func TestRecord(t *testing.T) {
	cc := connect(t, testserver.Start(t, testserver.Config{}).Addr())
	start := func(t *testing.T) (call *traffic.Call, exchange func(answers int)) {
		call = traffic.Start(t.Context(), cc, traffic.Options{Method: method("FullDuplexCall")})
		t.Cleanup(call.Cancel)
		return call, func(answers int) {
			t.Helper()
			if err := call.Send(encode(t, sized(1))); err != nil {
				t.Fatal(err)
			}
			until(t, call, "the answer", func(s traffic.Snapshot) bool { return s.Received == answers && s.Sent == answers })
		}
	}
	t.Run("begins with what is kept, ends when told", func(t *testing.T) {
		call, exchange := start(t)
		exchange(1)
		exchange(2)
		f := &file{}
		if err := call.Record(f, message.JSON, traffic.Received); err != nil {
			t.Fatal(err)
		}
		if err := call.Record(&file{}, message.JSON, traffic.Sent); !errors.Is(err, traffic.ErrRecording) {
			t.Errorf("a second record: %v", err)
		}
		exchange(3)
		if err := call.StopRecording(); err != nil {
			t.Fatal(err)
		}
		exchange(4)
		if n := strings.Count(f.String(), "\n"); n != 3 || f.closed != 1 {
			t.Errorf("%d lines, closed %d times", n, f.closed)
		}
		if s := call.Snapshot(); s.Recording || s.Recorded != 3 {
			t.Errorf("snapshot = %+v", s)
		}
	})
	t.Run("a full disk ends the record, not the call", func(t *testing.T) {
		call, exchange := start(t)
		full := errors.New("disk full")
		f := &file{full: full}
		if err := call.Record(f, message.JSON, traffic.Received); err != nil {
			t.Fatal(err)
		}
		exchange(1)
		exchange(2)
		if err := call.StopRecording(); !errors.Is(err, full) || f.closed != 1 {
			t.Errorf("%v, closed %d times", err, f.closed)
		}
		if s := call.Snapshot(); !errors.Is(s.RecordErr, full) || s.State != traffic.Streaming {
			t.Errorf("snapshot = %+v", s)
		}
	})
}

func TestMessageType(t *testing.T) {
	cc := connect(t, testserver.Start(t, testserver.Config{}).Addr())
	call := traffic.Start(t.Context(), cc, traffic.Options{Method: method("UnaryCall"), Requests: [][]byte{nil}})
	ended(t, call)
	if got := call.MessageType(traffic.Sent); got != (&testpb.SimpleRequest{}).ProtoReflect().Descriptor() {
		t.Errorf("sent = %v", got.FullName())
	}
	if got := call.MessageType(traffic.Received); got != (&testpb.SimpleResponse{}).ProtoReflect().Descriptor() {
		t.Errorf("received = %v", got.FullName())
	}
}
