package oneport

import (
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
	traffic *traffic // nil but for native connections

	calls    atomic.Int32
	answered atomic.Bool  // an answer has begun, so the client is more than a visitor
	lastUsed atomic.Int64 // when the last call ended, in Unix nanoseconds

	mu        sync.Mutex // guards what follows
	opening   bool       // nobody serves it yet
	dismissed bool       // the server stops, so nobody will
	closed    bool
}

// localAddr is the local address of a connection. It leads from the peer of a
// call to the connection, for the limits.
type localAddr struct {
	net.Addr
	conn *conn
}

func (c *conn) LocalAddr() net.Addr { return localAddr{c.Conn.LocalAddr(), c} }

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.read(b)
	if c.traffic != nil {
		c.traffic.received(b[:n])
	}
	return n, err
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
	if c.traffic != nil && c.traffic.sent(b) && !c.answered.Load() {
		c.answered.Store(true)
	}
	return c.Conn.Write(b)
}

// Close closes the connection for good; it may be called often.
func (c *conn) Close() error {
	c.mu.Lock()
	first, inner, traffic := !c.closed, c.Conn, c.traffic
	c.closed = true
	c.mu.Unlock()
	if !first {
		return nil
	}
	if traffic != nil {
		traffic.close()
	}
	c.server.connections.remove(c)
	return inner.Close()
}

// callOpened and callClosed count the calls of all protocols.
func (c *conn) callOpened() {
	c.calls.Add(1)
	c.server.calls.Add(1)
}

func (c *conn) callClosed() {
	c.server.calls.Add(-1)
	if c.calls.Add(-1) == 0 {
		c.lastUsed.Store(time.Now().UnixNano())
	}
}

// crowded reports whether a further call of c, which is counted already, is one
// too many: the server is full, and c has more than its share. So the calls of
// all connections are less than twice Config.MaxCalls.
func (c *conn) crowded() bool {
	limit := c.server.cfg.MaxCalls
	if c.server.calls.Load() <= int64(limit) {
		return false
	}
	return int(c.calls.Load()) > max(1, limit/max(1, c.server.connections.len()))
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
func (c *conn) settle(native bool, r *replay) bool {
	c.wait(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.dismissed {
		return false
	}
	c.opening, c.replay = false, r
	if native {
		c.traffic = newTraffic(c.callOpened, c.callClosed)
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
