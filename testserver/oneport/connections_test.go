package oneport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

func TestLeastMissed(t *testing.T) {
	const (
		fresh = iota // never answered
		rests
		calls
	)
	type visitor struct {
		host  string
		state int
	}
	for name, c := range map[string]struct {
		visitors []visitor
		newcomer string
		victim   int // its index; -1 is none
	}{
		"the oldest that was never answered": {[]visitor{{"a", calls}, {"a", rests}, {"a", fresh}, {"a", fresh}}, "a", 2},
		"then who rests longest":             {[]visitor{{"a", calls}, {"a", rests}, {"a", rests}, {"a", calls}}, "a", 1},
		"nobody of one host that calls":      {[]visitor{{"a", calls}, {"a", calls}, {"a", calls}, {"a", calls}}, "a", -1},
		"of a host with too many first":      {[]visitor{{"b", fresh}, {"a", rests}, {"a", rests}, {"a", calls}}, "b", 1},
		"its calls too, for another host":    {[]visitor{{"b", calls}, {"a", calls}, {"a", calls}, {"a", calls}}, "b", 1},
		"but not for itself":                 {[]visitor{{"b", calls}, {"a", calls}, {"a", calls}, {"a", calls}}, "a", -1},
		"and after strangers":                {[]visitor{{"b", fresh}, {"a", calls}, {"a", calls}, {"a", calls}}, "b", 0},
	} {
		t.Run(name, func(t *testing.T) {
			table := newConnections(4)
			var all []*conn
			for i, v := range c.visitors {
				conn := &conn{host: v.host}
				conn.answered.Store(v.state != fresh)
				conn.lastUsed.Store(int64(i))
				if v.state == calls {
					conn.calls.Store(1)
				}
				if victim, ok := table.add(conn); victim != nil || !ok {
					t.Fatal("no room")
				}
				all = append(all, conn)
			}
			victim, ok := table.add(&conn{host: c.newcomer})
			want := (*conn)(nil)
			if c.victim >= 0 {
				want = all[c.victim]
			}
			if victim != want || ok != (want != nil) {
				t.Errorf("victim %v, %v", victim, ok)
			}
			if st := table.stats(); st.Connections != 4 || st.Evicted+st.Refused != 1 {
				t.Errorf("%+v", st)
			}
		})
	}
}

func TestClientHost(t *testing.T) {
	for addr, want := range map[net.Addr]string{
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9}:              "192.0.2.1",
		&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1")}:              "192.0.2.1",
		&net.TCPAddr{IP: net.ParseIP("2001:db8:1:2:aaaa:bbbb:cccc:d")}: "2001:db8:1:2::/64",
		&net.UnixAddr{Name: "@"}:                                       "",
	} {
		if got := clientHost(addr); got != want {
			t.Errorf("%v: %q, want %q", addr, got, want)
		}
	}
}

// TestFullPortLetsNewClientsIn holds all connections with clients of different
// worth.
func TestFullPortLetsNewClientsIn(t *testing.T) {
	s, addr := start(t, Config{MaxConnections: 4}, &service{})
	old := native(t, addr, nil)
	if _, err := old.EmptyCall(deadline(t), &grpc_testing.Empty{}); err != nil {
		t.Fatal(err)
	}
	var mute []*rawConn
	for range 3 {
		mute = append(mute, dialRaw(t, addr))
	}
	eventually(t, "all are connected", func() bool { return s.Stats().Connections == 4 })
	for i := range 3 {
		if _, err := native(t, addr, nil).EmptyCall(deadline(t), &grpc_testing.Empty{}); err != nil {
			t.Errorf("newcomer %d: %v", i, err)
		}
		if _, err := io.ReadAll(mute[i].Conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("mute client %d is still there: %v", i, err)
		}
	}
	if _, err := old.EmptyCall(deadline(t), &grpc_testing.Empty{}); err != nil {
		t.Errorf("old client: %v", err)
	}
	if st := s.Stats(); st.Evicted != 3 || st.Connections != 4 {
		t.Errorf("%+v", st)
	}
}

func TestTooManyCalls(t *testing.T) {
	begun := make(chan struct{}, 10)
	impl := &service{bidi: func(stream grpc_testing.TestService_FullDuplexCallServer) error {
		begun <- struct{}{}
		<-stream.Context().Done()
		return nil
	}}
	s, addr := start(t, Config{MaxCalls: 2}, impl)
	greedy := native(t, addr, nil)
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	for range 2 {
		if _, err := greedy.FullDuplexCall(ctx); err != nil {
			t.Fatal(err)
		}
		<-begun
	}
	_, err := greedy.EmptyCall(deadline(t), &grpc_testing.Empty{})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a third call on one connection: %v", err)
	}
	if _, err := native(t, addr, nil).EmptyCall(deadline(t), &grpc_testing.Empty{}); err != nil {
		t.Errorf("another gRPC client: %v", err)
	}
	for _, http2 := range []bool{false, true} {
		resp, err := browser(t, http2, nil).Post("http://"+addr+"/grpc.testing.TestService/EmptyCall", "application/json", strings.NewReader("{}"))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("a browser: %v, %v", resp, err)
		}
		_ = resp.Body.Close()
	}
	cancel()
	eventually(t, "the calls have ended", func() bool { return s.Stats().Calls == 0 })
	if _, err := greedy.EmptyCall(deadline(t), &grpc_testing.Empty{}); err != nil {
		t.Errorf("after the calls have ended: %v", err)
	}
}

func TestTooManyCallsOfABrowser(t *testing.T) {
	begun := make(chan struct{}, 10)
	impl := &service{bidi: func(stream grpc_testing.TestService_FullDuplexCallServer) error {
		begun <- struct{}{}
		<-stream.Context().Done()
		return nil
	}}
	s, addr := start(t, Config{MaxCalls: 1}, impl)
	c := dialRaw(t, addr)
	c.hello()
	open := func(stream uint32) {
		if err := c.WriteHeaders(streamHeaders(c, stream, "FullDuplexCall", "application/grpc-web+proto")); err != nil {
			t.Fatal(err)
		}
	}
	open(1)
	<-begun
	open(3)
	if f := c.until(isHeaders); f.Header().StreamID != 3 {
		t.Errorf("stream %d was answered, want the refusal of 3", f.Header().StreamID)
	}
	_ = c.Conn.Close()
	eventually(t, "the calls have ended", func() bool { return s.Stats() == Stats{} })
}

func TestAcceptFails(t *testing.T) {
	s := NewServer(Config{})
	defer s.Stop()
	broken := errors.New("broken")
	if err := s.Serve(&failing{errs: []error{temporary{}, temporary{}, broken}}); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

// failing is a listener that fails in several ways.
type failing struct{ errs []error }

func (f *failing) Accept() (net.Conn, error) {
	err := f.errs[0]
	f.errs = f.errs[1:]
	return nil, err
}
func (*failing) Close() error   { return nil }
func (*failing) Addr() net.Addr { return &net.TCPAddr{} }

type temporary struct{}

func (temporary) Error() string   { return "too many open files" }
func (temporary) Temporary() bool { return true }

// TestEvictedClientsKnowWhichCallsWereTaken has connections make room that rest,
// on each side of the port.
func TestEvictedClientsKnowWhichCallsWereTaken(t *testing.T) {
	for _, contentType := range []string{"application/grpc", "application/grpc-web+proto"} {
		t.Run(contentType, func(t *testing.T) {
			_, addr := start(t, Config{MaxConnections: 1}, &service{})
			c := dialRaw(t, addr)
			c.hello()
			for stream := uint32(1); stream <= 3; stream += 2 {
				if err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.headers("EmptyCall", contentType), EndHeaders: true}); err != nil {
					t.Fatal(err)
				}
				if err := c.WriteData(stream, true, make([]byte, 5)); err != nil {
					t.Fatal(err)
				}
				c.until(func(f http2.Frame) bool {
					return f.Header().StreamID == stream && f.Header().Flags.Has(http2.FlagDataEndStream)
				})
			}
			newcomer := dialRaw(t, addr)
			last := c.until(func(f http2.Frame) bool { return f.Header().Type == http2.FrameGoAway })
			if f, ok := last.(*http2.GoAwayFrame); !ok || f.LastStreamID != 3 || f.ErrCode != http2.ErrCodeNo {
				t.Errorf("%v", last)
			}
			if f, err := c.ReadFrame(); err == nil {
				t.Errorf("%v after the last words", f)
			}
			newcomer.hello()
			newcomer.until(func(f http2.Frame) bool { return f.Header().Type == http2.FrameSettings })
		})
	}
}
