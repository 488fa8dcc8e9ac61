package oneport

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/net/http2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// post makes a unary call of Connect in JSON and returns the body of the answer,
// or "refused".
func post(t testing.TB, client *http.Client, url string) string {
	t.Helper()
	resp, err := client.Post(url+"/grpc.testing.TestService/UnaryCall", "application/json", strings.NewReader("{}"))
	if err != nil {
		return "refused"
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHandlersSeeOneCall(t *testing.T) {
	seen := make(chan metadata.MD, 1)
	impl := &service{unary: func(ctx context.Context, req *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		p, _ := peer.FromContext(ctx)
		method, _ := grpc.Method(ctx)
		md.Set("saw", p.Addr.Network(), p.AuthInfo.AuthType(), method, fmt.Sprint(req.GetResponseSize()))
		seen <- md
		if err := errors.Join(
			grpc.SetHeader(ctx, metadata.Pairs("h", "1", "x-bin", "\x00\xff", "grpc-status", "7", "content-length", "9", "bad name", "x", "bad-value", "a\nb")),
			grpc.SendHeader(ctx, metadata.Pairs("h", "2")),
			grpc.SetTrailer(ctx, metadata.Pairs("t", "3")),
		); err != nil {
			return nil, err
		}
		if err := grpc.SetHeader(ctx, metadata.Pairs("late", "x")); err == nil {
			return nil, errors.New("a header after the header")
		}
		return &grpc_testing.SimpleResponse{}, nil
	}}
	_, addr := start(t, Config{}, impl)
	for name, opts := range map[string][]connect.ClientOption{
		"Connect": nil, "gRPC-Web": {connect.WithGRPCWeb()}, "gRPC in JSON": {connect.WithGRPC(), connect.WithProtoJSON()},
	} {
		t.Run(name, func(t *testing.T) {
			c := connect.NewClient[grpc_testing.SimpleRequest, grpc_testing.SimpleResponse](browser(t, true, nil), "http://"+addr+"/grpc.testing.TestService/UnaryCall", opts...)
			req := connect.NewRequest(&grpc_testing.SimpleRequest{ResponseSize: 5})
			req.Header().Add("Multi", "a")
			req.Header().Add("Multi", "b")
			req.Header().Set("Some-Bin", connect.EncodeBinaryHeader([]byte{0, 255})+", "+connect.EncodeBinaryHeader([]byte("x")))
			resp, err := c.CallUnary(deadline(t), req)
			if err != nil {
				t.Fatal(err)
			}
			md := <-seen
			want := metadata.MD{
				"multi": {"a", "b"}, "some-bin": {"\x00\xff", "x"}, ":authority": {addr},
				"saw": {"tcp", "insecure", "/grpc.testing.TestService/UnaryCall", "5"},
			}
			for name, values := range want {
				if fmt.Sprint(md[name]) != fmt.Sprint(values) {
					t.Errorf("%s is %q, want %q", name, md[name], values)
				}
			}
			for name := range md {
				if strings.HasPrefix(name, "grpc-") || strings.HasPrefix(name, "connect-") || name == "te" || name == "accept-encoding" {
					t.Errorf("%s is %q, want none", name, md[name])
				}
			}
			if h := resp.Header(); fmt.Sprint(h["H"]) != "[1 2]" || h.Get("X-Bin") != "AP8" || h.Get("bad-value") != "" {
				t.Errorf("header %v", h)
			}
			if resp.Trailer().Get("T") != "3" {
				t.Errorf("trailer %v", resp.Trailer())
			}
		})
	}
	t.Run("broken binary header", func(t *testing.T) {
		c := connect.NewClient[grpc_testing.SimpleRequest, grpc_testing.SimpleResponse](browser(t, true, nil), "http://"+addr+"/grpc.testing.TestService/UnaryCall")
		req := connect.NewRequest(&grpc_testing.SimpleRequest{})
		req.Header().Set("Some-Bin", "%%%")
		if _, err := c.CallUnary(deadline(t), req); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Error(err)
		}
	})
}

func TestErrorDetails(t *testing.T) {
	impl := &service{unary: func(context.Context, *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
		st, err := status.New(codes.NotFound, "no such thing").WithDetails(&errdetails.ErrorInfo{Reason: "GONE"}, &errdetails.RequestInfo{RequestId: "7"})
		return nil, errors.Join(err, st.Err())
	}}
	_, addr := start(t, Config{}, impl)
	for _, opts := range [][]connect.ClientOption{nil, {connect.WithGRPCWeb()}} {
		c := connect.NewClient[grpc_testing.SimpleRequest, grpc_testing.SimpleResponse](browser(t, false, nil), "http://"+addr+"/grpc.testing.TestService/UnaryCall", opts...)
		_, err := c.CallUnary(deadline(t), connect.NewRequest(&grpc_testing.SimpleRequest{}))
		var e *connect.Error
		if !errors.As(err, &e) || len(e.Details()) != 2 {
			t.Fatal(err)
		}
		if d, err := e.Details()[0].Value(); err != nil || d.(*errdetails.ErrorInfo).GetReason() != "GONE" {
			t.Error(d, err)
		}
	}
}

// TestCallEndsOverTheHandlersHead has an interceptor that returns while its
// handler is still in Recv or Send.
func TestCallEndsOverTheHandlersHead(t *testing.T) {
	for name, hang := range map[string]func(grpc_testing.TestService_FullDuplexCallServer) error{
		"in Recv": func(s grpc_testing.TestService_FullDuplexCallServer) error {
			_, err := s.Recv()
			return err
		},
		"in Send": func(s grpc_testing.TestService_FullDuplexCallServer) error {
			payload := &grpc_testing.Payload{Body: make([]byte, 1<<20)}
			for {
				if err := s.Send(&grpc_testing.StreamingOutputCallResponse{Payload: payload}); err != nil {
					return err
				}
			}
		},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", name, http2), func(t *testing.T) {
				hanging, ended := make(chan struct{}), make(chan error, 1)
				impl := &service{bidi: func(s grpc_testing.TestService_FullDuplexCallServer) error {
					close(hanging)
					err := hang(s)
					s.SetTrailer(metadata.Pairs("late", "x"))
					return errors.Join(err, s.SendHeader(nil), s.SendMsg(&grpc_testing.Empty{}))
				}}
				early := func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
					go func() { ended <- handler(srv, s) }()
					<-hanging
					<-time.After(10 * time.Millisecond)
					return status.Error(codes.Aborted, "over")
				}
				_, addr := start(t, Config{StreamInterceptor: early}, impl)
				r, w := io.Pipe() // a request that does not end by itself
				defer w.Close()
				req, err := http.NewRequestWithContext(deadline(t), http.MethodPost, "http://"+addr+"/grpc.testing.TestService/FullDuplexCall", r)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/connect+proto")
				answer := make(chan string, 1)
				go func() {
					defer close(answer)
					resp, err := browser(t, http2, nil).Do(req)
					if err != nil {
						return
					}
					defer resp.Body.Close()
					if name == "in Recv" {
						b, _ := io.ReadAll(resp.Body)
						answer <- string(b)
					}
				}()
				select {
				case err := <-ended:
					if err == nil {
						t.Error("the handler got no error")
					}
				case <-deadline(t).Done():
					t.Fatal("the handler hangs")
				}
				// net/http's client does not return before its request has ended,
				// where the server closes the connection.
				_ = w.Close()
				if got := <-answer; name == "in Recv" && !strings.Contains(got, `"aborted"`) {
					t.Errorf("%q", got)
				}
			})
		}
	}
}

// TestDeadlineFreesHandlers has clients that give a deadline and then neither end
// the request nor go away.
func TestDeadlineFreesHandlers(t *testing.T) {
	ended := make(chan error, 1)
	impl := &service{bidi: func(s grpc_testing.TestService_FullDuplexCallServer) error {
		_, err := s.Recv()
		ended <- err
		return err
	}}
	_, addr := start(t, Config{}, impl)
	for _, http2 := range []bool{false, true} {
		for _, method := range []string{"FullDuplexCall", "EmptyCall"} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", method, http2), func(t *testing.T) {
				r, w := io.Pipe()
				defer w.Close()
				req, err := http.NewRequestWithContext(deadline(t), http.MethodPost, "http://"+addr+"/grpc.testing.TestService/"+method, r)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/grpc-web+proto")
				req.Header.Set("Grpc-Timeout", "100m")
				resp, err := browser(t, http2, nil).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				b, _ := io.ReadAll(resp.Body)
				if got := resp.Header.Get("Grpc-Status") + string(b); !strings.Contains(got, "4") {
					t.Errorf("status %q, %q, want DEADLINE_EXCEEDED", resp.Header, b)
				}
				if method == "FullDuplexCall" {
					if err := <-ended; status.Code(err) != codes.DeadlineExceeded {
						t.Errorf("the handler got %v", err)
					}
				}
			})
		}
	}
}

// TestInterruptedConnectionIsClosed has HTTP/1.1, where the rest of a request that
// nobody reads would be taken for the next one.
func TestInterruptedConnectionIsClosed(t *testing.T) {
	_, addr := start(t, Config{}, &service{bidi: func(s grpc_testing.TestService_FullDuplexCallServer) error {
		_, err := s.Recv()
		return err
	}})
	for _, method := range []string{"FullDuplexCall", "EmptyCall"} {
		c := dialRaw(t, addr)
		c.say("POST /grpc.testing.TestService/" + method + " HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web+proto\r\n" +
			"Grpc-Timeout: 50m\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\x00\x00\r\n")
		b := make([]byte, 1000)
		n, err := c.Conn.Read(b) // the answer has come
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c.Conn, "0\r\n\r\nrest") // and fails, if the connection is closed already
		rest, _ := io.ReadAll(c.Conn)
		if all := string(b[:n]) + string(rest); strings.Count(all, "HTTP/1.1 ") != 1 || !strings.Contains(all, " 200 OK") {
			t.Errorf("%s: %q, want one answer", method, all)
		}
	}
}

func TestUnknownPaths(t *testing.T) {
	_, addr := start(t, Config{UnknownHandler: func(_ any, s grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(s)
		s.SetTrailer(metadata.Pairs("t", "1"))
		if err := errors.Join(s.SetHeader(metadata.Pairs("h", "1")), s.RecvMsg(&grpc_testing.Empty{})); !errors.Is(err, io.EOF) {
			return err
		}
		return status.Error(codes.Unimplemented, "no "+method)
	}}, &service{})
	for name, c := range map[string]struct {
		method, path, contentType string
		code                      int
		body                      string // contained
	}{
		"page":                 {"GET", "/", "", 404, "no pages here"},
		"page that is missing": {"GET", "/index.html?x=1", "text/html", 404, "no pages here"},
		"form":                 {"POST", "/a/b", "application/x-www-form-urlencoded", 404, "no pages here"},
		"Connect":              {"POST", "/a.B/C", "application/json", 404, `"unimplemented","message":"no /a.B/C"`},
		"Connect by GET":       {"GET", "/a.B/C?encoding=json&message=%7B%7D", "", 404, `"unimplemented"`},
		"Connect stream":       {"POST", "/a.B/C", "application/connect+json", 200, `"unimplemented"`},
		"gRPC-Web":             {"POST", "/a.B/C", "application/grpc-web", 200, ""},
		"wrong HTTP method":    {"PUT", "/grpc.testing.TestService/EmptyCall", "application/json", 405, ""},
		"GET with effects":     {"GET", "/grpc.testing.TestService/EmptyCall?encoding=json&message=%7B%7D", "", 405, ""},
		"wrong content type":   {"POST", "/grpc.testing.TestService/EmptyCall", "text/plain", 415, ""},
		"doubled slash":        {"POST", "//grpc.testing.TestService/EmptyCall", "application/json", 404, `"unimplemented"`},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(deadline(t), c.method, "http://"+addr+c.path, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", c.contentType)
			resp, err := browser(t, false, nil).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != c.code || !strings.Contains(string(b), c.body) {
				t.Errorf("%s: %q, want %d with %q", resp.Status, b, c.code, c.body)
			}
			if name == "gRPC-Web" && (resp.Header.Get("Grpc-Status") != "12" || resp.Header.Get("H") != "1" || resp.Header.Get("T") != "1") {
				t.Errorf("%v", resp.Header)
			}
		})
	}
}

func TestContentTypesOnANativeConnection(t *testing.T) {
	_, addr := start(t, Config{}, &service{})
	c := dialRaw(t, addr)
	c.hello()
	if !c.call(c.headers("EmptyCall", "application/grpc")) {
		t.Fatal("served by net/http")
	}
	for stream, want := range map[uint32]string{3: "12", 5: ""} { // in the order of the map
		contentType := map[uint32]string{3: "application/grpc+json", 5: "application/json"}[stream]
		c := dialRaw(t, addr)
		c.hello()
		c.call(c.headers("EmptyCall", "application/grpc"))
		if err := c.WriteHeaders(streamHeaders(c, stream, "EmptyCall", contentType)); err != nil {
			t.Fatal(err)
		}
		f := c.until(func(f http2.Frame) bool { return isHeaders(f) && f.Header().StreamID == stream }).(*http2.MetaHeadersFrame)
		var got string
		for _, h := range f.Fields {
			if h.Name == "grpc-status" {
				got = h.Value
			}
		}
		if want != "" && got != want || want == "" && f.PseudoValue("status") != "415" {
			t.Errorf("%s: %v", contentType, f.Fields)
		}
	}
}

// TestWebText speaks gRPC-Web in text mode.
func TestWebText(t *testing.T) {
	_, addr := start(t, Config{}, &service{unary: func(_ context.Context, req *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
		if req.GetResponseSize() == 0 {
			return nil, status.Error(codes.NotFound, "nothing")
		}
		return &grpc_testing.SimpleResponse{Username: strings.Repeat("u", int(req.GetResponseSize()))}, nil
	}})
	frame := func(m proto.Message) []byte {
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...)
	}
	call := func(t *testing.T, http2 bool, method, body string) (http.Header, []byte) {
		t.Helper()
		resp, err := browser(t, http2, nil).Post("http://"+addr+"/grpc.testing.TestService/"+method, "application/grpc-web-text+proto", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(&textBody{source: resp.Body})
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Header.Get("Content-Type"); got != "application/grpc-web-text+proto" {
			t.Errorf("content type %q", got)
		}
		return resp.Header, text
	}
	for _, http2 := range []bool{false, true} {
		for size := range int32(5) {
			request := frame(&grpc_testing.SimpleRequest{ResponseSize: size})
			pieces := base64.StdEncoding.EncodeToString(request[:4]) + base64.StdEncoding.EncodeToString(request[4:])
			for _, body := range []string{base64.StdEncoding.EncodeToString(request), pieces} {
				header, got := call(t, http2, "UnaryCall", body)
				if size == 0 {
					if header.Get("Grpc-Status") != "5" {
						t.Errorf("%v, %q", header, got)
					}
					continue
				}
				want := frame(&grpc_testing.SimpleResponse{Username: strings.Repeat("u", int(size))})
				if !bytes.HasPrefix(got, append(want, 0x80)) || !bytes.Contains(got, []byte("grpc-status: 0")) {
					t.Errorf("size %d: %q", size, got)
				}
			}
		}
		stream := frame(&grpc_testing.StreamingOutputCallRequest{ResponseParameters: make([]*grpc_testing.ResponseParameters, 3)})
		if _, got := call(t, http2, "StreamingOutputCall", base64.StdEncoding.EncodeToString(stream)); !bytes.HasPrefix(got, append(make([]byte, 15), 0x80)) {
			t.Errorf("stream: %q", got)
		}
		if header, got := call(t, http2, "UnaryCall", "!!!"); header.Get("Grpc-Status") == "" && !bytes.Contains(got, []byte("grpc-status")) {
			t.Errorf("no base64: %v, %q", header, got)
		}
	}
}

func FuzzTextBody(f *testing.F) {
	f.Add("AAAA", uint8(1))
	f.Add("AA==AAA=AAAA", uint8(3))
	f.Add("A", uint8(9))
	f.Fuzz(func(t *testing.T, text string, piece uint8) {
		_, _ = io.ReadAll(&textBody{source: io.NopCloser(iotestReader{strings.NewReader(text), 1 + int(piece)})})
	})
}

// iotestReader reads a few bytes at a time.
type iotestReader struct {
	io.Reader
	most int
}

func (r iotestReader) Read(b []byte) (int, error) { return r.Reader.Read(b[:min(len(b), r.most)]) }
