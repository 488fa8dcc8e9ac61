package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/health"
)

// healthOptions is `grpcx health`.
type healthOptions struct {
	*program
	connection
	schema
	address   string
	services  []string
	all, list bool
	watch     bool
	wait      duration
	timeout   duration
	api       string
	format    string
	verbosity int
}

func newHealthCommand(p *program) *cobra.Command {
	o := &healthOptions{program: p, timeout: duration(health.DefaultTimeout)}
	cmd := &cobra.Command{
		Use:   "health ADDR [SERVICE...]",
		Short: "Check, watch or await the health of services",
		Long: `Ask a server whether its services serve, by the gRPC health protocol. Without
SERVICE it is the server as a whole.

--watch shows each change as it comes, through restarts of the server; on a
terminal it is a view of how things stand. --wait ends as soon as all serve, and
does not mind if the server is not there yet.

The exit code is grpc_health_probe's: 0 serving, 1 bad arguments, 2 cannot
connect, 3 the call failed or timed out, or the server does not know the
service, 4 not serving. Of several services the highest code counts; with --all
those that the server keeps no status for do not. A watch ends with 130 by
SIGINT, or with --max-time, when the last states count.`,
		Example: `  grpcx health demo
  grpcx health grpc://localhost:50051 userservice.UserService --wait 30s
  grpcx health api.example.com:443 --all --watch`,
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return o.conclude(cmd.Context(), &usageError{err: err, command: cmd.CommandPath()})
	})
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		return o.conclude(cmd.Context(), args(1, -1, "ADDR [SERVICE...]")(cmd, given))
	}
	cmd.PersistentPreRunE = func(cmd *cobra.Command, given []string) error {
		if outer := cmd.Root().PersistentPreRunE; cmd.HasParent() && outer != nil {
			return o.conclude(cmd.Context(), outer(cmd, given))
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.address, o.services = args[0], args[1:]
		return o.conclude(cmd.Context(), o.run(cmd.Context()))
	}
	f := cmd.Flags()
	f.BoolVar(&o.all, "all", false, "every service that the schema names, and the server as a whole")
	f.BoolVar(&o.list, "list", false, "every service that the server keeps a status for")
	f.BoolVar(&o.watch, "watch", false, "show each change as it comes")
	f.Var(&o.wait, "wait", "wait this long until all serve, for the server itself too")
	f.Var(&o.timeout, "timeout", "time for each check")
	f.StringVar(&o.api, "service-api", health.Standard, "full `NAME` of the health service to ask, such as "+health.Legacy)
	f.StringVarP(&o.format, "output", "o", "pretty", "write `pretty`, or json (or jsonl): one object a line")
	f.CountVarP(&o.verbosity, "verbose", "v", "tell what happens and how long it takes; -vv adds sizes and bytes")
	o.connection.register(f)
	o.schema.register(f)
	return cmd
}

func (o *healthOptions) check() error {
	var problem string
	switch {
	case !slices.Contains([]string{"pretty", "json", "jsonl"}, o.format):
		problem = fmt.Sprintf("--output %q: want pretty, json or jsonl", o.format)
	case o.all && o.list:
		problem = "--all and --list exclude one another"
	case (o.all || o.list) && len(o.services) > 0:
		problem = "--all and --list leave no place for " + quote(o.services[0])
	case o.watch && o.wait > 0:
		problem = "--watch and --wait exclude one another"
	case o.wait > 0 && (o.all || o.list):
		problem = "--wait wants the services by name"
	case o.timeout == 0:
		problem = "--timeout: want more than zero"
	case o.api == "" || strings.ContainsAny(o.api, "/ "):
		problem = fmt.Sprintf("--service-api %q: want the full name of a service", o.api)
	default:
		return o.schema.check(nil)
	}
	return &usageError{err: errors.New(problem)}
}

// checkup is one run of the command.
type checkup struct {
	*healthOptions
	narrator *narrator
	metadata metadata.MD
}

func (o *healthOptions) run(ctx context.Context) error {
	if err := o.check(); err != nil {
		return err
	}
	ctx, cancel := o.bound(ctx)
	defer cancel()
	md, err := o.callMetadata(ctx, o.program)
	if err != nil {
		return err
	}
	c := &checkup{healthOptions: o, narrator: o.narrate(o.verbosity), metadata: md}
	switch {
	case o.watch:
		return c.follow(ctx)
	case o.wait > 0:
		return c.await(ctx)
	}
	return c.once(ctx)
}

// client asks over conn; ask is the context of its calls.
func (c *checkup) client(ctx context.Context, conn dial.Conn) (client *health.Client, ask context.Context) {
	client = &health.Client{Conn: c.narrator.calls(conn), API: c.api, Timeout: time.Duration(c.timeout)}
	return client, metadata.NewOutgoingContext(ctx, c.metadata)
}

// once checks each service.
func (c *checkup) once(ctx context.Context) error {
	conn, err := c.connect(ctx, c.program, c.address, c.narrator.trace())
	if err != nil {
		return connectVerdict(err)
	}
	defer func() { _ = conn.Close() }()
	client, ask := c.client(ctx, conn)
	if c.list {
		statuses, err := client.List(ask)
		switch {
		case err == nil && len(statuses) == 0:
			return &verdict{errors.New("the server keeps a status for no service"), probeCall}
		case err == nil:
			return c.show(listed(statuses))
		case status.Code(err) != codes.Unimplemented:
			return c.show([]health.Report{failed("", err)})
		}
		c.noList()
	}
	names, err := c.names(ctx, conn)
	if err != nil {
		return err
	}
	return c.show(askEach(names, func(service string) health.Report {
		st, err := client.Check(ask, service)
		return health.Report{Service: service, Status: st, Err: err}
	}))
}

// noList says that the services of the schema take the place of a list.
func (c *checkup) noList() {
	c.list, c.all = false, true
	c.printError(c.Err, fmt.Errorf("the server has no %s/List; checking the services of its schema", c.api))
}

// names returns the services to ask for, each once.
func (c *checkup) names(ctx context.Context, conn dial.Conn) ([]string, error) {
	if !c.all {
		return c.named(), nil
	}
	source, closeSource, err := c.source(ctx, ctx, c.program, &c.connection, conn)
	if err != nil {
		return nil, &verdict{err, probeArguments} // what the flags name; the server was not asked yet
	}
	defer closeSource()
	services, err := source.Services(ctx)
	if err != nil {
		return nil, err
	}
	names := []string{""}
	for _, name := range services {
		names = append(names, string(name))
	}
	return names, nil
}

// named returns the services of the command line, each once.
func (c *checkup) named() []string {
	var names []string
	for _, name := range c.services {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if names == nil {
		return []string{""}
	}
	return names
}

func listed(statuses map[string]health.Status) []health.Report {
	var reports []health.Report
	for _, service := range slices.Sorted(maps.Keys(statuses)) {
		reports = append(reports, health.Report{Service: service, Status: statuses[service]})
	}
	return reports
}

func failed(service string, err error) health.Report {
	return health.Report{Service: service, Status: health.Failed, Err: err}
}

// maxChecks is how many services are asked about at once.
const maxChecks = 16

// askEach calls ask for each service and returns the reports in their order.
func askEach(services []string, ask func(string) health.Report) []health.Report {
	reports := make([]health.Report, len(services))
	places := make(chan struct{}, maxChecks)
	var asking sync.WaitGroup
	for i, service := range services {
		places <- struct{}{}
		asking.Go(func() {
			reports[i] = ask(service)
			<-places
		})
	}
	asking.Wait()
	return reports
}

// show prints the reports and returns their exit code, nil for serving.
func (c *checkup) show(reports []health.Report) error {
	lines := newHealthLines(c.healthOptions, reports)
	for _, r := range reports {
		if err := lines.report(r); err != nil {
			return err
		}
	}
	c.advise(reports)
	return c.outcome(reports)
}
