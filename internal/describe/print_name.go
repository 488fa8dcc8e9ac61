package describe

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// A symbolSet holds every name that a set of files declares, packages too.
type symbolSet map[protoreflect.FullName]bool

func symbolsOf(files []protoreflect.FileDescriptor) symbolSet {
	set := symbolSet{}
	for _, file := range files {
		for pkg := file.Package(); pkg != ""; pkg = pkg.Parent() {
			set[pkg] = true
		}
		set.add(file)
		for i := range file.Services().Len() {
			sd := file.Services().Get(i)
			set[sd.FullName()] = true
			for j := range sd.Methods().Len() {
				set[sd.Methods().Get(j).FullName()] = true
			}
		}
	}
	return set
}

func (s symbolSet) add(in interface {
	declarations
	Enums() protoreflect.EnumDescriptors
}) {
	for i := range in.Enums().Len() {
		ed := in.Enums().Get(i)
		s[ed.FullName()] = true
		for j := range ed.Values().Len() {
			s[ed.Values().Get(j).FullName()] = true
		}
	}
	for i := range in.Extensions().Len() {
		s[in.Extensions().Get(i).FullName()] = true
	}
	for i := range in.Messages().Len() {
		md := in.Messages().Get(i)
		s[md.FullName()] = true
		for j := range md.Fields().Len() {
			s[md.Fields().Get(j).FullName()] = true
		}
		for j := range md.Oneofs().Len() {
			s[md.Oneofs().Get(j).FullName()] = true
		}
		s.add(md)
	}
}

// ref returns how to refer to a type from within scope: by the part of its
// name that is not the scope's own, if that means it, by its full name
// otherwise, with a leading dot where something hides that too.
func (p *printer) ref(name, scope protoreflect.FullName) string {
	if p.lone {
		return strings.TrimPrefix(string(name), "*.") // of a placeholder that was referred to by a relative name
	}
	for s := scope; s != ""; s = s.Parent() {
		if rest, ok := strings.CutPrefix(string(name), string(s)+"."); ok && p.symbols.means(rest, scope, name) {
			return rest
		}
		if s == p.options.file.Package() {
			break
		}
	}
	if p.symbols.means(string(name), scope, name) {
		return string(name)
	}
	return "." + string(name)
}

// means reports whether ref, from within scope, surely means name: protobuf
// looks for its first part from the innermost scope outwards.
func (s symbolSet) means(ref string, scope, name protoreflect.FullName) bool {
	first, _, _ := strings.Cut(ref, ".")
	for {
		if s[join(scope, first)] {
			return join(scope, ref) == name
		}
		if scope == "" {
			return false
		}
		scope = scope.Parent()
	}
}
