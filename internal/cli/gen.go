package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcx/grpcx/internal/codegen"
	"github.com/grpcx/grpcx/internal/describe"
)

// genOptions is `grpcx gen ts` and `grpcx gen js`.
type genOptions struct {
	explorer
	symbols []string
	output  generatedDir
	module  string // of JavaScript: esm or cjs
	runtime string // connect, grpc-js or none
	init    bool
	valid   []string
	codegen codegen.Options
}

func newGenCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gen",
		Short: "Generate TypeScript or JavaScript",
		Long: `Generate typed TypeScript or JavaScript from a live server, .proto files or
descriptor sets, with neither protoc nor plugins. Messages, enums and services
are those of protobuf-es; clients call over the transports of Connect, in Node
and in browsers, or over @grpc/grpc-js.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return &usageError{err: fmt.Errorf("language %q: want ts or js", args[0]), command: cmd.CommandPath()}
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	// It is not its flags that are wrong with a language that there is not.
	cmd.SetFlagErrorFunc(func(at *cobra.Command, err error) error {
		if at == cmd && at.Flags().NArg() > 0 {
			return at.ValidateArgs(at.Flags().Args())
		}
		return cmd.Parent().FlagErrorFunc()(at, err)
	})
	cmd.AddCommand(
		newGenLanguageCommand(p, "ts", "TypeScript", codegen.TS),
		newGenLanguageCommand(p, "js", "JavaScript with its types", codegen.JS, codegen.DTS),
	)
	return cmd
}

func newGenLanguageCommand(p *program, language, what string, targets ...codegen.Target) *cobra.Command {
	o := &genOptions{explorer: explorer{program: p}, codegen: codegen.Options{Targets: targets}}
	// Node finds no module without its extension.
	importExtension := map[string]string{"ts": "none", "js": "js"}
	cmd := &cobra.Command{
		Use:   language + " ADDR [SYMBOL]... --out DIR",
		Short: "Generate " + what,
		Long: `Generate ` + what + ` for the files that declare the symbols and for
all that they import: modules of messages, x_pb, and of clients, x_client. Without
a SYMBOL a server's services are taken, but for server reflection itself, or all that
.proto files and sets have. Well-known types come from the package @bufbuild/protobuf.

Files are written below --out, none that grpcx did not generate is overwritten
without --force, and --check writes nothing: it exits with 3 if what is there is
not what would be generated.`,
		Example: `  grpcx gen ` + language + ` demo UserService --out src/gen
  grpcx gen ` + language + ` grpc://localhost:50051 --out client --init
  grpcx gen ` + language + ` --proto api.proto --out src/gen --check`,
		Args: args(0, -1, "ADDR [SYMBOL]..."),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var address string
			if address, o.symbols, err = o.address(cmd, args); err != nil {
				return err
			}
			if err := o.settle(cmd); err != nil {
				return err
			}
			return o.explore(cmd.Context(), address, o.run)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.output.dir, "out", "", "write below `DIR`")
	f.BoolVar(&o.output.check, "check", false, "write nothing; exit with 3 if files are missing or stale")
	f.BoolVar(&o.output.force, "force", false, "overwrite files that grpcx did not generate")
	f.BoolVar(&o.init, "init", false, "also write a package.json with the packages needed, in versions that work together")
	f.StringVar(&o.runtime, "runtime", "connect", "what clients call over: connect, grpc-js, or none for no clients")
	f.BoolVar(&o.codegen.SingleFile, "single-file", false, "write one module, client, that has everything")
	f.BoolVar(&o.codegen.TypesOnly, "types-only", false, "write types, but nothing that there is at run time")
	f.StringVar(&o.codegen.ImportExtension, "import-extension", importExtension[language], "end imports of generated files with js, ts or none")
	f.BoolVar(&o.codegen.JSONTypes, "json-types", false, "also generate the types of messages in JSON")
	f.BoolVar(&o.codegen.ErasableSyntax, "erasable-syntax", false, "enums that Node runs without compiling")
	f.StringSliceVar(&o.valid, "valid-types", nil, "also generate types of valid messages: legacy_required, protovalidate_required")
	f.BoolVar(&o.codegen.TSNoCheck, "ts-nocheck", false, "have the compiler leave the files unchecked")
	if language == "js" {
		f.StringVar(&o.module, "module", "esm", "kind of modules: esm or cjs")
	}
	f.CountVarP(&o.verbosity, "verbose", "v", "tell what happens and how long it takes")
	o.connection.register(f)
	o.schema.register(f)
	return cmd
}

// settle finds mistakes in the flags and takes them over.
func (o *genOptions) settle(cmd *cobra.Command) error {
	bad := func(format string, args ...any) error {
		return &usageError{err: fmt.Errorf(format, args...), command: cmd.CommandPath()}
	}
	if o.output.dir == "" {
		return bad("want --out DIR")
	}
	switch o.codegen.ImportExtension {
	case "js", "ts":
	case "none":
		o.codegen.ImportExtension = ""
	default:
		return bad("--import-extension %q: want js, ts or none", o.codegen.ImportExtension)
	}
	switch o.module {
	case "", "esm":
	case "cjs":
		o.codegen.CommonJS = true
	default:
		return bad("--module %q: want esm or cjs", o.module)
	}
	switch o.runtime {
	case "connect", "grpc-js":
		o.codegen.Runtime = codegen.Runtime(o.runtime)
	case "none":
	default:
		return bad("--runtime %q: want connect, grpc-js or none", o.runtime)
	}
	if o.init && (o.output.check || o.codegen.TypesOnly) {
		return bad("--init goes with neither --check nor --types-only")
	}
	if o.codegen.TypesOnly {
		o.codegen.Targets = slices.DeleteFunc(o.codegen.Targets, func(t codegen.Target) bool { return t == codegen.JS })
	}
	for _, v := range o.valid {
		switch v {
		case "legacy_required":
			o.codegen.ValidLegacyRequired = true
		case "protovalidate_required":
			o.codegen.ValidProtovalidateRequired = true
		default:
			return bad("--valid-types %q: want legacy_required or protovalidate_required", v)
		}
	}
	o.codegen.Header = generatedBy
	return nil
}

func (o *genOptions) run(ctx context.Context, source describe.Source) error {
	names, err := o.names(ctx, source)
	if err != nil {
		return err
	}
	set, err := describe.Closure(ctx, source, names)
	if err != nil {
		return err
	}
	files, err := codegen.Generate(codegen.Request{
		Files: set.GetFile(), Generate: toGenerate(set), Options: o.codegen,
	})
	if err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	if len(files) == 0 {
		return errors.New("generate: there is nothing but well-known types, which @bufbuild/protobuf has")
	}
	if o.init {
		dir, err := filepath.Abs(o.output.dir)
		if err != nil {
			return fmt.Errorf("generate: %w", err)
		}
		files = append(files, codegen.PackageJSON(filepath.Base(dir), o.codegen))
	}
	return o.output.write(o.program, files)
}

// names are the full names of the symbols.
func (o *genOptions) names(ctx context.Context, source describe.Source) ([]protoreflect.FullName, error) {
	if len(o.symbols) == 0 && o.fromFiles() {
		return describe.Everything(ctx, source)
	}
	if len(o.symbols) == 0 {
		services, err := source.Services(ctx)
		if err != nil {
			return nil, err
		}
		return slices.DeleteFunc(services, func(name protoreflect.FullName) bool {
			return strings.HasPrefix(string(name), "grpc.reflection.")
		}), nil
	}
	var names []protoreflect.FullName
	for _, symbol := range o.symbols {
		d, err := describe.FindSymbol(ctx, source, symbol)
		if err != nil {
			return nil, err
		}
		names = append(names, d.FullName())
	}
	return names, nil
}

// toGenerate leaves out the files that the runtime has.
func toGenerate(set *descriptorpb.FileDescriptorSet) []string {
	var names []string
	for _, f := range set.GetFile() {
		if !codegen.WellKnown(f.GetName()) {
			names = append(names, f.GetName())
		}
	}
	return names
}
