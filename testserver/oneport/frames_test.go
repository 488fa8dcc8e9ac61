package oneport

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"golang.org/x/net/http2"
)

// conversation is a client's side of HTTP/2 with two calls, one of them reset,
// and an acknowledgement of SETTINGS.
func conversation(t testing.TB) (said, wanted []byte) {
	t.Helper()
	write := func(ack bool) []byte {
		var b bytes.Buffer
		b.WriteString(http2.ClientPreface)
		f := http2.NewFramer(&b, nil)
		_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 70_000})
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("abc"), EndHeaders: true})
		_ = f.WriteData(1, true, bytes.Repeat([]byte("d"), 300))
		if ack {
			_ = f.WriteSettingsAck()
		}
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: bytes.Repeat([]byte("h"), 9000)})
		_ = f.WriteContinuation(3, true, bytes.Repeat([]byte("h"), 5000))
		_ = f.WriteRSTStream(3, http2.ErrCodeCancel)
		_ = f.WriteSettingsAck() // of the server that is chosen
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 5, EndHeaders: true})
		return b.Bytes()
	}
	return write(true), write(false)
}

// TestReadInAnyPieces reads what a client says with writes and reads of all sizes.
func TestReadInAnyPieces(t *testing.T) {
	said, wanted := conversation(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		client, server := net.Pipe()
		s := NewServer(Config{})
		c := &conn{Conn: server, server: s, opening: true}
		if _, ok := s.connections.add(c); !ok {
			t.Fatal("no room")
		}
		known := random.IntN(len(said))
		if !c.settle(true, (&opening{conn: c, buf: said[:known], http2: true}).replay()) {
			t.Fatal("not settled")
		}
		go func() {
			defer client.Close()
			for rest := said[known:]; len(rest) > 0; {
				n := 1 + rand.IntN(min(len(rest), 1+rand.IntN(3000)))
				if _, err := client.Write(rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
		}()
		var got []byte
		for {
			b := make([]byte, 1+random.IntN(1+random.IntN(5000)))
			n, err := c.Read(b)
			got = append(got, b[:n]...)
			if err != nil {
				if err != io.EOF {
					t.Fatal(err)
				}
				break
			}
			if n == 0 {
				t.Fatal("nothing read")
			}
		}
		if !bytes.Equal(got, wanted) {
			t.Fatalf("read %d bytes, want %d; they differ", len(got), len(wanted))
		}
		if n, w := s.calls.Load(), s.weight.Load(); n != 2 || w != 2 {
			t.Fatalf("%d calls of weight %d are open, want those on streams 1 and 5", n, w)
		}
		_ = c.Close()
		if n, w := s.calls.Load(), s.weight.Load(); n != 0 || w != 0 {
			t.Fatalf("%d calls of weight %d are open in the end", n, w)
		}
		s.Stop()
	}
}

// FuzzTraffic counts calls by frames that make no sense, in any pieces.
func FuzzTraffic(f *testing.F) {
	said, _ := conversation(f)
	f.Add(said, uint16(7))
	f.Add([]byte(http2.ClientPreface+"\xff\xff\xff\x01\x05\xff\xff\xff\xff\x00"), uint16(1))
	f.Fuzz(func(t *testing.T, said []byte, piece uint16) {
		s := NewServer(Config{})
		c := &conn{server: s}
		traffic := newTraffic(c)
		var kept []byte
		for rest := said; len(rest) > 0; {
			n := min(len(rest), 1+int(piece))
			kept = append(kept, rest[:n]...)
			rest = rest[n:]
			pass, held := traffic.received(kept)
			if held || pass < 0 || pass > len(kept) || len(kept)-pass >= frameHeadLen {
				t.Fatalf("%d of %d bytes pass, held: %v", pass, len(kept), held)
			}
			traffic.sent(kept[:pass])
			kept = kept[pass:]
		}
		if s.calls.Load() < 0 || s.weight.Load() < s.calls.Load() {
			t.Fatalf("%d calls weigh %d", s.calls.Load(), s.weight.Load())
		}
		traffic.close()
		if s.calls.Load() != 0 || s.weight.Load() != 0 {
			t.Fatalf("%d calls weigh %d in the end", s.calls.Load(), s.weight.Load())
		}
	})
}

func TestHeadersWeigh(t *testing.T) {
	s := NewServer(Config{MaxCalls: 3})
	c := &conn{server: s}
	traffic := newTraffic(c)
	var b bytes.Buffer
	b.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&b, nil)
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: make([]byte, 5000)})
	_ = f.WriteContinuation(1, true, make([]byte, 9000))
	if _, held := traffic.received(b.Bytes()); held || s.weight.Load() != 4 || s.calls.Load() != 1 {
		t.Errorf("weight %d, %d calls", s.weight.Load(), s.calls.Load())
	}
	b.Reset()
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3})
	if pass, held := traffic.received(b.Bytes()); !held || pass != 0 {
		t.Errorf("%d bytes pass, held: %v", pass, held)
	}
	traffic.letPass(1)
	if pass, held := traffic.received(b.Bytes()); held || pass != b.Len() || s.calls.Load() != 2 {
		t.Errorf("%d bytes pass, held: %v", pass, held)
	}
}
