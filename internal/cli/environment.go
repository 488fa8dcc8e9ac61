package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variableAnnotation marks a flag that was set from the variable it names.
const variableAnnotation = "variable"

// variable is the environment variable of a flag: GRPCX_NAME, dashes as underscores.
func variable(flag string) string {
	return "GRPCX_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// flagsFromEnvironment sets each long flag that was not given from its
// variable: a flag beats the environment.
func (p *program) flagsFromEnvironment(cmd *cobra.Command) error {
	var failure error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failure != nil || f.Name == "help" || f.Name == "version" {
			return
		}
		name := variable(f.Name)
		value, ok := p.LookupEnv(name)
		if !ok || value == "" {
			return
		}
		err := cmd.Flags().Set(f.Name, value)
		if err == nil {
			err = cmd.Flags().SetAnnotation(f.Name, variableAnnotation, []string{name})
		}
		if err != nil {
			failure = &usageError{err: invalidVariable(f, name, err), command: cmd.CommandPath()}
		}
	})
	return failure
}

// invalidVariable says what is wrong with a variable. Its value may be a secret,
// and pflag's message would repeat it; that of a server's setting is none.
func invalidVariable(f *pflag.Flag, name string, err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if _, ok := f.Value.(settingValue); ok {
			return fmt.Errorf("environment variable %s: %w", name, invalid.Unwrap())
		}
	}
	return fmt.Errorf("environment variable %s: not a valid value for --%s", name, f.Name)
}
