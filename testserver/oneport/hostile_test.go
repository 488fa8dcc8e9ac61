//go:build slow && linux

package oneport_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"
)

// What a server may hold in memory while it is attacked, and for how long each
// attack goes on.
const (
	maxResident = 128 << 20
	attackTime  = 5 * time.Second
)

// victim is a server in a process of its own.
type victim struct {
	addr string
	pid  int
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &victim{addr: strings.TrimSpace(line), pid: cmd.Process.Pid}
}

// resident is the memory that the server holds, in bytes.
func (v *victim) resident(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(b)
	if found == nil {
		t.Fatal("no VmRSS")
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n << 10
}

// attacks are what one connection of a hostile client does until ctx ends or the
// server has had enough.
var attacks = []struct {
	name        string
	connections int
	run         func(c *hostile, ctx context.Context)
}{
	{"rapid reset", 4, (*hostile).rapidReset},
	{"100,000 open streams", 1000, (*hostile).openStreams},
	{"open streams with large headers", 1000, (*hostile).openLargeStreams},
	{"huge headers", 4, (*hostile).hugeHeaders},
	{"CONTINUATION flood", 4, (*hostile).continuationFlood},
	{"SETTINGS flood", 4, (*hostile).settingsFlood},
	{"PING flood", 4, (*hostile).pingFlood},
	{"slow loris", 1500, (*hostile).slowLoris},
	{"claims of 2 GiB", 20, (*hostile).hugeClaims},
	{"idle connections", 3000, (*hostile).idle},
	{"connections that made a call and rest", 3000, (*hostile).rest},
}

// TestHostileClients attacks servers, each side of the port in turn, while a good
// client makes calls and new ones connect.
func TestHostileClients(t *testing.T) {
	for _, side := range []struct{ name, contentType string }{
		{"grpc-go", "application/grpc"},
		{"nethttp", "application/grpc-web+proto"},
	} {
		t.Run(side.name, func(t *testing.T) {
			for _, attack := range attacks {
				t.Run(attack.name, func(t *testing.T) {
					v := newVictim(t)
					old := newWitness(t, v.addr)
					old.call(t)
					ctx, cancel := context.WithTimeout(t.Context(), attackTime)
					defer cancel()
					var attackers sync.WaitGroup
					for range attack.connections {
						attackers.Go(func() {
							for first := true; first || ctx.Err() == nil && attack.connections <= 20; first = false {
								if c := newHostile(ctx, v.addr, side.contentType); c != nil {
									attack.run(c, ctx)
									c.Close()
								}
							}
						})
					}
					most, calls, fresh := 0, 0, 0
					for tick := time.NewTicker(50 * time.Millisecond); ctx.Err() == nil; <-tick.C {
						most = max(most, v.resident(t))
						old.call(t)
						calls++
						newWitness(t, v.addr).call(t)
						fresh++
					}
					attackers.Wait()
					most = max(most, v.resident(t))
					old.call(t)
					t.Logf("%d MiB resident, %d calls on old connections, %d on fresh ones", most>>20, calls, fresh)
					if most > maxResident {
						t.Errorf("%d MiB resident, want at most %d", most>>20, maxResident>>20)
					}
				})
			}
		})
	}
}

// witness is a good client, over gRPC and over Connect.
type witness struct {
	native grpc_testing.TestServiceClient
	web    *connect.Client[grpc_testing.SimpleRequest, grpc_testing.SimpleResponse]
	close  func()
}

func newWitness(t *testing.T, addr string) *witness {
	t.Helper()
	cc, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	w := &witness{
		native: grpc_testing.NewTestServiceClient(cc),
		web:    connect.NewClient[grpc_testing.SimpleRequest, grpc_testing.SimpleResponse](&http.Client{Transport: transport}, "http://"+addr+"/grpc.testing.TestService/UnaryCall"),
	}
	var once sync.Once
	w.close = func() {
		once.Do(func() {
			_ = cc.Close()
			transport.CloseIdleConnections()
		})
	}
	t.Cleanup(w.close)
	return w
}

func (w *witness) call(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := w.native.UnaryCall(ctx, &grpc_testing.SimpleRequest{ResponseSize: 100}); err != nil {
		t.Errorf("gRPC: %v", err)
	}
	if _, err := w.web.CallUnary(ctx, connect.NewRequest(&grpc_testing.SimpleRequest{ResponseSize: 100})); err != nil {
		t.Errorf("Connect: %v", err)
	}
}

// hostile is a connection of a hostile client.
type hostile struct {
	net.Conn
	framer      *http2.Framer
	encoder     *hpack.Encoder
	block       bytes.Buffer
	contentType string
	stream      uint32
	answers     atomic.Int64
}

// newHostile connects and reads what comes in the background, to nothing.
func newHostile(ctx context.Context, addr, contentType string) *hostile {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil
	}
	c := &hostile{Conn: raw, contentType: contentType, stream: 1}
	c.framer = http2.NewFramer(raw, nil)
	c.framer.AllowIllegalWrites = true
	c.encoder = hpack.NewEncoder(&c.block)
	context.AfterFunc(ctx, func() { _ = raw.Close() })
	return c
}

func (c *hostile) drain() {
	go func() {
		f := http2.NewFramer(nil, c.Conn)
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				return
			}
			if _, ok := frame.(*http2.HeadersFrame); ok {
				c.answers.Add(1)
			}
		}
	}()
}

func (c *hostile) preface() {
	_, _ = io.WriteString(c, http2.ClientPreface)
	_ = c.framer.WriteSettings()
}

// headers returns the block of a call's headers.
func (c *hostile) headers(more ...string) []byte {
	c.block.Reset()
	fields := []string{":method", "POST", ":scheme", "http", ":path", "/grpc.testing.TestService/FullDuplexCall", ":authority", "a", "content-type", c.contentType, "te", "trailers"}
	fields = append(fields, more...)
	for i := 0; i < len(fields); i += 2 {
		_ = c.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return c.block.Bytes()
}

func (c *hostile) open(more ...string) error {
	err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.stream, BlockFragment: c.headers(more...), EndHeaders: true})
	c.stream += 2
	return err
}

func (c *hostile) rapidReset(ctx context.Context) {
	c.drain()
	c.preface()
	for ctx.Err() == nil {
		if c.open() != nil || c.framer.WriteRSTStream(c.stream-2, http2.ErrCodeCancel) != nil {
			return
		}
	}
}

func (c *hostile) openStreams(ctx context.Context) {
	c.drain()
	c.preface()
	for range 100 {
		if c.open() != nil {
			return
		}
	}
	<-ctx.Done()
}

func (c *hostile) openLargeStreams(ctx context.Context) {
	c.drain()
	c.preface()
	for i := range 100 {
		if c.open("big", strings.Repeat(strconv.Itoa(i), 12_000)[:12_000]) != nil {
			return
		}
	}
	<-ctx.Done()
}

func (c *hostile) hugeHeaders(ctx context.Context) {
	c.drain()
	c.preface()
	for ctx.Err() == nil {
		block := c.headers("big", strings.Repeat("x", 1<<20))
		if c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.stream, BlockFragment: block[:10_000]}) != nil {
			return
		}
		for block = block[10_000:]; len(block) > 0; block = block[min(len(block), 16_000):] {
			if c.framer.WriteContinuation(c.stream, len(block) <= 16_000, block[:min(len(block), 16_000)]) != nil {
				return
			}
		}
		c.stream += 2
	}
}

func (c *hostile) continuationFlood(ctx context.Context) {
	c.drain()
	c.preface()
	if c.open() != nil { // so that a server is chosen
		return
	}
	if c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.stream, BlockFragment: c.headers()}) != nil {
		return
	}
	for ctx.Err() == nil {
		if c.framer.WriteContinuation(c.stream, false, c.headers("a", "b")[:1]) != nil {
			return
		}
	}
}

// settingsFlood and pingFlood read no answers.
func (c *hostile) settingsFlood(ctx context.Context) {
	c.preface()
	if c.open() != nil {
		return
	}
	for ctx.Err() == nil {
		if c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000}) != nil {
			return
		}
	}
}

func (c *hostile) pingFlood(ctx context.Context) {
	c.preface()
	if c.open() != nil {
		return
	}
	for ctx.Err() == nil {
		if c.framer.WritePing(false, [8]byte{}) != nil {
			return
		}
	}
}

// slowLoris says a byte now and then, of HTTP/1.1 or HTTP/2.
func (c *hostile) slowLoris(ctx context.Context) {
	text := "POST / HTTP/1.1\r\nHost: " + strings.Repeat("a", 10_000)
	if c.contentType == "application/grpc" {
		c.preface()
		var frames bytes.Buffer
		f := http2.NewFramer(&frames, nil)
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.headers()})
		text = frames.String()
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for i := range len(text) {
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// hugeClaims announces messages of 2 GiB and sends some of each.
func (c *hostile) hugeClaims(ctx context.Context) {
	c.drain()
	c.preface()
	for range 50 {
		if c.open() != nil {
			return
		}
		data := binary.BigEndian.AppendUint32([]byte{0}, 1<<31-1)
		if c.framer.WriteData(c.stream-2, false, append(data, make([]byte, 1000)...)) != nil {
			return
		}
	}
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
	}
}

func (c *hostile) idle(ctx context.Context) {
	if c.contentType == "application/grpc" {
		c.drain()
		c.preface()
	}
	<-ctx.Done()
}

func (c *hostile) rest(ctx context.Context) {
	c.drain()
	c.preface()
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.headers(), EndHeaders: true, EndStream: true})
	<-ctx.Done()
}
