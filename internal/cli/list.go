package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/termtext"
)

// listOptions is `grpcx list`.
type listOptions struct {
	explorer
	service string
	long    bool
}

func newListCommand(p *program) *cobra.Command {
	o := &listOptions{explorer: explorer{program: p}}
	cmd := &cobra.Command{
		Use:   "list ADDR [SERVICE]",
		Short: "List services, or the methods of one",
		Long: `List services, or the methods of one. SERVICE is a full name or any end of it
that fits one service only. Methods are named as call takes them.

With --proto or --protoset alone there is no ADDR.`,
		Example: `  grpcx list demo
  grpcx list demo UserService -l
  grpcx list --protoset api.binpb -o json`,
		Args: args(0, 2, "ADDR [SERVICE]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			address, rest, err := o.address(cmd, args)
			if err != nil {
				return err
			}
			if len(rest) > 1 {
				return &usageError{err: fmt.Errorf("too many arguments: want [SERVICE], got %q too", rest[1]), command: cmd.CommandPath()}
			}
			if len(rest) > 0 {
				o.service = rest[0]
			}
			return o.explore(cmd.Context(), address, o.run)
		},
	}
	cmd.Flags().BoolVarP(&o.long, "long", "l", false, "show the signature of each method")
	o.register(cmd)
	return cmd
}

func (o *listOptions) run(ctx context.Context, source describe.Source) error {
	services, err := source.Services(ctx)
	if err != nil {
		return err
	}
	if o.service == "" && !o.long {
		return o.writeServices(services)
	}
	if o.service != "" {
		name, err := describe.FindService(ctx, source, o.service)
		if err != nil {
			return err
		}
		services = []protoreflect.FullName{name}
	}
	return o.writeMethods(ctx, source, services)
}

func (o *listOptions) writeServices(services []protoreflect.FullName) error {
	if o.format == "json" {
		return writeJSON(o.Out, services)
	}
	var b bytes.Buffer
	for _, s := range services {
		fmt.Fprintln(&b, termtext.Line(string(s)))
	}
	_, err := o.Out.Write(b.Bytes())
	return err
}

// listedMethod is one method in `list -o json`.
type listedMethod struct {
	Method          string `json:"method"`
	Input           string `json:"input"`
	Output          string `json:"output"`
	ClientStreaming bool   `json:"client_streaming"`
	ServerStreaming bool   `json:"server_streaming"`
	Deprecated      bool   `json:"deprecated,omitempty"`
}

func (o *listOptions) writeMethods(ctx context.Context, source describe.Source, services []protoreflect.FullName) error {
	listed := []listedMethod{}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	describe.EachMethods(ctx, source, services, func(service protoreflect.FullName, methods []describe.MethodInfo, err error) {
		if failed == nil && err != nil {
			failed = err
			cancel() // nobody asks for the others
		}
		for _, m := range methods {
			listed = append(listed, listedMethod{
				Method: string(service) + "/" + string(m.Name),
				Input:  string(m.Input), Output: string(m.Output),
				ClientStreaming: m.ClientStreaming, ServerStreaming: m.ServerStreaming,
				Deprecated: m.Deprecated,
			})
		}
	})
	if failed != nil {
		return failed
	}
	if o.format == "json" {
		return writeJSON(o.Out, listed)
	}
	var b bytes.Buffer
	for _, m := range listed {
		line := m.Method
		if o.long {
			line = m.signature()
		}
		fmt.Fprintln(&b, termtext.Line(line))
	}
	_, err := io.Copy(o.Out, &b)
	return err
}

// signature is the method as proto source has it, under its full name.
func (m listedMethod) signature() string {
	stream := func(on bool) string {
		if on {
			return "stream "
		}
		return ""
	}
	s := fmt.Sprintf("%s(%s%s) returns (%s%s)", m.Method, stream(m.ClientStreaming), m.Input, stream(m.ServerStreaming), m.Output)
	if m.Deprecated {
		s += " deprecated"
	}
	return s
}
