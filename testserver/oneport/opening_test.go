package oneport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/interop/grpc_testing"

	"github.com/grpcx/grpcx/testdata/testcert"
)

// message is a request of gRPC that is empty.
var message = []byte{0, 0, 0, 0, 0}

// call makes a call on stream 1 and returns whether grpc-go answered it.
func (c *rawConn) call(block []byte) (native bool) {
	c.t.Helper()
	if err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true}); err != nil {
		c.t.Fatal(err)
	}
	return c.answer()
}

// answer ends the request on stream 1 and returns whether grpc-go answers it: only
// it does without the header date.
func (c *rawConn) answer() (native bool) {
	c.t.Helper()
	if err := c.WriteData(1, true, message); err != nil {
		c.t.Fatal(err)
	}
	c.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f := c.until(isHeaders).(*http2.MetaHeadersFrame)
	if f.PseudoValue("status") != "200" {
		c.t.Fatalf("status %s", f.PseudoValue("status"))
	}
	for _, h := range f.Fields {
		if h.Name == "date" {
			return false
		}
	}
	return true
}

func TestWhoServes(t *testing.T) {
	_, addr := start(t, Config{}, &service{})
	for name, c := range map[string]struct {
		talk   func(*rawConn) bool
		native bool
	}{
		"gRPC":                  {func(c *rawConn) bool { c.hello(); return c.call(c.headers("EmptyCall", "application/grpc")) }, true},
		"gRPC in protobuf":      {func(c *rawConn) bool { c.hello(); return c.call(c.headers("EmptyCall", "application/grpc+proto")) }, true},
		"gRPC with a parameter": {func(c *rawConn) bool { c.hello(); return c.call(c.headers("EmptyCall", "application/grpc;x=y")) }, true},
		"gRPC-Web":              {func(c *rawConn) bool { c.hello(); return c.call(c.headers("EmptyCall", "application/grpc-web+proto")) }, false},
		"headers in pieces": {func(c *rawConn) bool {
			c.hello()
			block := c.headers("EmptyCall", "application/grpc")
			if err := errors.Join(
				c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:20]}),
				c.WriteContinuation(1, true, block[20:]),
			); err != nil {
				c.t.Fatal(err)
			}
			return c.answer()
		}, true},
		"with padding and priority": {func(c *rawConn) bool {
			c.hello()
			if err := c.WriteHeaders(http2.HeadersFrameParam{
				StreamID: 1, BlockFragment: c.headers("EmptyCall", "application/grpc"), EndHeaders: true,
				PadLength: 77, Priority: http2.PriorityParam{StreamDep: 3, Weight: 9},
			}); err != nil {
				c.t.Fatal(err)
			}
			return c.answer()
		}, true},
		"byte by byte": {func(c *rawConn) bool {
			var said bytes.Buffer
			out := c.Framer
			c.Framer = http2.NewFramer(&said, nil)
			if err := errors.Join(c.WriteSettings(), c.WriteWindowUpdate(0, 1000), c.WriteHeaders(http2.HeadersFrameParam{
				StreamID: 1, BlockFragment: c.headers("EmptyCall", "application/grpc"), EndHeaders: true,
			})); err != nil {
				c.t.Fatal(err)
			}
			c.Framer = out
			for _, b := range []byte(http2.ClientPreface + said.String()) {
				c.say(string([]byte{b}))
			}
			return c.answer()
		}, true},
		"after a rest and pings": {func(c *rawConn) bool {
			c.hello()
			for i := range byte(3) {
				if err := c.WritePing(false, [8]byte{i}); err != nil {
					c.t.Fatal(err)
				}
				f := c.until(func(f http2.Frame) bool { return f.Header().Type == http2.FramePing }).(*http2.PingFrame)
				if !f.IsAck() || f.Data[0] != i {
					c.t.Fatalf("ping %d answered by %v", i, f)
				}
			}
			return c.call(c.headers("EmptyCall", "application/grpc"))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if native := c.talk(dialRaw(t, addr)); native != c.native {
				t.Errorf("served by grpc-go: %v, want %v", native, c.native)
			}
		})
	}
}

func TestFirstSettingsHaveTheLimits(t *testing.T) {
	_, addr := start(t, Config{MaxStreams: 7, MaxHeaderBytes: 9000}, &service{})
	c := dialRaw(t, addr)
	c.hello() // and no call: a client of grpc-go would wait
	f := c.until(func(f http2.Frame) bool { return true }).(*http2.SettingsFrame)
	streams, _ := f.Value(http2.SettingMaxConcurrentStreams)
	headers, _ := f.Value(http2.SettingMaxHeaderListSize)
	if streams != 7 || headers != 9000 {
		t.Errorf("%d streams, %d bytes of headers", streams, headers)
	}
}

func TestClientsThatAreNotServed(t *testing.T) {
	_, addr := start(t, Config{HandshakeTimeout: 100 * time.Millisecond}, &service{})
	for name, say := range map[string]func(*rawConn){
		"nothing":                func(*rawConn) {},
		"half a preface":         func(c *rawConn) { c.say(http2.ClientPreface[:10]) },
		"no settings":            func(c *rawConn) { c.say(http2.ClientPreface) },
		"half a frame":           func(c *rawConn) { c.hello(); c.say("\x00\x00\x05") },
		"headers without an end": func(c *rawConn) { c.hello(); _ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1}) },
		"headers of 1 MiB": func(c *rawConn) {
			c.hello()
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.headers("EmptyCall", "application/grpc")})
			for range 100 {
				if c.WriteContinuation(1, false, make([]byte, 10_000)) != nil {
					return
				}
			}
		},
		"half a request line": func(c *rawConn) { c.say("GET / HT") },
		"pings without end": func(c *rawConn) {
			c.hello()
			for range 20 {
				if c.WritePing(false, [8]byte{}) != nil {
					return
				}
			}
		},
		"TLS": func(c *rawConn) { c.say("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dialRaw(t, addr)
			say(c)
			if _, err := io.Copy(io.Discard, c.Conn); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
}

func TestRestingClientKeepsItsConnection(t *testing.T) {
	t.Parallel()
	const step = time.Second
	_, addr := start(t, Config{HandshakeTimeout: step}, &service{})
	c := dialRaw(t, addr)
	c.hello()
	<-time.After(3 * step) // more than a step may take
	if !c.call(c.headers("EmptyCall", "application/grpc")) {
		t.Error("served by net/http")
	}
}

func TestPlaintextOnTLSPort(t *testing.T) {
	ca := testcert.New(t)
	_, addr := start(t, Config{TLS: ca.Server(ca.Issue("localhost", time.Now().Add(time.Hour)))}, &service{})
	c := dialRaw(t, addr)
	c.say("GET / HTTP/1.1\r\n\r\n")
	b, _ := io.ReadAll(c.Conn)
	if !strings.Contains(string(b), "400 Bad Request") || !strings.Contains(string(b), "https") {
		t.Errorf("%q", b)
	}
}

func TestUnixSocket(t *testing.T) {
	s := NewServer(Config{})
	grpc_testing.RegisterTestServiceServer(s, &service{})
	path := t.TempDir() + "/socket"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	if _, err := native(t, "unix:"+path, nil).EmptyCall(deadline(t), &grpc_testing.Empty{}); err != nil {
		t.Error(err)
	}
	s.Stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestManyNativeCallsAtOnce(t *testing.T) {
	s, addr := start(t, Config{}, &service{unary: func(_ context.Context, req *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
		return &grpc_testing.SimpleResponse{Payload: req.GetPayload()}, nil
	}})
	c := native(t, addr, nil)
	failed := make(chan error)
	const callers, each = 300, 4 // more callers than a connection has streams
	for i := range callers {
		go func() {
			var err error
			for range each {
				req := &grpc_testing.SimpleRequest{Payload: &grpc_testing.Payload{Body: bytes.Repeat([]byte{byte(i)}, 100*i)}}
				resp, callErr := c.UnaryCall(deadline(t), req)
				if callErr == nil && !bytes.Equal(resp.GetPayload().GetBody(), req.GetPayload().GetBody()) {
					callErr = errors.New("another answer")
				}
				err = errors.Join(err, callErr)
			}
			failed <- err
		}()
	}
	for range callers {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	eventually(t, "no call is open", func() bool { return s.Stats().Calls == 0 })
}

func TestServerOptionsReachGRPC(t *testing.T) {
	called := make(chan string, 1)
	s := NewServer(Config{}, grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		called <- info.FullMethod
		return handler(ctx, req)
	}))
	grpc_testing.RegisterTestServiceServer(s, &service{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	defer s.Stop()
	if _, err := native(t, l.Addr().String(), nil).EmptyCall(deadline(t), &grpc_testing.Empty{}); err != nil {
		t.Fatal(err)
	}
	if got := <-called; got != "/grpc.testing.TestService/EmptyCall" {
		t.Error(got)
	}
}
