package oneport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// echoStatus sends some metadata.
func echoStatus(ctx context.Context, _ *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	err := errors.Join(grpc.SetHeader(ctx, metadata.Pairs("x-header", "1")), grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "1")))
	return &grpc_testing.SimpleResponse{}, err
}

// slow is a service whose unary calls last until they may end.
func slow() (impl *service, begun, end chan struct{}) {
	begun, end = make(chan struct{}, 10), make(chan struct{})
	return &service{unary: func(ctx context.Context, _ *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
		begun <- struct{}{}
		select {
		case <-end:
			return &grpc_testing.SimpleResponse{Username: "done"}, nil
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}}, begun, end
}

// callers makes the slow call over gRPC, HTTP/1.1 and HTTP/2.
func callers(t *testing.T, addr string) []func() error {
	t.Helper()
	calls := []func() error{func() error {
		_, err := native(t, addr, nil).UnaryCall(deadline(t), &grpc_testing.SimpleRequest{})
		return err
	}}
	for _, http2 := range []bool{false, true} {
		c := connect.NewClient[grpc_testing.SimpleRequest, grpc_testing.SimpleResponse](browser(t, http2, nil), "http://"+addr+"/grpc.testing.TestService/UnaryCall")
		calls = append(calls, func() error {
			_, err := c.CallUnary(deadline(t), connect.NewRequest(&grpc_testing.SimpleRequest{}))
			return err
		})
	}
	return calls
}

func TestGracefulStopWaitsForCalls(t *testing.T) {
	impl, begun, end := slow()
	s, addr := start(t, Config{}, impl)
	calls := callers(t, addr)
	results := make(chan error)
	for _, call := range calls {
		go func() { results <- call() }()
	}
	for range calls {
		<-begun
	}
	resting := dialRaw(t, addr)
	resting.hello()
	resting.until(func(f http2.Frame) bool { return f.Header().Type == http2.FrameSettings })
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.GracefulStop()
	}()
	f := resting.until(func(f http2.Frame) bool { return f.Header().Type == http2.FrameGoAway }).(*http2.GoAwayFrame)
	if f.ErrCode != http2.ErrCodeNo || f.LastStreamID != 0 {
		t.Errorf("%v", f)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a new client is served")
		}
		_ = c.Close()
	}
	select {
	case <-stopped:
		t.Error("stopped with calls under way")
	case <-time.After(50 * time.Millisecond):
	}
	close(end)
	for range calls {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	<-stopped
	if err := s.Serve(&failing{}); !errors.Is(err, grpc.ErrServerStopped) {
		t.Errorf("serve after the end: %v", err)
	}
}

func TestStopCutsCallsOff(t *testing.T) {
	impl, begun, _ := slow()
	s, addr := start(t, Config{}, impl)
	calls := callers(t, addr)
	results := make(chan error)
	for _, call := range calls {
		go func() { results <- call() }()
	}
	for range calls {
		<-begun
	}
	graceful := make(chan struct{})
	go func() {
		defer close(graceful)
		s.GracefulStop()
	}()
	s.Stop()
	<-graceful
	for range calls {
		if err := <-results; err == nil {
			t.Error("a call that was cut off succeeded")
		}
	}
}

func TestStopWithoutServe(t *testing.T) {
	NewServer(Config{}).GracefulStop()
	s := NewServer(Config{})
	s.Stop()
	s.Stop()
}

func TestClientGoesAway(t *testing.T) {
	impl, begun, _ := slow()
	ended := make(chan error, 1)
	wait := impl.unary
	impl.unary = func(ctx context.Context, req *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
		_, err := wait(ctx, req)
		ended <- err
		return nil, err
	}
	s, addr := start(t, Config{}, impl)
	for _, http2 := range []bool{false, true} {
		ctx, cancel := context.WithCancel(deadline(t))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/grpc.testing.TestService/UnaryCall", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		go func() {
			<-begun
			cancel()
		}()
		if resp, err := browser(t, http2, nil).Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if err := <-ended; status.Code(err) != codes.Canceled {
			t.Errorf("the handler got %v", err)
		}
	}
	eventually(t, "no call is open", func() bool { return s.Stats().Calls == 0 })
}
