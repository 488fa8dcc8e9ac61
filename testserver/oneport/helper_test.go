package oneport

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"
)

// service is grpc.testing.TestService as a test wants it.
type service struct {
	grpc_testing.UnimplementedTestServiceServer
	unary func(context.Context, *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error)
	bidi  func(grpc_testing.TestService_FullDuplexCallServer) error
}

func (s *service) EmptyCall(context.Context, *grpc_testing.Empty) (*grpc_testing.Empty, error) {
	return &grpc_testing.Empty{}, nil
}

func (s *service) UnaryCall(ctx context.Context, req *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	return s.unary(ctx, req)
}

func (s *service) FullDuplexCall(stream grpc_testing.TestService_FullDuplexCallServer) error {
	return s.bidi(stream)
}

func (s *service) StreamingOutputCall(req *grpc_testing.StreamingOutputCallRequest, stream grpc_testing.TestService_StreamingOutputCallServer) error {
	for range req.GetResponseParameters() {
		if err := stream.Send(&grpc_testing.StreamingOutputCallResponse{}); err != nil {
			return err
		}
	}
	return nil
}

// start runs a server until the test ends and returns it with its address.
func start(t testing.TB, cfg Config, impl *service) (*Server, string) {
	t.Helper()
	s := NewServer(cfg)
	grpc_testing.RegisterTestServiceServer(s, impl)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		if st := s.Stats(); st.Calls != 0 || st.Connections != 0 || s.weight.Load() != 0 || s.handlers.Load() != 0 {
			t.Errorf("after the end: %+v, weight %d, %d handlers", st, s.weight.Load(), s.handlers.Load())
		}
	})
	return s, l.Addr().String()
}

// patience bounds every wait of these tests.
const patience = 2 * time.Minute

// deadline returns a context that keeps a failing test from hanging.
func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); <-time.After(time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatalf("still not so: %s", what)
		}
	}
}

func native(t testing.TB, addr string, secure *tls.Config) grpc_testing.TestServiceClient {
	t.Helper()
	creds := insecure.NewCredentials()
	if secure != nil {
		creds = credentials.NewTLS(secure)
	}
	cc, err := grpc.NewClient(addr, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return grpc_testing.NewTestServiceClient(cc)
}

// browser returns a client of HTTP; secure is nil for plaintext.
func browser(t testing.TB, http2 bool, secure *tls.Config) *http.Client {
	t.Helper()
	p := new(http.Protocols)
	p.SetHTTP1(!http2)
	p.SetHTTP2(http2)
	p.SetUnencryptedHTTP2(http2 && secure == nil)
	transport := &http.Transport{Protocols: p, TLSClientConfig: secure.Clone()}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// rawConn is a client that writes HTTP/2 frames by hand.
type rawConn struct {
	net.Conn
	*http2.Framer
	t       testing.TB
	encoder *hpack.Encoder
	block   bytes.Buffer
}

func dialRaw(t testing.TB, addr string) *rawConn {
	t.Helper()
	raw, err := new(net.Dialer).DialContext(deadline(t), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	_ = raw.SetDeadline(time.Now().Add(patience))
	c := &rawConn{Conn: raw, Framer: http2.NewFramer(raw, raw), t: t}
	c.encoder = hpack.NewEncoder(&c.block)
	return c
}

func (c *rawConn) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatal(err)
	}
}

// hello says what every client of HTTP/2 begins with.
func (c *rawConn) hello() {
	c.t.Helper()
	c.say(http2.ClientPreface)
	if err := c.WriteSettings(); err != nil {
		c.t.Fatal(err)
	}
}

// headers returns the block of a call's headers.
func (c *rawConn) headers(method, contentType string, more ...string) []byte {
	c.block.Reset()
	fields := append([]string{":method", "POST", ":scheme", "http", ":path", "/grpc.testing.TestService/" + method, ":authority", "a", "content-type", contentType, "te", "trailers"}, more...)
	for i := 0; i < len(fields); i += 2 {
		_ = c.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // to a buffer
	}
	return c.block.Bytes()
}

// until reads frames up to one that is wanted.
func (c *rawConn) until(wanted func(http2.Frame) bool) http2.Frame {
	c.t.Helper()
	for {
		f, err := c.ReadFrame()
		if err != nil {
			c.t.Fatal(err)
		}
		if wanted(f) {
			return f
		}
	}
}

func isHeaders(f http2.Frame) bool { return f.Header().Type == http2.FrameHeaders }

func streamHeaders(c *rawConn, stream uint32, method, contentType string) http2.HeadersFrameParam {
	return http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.headers(method, contentType), EndHeaders: true}
}
