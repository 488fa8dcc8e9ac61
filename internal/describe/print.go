package describe

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcx/grpcx/internal/termtext"
)

// PrintOptions say what [Print] shows.
type PrintOptions struct {
	// Recursive adds every message and enum that the descriptors refer to,
	// directly or not, each once.
	Recursive bool
}

// Print writes descriptors as proto source with their comments. A file is
// printed whole, as it would compile. Anything else is headed by a comment
// with its full name and its file, and refers to types by their full names.
// Whatever the text of the schema, the output is safe for a terminal, and
// comments stay comments.
func Print(w io.Writer, o PrintOptions, descriptors ...protoreflect.Descriptor) error {
	if o.Recursive {
		descriptors = withReferences(descriptors)
	}
	readers := map[string]*optionReader{}
	for i, d := range descriptors {
		p := newPrinter(d.ParentFile())
		if had := readers[d.ParentFile().Path()]; had != nil && had.file == p.options.file {
			p.options = had
		}
		readers[d.ParentFile().Path()] = p.options
		if i > 0 {
			p.blank()
		}
		if file, ok := d.(protoreflect.FileDescriptor); ok {
			p.symbols = symbolsOf(closure([]protoreflect.FileDescriptor{file}))
			p.printFile(file)
		} else {
			p.lone = true
			p.header(d)
			p.element(d)
		}
		if _, err := w.Write(p.buf.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// A printer prints elements of one file.
type printer struct {
	buf     bytes.Buffer
	depth   int
	locs    protoreflect.SourceLocations
	lone    bool      // references are full names without a leading dot
	symbols symbolSet // every name that could shadow another; unused when lone
	options *optionReader
}

func newPrinter(file protoreflect.FileDescriptor) *printer {
	return &printer{locs: file.SourceLocations(), options: &optionReader{file: file}}
}

// line writes one line at the current depth. Its text must be safe already.
func (p *printer) line(format string, args ...any) {
	for range p.depth {
		p.buf.WriteString("  ")
	}
	fmt.Fprintf(&p.buf, format, args...)
	p.buf.WriteByte('\n')
}

func (p *printer) blank() { p.buf.WriteByte('\n') }

// open writes the first line of a block, with the element's trailing comment.
func (p *printer) open(location protoreflect.SourceLocation, format string, args ...any) {
	p.line("%s {", fmt.Sprintf(format, args...))
	p.depth++
	if location.TrailingComments != "" {
		p.comment(location.TrailingComments)
		p.blank()
	}
}

func (p *printer) close() {
	p.depth--
	p.line("}")
}

// statement writes an element that is no block, with its trailing comment.
func (p *printer) statement(location protoreflect.SourceLocation, text string) {
	comment := commentLines(location.TrailingComments)
	if len(comment) == 1 {
		p.line("%s; //%s", text, comment[0])
		return
	}
	p.line("%s;", text)
	if len(comment) > 0 {
		p.comment(location.TrailingComments)
		p.blank()
	}
}

// leading writes the comments in front of an element; those that belong to no
// element only where a whole file is printed.
func (p *printer) leading(location protoreflect.SourceLocation) {
	if !p.lone {
		for _, text := range location.LeadingDetachedComments {
			p.comment(text)
			p.blank()
		}
	}
	p.comment(location.LeadingComments)
}

func (p *printer) comment(text string) {
	for _, line := range commentLines(text) {
		p.line("//%s", line)
	}
}

// commentLines returns the lines of a comment, each safe to stand behind "//":
// what could end a line or fool the reader is escaped.
func commentLines(text string) []string {
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		line = strings.TrimRight(line, " \t\r")
		if line != "" && line[0] != ' ' && line[0] != '\t' {
			line = " " + line
		}
		lines[i] = termtext.Text(line)
	}
	return lines
}

func (p *printer) header(d protoreflect.Descriptor) {
	p.line("// %s in %s", d.FullName(), termtext.Line(d.ParentFile().Path()))
	p.blank()
}

// element prints anything but a file.
func (p *printer) element(d protoreflect.Descriptor) {
	scope := protoreflect.FullName("")
	if parent := d.Parent(); parent != nil {
		scope = parent.FullName()
	}
	switch d := d.(type) {
	case protoreflect.MessageDescriptor:
		p.message(d)
	case protoreflect.EnumDescriptor:
		p.enum(d)
	case protoreflect.EnumValueDescriptor:
		p.enumValue(d)
	case protoreflect.ServiceDescriptor:
		p.service(d)
	case protoreflect.MethodDescriptor:
		p.method(d)
	case protoreflect.OneofDescriptor:
		p.oneof(d)
	case protoreflect.FieldDescriptor:
		if d.IsExtension() {
			p.extend([]protoreflect.FieldDescriptor{d}, scope)
		} else {
			p.field(d, scope)
		}
	}
}

func (p *printer) printFile(file protoreflect.FileDescriptor) {
	p.leading(p.locs.ByPath(protoreflect.SourcePath{12}))
	if file.Syntax() == protoreflect.Editions {
		p.line("edition = %s;", quote(edition(file)))
	} else {
		p.line("syntax = %s;", quote(file.Syntax().String()))
	}
	if file.Package() != "" {
		p.blank()
		location := p.locs.ByPath(protoreflect.SourcePath{2})
		p.leading(location)
		p.statement(location, "package "+string(file.Package()))
	}
	p.imports(file)
	if options := p.options.read(file.Options()); options != nil {
		p.blank()
		p.optionLines(options, file.Package())
	}
	for _, group := range extendGroups(fileElements(file)) {
		p.blank()
		p.group(group, file.Package())
	}
}

func edition(file protoreflect.FileDescriptor) string {
	e, ok := file.(interface{ Edition() int32 })
	if !ok {
		return "unknown"
	}
	return strings.TrimPrefix(descriptorpb.Edition(e.Edition()).String(), "EDITION_")
}

func (p *printer) imports(file protoreflect.FileDescriptor) {
	imports := file.Imports()
	if imports.Len() > 0 {
		p.blank()
	}
	for i := range imports.Len() {
		imp := imports.Get(i)
		modifier := ""
		if imp.IsPublic {
			modifier = "public "
		}
		location := p.locs.ByPath(protoreflect.SourcePath{3, int32(i)})
		p.leading(location)
		p.statement(location, "import "+modifier+quote(imp.Path()))
	}
	if f, ok := file.(interface {
		OptionImports() protoreflect.FileImports
	}); ok {
		for i := range f.OptionImports().Len() {
			p.line("import option %s;", quote(f.OptionImports().Get(i).Path()))
		}
	}
}

// visibility returns the keyword of edition 2024 in front of a declaration.
func visibility(d protoreflect.Descriptor) string {
	v, ok := d.(interface{ Visibility() int32 })
	if !ok {
		return ""
	}
	switch descriptorpb.SymbolVisibility(v.Visibility()) {
	case descriptorpb.SymbolVisibility_VISIBILITY_EXPORT:
		return "export "
	case descriptorpb.SymbolVisibility_VISIBILITY_LOCAL:
		return "local "
	}
	return ""
}

// withReferences returns the descriptors and, behind them, the messages and
// enums that they refer to. What is inside of one that is printed anyway is
// left out.
func withReferences(descriptors []protoreflect.Descriptor) []protoreflect.Descriptor {
	var all []protoreflect.Descriptor
	queued := map[protoreflect.FullName]bool{}
	printed := func(d protoreflect.Descriptor) bool {
		for ; d != nil; d = d.Parent() {
			if _, file := d.(protoreflect.FileDescriptor); !file && queued[d.FullName()] {
				return true
			}
		}
		return false
	}
	queue := func(d protoreflect.Descriptor) {
		if !d.IsPlaceholder() && !printed(d) {
			queued[d.FullName()] = true
			all = append(all, d)
		}
	}
	for _, d := range descriptors {
		if _, file := d.(protoreflect.FileDescriptor); file {
			all = append(all, d)
		} else {
			queue(d)
		}
	}
	for i := 0; i < len(all); i++ {
		eachReference(all[i], queue)
	}
	return dropNested(all, queued)
}

// dropNested leaves out what another descriptor, queued later, contains.
func dropNested(all []protoreflect.Descriptor, queued map[protoreflect.FullName]bool) []protoreflect.Descriptor {
	kept := all[:0]
	for _, d := range all {
		inside := false
		for parent := d.Parent(); parent != nil && !inside; parent = parent.Parent() {
			_, file := parent.(protoreflect.FileDescriptor)
			inside = !file && queued[parent.FullName()]
		}
		if !inside {
			kept = append(kept, d)
		}
	}
	return kept
}

// eachReference yields the types that printing d mentions.
func eachReference(d protoreflect.Descriptor, yield func(protoreflect.Descriptor)) {
	switch d := d.(type) {
	case protoreflect.ServiceDescriptor:
		for i := range d.Methods().Len() {
			eachReference(d.Methods().Get(i), yield)
		}
	case protoreflect.MethodDescriptor:
		yield(d.Input())
		yield(d.Output())
	case protoreflect.MessageDescriptor:
		for i := range d.Fields().Len() {
			eachReference(d.Fields().Get(i), yield)
		}
		for i := range d.Messages().Len() {
			eachReference(d.Messages().Get(i), yield)
		}
		for i := range d.Extensions().Len() {
			eachReference(d.Extensions().Get(i), yield)
		}
	case protoreflect.OneofDescriptor:
		for i := range d.Fields().Len() {
			eachReference(d.Fields().Get(i), yield)
		}
	case protoreflect.EnumValueDescriptor:
		yield(d.Parent())
	case protoreflect.FieldDescriptor:
		switch {
		case d.IsMap():
			eachReference(d.MapValue(), yield)
		case isGroup(d):
			eachReference(d.Message(), yield)
		case d.Message() != nil:
			yield(d.Message())
		case d.Enum() != nil:
			yield(d.Enum())
		}
	}
}
