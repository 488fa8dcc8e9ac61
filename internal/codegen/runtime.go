package codegen

import (
	"embed"
	"regexp"
	"slices"
	"strings"
)

// sources are the hand-written modules that clients need at run time, with the
// JavaScript and the declarations that tsc 5.9 makes of them (runtime/build.sh).
//
//go:embed runtime/*.ts runtime/*.js
var sources embed.FS

// Runtime is what clients call with.
type Runtime string

// The runtimes.
const (
	NoClients Runtime = ""        // messages alone
	Connect   Runtime = "connect" // the transports of @connectrpc
	GrpcJs    Runtime = "grpc-js" // those, and one over @grpc/grpc-js
)

// clientRuntime is the module that every client imports.
const clientRuntime = "grpcx_runtime"

// modules are the names of the runtime's modules, without extension.
func (r Runtime) modules() []string {
	switch r {
	case Connect:
		return []string{clientRuntime}
	case GrpcJs:
		return []string{clientRuntime, "grpcx_grpcjs"}
	}
	return nil
}

// source returns the text of a module of the runtime.
func source(name string, target Target) string {
	b, err := sources.ReadFile("runtime/" + name + target.extension())
	if err != nil {
		panic(err) // it is in this program or the program does not build
	}
	return string(b)
}

// importPattern matches an import statement of the runtime's sources,
// declarationPattern what they declare and do not export, and tokenPattern their
// smallest parts, of which an export is one.
const (
	importPattern      = `(?m)^import (type )?\{([^}]*)\} from "([^"]+)";\n`
	declarationPattern = `(?m)^(?:declare )?(?:async )?(?:function\*?|const|class|interface|type) (\w+)`
	tokenPattern       = `(?ms)^export ((?:declare )?(?:async )?(?:function\*?|const|class|interface|type)) (\w+)` +
		`|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|\.?[A-Za-z_$][\w$]*|\d[\w.]*|.`
)

// addSource adds a hand-written module, its imports and what it does not export
// as symbols, so that they can give way to names that a file declares.
func (m *module) addSource(text string) {
	known := map[string]symbol{}
	imports := regexp.MustCompile(importPattern)
	for _, match := range imports.FindAllStringSubmatch(text, -1) {
		for name := range strings.SplitSeq(match[2], ",") {
			if name = strings.TrimSpace(name); name != "" {
				known[name] = symbol{name: name, from: match[3], typeOnly: match[1] != ""}
			}
		}
	}
	text = strings.ReplaceAll(imports.ReplaceAllString(text, ""), "export {};\n", "")
	for _, match := range regexp.MustCompile(declarationPattern).FindAllStringSubmatch(text, -1) {
		known[match[1]] = symbol{name: match[1]}
	}
	for _, token := range regexp.MustCompile(tokenPattern).FindAllStringSubmatch(strings.TrimLeft(text, "\n"), -1) {
		if token[1] != "" {
			m.add(exported{token[1], token[2]})
		} else if s, ok := known[token[0]]; ok {
			m.add(s)
		} else {
			m.add(token[0])
		}
	}
}

// reservedNames are the names that the modules of the runtime use for what they
// neither import nor keep to themselves: what they export, and globals. Nothing
// that stands in one file with them may have such a name.
func (r Runtime) reservedNames() []string {
	if r == NoClients {
		return nil
	}
	names := clientParameters()
	for _, name := range r.modules() {
		m := &module{name: name + ".ts"}
		m.addSource(source(name, TS))
		for _, p := range m.parts {
			switch p := p.(type) {
			case exported:
				names = append(names, p.name)
			case string:
				if len(p) > 1 && identifierRune(rune(p[0])) {
					names = append(names, p)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// runtimeFiles are the modules of the runtime, as files of their own.
func (g *generator) runtimeFiles(target Target) []File {
	var files []File
	for _, name := range g.opts.runtimeModules() {
		m := g.module(name, target)
		m.addSource(g.opts.runtimeSource(name, target))
		files = append(files, File{Name: m.name, Content: g.opts.preamble() + "\n" + m.String()})
	}
	return files
}

// runtimeModules are the names of the runtime's modules that clients of these
// options need, and runtimeSource is the text of one.
func (o *Options) runtimeModules() []string {
	if o.TypesOnly && o.Runtime != NoClients {
		return []string{clientRuntime}
	}
	return o.Runtime.modules()
}

func (o *Options) runtimeSource(name string, target Target) string {
	if !o.TypesOnly {
		return source(name, target)
	}
	// Types stand before functions, which have comments.
	types, _, _ := strings.Cut(source(name, DTS), "export declare function")
	return types[:strings.LastIndex(types, "/**")]
}

// preamble is what files begin with that come from no .proto file.
func (o *Options) preamble() string {
	text := "// " + o.Header + "\n/* eslint-disable */\n"
	if o.TSNoCheck {
		text += "// @ts-nocheck\n"
	}
	return text
}
