package testserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"

	"github.com/grpcx/grpcx/testdata/testcert"
	"github.com/grpcx/grpcx/testserver/oneport"
	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// protocol is one way to call over HTTP with connect-go.
type protocol struct {
	name  string
	http2 bool
	opts  []connect.ClientOption
}

func protocols() []protocol {
	binary, text := connect.WithClientOptions(), connect.WithProtoJSON()
	web, native := connect.WithGRPCWeb(), connect.WithGRPC()
	return []protocol{
		{"Connect HTTP/1.1", false, []connect.ClientOption{binary}},
		{"Connect JSON HTTP/1.1", false, []connect.ClientOption{text}},
		{"Connect gzip HTTP/1.1", false, []connect.ClientOption{connect.WithSendGzip()}},
		{"Connect HTTP/2", true, []connect.ClientOption{binary}},
		{"Connect JSON HTTP/2", true, []connect.ClientOption{text}},
		{"gRPC-Web HTTP/1.1", false, []connect.ClientOption{web}},
		{"gRPC-Web JSON HTTP/1.1", false, []connect.ClientOption{web, text}},
		{"gRPC-Web HTTP/2", true, []connect.ClientOption{web}},
		{"gRPC-Web gzip HTTP/2", true, []connect.ClientOption{web, connect.WithSendGzip()}},
		{"gRPC", true, []connect.ClientOption{native}},
		{"gRPC gzip", true, []connect.ClientOption{native, connect.WithSendGzip()}},
		{"gRPC JSON", true, []connect.ClientOption{native, text}},
	}
}

// newHTTPClient speaks one version of HTTP; secure is nil for plaintext.
func newHTTPClient(t testing.TB, http2 bool, secure *tls.Config) *http.Client {
	t.Helper()
	p := new(http.Protocols)
	p.SetHTTP1(!http2)
	p.SetHTTP2(http2)
	p.SetUnencryptedHTTP2(http2 && secure == nil)
	transport := &http.Transport{Protocols: p, TLSClientConfig: secure.Clone()}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// secured are a server's files and what its clients need.
func secured(t testing.TB) (oneport.Files, *tls.Config) {
	t.Helper()
	ca := testcert.New(t)
	cert, key := ca.Issue("localhost", time.Now().Add(time.Hour))
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return oneport.Files{Cert: cert, Key: key, ClientCA: ca.File},
		&tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
}

// TestProtocols calls all kinds of methods in all protocols on one port.
func TestProtocols(t *testing.T) {
	t.Parallel()
	files, secure := secured(t)
	for _, port := range []struct {
		name   string
		server *Server
		secure *tls.Config
		scheme string
	}{
		{"plaintext", Start(t, Config{}), nil, "http://"},
		{"mutual TLS", Start(t, Config{TLS: files}), secure, "https://"},
	} {
		t.Run(port.name, func(t *testing.T) {
			for _, p := range protocols() {
				t.Run(p.name, func(t *testing.T) {
					c := &interopClient{client: newHTTPClient(t, p.http2, port.secure), url: port.scheme + port.server.Addr() + "/grpc.testing.TestService/", opts: p.opts}
					t.Run("unary", c.unary)
					t.Run("server streaming", c.serverStreaming)
					t.Run("client streaming", c.clientStreaming)
					if p.http2 {
						t.Run("bidi streaming", c.bidiStreaming)
					}
					t.Run("error", c.failure)
					t.Run("unknown method", c.unknownMethod)
					t.Run("metadata", c.metadata)
					t.Run("deadline", c.deadline)
					t.Run("largest message", c.largest)
				})
			}
			t.Run("grpc-go", func(t *testing.T) { nativeCalls(t, port.server, port.secure) })
			t.Run("half duplex over HTTP/1.1", func(t *testing.T) {
				halfDuplex(t, newHTTPClient(t, false, port.secure), port.scheme+port.server.Addr())
			})
		})
	}
}

type interopClient struct {
	client *http.Client
	url    string
	opts   []connect.ClientOption
}

func newClient[Req, Res any](c *interopClient, method string) *connect.Client[Req, Res] {
	return connect.NewClient[Req, Res](c.client, c.url+method, c.opts...)
}

func (c *interopClient) unaryCall(ctx context.Context, req *grpc_testing.SimpleRequest) (*connect.Response[grpc_testing.SimpleResponse], error) {
	return newClient[grpc_testing.SimpleRequest, grpc_testing.SimpleResponse](c, "UnaryCall").CallUnary(ctx, connect.NewRequest(req))
}

func (c *interopClient) unary(t *testing.T) {
	resp, err := c.unaryCall(withDeadline(t), &grpc_testing.SimpleRequest{ResponseSize: 2000})
	if err != nil || len(resp.Msg.GetPayload().GetBody()) != 2000 {
		t.Fatalf("%v, %v", resp, err)
	}
}

func (c *interopClient) largest(t *testing.T) {
	large := func(n int) *grpc_testing.SimpleRequest {
		return &grpc_testing.SimpleRequest{Payload: &grpc_testing.Payload{Body: make([]byte, n)}, ResponseSize: 1 << 20}
	}
	resp, err := c.unaryCall(withDeadline(t), large(1<<20))
	if err != nil || len(resp.Msg.GetPayload().GetBody()) != 1<<20 {
		t.Fatalf("1 MiB: %v", err)
	}
	if _, err := c.unaryCall(withDeadline(t), large(5<<20)); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("5 MiB: %v", err)
	}
}

func (c *interopClient) serverStreaming(t *testing.T) {
	s, err := newClient[grpc_testing.StreamingOutputCallRequest, grpc_testing.StreamingOutputCallResponse](c, "StreamingOutputCall").
		CallServerStream(withDeadline(t), connect.NewRequest(sizes(10, 700, 3)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []int
	for s.Receive() {
		got = append(got, len(s.Msg().GetPayload().GetBody()))
	}
	if s.Err() != nil || len(got) != 3 || got[1] != 700 {
		t.Errorf("%v, %v", got, s.Err())
	}
	if s.ResponseTrailer().Get("response-time") == "" {
		t.Errorf("trailer %v", s.ResponseTrailer())
	}
}

func sizes(n ...int32) *grpc_testing.StreamingOutputCallRequest {
	req := &grpc_testing.StreamingOutputCallRequest{}
	for _, size := range n {
		req.ResponseParameters = append(req.ResponseParameters, &grpc_testing.ResponseParameters{Size: size})
	}
	return req
}

func (c *interopClient) clientStreaming(t *testing.T) {
	s := newClient[grpc_testing.StreamingInputCallRequest, grpc_testing.StreamingInputCallResponse](c, "StreamingInputCall").CallClientStream(withDeadline(t))
	for range 3 {
		if err := s.Send(&grpc_testing.StreamingInputCallRequest{Payload: &grpc_testing.Payload{Body: make([]byte, 100)}}); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := s.CloseAndReceive()
	if err != nil || resp.Msg.GetAggregatedPayloadSize() != 300 {
		t.Errorf("%v, %v", resp, err)
	}
}

func (c *interopClient) bidiStreaming(t *testing.T) {
	s := newClient[grpc_testing.StreamingOutputCallRequest, grpc_testing.StreamingOutputCallResponse](c, "FullDuplexCall").CallBidiStream(withDeadline(t))
	defer func() { _ = s.CloseResponse() }()
	for i := range int32(3) { // each answer comes before the next request
		if err := s.Send(sizes(i + 1)); err != nil {
			t.Fatal(err)
		}
		resp, err := s.Receive()
		if err != nil || len(resp.GetPayload().GetBody()) != int(i+1) {
			t.Fatalf("%v, %v", resp, err)
		}
	}
	if err := s.CloseRequest(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Receive(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func (c *interopClient) failure(t *testing.T) {
	const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
	_, err := c.unaryCall(withDeadline(t), &grpc_testing.SimpleRequest{ResponseStatus: &grpc_testing.EchoStatus{Code: int32(codes.Aborted), Message: message}})
	if e := new(connect.Error); !errors.As(err, &e) || e.Code() != connect.CodeAborted || e.Message() != message || e.Meta().Get("response-time") == "" {
		t.Errorf("%v", err)
	}
	users := strings.Replace(c.url, "grpc.testing.TestService", "userservice.UserService", 1)
	_, err = connect.NewClient[pb.GetUserRequest, pb.GetUserResponse](c.client, users+"GetUser", c.opts...).CallUnary(withDeadline(t), connect.NewRequest(&pb.GetUserRequest{UserId: "9"}))
	if e := new(connect.Error); !errors.As(err, &e) || e.Code() != connect.CodeNotFound || len(e.Details()) != 1 || e.Details()[0].Type() != "google.rpc.ResourceInfo" {
		t.Errorf("%v", err)
	}
	s, err := connect.NewClient[pb.WatchUserRequest, pb.UserEvent](c.client, users+"WatchUser", c.opts...).CallServerStream(withDeadline(t), connect.NewRequest(&pb.WatchUserRequest{UserId: "9"}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Receive() || connect.CodeOf(s.Err()) != connect.CodeNotFound {
		t.Errorf("%v", s.Err())
	}
}

func (c *interopClient) unknownMethod(t *testing.T) {
	_, err := newClient[grpc_testing.Empty, grpc_testing.Empty](c, "NoSuchCall").CallUnary(withDeadline(t), connect.NewRequest(&grpc_testing.Empty{}))
	if e := new(connect.Error); !errors.As(err, &e) || e.Code() != connect.CodeUnimplemented || !strings.Contains(e.Message(), "unknown method NoSuchCall") || e.Meta().Get("request-id") == "" {
		t.Errorf("%v", err)
	}
}

func (c *interopClient) metadata(t *testing.T) {
	const initial, trailing = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
	req := connect.NewRequest(&grpc_testing.SimpleRequest{})
	req.Header().Set(initial, "test_initial_metadata_value")
	req.Header().Set(trailing, connect.EncodeBinaryHeader([]byte{0xab, 0xab, 0}))
	req.Header().Set("request-id", "mine")
	resp, err := newClient[grpc_testing.SimpleRequest, grpc_testing.SimpleResponse](c, "UnaryCall").CallUnary(withDeadline(t), req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Header().Get(initial) != "test_initial_metadata_value" || resp.Header().Get("request-id") != "mine" {
		t.Errorf("header %v", resp.Header())
	}
	if b, err := connect.DecodeBinaryHeader(resp.Trailer().Get(trailing)); err != nil || !bytes.Equal(b, []byte{0xab, 0xab, 0}) {
		t.Errorf("trailer %v", resp.Trailer())
	}
}

func (c *interopClient) deadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	req := sizes(1)
	req.ResponseParameters[0].IntervalUs = 20_000_000
	s, err := newClient[grpc_testing.StreamingOutputCallRequest, grpc_testing.StreamingOutputCallResponse](c, "StreamingOutputCall").CallServerStream(ctx, connect.NewRequest(req))
	if err == nil {
		defer s.Close()
		s.Receive()
		err = s.Err()
	}
	if connect.CodeOf(err) != connect.CodeDeadlineExceeded {
		t.Error(err)
	}
}

func nativeCalls(t *testing.T, s *Server, secure *tls.Config) {
	var opts []grpc.DialOption
	if secure != nil {
		opts = append(opts, grpc.WithTransportCredentials(credentials.NewTLS(secure)))
	}
	c := grpc_testing.NewTestServiceClient(dial(t, s, opts...))
	resp, err := c.UnaryCall(withDeadline(t), &grpc_testing.SimpleRequest{ResponseSize: 2000})
	if err != nil || len(resp.GetPayload().GetBody()) != 2000 {
		t.Errorf("%v, %v", resp, err)
	}
	b, err := c.FullDuplexCall(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	for i := range int32(3) {
		if err := b.Send(sizes(i + 1)); err != nil {
			t.Fatal(err)
		}
		if resp, err := b.Recv(); err != nil || len(resp.GetPayload().GetBody()) != int(i+1) {
			t.Fatalf("%v, %v", resp, err)
		}
	}
}

// halfDuplex makes a call of a bidi method as a client over HTTP/1.1 can: first
// all requests, then all responses.
func halfDuplex(t *testing.T, client *http.Client, url string) {
	var requests bytes.Buffer
	for i := range int32(2) {
		wire, err := proto.Marshal(sizes(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		requests.WriteByte(0)
		_ = binary.Write(&requests, binary.BigEndian, uint32(len(wire)))
		requests.Write(wire)
	}
	resp, err := client.Post(url+"/grpc.testing.TestService/FullDuplexCall", "application/connect+proto", &requests)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var flags []byte
	for len(b) >= 5 {
		flags = append(flags, b[0])
		b = b[5+binary.BigEndian.Uint32(b[1:]):]
	}
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 1 || !bytes.Equal(flags, []byte{0, 0, 2}) {
		t.Errorf("%s %s with messages %v, want two and the end", resp.Proto, resp.Status, flags)
	}
}
