package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/codegen"
	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/health"
	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/tui"
)

// tuiOptions is `grpcx tui`.
type tuiOptions struct {
	*program
	connection
	schema
	saved      string
	noHistory  bool
	accessible bool
	flags      *pflag.FlagSet // as given
}

// gcPercent is how much the heap may grow, in percent of what is live, before it is
// collected: on a stream of large messages the usual 100 costs more than 150 MB.
const gcPercent = 50

func newTUICommand(p *program) *cobra.Command {
	o := &tuiOptions{program: p}
	cmd := &cobra.Command{
		Use:   "tui [ADDR]",
		Short: "Browse, write, call and watch in the terminal",
		Long: `Browse services, write requests with completion, make calls of all four kinds and
watch what comes back, on one screen. ? shows every key.

Requests are kept in a history for each address, below the user's directory of
state, and can be saved to a suite file that grpcx test runs. Values of metadata
and fields that look like credentials are kept as references to environment
variables, ${env.NAME}.

--accessible asks and answers line by line, for screen readers.`,
		Example: `  grpcx tui demo
  grpcx tui grpc://localhost:50051
  grpcx tui api.example.com:443 -H 'authorization: Bearer ${TOKEN}' --expand-headers`,
		Args: args(0, 1, "[ADDR]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			address := ""
			if len(args) > 0 {
				address = args[0]
			}
			return o.run(cmd.Context(), address)
		},
	}
	f := cmd.Flags()
	o.flags = f
	f.StringVar(&o.saved, "save-file", "requests.yaml", "suite `FILE` that requests are saved to and listed from")
	f.BoolVar(&o.noHistory, "no-history", false, "keep no requests on disk")
	f.BoolVar(&o.accessible, "accessible", false, "ask and answer line by line, without drawing")
	o.connection.register(f)
	o.schema.register(f)
	return cmd
}

func (o *tuiOptions) run(ctx context.Context, address string) error {
	if err := o.schema.check(nil); err != nil {
		return err
	}
	if o.unix && address != "" {
		address = "unix:" + address
		o.unix = false
	}
	ctx, cancel := o.bound(ctx)
	defer cancel()
	cfg, err := o.tuiConfig(ctx, address)
	if err != nil {
		return err
	}
	if o.accessible {
		return tui.RunAccessible(ctx, cfg, o.In, o.Out)
	}
	if term, _ := o.LookupEnv("TERM"); !o.InTerminal || !o.OutTerminal || term == "dumb" {
		return withHint(&usageError{err: errors.New("the terminal UI needs a terminal that can be drawn on"), command: "grpcx tui"},
			"`grpcx call` makes calls without one, and --accessible works line by line")
	}
	if _, set := o.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	err = tui.Run(ctx, cfg, o.In, o.Out, os.Environ())
	if limit := context.Cause(ctx); err != nil && errors.Is(limit, context.DeadlineExceeded) {
		return limit
	}
	return err
}

// tuiConfig gives the terminal UI what it may reach.
func (o *tuiOptions) tuiConfig(ctx context.Context, address string) (tui.Config, error) {
	cfg := tui.Config{
		Address:     address,
		Connect:     o.open,
		Hint:        tuiHint,
		Metadata:    func(headers []tui.Header) (metadata.MD, error) { return o.metadataOf(ctx, headers) },
		Secret:      invoke.Sensitive,
		LookupEnv:   o.LookupEnv,
		SavedFile:   o.saved,
		SuiteTarget: func(t tui.Target) (suite.Target, error) { return o.suiteTarget(ctx, t) },
		Command:     o.command,
		Generate:    o.generate,
		Editor:      o.editor(),
		Color:       o.colour(true),
	}
	md, err := o.callMetadata(ctx, o.program)
	if err != nil {
		return cfg, err
	}
	cfg.Headers = headersOf(md)
	if !o.noHistory {
		cfg.HistoryDir = o.stateDir("history")
	}
	return cfg, nil
}

// stateDir is a directory of the user's state (XDG Base Directory Specification),
// "" where there is none.
func (o *tuiOptions) stateDir(name string) string {
	if dir, _ := o.LookupEnv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "grpcx", name)
	}
	if home, _ := o.LookupEnv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "grpcx", name)
	}
	if dir, err := os.UserConfigDir(); err == nil {
		return filepath.Join(dir, "grpcx", name)
	}
	return ""
}

// open connects to a target. The session lives until it is closed or ctx ends.
func (o *tuiOptions) open(ctx context.Context, t tui.Target) (*tui.Session, error) {
	s := o.schema.with(t.Files)
	c, err := o.connection.with(o.program, t.Headers)
	if err != nil {
		return nil, err
	}
	conn, err := c.connect(ctx, o.program, t.Address, nil, grpc.WithConnectParams(health.ConnectParams(health.WatchBackoff)))
	if err != nil {
		return nil, err
	}
	session := &tui.Session{
		Conn: conn, Transport: o.transport(t.Address), Health: c.watchHealth(o.program, conn),
		Close: func() { _ = conn.Close() },
	}
	source, closeSource, err := s.source(ctx, ctx, o.program, c, conn)
	if err != nil {
		return session, err
	}
	session.Source = source
	session.Close = func() {
		closeSource()
		_ = conn.Close()
	}
	return session, nil
}

// with is the schema with the files that were chosen in the place of reflection.
func (s *schema) with(files []string) *schema {
	if len(files) == 0 {
		return s
	}
	chosen := *s
	chosen.useReflection = false
	for _, file := range files {
		if filepath.Ext(file) == ".proto" {
			chosen.protos = append(chosen.protos, file)
		} else {
			chosen.protosets = append(chosen.protosets, file)
		}
	}
	return &chosen
}

// transport is how a connection to the address is secured, for people.
func (o *tuiOptions) transport(address string) string {
	switch {
	case address == dial.Demo:
		return "in this process"
	case o.plaintext, strings.HasPrefix(address, "grpc://"), strings.HasPrefix(address, "http://"), strings.HasPrefix(address, "unix"):
		return "plaintext"
	case o.insecure:
		return "TLS, unverified"
	}
	return "TLS"
}

// with is the connection with headers, whose values are final, to every request.
// They come in the place of its own of the same name.
func (c *connection) with(p *program, headers []tui.Header) (*connection, error) {
	with := *c
	with.typed = metadata.MD{}
	plain := connection{} // expands nothing
	for _, h := range headers {
		if err := plain.addLine(p, with.typed, h.Name+": "+h.Value); err != nil {
			return nil, err
		}
	}
	return &with, nil
}

// watchHealth follows the health of a service, "" being the server as a whole.
func (c *connection) watchHealth(p *program, conn dial.Conn) func(context.Context, string, func(tui.Health)) error {
	return func(ctx context.Context, service string, report func(tui.Health)) error {
		md, err := c.callMetadata(ctx, p)
		if err != nil {
			return err
		}
		client := &health.Client{Conn: conn}
		return client.Watch(metadata.NewOutgoingContext(ctx, md), service, func(r health.Report) error {
			report(tui.Health{State: r.Status.String(), Serving: r.Status == health.Serving, Reached: r.Status != health.Unreachable, Unknown: r.Status == health.ServiceUnknown})
			return nil
		})
	}
}

// metadataOf is what goes with a call: the headers, and that of the flags which has
// other names.
func (o *tuiOptions) metadataOf(ctx context.Context, headers []tui.Header) (metadata.MD, error) {
	c, err := o.connection.with(o.program, headers)
	if err != nil {
		return nil, err
	}
	return c.callMetadata(ctx, o.program)
}

// tuiHint is how people in the terminal UI mend what keeps them from a server.
func tuiHint(err error) string {
	if errors.Is(err, describe.ErrNoReflection) {
		return ""
	}
	switch status.Code(err) {
	case codes.Unauthenticated, codes.PermissionDenied:
		return "" // what flags would mend, metadata does
	}
	return strings.Join(hints(err), "; ")
}

// editor gives the command of the user's editor, nil if there is none.
func (o *tuiOptions) editor() func(path string) *exec.Cmd {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		value, _ := o.LookupEnv(name)
		if words := strings.Fields(value); len(words) > 0 {
			return func(path string) *exec.Cmd {
				return exec.Command(words[0], append(words[1:], path)...) //nolint:gosec,noctx // the user's own editor, which ends when the user does
			}
		}
	}
	return nil
}

// suiteTarget is the target as a suite file says it.
func (o *tuiOptions) suiteTarget(ctx context.Context, t tui.Target) (suite.Target, error) {
	s := o.schema.with(t.Files)
	target := suite.Target{
		Address: t.Address, Plaintext: o.plaintext, Insecure: o.insecure,
		CACert: o.caCert, Cert: o.cert, Key: o.key, Authority: o.authority, ServerName: o.name,
		Protos: s.protos, ImportPaths: s.importPaths, Protosets: s.protosets, UseReflection: s.useReflection,
	}
	if s.fromFiles() {
		return target, nil
	}
	c, err := o.connection.with(o.program, t.Headers)
	if err != nil {
		return target, err
	}
	md, err := c.reflectionMetadata(ctx, o.program)
	target.Metadata = suite.Headers(md)
	return target, err
}

// generate writes a TypeScript client, as `grpcx gen ts` does, and says where.
func (o *tuiOptions) generate(ctx context.Context, source describe.Source, services []string, dir string) (string, error) {
	var said strings.Builder
	p := &program{Streams: o.Streams, version: o.version}
	p.Out, p.Err, p.OutTerminal, p.ErrTerminal = &said, &said, false, false
	g := genOptions{
		explorer: explorer{program: p}, symbols: services, output: generatedDir{dir: dir},
		codegen: codegen.Options{Targets: []codegen.Target{codegen.TS}, Runtime: codegen.Connect, Header: generatedBy},
	}
	if err := g.run(ctx, source); err != nil {
		return "", err
	}
	return strings.TrimPrefix(strings.TrimSpace(said.String()), "* "), nil
}
