package codegen

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/types/descriptorpb"
)

func TestProbe(t *testing.T) {
	root, out := os.Getenv("ROOT"), os.Getenv("OUT")
	files, _ := filepath.Glob(root + "/*/*.proto")
	for i, p := range files {
		rel, _ := filepath.Rel(root, p)
		c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{root}})}
		fs, err := c.Compile(context.Background(), rel)
		if err != nil {
			t.Log(err)
			continue
		}
		got, err := Generate(Request{Files: []*descriptorpb.FileDescriptorProto{protoutil.ProtoFromFileDescriptor(fs[0])}, Generate: []string{rel}, Options: Options{Targets: []Target{TS}, JSONTypes: true, Header: "x"}})
		if err != nil {
			t.Log(err)
			continue
		}
		for _, f := range got {
			name := filepath.Join(out, fmt.Sprintf("%d_%s", i, strings.ReplaceAll(f.Name, "/", "_")))
			if err := os.WriteFile(name, []byte(f.Content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
