package codegen_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/options"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/pluginpb"
)

// corpus is a tree of .proto files.
type corpus struct {
	name    string
	root    string   // what imports are relative to
	imports []string // further folders that imports may be in
	under   []string // the folders below the root to take; all without any
	floor   int      // files that compile at the least
	// deviate are those whose names are among the deviations.
	deviate []string
}

// fixtures have every construct of the language.
var fixtures = corpus{name: "fixtures", root: "testdata/proto", floor: 61}

// compiled are the files of a corpus.
type compiled struct {
	files  []protoreflect.FileDescriptor // those that compile, in the order of their names
	failed []error                       // what is wrong with the others
}

func (c corpus) compile(t testing.TB) compiled {
	t.Helper()
	var out compiled
	known := map[string]protoreflect.FileDescriptor{}
	sources := protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: append([]string{c.root}, c.imports...)})
	compiler := protocompile.Compiler{
		SourceInfoMode: protocompile.SourceInfoStandard,
		Resolver: protocompile.ResolverFunc(func(name string) (protocompile.SearchResult, error) {
			if f := known[name]; f != nil {
				return protocompile.SearchResult{Desc: f}, nil
			}
			return sources.FindFileByPath(name)
		}),
	}
	for _, name := range c.names(t) {
		files, err := compiler.Compile(context.Background(), name)
		if err != nil {
			out.failed = append(out.failed, err)
			continue
		}
		remember(known, files[0])
		out.files = append(out.files, known[name])
	}
	return out
}

func remember(known map[string]protoreflect.FileDescriptor, f protoreflect.FileDescriptor) {
	if known[f.Path()] != nil {
		return
	}
	known[f.Path()] = f
	for i := range f.Imports().Len() {
		remember(known, f.Imports().Get(i).FileDescriptor)
	}
}

// names are those of the files, relative to the root.
func (c corpus) names(t testing.TB) []string {
	t.Helper()
	under := c.under
	if len(under) == 0 {
		under = []string{"."}
	}
	var names []string
	for _, dir := range under {
		err := filepath.WalkDir(filepath.Join(c.root, dir), func(p string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(p, ".proto") || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(c.root, p)
			names = append(names, filepath.ToSlash(name))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// maxBatch bounds a request, so that its parts can be worked on at once.
const maxBatch = 40

// requests ask for each file once, as protoc would: in requests within which no
// name is declared twice, as protoc's runs are.
func (c compiled) requests(t testing.TB) []*pluginpb.CodeGeneratorRequest {
	t.Helper()
	var batches []*batch
	for _, f := range c.files {
		i := slices.IndexFunc(batches, func(b *batch) bool { return len(b.generate) < maxBatch && b.takes(f) })
		if i < 0 {
			i = len(batches)
			batches = append(batches, &batch{files: map[string]bool{}, declared: map[protoreflect.FullName]string{}})
		}
		batches[i].add(f)
		batches[i].generate = append(batches[i].generate, f.Path())
	}
	requests := make([]*pluginpb.CodeGeneratorRequest, len(batches))
	for i, b := range batches {
		requests[i] = b.request(t)
	}
	return requests
}

// batch is a request in the making.
type batch struct {
	files    map[string]bool
	declared map[protoreflect.FullName]string // by which file
	order    []protoreflect.FileDescriptor
	generate []string
}

// takes tells whether f and its imports declare nothing that other files of the
// batch do.
func (b *batch) takes(f protoreflect.FileDescriptor) bool {
	if b.files[f.Path()] {
		return true
	}
	for _, name := range declarations(f) {
		if by, ok := b.declared[name]; ok && by != f.Path() {
			return false
		}
	}
	for i := range f.Imports().Len() {
		if !b.takes(f.Imports().Get(i)) {
			return false
		}
	}
	return true
}

func (b *batch) add(f protoreflect.FileDescriptor) {
	if b.files[f.Path()] {
		return
	}
	b.files[f.Path()] = true
	for i := range f.Imports().Len() {
		b.add(f.Imports().Get(i).FileDescriptor)
	}
	for _, name := range declarations(f) {
		b.declared[name] = f.Path()
	}
	b.order = append(b.order, f)
}

// declarations are the names that a file declares at its top; what is inside of
// them cannot clash without them.
func declarations(f protoreflect.FileDescriptor) []protoreflect.FullName {
	var names []protoreflect.FullName
	for i := range f.Messages().Len() {
		names = append(names, f.Messages().Get(i).FullName())
	}
	for i := range f.Enums().Len() {
		names = append(names, f.Enums().Get(i).FullName())
	}
	for i := range f.Services().Len() {
		names = append(names, f.Services().Get(i).FullName())
	}
	for i := range f.Extensions().Len() {
		names = append(names, f.Extensions().Get(i).FullName())
	}
	return names
}

// request leaves options of source retention to source_file_descriptors in the
// files to generate, as protoc does.
func (b *batch) request(t testing.TB) *pluginpb.CodeGeneratorRequest {
	t.Helper()
	r := &pluginpb.CodeGeneratorRequest{FileToGenerate: b.generate}
	for _, f := range b.order {
		p := protoutil.ProtoFromFileDescriptor(f)
		if slices.Contains(b.generate, f.Path()) {
			r.SourceFileDescriptors = append(r.SourceFileDescriptors, p)
			var err error
			if p, err = options.StripSourceRetentionOptionsFromFile(p); err != nil {
				t.Fatal(err)
			}
		}
		r.ProtoFile = append(r.ProtoFile, p)
	}
	return r
}

// marshal returns the request with these parameters, and its files as a plugin
// sees them that knows no custom option.
func marshal(t testing.TB, r *pluginpb.CodeGeneratorRequest, parameter string) []byte {
	t.Helper()
	r.Parameter = proto.String(parameter)
	b, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
