// Package dial turns an address and options into a connection on which calls
// can be made, and says plainly why where it cannot.
package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"github.com/grpcx/grpcx/internal/pipe"
)

// DefaultConnectTimeout bounds a dial whose Config sets no other limit.
const DefaultConnectTimeout = 10 * time.Second

// Config says how to reach a server. The zero value of every field but
// Address is useful: TLS against the system's roots, ten seconds to connect.
type Config struct {
	// Address is what [ParseAddress] takes.
	Address string
	TLS     TLS
	// Authority replaces the :authority that the address implies.
	Authority string
	// UserAgent goes before grpc-go's own.
	UserAgent string
	// ConnectTimeout bounds name look-up, TCP, TLS and HTTP/2 together; 0
	// means DefaultConnectTimeout.
	ConnectTimeout time.Duration
	// KeepaliveTime is the idle time after which the server is pinged; 0
	// means never. grpc-go raises anything below ten seconds to that.
	KeepaliveTime time.Duration
	// MaxMessageSize caps a received message, in bytes; 0 means grpc-go's
	// default of 4 MiB.
	MaxMessageSize int
	// Dialer, if set, makes the connection in place of the network; the
	// address then only names it.
	Dialer func(context.Context) (net.Conn, error)
	// Trace, if set, hears of each step of the dial.
	Trace *Trace
	// Options are passed on to grpc-go.
	Options []grpc.DialOption

	probeTime time.Duration // 0 means defaultProbeTime
	lastTime  time.Duration // of the last question; 0 means what the others leave of probes
}

// Conn is a connection that calls can be made on. Its owner closes it.
type Conn interface {
	grpc.ClientConnInterface
	Close() error
}

// Dial connects and returns once calls can be made. It does not retry: a
// server that refuses, or is not what the Config says, is an *Error at once.
func Dial(ctx context.Context, cfg Config) (Conn, error) {
	address, err := ParseAddress(cfg.Address)
	if err != nil {
		return nil, err
	}
	d := &dialer{cfg: cfg, address: address}
	if err := d.decideTLS(); err != nil {
		return nil, err
	}
	creds, err := pipe.Within(ctx, d.credentials)
	if err != nil {
		return nil, err
	}
	options := append([]grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithContextDialer(d.dial),
		grpc.WithDisableServiceConfig(),
	}, cfg.Options...)
	if cfg.Authority != "" {
		options = append(options, grpc.WithAuthority(cfg.Authority))
	}
	if cfg.UserAgent != "" {
		options = append(options, grpc.WithUserAgent(cfg.UserAgent))
	}
	if cfg.KeepaliveTime > 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: cfg.KeepaliveTime, Timeout: cfg.KeepaliveTime, PermitWithoutStream: true,
		}))
	}
	if cfg.MaxMessageSize > 0 {
		options = append(options, grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(cfg.MaxMessageSize)))
	}
	if len(address.list) > 0 {
		options = append(options, grpc.WithResolvers(listResolver(address)))
	}
	cc, err := grpc.NewClient(address.target, options...)
	if err != nil {
		return nil, &Error{Address: cfg.Address, Phase: PhaseResolve, Err: err}
	}
	if err := d.wait(ctx, cc); err != nil {
		_ = cc.Close()
		return nil, err
	}
	return cc, nil
}

// listResolver resolves the target of a to the addresses that it lists.
func listResolver(a Address) resolver.Builder {
	scheme, _, _ := strings.Cut(a.target, ":")
	r := manual.NewBuilderWithScheme(scheme)
	var state resolver.State
	for _, addr := range a.list {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: addr}}})
	}
	r.InitialState(state)
	return r
}

// dialer makes the connections of one Dial and keeps what it sees of them,
// for the diagnosis of a failure.
type dialer struct {
	cfg       Config
	address   Address
	plaintext bool

	mu    sync.Mutex
	phase Phase
	err   error    // the last failure of a connection attempt
	conn  *witness // the last connection, under TLS
	inner *witness // the last connection, above TLS
	asked bool     // the server asked for a client certificate
}

func (d *dialer) dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := d.connect(ctx, addr)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.err = err
		return nil, err
	}
	d.phase, d.err = PhaseTLS, nil
	if d.plaintext {
		d.phase = PhaseHTTP2
	}
	d.conn = &witness{Conn: conn}
	d.inner = d.conn
	return d.conn, nil
}

func (d *dialer) connect(ctx context.Context, addr string) (net.Conn, error) {
	if d.cfg.Dialer != nil {
		return d.cfg.Dialer(ctx)
	}
	if trace := d.trace(); trace != nil {
		ctx = httptrace.WithClientTrace(ctx, trace)
	}
	network := "tcp"
	if d.address.unix != "" {
		network, addr = "unix", d.address.unix
	}
	var nd net.Dialer
	return nd.DialContext(ctx, network, addr)
}

func (d *dialer) failed(phase Phase, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.phase, d.err = phase, err
}

// wait returns nil when cc is ready, or the *Error that explains why it is
// not: at the first failure, or when the time is up.
func (d *dialer) wait(ctx context.Context, cc *grpc.ClientConn) error {
	limit := d.cfg.ConnectTimeout
	if limit <= 0 {
		limit = DefaultConnectTimeout
	}
	parent := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	ctx, found := context.WithCancelCause(ctx)
	probing := make(chan struct{})
	go func() {
		defer close(probing)
		if err := d.probeSilence(ctx); err != nil {
			found(err)
		}
	}()
	defer func() { found(nil); <-probing }()

	for {
		state := cc.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.Idle:
			cc.Connect()
		case connectivity.TransientFailure:
			return d.diagnose(ctx)
		case connectivity.Connecting, connectivity.Shutdown:
		}
		if cc.WaitForStateChange(ctx, state) {
			continue
		}
		if errors.Is(parent.Err(), context.Canceled) {
			return context.Cause(parent)
		}
		return d.timedOut(context.Cause(ctx))
	}
}
