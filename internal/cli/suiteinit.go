package cli

import (
	"context"
	"fmt"
	"maps"
	"os"

	"github.com/spf13/cobra"

	"github.com/grpcx/grpcx/internal/suite"
)

// newTestInitCommand is `grpcx test init`.
func newTestInitCommand(p *program) *cobra.Command {
	o := &suiteOptions{program: p}
	var out string
	cmd := &cobra.Command{
		Use:   "init ADDR",
		Short: "Write a first suite from what the server offers",
		Long: `Write a suite that tests health, reflection and each method. Methods that only
read, by their idempotency_level or their name, are called once with made-up data
to see how the call ends; tests of all others are comments to be filled in.`,
		Example: `  grpcx test init localhost:50051 --plaintext > smoke.yaml
  grpcx test init demo --out smoke.yaml`,
		Args: args(1, 1, "ADDR"),
		RunE: func(cmd *cobra.Command, args []string) error { return o.init(cmd.Context(), args[0], out) },
	}
	f := cmd.Flags()
	f.StringVar(&out, "out", "", "write a new `FILE` instead of standard output")
	o.connection.register(f)
	o.schema.register(f)
	return cmd
}

func (o *suiteOptions) init(ctx context.Context, address, out string) error {
	if err := o.schema.check(nil); err != nil {
		return err
	}
	ctx, cancel := o.bound(ctx)
	defer cancel()
	conn, err := o.connectTarget(ctx, suite.Target{Address: address})
	if err != nil {
		return err
	}
	defer conn.Close()
	if conn.Target.Metadata, err = o.allMetadata(ctx); err != nil {
		return err
	}
	text, err := suite.Starter(ctx, conn)
	if err != nil {
		return err
	}
	if out == "" {
		_, err = o.Out.Write(text)
		return err
	}
	f, err := os.OpenFile(out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // a file to share, with no secret in it
	if err != nil {
		return fmt.Errorf("write suite: %w", err)
	}
	_, err = f.Write(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// allMetadata is what flags give for calls or reflection.
func (o *suiteOptions) allMetadata(ctx context.Context) ([]suite.Header, error) {
	md, err := o.reflectionMetadata(ctx, o.program)
	if err != nil {
		return nil, err
	}
	calls, err := o.callMetadata(ctx, o.program)
	maps.Copy(md, calls)
	return suite.Headers(md), err
}
