package describe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/protoutil"
	"github.com/bufbuild/protocompile/reporter"
)

const maxCompileErrors = 10

// Compile returns the source of .proto files and all that they import.
//
// A file may be named as protoc wants it (a path on disk, in one of the import
// paths) or as import statements name it (relative to one of them). A file
// outside of all of them has its own directory searched last. Without import
// paths, the working directory and then the files' directories are searched.
// The files of google/protobuf and google/rpc/{status,code,error_details} are
// built in, behind those found on disk. Errors read file:line:column: what.
func Compile(ctx context.Context, importPaths, files []string) (Source, error) {
	roots, names, err := locate(importPaths, files)
	if err != nil {
		return nil, err
	}
	var found problems
	compiler := protocompile.Compiler{
		Resolver:       protocompile.CompositeResolver{&protocompile.SourceResolver{ImportPaths: roots}, protocompile.ResolverFunc(resolveBuiltin)},
		SourceInfoMode: protocompile.SourceInfoStandard,
		Reporter:       reporter.NewReporter(found.report, nil),
	}
	compiled, err := compiler.Compile(ctx, names...)
	if len(found.list) > 0 {
		return nil, found.error()
	}
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", strings.Join(files, ", "), err)
	}
	p := newPool()
	if err := addCompiled(p, compiled); err != nil {
		return nil, err
	}
	return newStatic(p), nil
}

func resolveBuiltin(path string) (protocompile.SearchResult, error) {
	if file := builtinFile(path); file != nil {
		return protocompile.SearchResult{Desc: file}, nil
	}
	return protocompile.SearchResult{}, fmt.Errorf("%w in the import paths", fs.ErrNotExist)
}

// addCompiled takes in the compiled files and their imports, all but those
// that are built in.
func addCompiled(p *pool, files linker.Files) error {
	seen := map[string]bool{}
	for queue := slices.Clone(files); len(queue) > 0; queue = queue[1:] {
		file := queue[0]
		if _, fromSource := file.(linker.Result); !fromSource || seen[file.Path()] {
			continue
		}
		seen[file.Path()] = true
		if err := p.add(protoutil.ProtoFromFileDescriptor(file)); err != nil {
			return fmt.Errorf("compile: %w", err)
		}
		for i := range file.Imports().Len() {
			if imp := file.FindImportByPath(file.Imports().Get(i).Path()); imp != nil {
				queue = append(queue, imp)
			}
		}
	}
	return nil
}

// locate returns the directories to search and the files' names in them.
func locate(importPaths, files []string) (roots, names []string, err error) {
	roots = slices.Clone(importPaths)
	if len(roots) == 0 {
		roots = []string{"."}
	}
	for _, root := range importPaths {
		if info, err := os.Stat(root); err != nil {
			return nil, nil, fmt.Errorf("import path: %w", err)
		} else if !info.IsDir() {
			return nil, nil, fmt.Errorf("import path %s: not a directory", root)
		}
	}
	for _, file := range files {
		name, ok := nameIn(roots, file)
		if !ok {
			if info, err := os.Stat(file); err != nil || info.IsDir() {
				return nil, nil, notFound(file, importPaths)
			}
			roots = append(roots, filepath.Dir(file))
			name = filepath.Base(file)
		}
		names = append(names, name)
	}
	if len(importPaths) == 0 {
		for _, file := range files {
			if dir := filepath.Dir(file); !slices.Contains(roots, dir) {
				roots = append(roots, dir)
			}
		}
	}
	return roots, names, nil
}

func notFound(file string, importPaths []string) error {
	if len(importPaths) == 0 {
		return fmt.Errorf("read %s: %w", file, fs.ErrNotExist)
	}
	return fmt.Errorf("read %s: %w, nor in the import paths (%s)", file, fs.ErrNotExist, strings.Join(importPaths, ", "))
}

// nameIn returns the name under which file is imported from one of the roots.
func nameIn(roots []string, file string) (string, bool) {
	if _, err := os.Stat(file); err == nil {
		for _, root := range roots {
			if name, ok := below(root, file); ok {
				return name, true
			}
		}
	}
	if filepath.IsLocal(file) {
		for _, root := range roots {
			if _, err := os.Stat(filepath.Join(root, file)); err == nil {
				return filepath.ToSlash(filepath.Clean(file)), true
			}
		}
	}
	return "", false
}

// below returns the slash-separated path from root to file.
func below(root, file string) (string, bool) {
	absRoot, err1 := filepath.Abs(root)
	absFile, err2 := filepath.Abs(file)
	if err1 != nil || err2 != nil {
		return "", false
	}
	rel, err := filepath.Rel(absRoot, absFile)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// problems collects compile errors, which come from several goroutines.
type problems struct {
	mu   sync.Mutex
	list []reporter.ErrorWithPos
}

// report returns nil so that the compiler goes on to the next error.
func (p *problems) report(err reporter.ErrorWithPos) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, err)
	if len(p.list) >= 10*maxCompileErrors {
		return err
	}
	return nil
}

func (p *problems) error() error {
	slices.SortStableFunc(p.list, func(a, b reporter.ErrorWithPos) int {
		x, y := a.GetPosition(), b.GetPosition()
		return cmp.Or(cmp.Compare(x.Filename, y.Filename), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Col, y.Col))
	})
	more := len(p.list) - maxCompileErrors
	var errs []error
	for _, err := range p.list[:min(len(p.list), maxCompileErrors)] {
		errs = append(errs, err)
	}
	if more > 0 {
		errs = append(errs, fmt.Errorf("and %d more", more))
	}
	return errors.Join(errs...)
}
