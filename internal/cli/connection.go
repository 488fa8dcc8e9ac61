package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/message"
)

// connection is the group of flags that say how to reach a server and what
// goes with every request to it.
type connection struct {
	plaintext, insecure                     bool
	caCert, cert, key, authority, name      string
	unix                                    bool
	userAgent                               string
	connectTimeout, maxTime, keepaliveTime  duration
	maxMessageSize                          int
	compress                                string
	headers, callHeaders, reflectionHeaders []string
	expandHeaders                           bool
	target                                  metadata.MD // of a suite's target: flags replace its values
	typed                                   metadata.MD // goes with every request, as it is, in the place of what the flags have of a name
}

func (c *connection) register(f *pflag.FlagSet) {
	f.BoolVar(&c.plaintext, "plaintext", false, "use plaintext HTTP/2, no TLS")
	f.BoolVar(&c.insecure, "insecure", false, "accept any server certificate (not secure)")
	f.StringVar(&c.caCert, "cacert", "", "PEM `FILE` with the roots to trust instead of the system's")
	f.StringVar(&c.cert, "cert", "", "PEM `FILE` with the client certificate")
	f.StringVar(&c.key, "key", "", "PEM `FILE` with the client certificate's key")
	f.StringVar(&c.authority, "authority", "", "`NAME` sent as :authority")
	f.StringVar(&c.name, "servername", "", "`NAME` that the server's certificate is checked against")
	f.BoolVar(&c.unix, "unix", false, "ADDR is the path of a Unix socket")
	f.StringVar(&c.userAgent, "user-agent", "", "`TEXT` that goes before grpcx's own user agent")
	f.Var(&c.connectTimeout, "connect-timeout", "time to look up, connect and shake hands (default 10s)")
	f.Var(&c.maxTime, "max-time", "time for the whole command (default none)")
	f.Var(&c.keepaliveTime, "keepalive-time", "idle time after which the server is pinged (default never)")
	f.IntVar(&c.maxMessageSize, "max-msg-sz", 0, "largest message to receive, in `BYTES` (default 4 MiB)")
	f.StringVar(&c.compress, "compress", "", "compress requests: `gzip`")
	f.StringArrayVarP(&c.headers, "header", "H", nil, "metadata `'NAME: VALUE'` for calls and reflection, or @FILE with one a line")
	f.StringArrayVar(&c.callHeaders, "rpc-header", nil, "metadata `'NAME: VALUE'` for calls alone")
	f.StringArrayVar(&c.reflectionHeaders, "reflect-header", nil, "metadata `'NAME: VALUE'` for reflection alone")
	f.BoolVar(&c.expandHeaders, "expand-headers", false, "replace ${NAME} in metadata by environment variables")
}

// bound applies --max-time to ctx.
func (c *connection) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.maxTime == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, time.Duration(c.maxTime), &maxTimeError{c.maxTime})
}

// maxTimeError is a command that --max-time ended.
type maxTimeError struct{ limit duration }

func (e *maxTimeError) Error() string {
	return "--max-time " + e.limit.String() + " ran out"
}

func (e *maxTimeError) Is(target error) bool { return target == context.DeadlineExceeded }

// config turns the flags and address into what dial takes.
func (c *connection) config(p *program, address string) (dial.Config, error) {
	if c.compress != "" && c.compress != "gzip" {
		return dial.Config{}, &usageError{err: fmt.Errorf("--compress %q: this build knows gzip", c.compress)}
	}
	if c.maxMessageSize < 0 {
		return dial.Config{}, &usageError{err: errors.New("--max-msg-sz: cannot be negative")}
	}
	if c.unix {
		address = "unix:" + address
	}
	agent := "grpcx/" + p.version
	if c.userAgent != "" {
		agent = c.userAgent + " " + agent
	}
	return dial.Config{
		Address: address,
		TLS: dial.TLS{
			Plaintext:  c.plaintext,
			Insecure:   c.insecure,
			CACert:     c.caCert,
			Cert:       c.cert,
			Key:        c.key,
			ServerName: c.name,
		},
		Authority:      c.authority,
		UserAgent:      agent,
		ConnectTimeout: time.Duration(c.connectTimeout),
		KeepaliveTime:  time.Duration(c.keepaliveTime),
		MaxMessageSize: c.maxMessageSize,
		Dialer:         p.dialer,
	}, nil
}

// textPerByte is how much larger than on the wire a message may become as text.
const textPerByte = 64

// maxText bounds the text of a message that was received, in bytes.
func (c *connection) maxText() int {
	return max(message.DefaultMaxOutput, textPerByte*min(c.maxMessageSize, math.MaxInt/textPerByte))
}

// connect dials address, or starts the reference server for the address
// "demo". The caller closes the connection. trace may be nil.
func (c *connection) connect(ctx context.Context, p *program, address string, trace *dial.Trace, options ...grpc.DialOption) (dial.Conn, error) {
	cfg, err := c.config(p, address)
	if err != nil {
		return nil, err
	}
	cfg.Trace, cfg.Options = trace, options
	if address != dial.Demo {
		return dial.Dial(ctx, cfg)
	}
	demo, err := startDemo(p.version)
	if err != nil {
		return nil, fmt.Errorf("start demo server: %w", err)
	}
	cfg.Dialer = demo.dial
	// The demo has no TLS to configure; grpcurl's habit of --plaintext is
	// harmless, other TLS flags are a mistake that dial reports.
	conn, err := dial.Dial(ctx, cfg)
	if err != nil {
		demo.stop()
		return nil, err
	}
	return &demoConn{Conn: conn, demo: demo}, nil
}

// callMetadata and reflectionMetadata are what goes with each kind of request.
func (c *connection) callMetadata(ctx context.Context, p *program) (metadata.MD, error) {
	return c.metadata(ctx, p, c.headers, c.callHeaders)
}

func (c *connection) reflectionMetadata(ctx context.Context, p *program) (metadata.MD, error) {
	return c.metadata(ctx, p, c.headers, c.reflectionHeaders)
}

func (c *connection) metadata(ctx context.Context, p *program, groups ...[]string) (metadata.MD, error) {
	md := metadata.MD{}
	for _, lines := range groups {
		for _, line := range lines {
			err := c.addHeader(ctx, p, md, line)
			switch {
			case err != nil && ctx.Err() != nil:
				return nil, context.Cause(ctx)
			case err != nil:
				return nil, &usageError{err: err}
			}
		}
	}
	for name, values := range c.target {
		if _, given := md[name]; !given {
			md[name] = slices.Clone(values)
		}
	}
	for name, values := range c.typed {
		md[name] = slices.Clone(values)
	}
	return md, nil
}
