package describe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Closure returns the files that declare the names, and all that they import,
// imports first, with source info where the source has it. Without names it
// takes all services. A file whose imports are not all there is an error: the
// set would be of no use.
func Closure(ctx context.Context, source Source, names []protoreflect.FullName) (*descriptorpb.FileDescriptorSet, error) {
	if len(names) == 0 {
		services, err := source.Services(ctx)
		if err != nil {
			return nil, err
		}
		names = services
	}
	var roots []protoreflect.FileDescriptor
	for _, name := range names {
		d, err := source.Find(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("export %s: %w", name, err)
		}
		roots = append(roots, d.ParentFile())
	}
	set := new(descriptorpb.FileDescriptorSet)
	var errs []error
	for _, file := range closure(roots) {
		for i := range file.Imports().Len() {
			if imp := file.Imports().Get(i); imp.IsPlaceholder() {
				errs = append(errs, fmt.Errorf("export %q: the imported %q is missing", file.Path(), imp.Path()))
			}
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	return set, errors.Join(errs...)
}

// Everything returns names that between them have [Closure] take all files of the
// source: its services, and one more name of each file that declares any. It is an
// error if none of those in a file is valid.
func Everything(ctx context.Context, source Source) ([]protoreflect.FullName, error) {
	names, err := source.Services(ctx)
	if err != nil {
		return nil, err
	}
	files, err := catalogOf(source).allFiles(ctx)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		var name protoreflect.FullName
		for name = range topLevel(file) {
			if name.IsValid() {
				names = append(names, name)
				break
			}
		}
		if name != "" && !name.IsValid() {
			return nil, fmt.Errorf("file %q: %q is not a valid name", file.GetName(), name)
		}
	}
	return names, nil
}

// WriteProtos writes every file of the set as proto source, which compiles to
// the same descriptors. create opens the file of this name, which is local,
// slash-separated and clean: a set with any other name is refused before
// anything is written. Each writer is closed before the next one is asked for.
func WriteProtos(set *descriptorpb.FileDescriptorSet, create func(name string) (io.WriteCloser, error)) error {
	for _, file := range set.GetFile() {
		if err := CheckFileName(file.GetName()); err != nil {
			return fmt.Errorf("export: %w", err)
		}
	}
	p, err := poolOf(set)
	if err != nil {
		return err
	}
	files := make([]protoreflect.FileDescriptor, 0, len(set.GetFile()))
	for _, file := range set.GetFile() {
		fd, err := p.findFile(file.GetName())
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		files = append(files, fd)
	}
	symbols := symbolsOf(closure(files))
	for _, file := range files {
		pr := newPrinter(file)
		pr.symbols = symbols
		pr.printFile(file)
		if err := writeFile(file.Path(), pr.buf.Bytes(), create); err != nil {
			return fmt.Errorf("export %q: %w", file.Path(), err)
		}
	}
	return nil
}

func writeFile(name string, text []byte, create func(string) (io.WriteCloser, error)) error {
	w, err := create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return errors.Join(err, w.Close())
}

// CheckFileName refuses the name of a schema file under which nothing must be
// written: an absolute one, one that leads out of its directory or means
// something of its own to some system, or one that could fool its reader.
func CheckFileName(name string) error {
	bad := name == "" || name == "." || name != path.Clean(name) || path.IsAbs(name) ||
		name == ".." || strings.HasPrefix(name, "../") || strings.ContainsAny(name, "\\:") || quote(name) != `"`+name+`"`
	for _, part := range strings.Split(name, "/") {
		bad = bad || isDevice(part)
	}
	if bad || len(name) > maxPath {
		return fmt.Errorf("unsafe file name %.200q in the schema", name)
	}
	return nil
}

// isDevice reports whether Windows takes the name for a device or drops its
// end.
func isDevice(part string) bool {
	base, _, _ := strings.Cut(strings.ToUpper(part), ".")
	switch base = strings.TrimRight(base, " "); base {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	if len(base) == 4 && (strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) && '0' <= base[3] && base[3] <= '9' {
		return true
	}
	return strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ")
}
