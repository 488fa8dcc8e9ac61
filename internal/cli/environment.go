package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagsFromEnvironment sets each long flag that was not given from the
// variable GRPCX_NAME, dashes as underscores: a flag beats the environment.
func (p *program) flagsFromEnvironment(cmd *cobra.Command) error {
	var failure error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failure != nil || f.Name == "help" || f.Name == "version" {
			return
		}
		name := "GRPCX_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := p.LookupEnv(name)
		if !ok || value == "" {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			// The value may be a secret: pflag's message would repeat it.
			failure = &usageError{err: fmt.Errorf("environment variable %s: not a valid value for --%s", name, f.Name), command: cmd.CommandPath()}
		}
	})
	return failure
}
