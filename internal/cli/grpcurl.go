package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fromGrpcurl translates a command line in grpcurl's grammar,
//
//	[FLAG]... [ADDR] [list [SERVICE] | describe [SYMBOL] | METHOD]
//
// with single-dash long flags, to one of grpcx's. A command line whose first
// argument is a command, or a flag of the root, comes back as it is.
func fromGrpcurl(root *cobra.Command, args []string) ([]string, error) {
	if len(args) == 0 || !grpcurlStart(root, args[0]) {
		return args, nil
	}
	flags, rest, err := splitGrpcurl(root, args)
	if err != nil {
		return nil, &usageError{err: err, command: root.CommandPath()}
	}
	if len(rest) == 0 {
		return args, nil
	}
	var address []string
	if verb := rest[0]; verb != "list" && verb != "describe" {
		address, rest = rest[:1], rest[1:]
	}
	if len(rest) == 0 {
		return nil, &usageError{err: errors.New("want a command, or ADDR with list, describe or a METHOD: got " + quote(args[0])), command: root.CommandPath()}
	}
	verb, operands := rest[0], rest[1:]
	if verb != "list" && verb != "describe" {
		verb, operands = "call", rest
	}
	if slices.ContainsFunc(flags, isExportFlag) {
		verb = "export"
		for i, f := range flags {
			f = strings.Replace(f, "--protoset=", "--from-protoset=", 1)
			flags[i] = strings.Replace(f, "--protoset-out=", "--protoset=", 1)
		}
	}
	translated := append([]string{verb}, flags...)
	translated = append(append(translated, "--"), address...)
	return append(translated, operands...), nil
}

// grpcurlStart reports whether arg begins a command line of grpcurl's: a
// single-dash long flag, a flag that the root does not have, or an address.
func grpcurlStart(root *cobra.Command, arg string) bool {
	if !strings.HasPrefix(arg, "-") {
		known := func(c *cobra.Command) bool { return c.Name() == arg || c.HasAlias(arg) }
		return !slices.ContainsFunc(root.Commands(), known) && strings.ContainsAny(arg, ":/")
	}
	switch arg {
	case "-h", "--help", "-help", "--version", "-version", "--":
		return false
	}
	return true
}

// splitGrpcurl takes the flags, in grpcx's spelling and with their values,
// apart from the operands.
func splitGrpcurl(root *cobra.Command, args []string) (flags, operands []string, err error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return flags, append(operands, args...), nil
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			operands = append(operands, arg)
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		name = grpcxName(name)
		if strings.Trim(name, "v") == "" {
			flags = append(flags, "-"+name)
			continue
		}
		if name == "protoset-out" && !hasValue && len(args) > 0 {
			value, hasValue, args = args[0], true, args[1:]
		}
		if name == "protoset-out" && hasValue {
			flags = append(flags, "--protoset-out="+value)
			continue
		}
		flag := grpcurlFlag(root, name)
		if flag == nil {
			return nil, nil, errors.New("unknown flag: " + arg)
		}
		switch {
		case hasValue:
		case flag.NoOptDefVal != "":
			value = flag.NoOptDefVal
		case len(args) == 0:
			return nil, nil, errors.New("flag needs an argument: " + arg)
		default:
			value, args = args[0], args[1:]
		}
		flags = append(flags, "--"+flag.Name+"="+value)
	}
	return flags, operands, nil
}

// grpcxName maps the flags that grpcx calls otherwise.
func grpcxName(name string) string {
	switch name {
	case "msg-template":
		return "template"
	case "proto-out-dir":
		return "proto-dir"
	}
	return name
}

func isExportFlag(flag string) bool {
	return strings.HasPrefix(flag, "--protoset-out=") || strings.HasPrefix(flag, "--proto-dir=")
}

// grpcurlFlag finds the flag of this name or letter in the commands that
// grpcurl's grammar leads to.
func grpcurlFlag(root *cobra.Command, name string) *pflag.Flag {
	for _, c := range root.Commands() {
		switch c.Name() {
		case "call", "list", "describe", "export":
		default:
			continue
		}
		if flag := c.Flags().Lookup(name); flag != nil {
			return flag
		}
		if len(name) == 1 {
			if flag := c.Flags().ShorthandLookup(name); flag != nil {
				return flag
			}
		}
	}
	return nil
}
