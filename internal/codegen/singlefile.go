package codegen

import (
	"strings"
)

// singleFile is the name, without extension, of the module that has everything.
const singleFile = "client"

// singleModule returns everything as one module: the messages and clients of all
// files, each after its imports, and the runtime.
func (g *generator) singleModule(target Target) File {
	m := g.module(singleFile, target)
	m.reserved = g.opts.Runtime.reservedNames()
	for _, f := range g.files {
		// Its comments stand where the file begins, and say where it does.
		m.print(strings.TrimSuffix(sourceComments(f.comments.at(12))+origin(f)+sourceComments(f.comments.at(2)), "\n"))
		m.print()
		e := g.emitter(f, m, target)
		e.runtime = m.importPath()
		e.emitMessages()
		if g.opts.Runtime != NoClients {
			e.emitClients()
		}
	}
	for _, name := range g.opts.runtimeModules() {
		m.addSource(g.opts.runtimeSource(name, target))
	}
	return File{Name: m.name, Content: g.opts.preamble() + "\n" + m.String()}
}

// nameTogether names the elements of files that become one module. A name that
// is in several packages has the package before it in all of them, whatever
// their order.
func nameTogether(files []*file, reserved []string) {
	packages := map[string]map[string]bool{}
	for _, f := range files {
		for _, t := range f.types() {
			name := identifier(t)
			if packages[name] == nil {
				packages[name] = map[string]bool{}
			}
			packages[name][f.proto.GetPackage()] = true
		}
	}
	ideal := func(t any) string {
		name := identifier(t)
		if pkg := elementOf(t).file.proto.GetPackage(); pkg != "" && len(packages[name]) > 1 {
			name = strings.ReplaceAll(pkg, ".", "_") + "_" + name
		}
		return name
	}
	n := namer{}
	for _, name := range reserved {
		n[name] = true
	}
	nameModule(files, n, ideal)
	nameClients(files, n, ideal)
}
