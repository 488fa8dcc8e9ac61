package codegen

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// symbol is something that a module declares.
type symbol struct {
	name     string
	from     string // path of its module, "./x_pb.js" or a package; "" if it is for this module alone
	typeOnly bool   // used where a type stands
}

func (s symbol) id() string { return s.from + "\x00" + s.name }

func (s symbol) asType() symbol {
	s.typeOnly = true
	return s
}

// exported declares and exports a name.
type exported struct{ declaration, name string }

// module is the text of a module while it is put together. It consists of
// strings, symbols and declarations; which names they get, and what is imported,
// is decided in the end.
type module struct {
	name     string // of the file
	parts    []any  // string, symbol or exported
	commonJS bool
	rewrite  func(importPath string) string // nil leaves all as it is
	reserved []string                       // names that nothing imported may have
}

// print adds a line of strings, symbols, exported, numbers and slices of those.
func (m *module) print(parts ...any) {
	m.add(parts...)
	m.parts = append(m.parts, "\n")
}

func (m *module) add(parts ...any) {
	for _, p := range parts {
		switch p := p.(type) {
		case []any:
			m.add(p...)
		case string, symbol, exported:
			m.parts = append(m.parts, p)
		default:
			m.parts = append(m.parts, fmt.Sprint(p))
		}
	}
}

// importPath is how other modules name this one.
func (m *module) importPath() string {
	for _, ext := range []string{".d.ts", ".js", ".ts"} {
		if base, ok := strings.CutSuffix(m.name, ext); ok {
			return relative(base + ".js")
		}
	}
	return relative(m.name)
}

func relative(name string) string {
	if isRelative(name) {
		return name
	}
	return "./" + name
}

func isRelative(importPath string) bool {
	return strings.HasPrefix(importPath, "./") || strings.HasPrefix(importPath, "../")
}

// String returns the text, "" if nothing was printed.
func (m *module) String() string {
	if len(m.parts) == 0 {
		return ""
	}
	var b strings.Builder
	if m.commonJS {
		b.WriteString("\"use strict\";\nObject.defineProperty(exports, \"__esModule\", { value: true });\n\n")
	}
	used := m.symbols()
	used.writeImports(&b, m)
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	var exports []string
	for _, p := range m.parts {
		switch p := p.(type) {
		case string:
			b.WriteString(p)
		case symbol:
			b.WriteString(used.names[p.id()])
		case exported:
			if m.commonJS {
				exports = append(exports, p.name)
			} else {
				b.WriteString("export ")
			}
			b.WriteString(p.declaration + " " + p.name)
		}
	}
	if len(exports) > 0 {
		b.WriteString("\n")
	}
	for _, name := range exports {
		b.WriteString("exports." + name + " = " + name + ";\n")
	}
	return b.String()
}

// usedSymbols are the symbols of a module and the names that they have in it.
type usedSymbols struct {
	names   map[string]string // by id
	values  map[string]bool   // by id: used as more than a type
	foreign []symbol          // in the order of their first use
}

// symbols gives its own names to what the module declares, and to what it
// imports if they are free. '$' is in no name that comes from a proto.
func (m *module) symbols() usedSymbols {
	u := usedSymbols{names: map[string]string{}, values: map[string]bool{}}
	self := m.importPath()
	taken := map[string]bool{}
	for _, name := range m.reserved {
		taken[name] = true
	}
	for _, p := range m.parts {
		switch p := p.(type) {
		case symbol:
			if !p.typeOnly {
				u.values[p.id()] = true
			}
			if _, ok := u.names[p.id()]; ok {
				continue
			}
			u.names[p.id()] = p.name
			if p.from == self {
				taken[p.name] = true
			} else {
				u.foreign = append(u.foreign, p)
			}
		case exported:
			taken[p.name] = true
		}
	}
	for _, s := range u.foreign {
		name := s.name
		for i := 1; taken[name]; i++ {
			name = fmt.Sprintf("%s$%d", s.name, i)
		}
		taken[name] = true
		u.names[s.id()] = name
	}
	return u
}

// writeImports writes the imports of each module where it is first used, its
// types before its values.
func (u usedSymbols) writeImports(b *strings.Builder, m *module) {
	done := map[string]bool{}
	for _, first := range u.foreign {
		if done[first.from] || first.from == "" {
			continue
		}
		done[first.from] = true
		from := first.from
		if m.rewrite != nil {
			from = m.rewrite(from)
		}
		from = importFrom(m.importPath(), from)
		for _, values := range []bool{false, true} {
			var symbols []symbol
			for _, s := range u.foreign {
				if s.from == first.from && u.values[s.id()] == values {
					symbols = append(symbols, s)
				}
			}
			if len(symbols) == 0 {
				continue
			}
			slices.SortStableFunc(symbols, func(a, b symbol) int { return localeCompare(a.name, b.name) })
			b.WriteString(m.importStatement(u.clauses(symbols, m.commonJS), from, values))
		}
	}
}

func (u usedSymbols) clauses(symbols []symbol, commonJS bool) string {
	as := " as "
	if commonJS {
		as = ": "
	}
	var all []string
	for _, s := range symbols {
		clause := s.name
		if alias := u.names[s.id()]; alias != s.name {
			clause += as + alias
		}
		all = append(all, clause)
	}
	return "{ " + strings.Join(all, ", ") + " }"
}

func (m *module) importStatement(what, from string, values bool) string {
	switch {
	case m.commonJS:
		return "const " + what + " = require(" + quote(from) + ");\n"
	case values:
		return "import " + what + " from " + quote(from) + ";\n"
	}
	return "import type " + what + " from " + quote(from) + ";\n"
}

// importFrom makes a path within the output relative to the importing module.
func importFrom(importer, importPath string) string {
	if !isRelative(importPath) {
		return importPath
	}
	parts := func(p string) []string {
		return slices.DeleteFunc(strings.Split(strings.TrimPrefix(p, "./"), "/"), func(s string) bool { return s == "" })
	}
	a, b := parts(importer), parts(importPath)
	a = a[:len(a)-1]
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	return relative(strings.Repeat("../", len(a)) + path.Join(b...))
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", `\r`, "\n", `\n`).Replace(s) + `"`
}

// localeCompare orders identifiers as JavaScript's localeCompare does: without
// regard to case, "_" and "$" first and then digits; where that does not tell
// them apart, small letters come first.
func localeCompare(a, b string) int {
	weight := func(c byte) int {
		switch {
		case c == '_':
			return 1
		case c == '$':
			return 2
		case c >= 'a' && c <= 'z':
			return int(c-'a') + 'A'
		}
		return int(c)
	}
	for i := range min(len(a), len(b)) {
		if d := cmp.Compare(weight(a[i]), weight(b[i])); d != 0 {
			return d
		}
	}
	if d := cmp.Compare(len(a), len(b)); d != 0 {
		return d
	}
	return -cmp.Compare(a, b)
}
