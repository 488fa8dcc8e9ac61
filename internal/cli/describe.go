package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/termtext"
)

// describeOptions is `grpcx describe`.
type describeOptions struct {
	explorer
	address   string
	symbols   []string
	recursive bool
	template  bool
	command   bool
	flags     *pflag.FlagSet // as given, for --command
}

func newDescribeCommand(p *program) *cobra.Command {
	o := &describeOptions{explorer: explorer{program: p}}
	cmd := &cobra.Command{
		Use:   "describe ADDR [SYMBOL]...",
		Short: "Show a symbol's proto source, a request template or a ready call",
		Long: `Show the proto source of a service, method, message, enum, field or extension
with its comments. SYMBOL is a full name or any end of it that fits one thing
only; without one, all services are shown.

With --proto or --protoset alone there is no ADDR.`,
		Example: `  grpcx describe demo UserService
  grpcx describe demo CreateUser -r
  grpcx describe demo CreateUserRequest --template
  grpcx describe demo CreateUser --command`,
		Args: args(0, -1, "ADDR [SYMBOL]..."),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.address, o.symbols, err = o.explorer.address(cmd, args); err != nil {
				return err
			}
			o.flags = cmd.Flags()
			if err := o.checkForm(); err != nil {
				return err
			}
			return o.explore(cmd.Context(), o.address, o.run)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.recursive, "recursive", "r", false, "show every message and enum that it refers to, too")
	f.BoolVar(&o.template, "template", false, "write a request as JSON, to be filled in")
	f.BoolVar(&o.command, "command", false, "write a call of the method, ready to run")
	o.register(cmd)
	return cmd
}

func (o *describeOptions) checkForm() error {
	forms := 0
	for _, on := range []bool{o.template, o.command, o.format == "json", o.recursive} {
		if on {
			forms++
		}
	}
	switch {
	case forms > 1:
		return &usageError{err: errors.New("--recursive, --template, --command and -o json: choose one")}
	case (o.template || o.command) && len(o.symbols) == 0:
		return &usageError{err: errors.New("--template and --command need a SYMBOL")}
	case o.command && o.address == "":
		return &usageError{err: errors.New("--command needs ADDR: add --use-reflection, or leave the files out")}
	}
	return nil
}

func (o *describeOptions) run(ctx context.Context, source describe.Source) error {
	found, err := o.find(ctx, source)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	switch {
	case o.template:
		err = o.writeTemplates(&b, found)
	case o.command:
		err = o.writeCommands(&b, found)
	case o.format == "json":
		descriptions := make([]describe.Description, len(found))
		for i, d := range found {
			descriptions[i] = describe.Describe(d)
		}
		if len(descriptions) == 1 {
			return writeJSON(o.Out, descriptions[0])
		}
		return writeJSON(o.Out, descriptions)
	default:
		err = describe.Print(&b, describe.PrintOptions{Recursive: o.recursive}, found...)
	}
	if err != nil {
		return err
	}
	_, err = o.Out.Write(b.Bytes())
	return err
}

func (o *describeOptions) find(ctx context.Context, source describe.Source) ([]protoreflect.Descriptor, error) {
	var found []protoreflect.Descriptor
	for _, symbol := range o.symbols {
		d, err := describe.FindSymbol(ctx, source, symbol)
		if err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	if len(o.symbols) > 0 {
		return found, nil
	}
	services, err := source.Services(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range services {
		d, err := source.Find(ctx, name)
		if err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	return found, nil
}

// writeTemplates writes the template of each message, or of what each method
// takes.
func (o *describeOptions) writeTemplates(b *bytes.Buffer, found []protoreflect.Descriptor) error {
	for _, d := range found {
		switch d := d.(type) {
		case protoreflect.MessageDescriptor:
			b.Write(describe.Template(d))
		case protoreflect.MethodDescriptor:
			b.Write(describe.Template(d.Input()))
		default:
			return fmt.Errorf("--template: %s is neither a message nor a method", d.FullName())
		}
		b.WriteByte('\n')
	}
	return nil
}

// writeCommands writes a call of each method, or of every method of a service.
func (o *describeOptions) writeCommands(b *bytes.Buffer, found []protoreflect.Descriptor) error {
	for _, d := range found {
		switch d := d.(type) {
		case protoreflect.MethodDescriptor:
			o.writeCommand(b, d)
		case protoreflect.ServiceDescriptor:
			for i := range d.Methods().Len() {
				o.writeCommand(b, d.Methods().Get(i))
			}
		default:
			return fmt.Errorf("--command: %s is neither a method nor a service", d.FullName())
		}
	}
	return nil
}

func (o *describeOptions) writeCommand(b *bytes.Buffer, m protoreflect.MethodDescriptor) {
	words := append([]string{"grpcx", "call"}, callFlags(o.flags)...)
	words = append(words, o.address, string(m.Parent().FullName())+"/"+string(m.Name()))
	var data bytes.Buffer
	if err := json.Compact(&data, describe.Template(m.Input())); err == nil && data.String() != "{}" {
		words = append(words, "-d", data.String())
	}
	for i, w := range words {
		words[i] = termtext.ShellQuote(w)
	}
	b.WriteString(strings.Join(words, " "))
	b.WriteByte('\n')
}

// callFlags returns the flags that were given and that call takes too. The
// values of secret metadata become references to environment variables.
func callFlags(f *pflag.FlagSet) []string {
	var flags []string
	expand := false
	f.Visit(func(flag *pflag.Flag) {
		switch flag.Name {
		case "command", "output", "verbose", "expand-headers":
			expand = expand || flag.Name == "expand-headers"
			return
		}
		values, isList := flag.Value.(pflag.SliceValue)
		switch {
		case isList:
			for _, v := range values.GetSlice() {
				if strings.HasSuffix(flag.Name, "header") {
					var secretValue bool
					v, secretValue = referenceSecret(v, expand) // --expand-headers comes before
					expand = expand || secretValue
				}
				flags = append(flags, "--"+flag.Name, v)
			}
		case flag.Value.Type() == "bool":
			flags = append(flags, "--"+flag.Name)
		default:
			flags = append(flags, "--"+flag.Name, flag.Value.String())
		}
	})
	if expand {
		flags = append(flags, "--expand-headers")
	}
	return flags
}

// referenceSecret replaces the value of a secret header by ${NAME}. One that is
// expanded may be nothing but references, after a scheme.
func referenceSecret(header string, expanded bool) (string, bool) {
	name, value, _ := strings.Cut(header, ":")
	name = strings.TrimSpace(name)
	_, secret := invoke.CutScheme(strings.TrimSpace(value))
	if strings.HasPrefix(header, "@") || !invoke.Sensitive(name) ||
		expanded && regexp.MustCompile(`^(\$\{[^{}]*\})+$`).MatchString(secret) {
		return header, false
	}
	variable := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(name))
	return name + ": ${" + variable + "}", true
}
