package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/grpcx/grpcx/testserver"
)

// serveOptions is `grpcx serve`.
type serveOptions struct {
	*program
	serveSettings
	all         []settingGroup
	configFile  string
	printConfig bool
}

func newServeCommand(p *program) *cobra.Command {
	o := &serveOptions{program: p}
	o.all = o.groups()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the reference server",
		Long: `Run the reference server: users, authentication, health, chat, files and
notifications, with server reflection and the official interop service, for
trying out any gRPC client. gRPC, gRPC-Web and Connect come to one port.

It listens on the loopback interface, where the user admin has the password
"password". SIGINT, SIGTERM or SIGHUP drain it; a second one ends it at once.

Each setting is a flag, a variable (--max-streams is GRPCX_MAX_STREAMS) or a key
of the YAML file that --config names, the first of these that gives it.
--print-config shows what is in force and where it comes from.`,
		Example: `  grpcx serve
  grpcx serve --listen 127.0.0.1:9000 --store users.db
  grpcx serve --fault 'userservice.UserService/GetUser=UNAVAILABLE:0.3,delay=200ms'
  grpcx serve --config server.yaml --print-config`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.Flags()) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.configFile, "config", "", "read settings from a YAML `FILE`")
	f.BoolVar(&o.printConfig, "print-config", false, "print the settings as such a file, with their sources, and exit")
	registerSettings(cmd, o.all)
	cmd.AddCommand(newHashPasswordCommand(p), newAPIKeyCommand(p))
	return cmd
}

func (o *serveOptions) run(ctx context.Context, flags *pflag.FlagSet) error {
	if err := o.resolve(ctx, flags, o.all, o.configFile, o.LookupEnv); err != nil {
		return &usageError{err: err}
	}
	if o.printConfig {
		return printConfig(o.Out, o.all)
	}
	cfg, err := o.serverConfig(ctx, o.all)
	if err != nil {
		return err
	}
	logger := o.logger(o.Err)
	cfg.Version, cfg.Logger = o.version, logger
	l, err := listen(ctx, o.listen)
	if err != nil {
		return err
	}
	exposed := cfg.CheckExposure(l.Addr(), cfg.TLS.Cert != "")
	if exposed != nil && !o.allowInsecure {
		_ = l.Close()
		return withHint(exposed, "give --tls-cert, --tls-key and --auth required, listen on 127.0.0.1, or give --allow-insecure if the network is trusted")
	}
	cfg.DefaultAdmin = isLoopback(l.Addr())
	boundMemory(cfg)
	server, err := testserver.New(cfg)
	if err != nil {
		_ = l.Close()
		return err
	}
	logger.Info("listening", "address", l.Addr().String(), "tls", cfg.TLS.Cert != "", "authentication", string(cfg.Auth), "store", server.StoreName())
	if exposed != nil {
		logger.Warn(exposed.Error())
	}
	if store := find(o.all, "store"); store.from.precedence == fromFlag && hasPassword(o.server.Store) {
		logger.Warn("the password in --store can be read in the list of processes; use --store-file or GRPCX_STORE")
	}
	return o.serve(ctx, server, l, logger)
}

// boundMemory keeps the garbage that hostile clients make from piling up, unless
// GOMEMLIMIT says how much memory there is.
func boundMemory(cfg testserver.Config) {
	const unlimited = math.MaxInt64
	if debug.SetMemoryLimit(-1) == unlimited {
		debug.SetMemoryLimit(cfg.MemoryLimit())
	}
}

// serveAdmin serves the admin port, if there is to be one, until the server has
// been shut down; the channel tells how that ended.
func (o *serveOptions) serveAdmin(ctx context.Context, server *testserver.Server, logger *slog.Logger) (<-chan error, error) {
	ended := make(chan error, 1)
	if o.admin == "" {
		ended <- nil
		return ended, nil
	}
	l, err := listen(ctx, o.admin)
	if err != nil {
		return nil, fmt.Errorf("admin port: %w", err)
	}
	logger.Info("admin port", "address", l.Addr().String())
	go func() { ended <- server.ServeAdmin(l) }()
	return ended, nil
}

func (o *serveSettings) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{}
	var level slog.Level
	if level.UnmarshalText([]byte(o.logLevel)) == nil { // one of those that the setting takes
		options.Level = level
	}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if o.logFormat == "json" {
		h = slog.NewJSONHandler(w, options)
	}
	return slog.New(testserver.RedactSecrets(h))
}

// serve runs the server until it fails or a signal ends it. The first signal
// drains it, the next one ends it at once.
func (o *serveOptions) serve(ctx context.Context, server *testserver.Server, l net.Listener, logger *slog.Logger) error {
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	admin, err := o.serveAdmin(ctx, server, logger)
	if err != nil {
		return errors.Join(err, l.Close(), server.Shutdown(ctx))
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return errors.Join(err, server.Shutdown(ctx), <-admin)
	case <-ctx.Done():
	}
	// As the first process of a container, ours would not die of a signal that
	// nothing listens for.
	forced, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	logger.Info("draining", "grace", o.grace.String())
	drain, cancel := context.WithTimeout(forced, o.grace)
	defer cancel()
	err = errors.Join(server.Shutdown(drain), <-served, <-admin)
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded):
		logger.Warn("calls were cut off at the end of the grace period")
	case forced.Err() != nil:
		logger.Warn("calls were cut off by another signal")
		return err
	default:
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
