package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
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
	export := func(g given) bool { return g.name == "protoset-out" || g.name == "proto-dir" }
	if slices.ContainsFunc(flags, export) {
		verb = "export"
	}
	translated := []string{verb}
	for _, g := range flags {
		translated = append(translated, g.flag(verb))
	}
	translated = append(append(translated, "--"), address...)
	return append(translated, operands...), nil
}

// given is a flag of a grpcurl command line, by grpcx's name of it.
type given struct{ name, value string }

// flag spells the flag for a command. What is --protoset elsewhere is the
// output of export.
func (g given) flag(command string) string {
	name := g.name
	switch {
	case command == "export" && name == "protoset":
		name = "from-protoset"
	case name == "protoset-out":
		name = "protoset"
	}
	return "--" + name + "=" + g.value
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

// splitGrpcurl takes the flags, with their values, apart from the operands.
func splitGrpcurl(root *cobra.Command, args []string) (flags []given, operands []string, err error) {
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
		name, byItself, known := grpcurlFlag(root, name)
		switch {
		case !known:
			return nil, nil, errors.New("unknown flag: " + arg)
		case hasValue:
		case byItself != "":
			value = byItself
		case len(args) == 0:
			return nil, nil, errors.New("flag needs an argument: " + arg)
		default:
			value, args = args[0], args[1:]
		}
		flags = append(flags, given{name, value})
	}
	return flags, operands, nil
}

// grpcurlFlag maps the name or letter of a flag to grpcx's name of it, and to
// the value that it has without one, "" if it needs one.
func grpcurlFlag(root *cobra.Command, name string) (long, byItself string, known bool) {
	switch name {
	case "vv":
		return "verbose", "2", true
	case "protoset-out":
		return name, "", true
	case "msg-template":
		name = "template"
	case "proto-out-dir":
		name = "proto-dir"
	}
	for _, c := range root.Commands() {
		switch c.Name() {
		case "call", "list", "describe", "export":
		default:
			continue
		}
		flag := c.Flags().Lookup(name)
		if flag == nil && len(name) == 1 {
			flag = c.Flags().ShorthandLookup(name)
		}
		if flag != nil {
			return flag.Name, flag.NoOptDefVal, true
		}
	}
	return "", "", false
}
