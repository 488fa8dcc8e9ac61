package oneport

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"
)

// conn is a connection of a client, behind TLS if there is any. What the client
// said before it was known who is to serve it is read again.
type conn struct {
	net.Conn
	server *Server
	host   string // the client's, as far as fairness goes
	number uint64 // in the order of arrival
	tls    *tls.ConnectionState
	auth   credentials.AuthInfo

	replay  *replay  // nil when all that was kept has been read; the reader's
	kept    []byte   // read but not given out; the reader's
	passed  int      // bytes of kept that are for giving out
	traffic *traffic // nil but for HTTP/2

	calls    atomic.Int32 // open ones
	weight   atomic.Int64 // of the open calls
	handlers atomic.Int64 // that run; they may outlive their calls
	broken   atomic.Bool  // writing has failed
	last     atomic.Bool  // over HTTP/1.1 the rest of a request was not read, so there is no next one
	answered atomic.Bool  // an answer has begun, so the client is more than a visitor
	lastUsed atomic.Int64 // when the last call ended, in Unix nanoseconds

	writing sync.Mutex // held while something is written

	mu        sync.Mutex // guards what follows
	opening   bool       // nobody serves it yet
	dismissed bool       // the server stops, so nobody will
	closed    bool
}

// lingering is for how long the calls of a connection that was closed weigh on,
// where calls are many.
const lingering = 500 * time.Millisecond

// farewell is how long the last words to a client may take.
const farewell = 100 * time.Millisecond

// localAddr is the local address of a connection. It leads from the peer of a
// call to the connection, for the limits.
type localAddr struct {
	net.Addr
	conn *conn
}

func (c *conn) LocalAddr() net.Addr { return localAddr{c.Conn.LocalAddr(), c} }

// Read reads what the client says. While there are too many calls it holds a
// further one back for a moment, and with it all that comes after.
func (c *conn) Read(b []byte) (int, error) {
	t := c.traffic
	if t == nil {
		return c.read(b)
	}
	if c.broken.Load() {
		return 0, net.ErrClosed // nobody would get an answer
	}
	if c.passed == 0 && len(b) < frameHeadLen && t.skip < len(b) {
		// No room for the head that comes now.
		if err := c.stage(); err != nil {
			return 0, err
		}
	}
	if c.passed > 0 {
		n := copy(b, c.kept[:c.passed])
		c.kept, c.passed = c.kept[n:], c.passed-n
		return n, nil
	}
	return c.readFrames(b)
}

// readFrames reads at least a head of a frame, or some of the rest of a frame.
func (c *conn) readFrames(b []byte) (int, error) {
	n := copy(b, c.kept)
	c.kept = c.kept[n:]
	for {
		if n == 0 || n < frameHeadLen && c.traffic.skip == 0 {
			m, err := c.read(b[n:])
			if n += m; m == 0 {
				return 0, err
			}
		}
		pass, held := c.traffic.received(b[:n])
		if pass < n {
			c.kept = append(bytes.Clone(b[pass:n]), c.kept...)
		}
		if pass > 0 {
			return pass, nil
		}
		if held && c.traffic.left() {
			return 0, net.ErrClosed // the client knows that the call was not taken
		}
		if held {
			c.hold()
		}
		n = copy(b, c.kept)
		c.kept = c.kept[n:]
	}
}

// stage reads a head where the reader has no room for one.
func (c *conn) stage() error {
	var head [frameHeadLen]byte
	n, err := c.readFrames(head[:])
	c.kept, c.passed = append(head[:n:n], c.kept...), n
	return err
}

// hold waits for calls of others to end, but not so long that a client which has
// gone stays unnoticed.
func (c *conn) hold() {
	const longest, step = 100 * time.Millisecond, 5 * time.Millisecond
	const then = 4 // calls that pass after it
	tick := time.NewTicker(step)
	defer tick.Stop()
	for range longest / step {
		if c.broken.Load() || c.traffic.left() || !c.crowded(1) || c.server.stopped() {
			break
		}
		<-tick.C
	}
	c.traffic.letPass(then)
}

func (c *conn) read(b []byte) (int, error) {
	if c.replay != nil {
		if !c.replay.over() {
			return c.replay.Read(b)
		}
		c.replay = nil
	}
	return c.Conn.Read(b)
}

func (c *conn) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.traffic != nil && c.traffic.sent(b) && !c.answered.Load() {
		c.answered.Store(true)
	}
	n, err := c.Conn.Write(b)
	if err != nil {
		c.broken.Store(true)
	}
	return n, err
}

// evict closes a connection that has to go for another one. A client of HTTP/2
// hears before which calls were taken: it makes again, over a new connection, what
// is on its way at this moment.
func (c *conn) evict() error {
	c.mu.Lock()
	traffic := c.traffic
	c.mu.Unlock()
	if traffic != nil {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(farewell)) // of a write that is stuck, too
		c.writing.Lock()
		if last, ok := traffic.goAway(); ok && !c.broken.Load() {
			_, _ = c.Conn.Write(last)
		}
		c.writing.Unlock()
	}
	return c.Close()
}

// Close closes the connection for good; it may be called often. When any call of
// it returns, the connection counts no more.
func (c *conn) Close() error {
	if inner := c.leave(); inner != nil {
		return inner.Close()
	}
	return nil
}

// leave takes the connection and its calls out of the server's counts. It returns
// what is to be closed, nil from the second time on.
func (c *conn) leave() net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	switch {
	case c.traffic == nil:
	case c.calls.Load() > 0 && c.server.weight.Load() > int64(c.server.cfg.MaxCalls/2) && !c.server.stopped():
		// Handlers that wait for a processor have not been counted yet.
		time.AfterFunc(lingering, c.traffic.close)
	default:
		c.traffic.close()
	}
	c.server.connections.remove(c)
	return c.Conn
}

// count counts the calls that open, or close, with their weight.
func (c *conn) count(calls int, weight int64) {
	c.server.calls.Add(int64(calls))
	c.server.weight.Add(weight)
	c.weight.Add(weight)
	if c.calls.Add(int32(calls)) == 0 {
		c.lastUsed.Store(time.Now().UnixNano())
	}
}

// crowded reports whether so much more would be too much: the server is full, and
// c has its share. So all calls together weigh less than twice Config.MaxCalls.
func (c *conn) crowded(more int) bool {
	limit := c.server.cfg.MaxCalls
	if more+int(max(c.server.weight.Load(), c.server.handlers.Load())) <= limit {
		return false
	}
	return more+int(max(c.weight.Load(), c.handlers.Load())) > max(1, limit/max(1, c.server.connections.len()))
}

// wait bounds the time of reading and writing while nobody serves c yet; 0 is no
// bound. It returns false if the server stops.
func (c *conn) wait(d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dismissed {
		return false
	}
	var t time.Time
	if d > 0 {
		t = time.Now().Add(d)
	}
	_ = c.Conn.SetDeadline(t) // fails only when c is closed, as reading then does
	return true
}

// settle ends the time in which nobody serves c; false means that it stays so.
func (c *conn) settle(http2 bool, r *replay) bool {
	c.wait(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.dismissed {
		return false
	}
	c.opening, c.replay = false, r
	if http2 {
		c.traffic = newTraffic(c)
	}
	return true
}

// dismiss interrupts the reading from a client that nobody serves yet.
func (c *conn) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opening {
		c.dismissed = true
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// clientHost returns by what the clients at a are told apart: the address, or
// of IPv6 the network of 64 bits, which is one customer's.
func clientHost(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return ""
	}
	ip, _ := netip.AddrFromSlice(tcp.IP)
	if ip = ip.Unmap(); ip.Is6() {
		network, _ := ip.Prefix(64)
		return network.String()
	}
	return ip.String()
}
