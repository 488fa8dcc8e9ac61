package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/grpcx/grpcx/testserver"
)

// serveOptions is `grpcx serve`.
type serveOptions struct {
	*program
	listen   string
	store    string
	grace    duration
	logLevel string
	public   bool
}

func newServeCommand(p *program) *cobra.Command {
	o := &serveOptions{program: p, grace: duration(10 * time.Second)}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the reference server",
		Long: `Run the reference server: users, authentication and health, with server
reflection and the official interop service, for trying out any gRPC client.

It listens on the loopback interface, where the user admin has the password
"password". SIGINT or SIGTERM drain it; a second one ends it at once.`,
		Example: `  grpcx serve
  grpcx serve --listen 127.0.0.1:9000 --store users.db`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:50051", "`ADDRESS` to listen on, host:port or unix:/path")
	f.StringVar(&o.store, "store", "memory", "keep data in `memory` or in an SQLite file of this name")
	f.Var(&o.grace, "grace", "time that calls under way have to end after a signal")
	f.StringVar(&o.logLevel, "log-level", "info", "least `LEVEL` to log: debug, info, warn, error")
	f.BoolVar(&o.public, "allow-insecure", false, "allow listening beyond the loopback interface, without TLS or authentication")
	return cmd
}

func (o *serveOptions) run(ctx context.Context) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return &usageError{err: fmt.Errorf("--log-level %q: want debug, info, warn or error", o.logLevel)}
	}
	logger := slog.New(slog.NewTextHandler(o.Err, &slog.HandlerOptions{Level: level}))
	l, err := listen(ctx, o.listen)
	if err != nil {
		return err
	}
	loopback := isLoopback(l.Addr())
	if !loopback && !o.public {
		_ = l.Close()
		return withHint(fmt.Errorf("listen on %s: beyond the loopback interface, with neither TLS nor authentication", o.listen),
			"listen on 127.0.0.1, or give --allow-insecure if the network is trusted")
	}
	server, err := testserver.New(testserver.Config{
		Store:        o.store,
		Version:      o.version,
		Logger:       logger,
		DefaultAdmin: loopback,
	})
	if err != nil {
		_ = l.Close()
		return err
	}
	logger.Info("listening", "address", l.Addr().String(), "store", server.StoreName())
	if !loopback {
		logger.Warn("anyone who reaches this address can use the server: no TLS, no authentication")
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return errors.Join(err, server.Shutdown(ctx))
	case <-ctx.Done():
	}
	logger.Info("draining", "grace", time.Duration(o.grace).String())
	drain, cancel := context.WithTimeout(context.Background(), time.Duration(o.grace))
	defer cancel()
	err = server.Shutdown(drain)
	err = errors.Join(err, <-served)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	logger.Info("stopped")
	return nil
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	network := "tcp"
	if path, ok := cutUnix(address); ok {
		network, address = "unix", path
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, network, address)
}

// isLoopback reports whether only this machine reaches a.
func isLoopback(a net.Addr) bool {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.IP.IsLoopback()
	}
	return a.Network() == "unix"
}

// cutUnix returns the path of a unix:/path address.
func cutUnix(address string) (string, bool) {
	path, ok := strings.CutPrefix(address, "unix:")
	return strings.TrimPrefix(path, "//"), ok
}
