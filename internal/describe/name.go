package describe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// A NameError tells that a name means nothing, or more than one thing. The
// former is protoregistry.NotFound to errors.Is.
type NameError struct {
	Name        string   // as it was given
	Kind        string   // what it should name: "method", "service", "symbol"
	Matches     []string // full names that it may mean, sorted: it is ambiguous
	Suggestions []string // full names that are near, the nearest first: it is unknown
}

func (e *NameError) Error() string {
	if len(e.Matches) > 0 {
		return fmt.Sprintf("%s %q is ambiguous: it may be %s", e.Kind, e.Name, oneOf(e.Matches, maxListed))
	}
	if len(e.Suggestions) > 0 {
		return fmt.Sprintf("unknown %s %q; did you mean %s?", e.Kind, e.Name, oneOf(e.Suggestions, maxListed))
	}
	return fmt.Sprintf("unknown %s %q", e.Kind, e.Name)
}

// Is makes an unknown name NotFound.
func (e *NameError) Is(target error) bool {
	return target == protoregistry.NotFound && len(e.Matches) == 0
}

const maxListed = 20

// oneOf lists names: "a, b or c".
func oneOf(names []string, limit int) string {
	if len(names) > limit {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// A query is a name as it was typed, taken apart.
type query struct {
	text    string // as typed
	dotted  string // without leading dot or slash, all separators dots
	service string // what stands before the method: a service's full name or a suffix of one; or ""
	method  string
	slashed bool
}

func parseQuery(text string) (query, bool) {
	name := strings.TrimPrefix(strings.TrimPrefix(text, "/"), ".")
	q := query{text: text, dotted: strings.Replace(name, "/", ".", 1)}
	q.slashed = q.dotted != name
	if i := strings.LastIndexByte(q.dotted, '.'); q.slashed {
		q.service, q.method, _ = strings.Cut(name, "/")
	} else if i >= 0 {
		q.service, q.method = name[:i], name[i+1:]
	} else {
		q.method = name
	}
	return q, protoreflect.FullName(q.dotted).IsValid()
}

// FindMethod finds a method by pkg.Service/Method, /pkg.Service/Method,
// pkg.Service.Method or any suffix of these that names one method alone (Login,
// AuthService/Login). A name that fails is a [*NameError].
func FindMethod(ctx context.Context, source Source, name string) (protoreflect.MethodDescriptor, error) {
	q, valid := parseQuery(name)
	if !valid {
		return nil, &NameError{Name: name, Kind: "method"}
	}
	if q.service != "" {
		d, err := source.Find(ctx, protoreflect.FullName(q.service))
		if err != nil && !errors.Is(err, protoregistry.NotFound) {
			return nil, err
		}
		if sd, ok := d.(protoreflect.ServiceDescriptor); ok {
			return methodOf(sd, q)
		}
	}
	candidates, err := serviceFilesFor(ctx, source, q)
	if err != nil {
		return nil, err
	}
	var matches []methodName
	for m := range methodsIn(candidates) {
		if m.matches(q) {
			matches = append(matches, m)
		}
	}
	switch len(matches) {
	case 0:
		return nil, unknownMethod(ctx, source, q)
	case 1:
		return foundMethod(ctx, source, matches[0])
	}
	return nil, ambiguous(q.text, "method", matches)
}

func methodOf(sd protoreflect.ServiceDescriptor, q query) (protoreflect.MethodDescriptor, error) {
	if md := sd.Methods().ByName(protoreflect.Name(q.method)); md != nil {
		return md, checkMethod(md)
	}
	names := make([]string, sd.Methods().Len())
	for i := range names {
		names[i] = methodName{sd.FullName(), string(sd.Methods().Get(i).Name())}.String()
	}
	return nil, &NameError{Name: q.text, Kind: "method", Suggestions: nearest(q.dotted, names)}
}

func foundMethod(ctx context.Context, source Source, m methodName) (protoreflect.MethodDescriptor, error) {
	d, err := source.Find(ctx, m.service)
	if err != nil {
		return nil, fmt.Errorf("load service %s: %w", m.service, err)
	}
	sd, ok := d.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, &NameError{Name: m.String(), Kind: "method"}
	}
	md := sd.Methods().ByName(protoreflect.Name(m.method))
	if md == nil {
		return nil, &NameError{Name: m.String(), Kind: "method"}
	}
	return md, checkMethod(md)
}

// checkMethod refuses a method whose own messages are missing.
func checkMethod(md protoreflect.MethodDescriptor) error {
	for _, m := range []protoreflect.MessageDescriptor{md.Input(), md.Output()} {
		if m.IsPlaceholder() {
			return missingMessage(m, md)
		}
	}
	return nil
}

func missingMessage(m protoreflect.MessageDescriptor, of protoreflect.Descriptor) error {
	var files []string
	imports := of.ParentFile().Imports()
	for i := range imports.Len() {
		if imports.Get(i).IsPlaceholder() {
			files = append(files, fmt.Sprintf("%q", imports.Get(i).Path()))
		}
	}
	if len(files) == 0 {
		return fmt.Errorf("%s: message %s is missing from the schema", of.FullName(), m.FullName())
	}
	return fmt.Errorf("%s: message %s is missing: the schema is without the imported %s", of.FullName(), m.FullName(), strings.Join(files, ", "))
}

// serviceFilesFor returns the files of the services whose methods q may name.
func serviceFilesFor(ctx context.Context, source Source, q query) ([]*descriptorpb.FileDescriptorProto, error) {
	services, err := source.Services(ctx)
	if err != nil {
		return nil, err
	}
	if q.service != "" {
		services = slices.DeleteFunc(services, func(s protoreflect.FullName) bool {
			return !hasSuffix(string(s), q.service)
		})
	}
	return catalogOf(source).serviceFiles(ctx, services)
}

// hasSuffix reports whether suffix is the full name or ends it after a dot.
func hasSuffix(full, suffix string) bool {
	head, ok := strings.CutSuffix(full, suffix)
	return ok && (head == "" || strings.HasSuffix(head, "."))
}

type methodName struct {
	service protoreflect.FullName
	method  string
}

func (m methodName) String() string { return string(m.service) + "/" + m.method }

func (m methodName) matches(q query) bool {
	return m.method == q.method && (q.service == "" || hasSuffix(string(m.service), q.service))
}

func methodsIn(files []*descriptorpb.FileDescriptorProto) func(func(methodName) bool) {
	return func(yield func(methodName) bool) {
		for _, file := range files {
			for _, sd := range file.GetService() {
				service := join(protoreflect.FullName(file.GetPackage()), sd.GetName())
				for _, md := range sd.GetMethod() {
					if !yield(methodName{service, md.GetName()}) {
						return
					}
				}
			}
		}
	}
}

func ambiguous[T fmt.Stringer](name, kind string, matches []T) error {
	e := &NameError{Name: name, Kind: kind}
	for _, m := range matches {
		e.Matches = append(e.Matches, m.String())
	}
	slices.Sort(e.Matches)
	return e
}

func unknownMethod(ctx context.Context, source Source, q query) error {
	services, err := source.Services(ctx)
	if err != nil {
		return err
	}
	files, err := catalogOf(source).serviceFiles(ctx, services)
	if err != nil {
		return err
	}
	var names []string
	for m := range methodsIn(files) {
		names = append(names, m.String())
	}
	return &NameError{Name: q.text, Kind: "method", Suggestions: nearest(q.dotted, names)}
}

// FindService finds the full name of a service by any suffix that names one
// alone, without loading more than the list of services where the source can.
func FindService(ctx context.Context, source Source, name string) (protoreflect.FullName, error) {
	q, valid := parseQuery(name)
	if !valid || q.slashed {
		return "", &NameError{Name: name, Kind: "service"}
	}
	services, err := source.Services(ctx)
	if err != nil {
		return "", err
	}
	if slices.Contains(services, protoreflect.FullName(q.dotted)) {
		return protoreflect.FullName(q.dotted), nil
	}
	var names, matches []string
	for _, s := range services {
		names = append(names, string(s))
		if hasSuffix(string(s), q.dotted) {
			matches = append(matches, string(s))
		}
	}
	switch len(matches) {
	case 1:
		return protoreflect.FullName(matches[0]), nil
	case 0:
		// A server need not list all that it has.
		d, err := source.Find(ctx, protoreflect.FullName(q.dotted))
		if sd, ok := d.(protoreflect.ServiceDescriptor); ok && err == nil {
			return sd.FullName(), nil
		}
		if err != nil && !errors.Is(err, protoregistry.NotFound) {
			return "", err
		}
		return "", &NameError{Name: name, Kind: "service", Suggestions: nearest(q.dotted, names)}
	}
	return "", &NameError{Name: name, Kind: "service", Matches: matches}
}

// FindSymbol finds anything that has a name by its full name or by a suffix
// that names one thing alone. Services and methods come first: only where none
// of them matches, the messages, enums, fields and so on of all files that the
// services need are looked at. A name that fails is a [*NameError].
func FindSymbol(ctx context.Context, source Source, name string) (protoreflect.Descriptor, error) {
	q, valid := parseQuery(name)
	if !valid {
		return nil, &NameError{Name: name, Kind: "symbol"}
	}
	d, err := source.Find(ctx, protoreflect.FullName(q.dotted))
	if err == nil || !errors.Is(err, protoregistry.NotFound) {
		return d, err
	}
	services, err := source.Services(ctx)
	if err != nil {
		return nil, err
	}
	files, err := catalogOf(source).serviceFiles(ctx, services)
	if err != nil {
		return nil, err
	}
	matches, names := matchIn(serviceNames(files), q.dotted)
	if len(matches) == 0 && !q.slashed {
		if files, err = catalogOf(source).allFiles(ctx); err != nil {
			return nil, err
		}
		var more []string
		matches, more = matchIn(symbolNames(withBuiltins(files)), q.dotted)
		names = append(names, more...)
	}
	switch len(matches) {
	case 0:
		return nil, &NameError{Name: name, Kind: "symbol", Suggestions: nearest(q.dotted, names)}
	case 1:
		d, err := source.Find(ctx, protoreflect.FullName(matches[0]))
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", matches[0], err)
		}
		return d, nil
	}
	return nil, &NameError{Name: name, Kind: "symbol", Matches: matches}
}

// matchIn returns those names, each once and sorted, that suffix ends, and all.
func matchIn(names []string, suffix string) (matches, all []string) {
	slices.Sort(names)
	names = slices.Compact(names)
	for _, name := range names {
		if hasSuffix(name, suffix) {
			matches = append(matches, name)
		}
	}
	return matches, names
}

func serviceNames(files []*descriptorpb.FileDescriptorProto) []string {
	var names []string
	for _, file := range files {
		for _, sd := range file.GetService() {
			names = append(names, string(join(protoreflect.FullName(file.GetPackage()), sd.GetName())))
		}
	}
	for m := range methodsIn(files) {
		names = append(names, string(m.service)+"."+m.method)
	}
	return names
}

func symbolNames(files []*descriptorpb.FileDescriptorProto) []string {
	var names []string
	for _, file := range files {
		for name := range symbols(file) {
			names = append(names, string(name))
		}
	}
	return names
}

// withBuiltins adds the built-in files that the files import.
func withBuiltins(files []*descriptorpb.FileDescriptorProto) []*descriptorpb.FileDescriptorProto {
	here := map[string]bool{}
	for _, file := range files {
		here[file.GetName()] = true
	}
	for _, file := range files {
		for _, path := range file.GetDependency() {
			if builtin := builtinFile(path); builtin != nil && !here[path] {
				here[path] = true
				files = append(files, toProtos([]protoreflect.FileDescriptor{builtin})...)
			}
		}
	}
	return files
}
