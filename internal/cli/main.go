// Package cli is the command line: one file a command, groups of flags that
// commands share, and the way from an error to an exit code.
package cli

import (
	"context"
	"errors"
	"net"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// program is what every command is made from.
type program struct {
	Streams
	version  string
	narrator *narrator // of the command under way, nil without -v
	// dialer, if set, is the network of tests.
	dialer func(context.Context) (net.Conn, error)
	pipes  pipes // that metadata was read from
}

// Main runs the command that args name, without the program's own name, and
// returns the exit code. SIGINT and SIGTERM end the command's context; a
// second one ends the process.
func Main(args []string, s Streams, version string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	p := &program{Streams: s, version: version}
	lines, err := fromGrpcurl(newRoot(p), args)
	for _, line := range lines {
		if err = p.execute(ctx, line); err != nil {
			break
		}
	}
	if ctx.Err() != nil && err != nil {
		err = &interrupted{err}
	}
	return p.report(err)
}

// execute runs one command line.
func (p *program) execute(ctx context.Context, args []string) error {
	root := newRoot(p)
	root.SetArgs(args)
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	executed, err := root.ExecuteContextC(ctx)
	var usage *usageError
	if errors.As(err, &usage) && usage.command == "" {
		usage.command = executed.CommandPath()
	}
	return err
}

func newRoot(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:   "grpcx",
		Short: "Call, explore, watch and test gRPC services",
		Long: `grpcx calls gRPC services without generated code. It learns their schema by
server reflection, from .proto files or from descriptor sets, builds messages
from JSON, and calls methods of all four kinds.

ADDR is host:port (TLS), grpc://host:port (plaintext), grpcs://host:port (TLS),
unix:/path, dns:///name:port, or demo: a reference server inside the process.`,
		Example: `  grpcx list demo
  grpcx describe demo userservice.UserService
  grpcx call demo CreateUser -d '{"name":"Ada","email":"ada@example.com"}'`,
		Version:           p.version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              cobra.ArbitraryArgs,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return p.flagsFromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetVersionTemplate("grpcx {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{err: err, command: cmd.CommandPath()}
	})
	root.AddCommand(
		newListCommand(p),
		newDescribeCommand(p),
		newCallCommand(p),
		newHealthCommand(p),
		newTestCommand(p),
		newExportCommand(p),
		newServeCommand(p),
		newGenCommand(p),
		newTUICommand(p),
		newExitCodesTopic(),
	)
	return root
}

// unknownCommand reports name with the commands nearest to it.
func unknownCommand(root *cobra.Command, name string) error {
	err := errors.New("unknown command " + quote(name))
	root.SuggestionsMinimumDistance = 2 // edits; prefixes are suggested anyway
	if near := root.SuggestionsFor(name); len(near) > 0 {
		return withHint(&usageError{err: err, command: root.CommandPath()}, "did you mean "+strings.Join(near, " or ")+"?")
	}
	return &usageError{err: err, command: root.CommandPath()}
}

// args returns a check that a command has between least and most positional
// arguments; names is how its usage line calls them.
func args(least, most int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return &usageError{err: errors.New("too few arguments: want " + names), command: cmd.CommandPath()}
		case most >= 0 && len(args) > most:
			return &usageError{err: errors.New("too many arguments: want " + names + ", got " + quote(args[most]) + " too"), command: cmd.CommandPath()}
		}
		return nil
	}
}
