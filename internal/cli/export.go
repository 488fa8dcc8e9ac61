package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/pipe"
)

// exportOptions is `grpcx export`.
type exportOptions struct {
	explorer
	symbols  []string
	set, dir string
}

func newExportCommand(p *program) *cobra.Command {
	o := &exportOptions{explorer: explorer{program: p}}
	cmd := &cobra.Command{
		Use:   "export ADDR [SYMBOL]... --protoset FILE | --proto-dir DIR",
		Short: "Write the schema to a descriptor set or to .proto files",
		Long: `Write the files that declare the symbols, with all that they import, to a
descriptor set or to .proto files, which compile to the same descriptors. Without
a SYMBOL all services are written.

As --protoset is the output here, --from-protoset names a set to read. With
--proto or --from-protoset alone there is no ADDR.`,
		Example: `  grpcx export demo --protoset demo.binpb
  grpcx export demo UserService --proto-dir protos`,
		Args: args(0, -1, "ADDR [SYMBOL]..."),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var address string
			if address, o.symbols, err = o.address(cmd, args); err != nil {
				return err
			}
			if o.set == "" && o.dir == "" {
				return &usageError{err: errors.New("want --protoset FILE or --proto-dir DIR"), command: cmd.CommandPath()}
			}
			return o.explore(cmd.Context(), address, o.run)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.set, "protoset", "", "write a descriptor set to `FILE` (- is standard output)")
	f.StringVar(&o.dir, "proto-dir", "", "write .proto files below `DIR`")
	f.CountVarP(&o.verbosity, "verbose", "v", "tell what happens and how long it takes")
	o.connection.register(f)
	o.schema.registerAs(f, "from-protoset")
	return cmd
}

func (o *exportOptions) run(ctx context.Context, source describe.Source) error {
	var names []protoreflect.FullName
	for _, symbol := range o.symbols {
		d, err := describe.FindSymbol(ctx, source, symbol)
		if err != nil {
			return err
		}
		names = append(names, d.FullName())
	}
	set, err := describe.Closure(ctx, source, names)
	if err != nil {
		return err
	}
	if o.set != "" {
		if err := o.writeSet(ctx, set); err != nil {
			return err
		}
	}
	if o.dir != "" {
		return o.writeProtos(set)
	}
	return nil
}

func (o *exportOptions) writeSet(ctx context.Context, set *descriptorpb.FileDescriptorSet) error {
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		return fmt.Errorf("encode descriptor set: %w", err)
	}
	if o.set == "-" {
		if o.OutTerminal {
			return &usageError{err: errors.New("a descriptor set is binary: redirect standard output or name a file")}
		}
		_, err = o.Out.Write(wire)
		return err
	}
	f, err := pipe.Create(ctx, o.set, os.O_TRUNC, 0o666)
	if err == nil {
		_, err = f.Write(wire)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("write descriptor set: %w", err)
	}
	_, _ = fmt.Fprintf(o.Err, "* wrote %d files to %s\n", len(set.GetFile()), o.set)
	return nil
}

// writeProtos writes below o.dir. The root keeps every file inside of it, even
// where a link below it leads out.
func (o *exportOptions) writeProtos(set *descriptorpb.FileDescriptorSet) error {
	if err := os.MkdirAll(o.dir, 0o777); err != nil { //nolint:gosec // like any output, for the umask to restrict
		return fmt.Errorf("write protos: %w", err)
	}
	root, err := os.OpenRoot(o.dir)
	if err != nil {
		return fmt.Errorf("write protos: %w", err)
	}
	defer func() { _ = root.Close() }()
	err = describe.WriteProtos(set, func(name string) (io.WriteCloser, error) {
		local := filepath.FromSlash(name)
		if err := root.MkdirAll(filepath.Dir(local), 0o777); err != nil {
			return nil, err
		}
		return createIn(root, local)
	})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(o.Err, "* wrote %d files below %s\n", len(set.GetFile()), o.dir)
	return nil
}

// createIn is root.Create for what is no pipe, which that would open, and lose what
// is written, or anything else that keeps no text.
func createIn(root *os.Root, name string) (io.WriteCloser, error) {
	if info, err := root.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	return root.Create(name)
}
