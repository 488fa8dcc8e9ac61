// Package codegen turns descriptors into JavaScript and TypeScript, in memory: it
// opens no files and makes no calls. For each file there is a module of messages,
// x_pb, and one of clients, x_client, if it has services.
//
// The modules of messages, x_pb, are byte for byte those of protoc-gen-es 2.17.0
// but for their first line, so that whatever works with protobuf-es works with
// them.
package codegen

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/types/descriptorpb"
)

// Target is a kind of file to generate.
type Target string

// The targets.
const (
	TS  Target = "ts"  // TypeScript
	JS  Target = "js"  // JavaScript
	DTS Target = "dts" // the types of JavaScript
)

// Options are those of protoc-gen-es, by its names where they differ.
type Options struct {
	Targets []Target
	// Header is the first line of each file, without "// "; it names the generator.
	Header string

	TSNoCheck       bool     // ts_nocheck
	ImportExtension string   // import_extension: "" (none), "js" or "ts"
	RewriteImports  []Import // rewrite_imports
	MapImports      []Import // map_imports
	CommonJS        bool     // js_import_style=legacy_commonjs
	KeepEmptyFiles  bool     // keep_empty_files
	JSONTypes       bool     // json_types
	ErasableSyntax  bool     // erasable_syntax

	ValidLegacyRequired        bool // valid_types=legacy_required
	ValidProtovalidateRequired bool // valid_types=protovalidate_required

	// These are not protoc-gen-es's.

	Runtime    Runtime // what clients call with; none are generated without
	SingleFile bool    // one module instead of one a file
	TypesOnly  bool    // nothing that there is at run time
}

// Import says where the imports that a pattern matches come from.
type Import struct{ Pattern, Target string }

// Request says what to generate. Its descriptors may come from anywhere.
type Request struct {
	// Files are the files to generate and all that they import, each after its
	// imports.
	Files []*descriptorpb.FileDescriptorProto
	// Source has the files to generate with their options of source retention,
	// where these are not in Files.
	Source []*descriptorpb.FileDescriptorProto
	// Generate has the names of the files to generate.
	Generate []string
	Options  Options
}

// File is a generated file. Its name is a relative path with slashes that stays
// below the folder that it is written to.
type File struct {
	Name    string
	Content string
}

// Generate returns the generated files, target by target, in the order of the
// request's files.
func Generate(r Request) ([]File, error) {
	files, err := model(r.Files, r.Source, r.Options.CommonJS)
	if err != nil {
		return nil, err
	}
	g, err := newGenerator(r, files)
	if err != nil {
		return nil, err
	}
	if r.Options.SingleFile {
		nameTogether(g.files, r.Options.Runtime.reservedNames())
	}
	var all []File
	for _, target := range r.Options.Targets {
		if r.Options.SingleFile {
			all = append(all, g.singleModule(target))
		} else {
			all = append(all, g.modules(target)...)
		}
	}
	for i := range all {
		all[i].Content = strings.ToValidUTF8(all[i].Content, "\uFFFD")
	}
	return all, nil
}

// modules returns the modules of each file, and the runtime if there are clients.
func (g *generator) modules(target Target) []File {
	var all []File
	calls := false
	for _, f := range g.files {
		before := preamble(f, g.opts.Header, g.opts.TSNoCheck) + "\n"
		if m := g.messages(f, target); m != "" || g.opts.KeepEmptyFiles {
			all = append(all, File{Name: f.module("_pb") + target.extension(), Content: before + m})
		}
		if g.opts.Runtime == NoClients {
			continue
		}
		if m := g.clients(f, target); m != "" {
			all = append(all, File{Name: f.module("_client") + target.extension(), Content: before + m})
			calls = true
		}
	}
	if calls {
		all = append(all, g.runtimeFiles(target)...)
	}
	return all
}

func (t Target) extension() string {
	if t == DTS {
		return ".d.ts"
	}
	return "." + string(t)
}

// generator makes the modules of one request.
type generator struct {
	opts      *Options
	files     []*file         // to generate
	generated map[string]bool // by name of file
	maps      importRules
	rewrites  importRules
}

func newGenerator(r Request, files []*file) (*generator, error) {
	g := &generator{opts: &r.Options, generated: map[string]bool{}}
	known := map[string]*file{}
	for _, f := range files {
		known[f.proto.GetName()] = f
	}
	sources := map[string]string{} // by module
	for _, name := range r.Generate {
		f := known[name]
		if f == nil {
			return nil, fmt.Errorf("file to generate %q is not there", name)
		}
		module := f.module("")
		if !r.Options.SingleFile { // to TypeScript and to many a file system, A.ts is a.ts
			module = strings.ToLower(module)
		}
		if other, ok := sources[module]; ok && other != name {
			return nil, fmt.Errorf("files %q and %q have modules of the same name, as case makes no difference", other, name)
		}
		sources[module] = name
		g.generated[name] = true
	}
	for _, f := range files {
		if g.generated[f.proto.GetName()] {
			g.files = append(g.files, f)
		}
	}
	var err error
	if g.maps, err = newImportRules(r.Options.MapImports, mapPattern); err != nil {
		return nil, err
	}
	g.rewrites, err = newImportRules(r.Options.RewriteImports, rewritePattern)
	return g, err
}

// checkPath refuses names that would leave the folder that they are written to,
// on any operating system, or that would not come out as they went in.
func checkPath(name string) error {
	unsafe := name != path.Clean(name) || path.IsAbs(name) || !utf8.ValidString(name) ||
		strings.ContainsAny(name, `\:*?"<>|`) || strings.ContainsFunc(name, unicode.IsControl)
	for part := range strings.SplitSeq(name, "/") {
		// Windows drops dots and spaces at the end of a part.
		unsafe = unsafe || part == "" || part != strings.TrimRight(part, ". ")
	}
	if unsafe {
		return fmt.Errorf("file name %q is not a safe relative path", name)
	}
	return nil
}

func (g *generator) module(name string, target Target) *module {
	return &module{name: name + target.extension(), commonJS: target == JS && g.opts.CommonJS, rewrite: g.rewrite}
}

func (g *generator) emitter(f *file, m *module, target Target) *emitter {
	return &emitter{module: m, file: f, target: target, opts: g.opts, from: g.modulePath}
}

func (g *generator) messages(f *file, target Target) string {
	e := g.emitter(f, g.module(f.module("_pb"), target), target)
	e.emitMessages()
	return e.String()
}

func (e *emitter) emitMessages() {
	if e.target == JS {
		e.emitJavaScript()
	} else {
		e.emitTypes()
	}
}

// modulePath is where a file's module is imported from, before rewriting.
func (g *generator) modulePath(f *file) string {
	name := f.proto.GetName()
	if g.opts.SingleFile && g.generated[name] {
		return "./" + singleFile + ".js"
	}
	if from, ok := wellKnown(name); ok && !g.generated[name] {
		return from
	}
	if target, ok := g.maps.find(name); ok {
		return strings.TrimSuffix(target, "/") + "/" + f.module("_pb") + ".js"
	}
	return "./" + f.module("_pb") + ".js"
}

// wellKnown returns the module of the runtime that has the types of a file.
func wellKnown(name string) (from string, ok bool) {
	base, ok := strings.CutPrefix(name, "google/protobuf/")
	base, isProto := strings.CutSuffix(base, ".proto")
	if !ok || !isProto {
		return "", false
	}
	switch base {
	case "compiler/plugin", "any", "descriptor", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers":
		return runtimePackage + "/wkt", true
	case "api", "c_sharp_features", "cpp_features", "cpp_file_options", "cpp_options", "go_features", "java_features",
		"json_enumvalue_options", "json_options", "source_context", "type":
		return runtimePackage + "/wkt/google/protobuf/" + base + "_pb.js", true
	}
	return "", false
}

// WellKnown tells whether the runtime has the types of the file of that name, so
// that it need not be generated.
func WellKnown(name string) bool {
	_, ok := wellKnown(name)
	return ok
}
