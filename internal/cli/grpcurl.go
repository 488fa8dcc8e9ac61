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
// with single-dash long flags, to one of grpcx's, or two where grpcurl also
// exports. A command line whose first argument is a command, or a flag of the
// root, comes back as it is.
func fromGrpcurl(root *cobra.Command, args []string) ([][]string, error) {
	if len(args) == 0 || !grpcurlStart(root, args[0]) {
		return [][]string{args}, nil
	}
	if args[0] == "-help" || args[0] == "-version" {
		return [][]string{{"-" + args[0]}}, nil
	}
	flags, rest, err := splitGrpcurl(root, args)
	if err != nil {
		return nil, &usageError{err: err, command: root.CommandPath()}
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(flags, func(g given) bool { return slices.Contains(names, g.name) })
	}
	fromFiles := has("proto", "protoset") && !has("use-reflection")
	var address []string
	if len(rest) > 0 && rest[0] != "list" && rest[0] != "describe" {
		address, rest = rest[:1], rest[1:]
	}
	if len(rest) == 0 {
		return nil, &usageError{err: errors.New("want list, describe or a METHOD after ADDR"), command: root.CommandPath()}
	}
	verb, operands := rest[0], rest[1:]
	if verb != "list" && verb != "describe" {
		verb, operands = "call", rest
	} else if fromFiles {
		address = nil // grpcurl takes one, and does not use it
	}
	lines := [][]string{grpcurlLine(root, verb, flags, address, operands)}
	if has("protoset-out", "proto-dir") {
		if fromFiles {
			address = nil
		}
		lines = append(lines, grpcurlLine(root, "export", flags, address, operands))
	}
	return lines, nil
}

// grpcurlLine is the command line of one command, with the flags that it has.
func grpcurlLine(root *cobra.Command, verb string, flags []given, address, operands []string) []string {
	line := []string{verb}
	command, _, err := root.Find(line)
	for _, g := range flags {
		name := g.nameFor(verb)
		if err == nil && name != "" && command.Flags().Lookup(name) != nil {
			line = append(line, "--"+name+"="+g.value)
		}
		if verb == "call" && g.name == "format" {
			line = append(line, "--output="+g.value) // grpcurl's -format is for both
		}
	}
	line = append(append(line, "--"), address...)
	return append(line, operands...)
}

// given is a flag of a grpcurl command line, by grpcx's name of it.
type given struct{ name, value string }

// nameFor is the flag's name in a command, "" if the command has no such
// flag. What is --protoset elsewhere is the output of export.
func (g given) nameFor(command string) string {
	switch {
	case command == "export" && g.name == "protoset":
		return "from-protoset"
	case command == "export" && g.name == "protoset-out":
		return "protoset"
	case command == "export" && g.name == "output":
		return ""
	}
	return g.name
}

// grpcurlStart reports whether arg begins a command line of grpcurl's: a
// single-dash long flag, a flag that the root does not have, or an address.
func grpcurlStart(root *cobra.Command, arg string) bool {
	if !strings.HasPrefix(arg, "-") {
		known := func(c *cobra.Command) bool { return c.Name() == arg || c.HasAlias(arg) }
		return !slices.ContainsFunc(root.Commands(), known) && strings.ContainsAny(arg, ":/")
	}
	switch arg {
	case "-h", "--help", "--version", "--":
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
