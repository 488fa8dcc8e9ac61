//go:build codegen

package codegen_test

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/grpcx/grpcx/internal/codegen"
)

// hostileProtos give the name %[1]s to something, in the package p%[2]d.
var hostileProtos = map[string]string{
	"message":   `syntax = "proto3"; package p%[2]d; message %[1]s { %[1]s f = 1; X x = 2; message X {} } message User { %[1]s f = 1; repeated %[1]s g = 2; }`,
	"enum":      `syntax = "proto3"; package p%[2]d; enum %[1]s { ZERO = 0; } message User { %[1]s f = 1; map<string, %[1]s> g = 2; }`,
	"nested":    `syntax = "proto3"; package p%[2]d; message M { enum %[1]s { ZERO = 0; } message N { message %[1]s {} } %[1]s f = 1; N.%[1]s g = 2; }`,
	"value":     `syntax = "proto3"; package p%[2]d; message M { enum V { %[1]s = 0; q_%[1]s = 1; } enum W { W_%[1]s = 0; } V v = 1; W w = 2; }`,
	"field":     `syntax = "proto3"; package p%[2]d; message M { int64 %[1]s = 1; oneof o_ { string x_%[1]s = 2; } }`,
	"choice":    `syntax = "proto3"; package p%[2]d; message M { oneof one { string %[1]s = 1; } }`,
	"oneof":     `syntax = "proto3"; package p%[2]d; message M { oneof %[1]s { int32 zz = 3; string zzz = 4; } }`,
	"extension": `syntax = "proto2"; package p%[2]d; message M { extensions 1 to 9; } extend M { optional int32 %[1]s = 1; } message S { extend M { optional M %[1]s = 2; } }`,
	"service":   `syntax = "proto3"; package p%[2]d; message E {} service %[1]s { rpc %[1]s(E) returns (E); rpc Get%[1]s(stream E) returns (stream E); }`,
	"package":   `syntax = "proto3"; package %[1]s; /* %[2]d */ message M { M m = 1; enum E { E_ZERO = 0; } }`,
}

// deviatingNames are the names of deviations.yaml, by the kind of what they name.
var deviatingNames = func() map[string][]string {
	types := strings.Fields("any as await infer keyof never readonly symbol undefined unique unknown")
	constants := strings.Fields("arguments await eval exports module require __dirname __esModule __filename")
	properties := strings.Fields("_ __ ___ _00 _007 _1a _1_a")
	return map[string][]string{
		"message":   append(slices.Clip(types), "intrinsic"),
		"enum":      append(slices.Clip(types), constants...),
		"extension": constants,
		"service":   constants,
		"field":     properties,
		"oneof":     properties,
	}
}()

// hostileNames are .proto files in which each word of a list names something of
// each kind.
func hostileNames(t *testing.T) compiled {
	t.Helper()
	b, err := os.ReadFile("testdata/names/words.txt")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for i, word := range strings.Fields(string(b)) {
		for kind, source := range hostileProtos {
			// No two names differ in their case alone.
			name := fmt.Sprintf("%s/%d/%s.proto", kind, i, word)
			writeFiles(t, root, []codegen.File{{Name: name, Content: fmt.Sprintf(source, word, i)}})
		}
	}
	return corpus{root: root}.compile(t)
}

// TestHostileNames holds names of all sorts against protoc-gen-es and Node, as
// TestTypeScript does against the compilers. Only the names of deviations.yaml
// may come out in another way.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	c := hostileNames(t)
	for _, err := range c.failed {
		if !strings.Contains(err.Error(), "/enum.proto:") {
			t.Error(err) // enum is the one word that is no name
		}
	}
	t.Run("identity", func(t *testing.T) {
		t.Parallel()
		identicalNames(t, c)
	})
	for _, commonJS := range []bool{false, true} {
		t.Run(fmt.Sprintf("Node, CommonJS %t", commonJS), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, r := range c.requests(t) {
				writeFiles(t, dir, generateFor(t, r, codegen.Options{Targets: []codegen.Target{codegen.JS}, CommonJS: commonJS, ImportExtension: "js"}))
			}
			project(t, dir, nil)
			if commonJS {
				writeFiles(t, dir, []codegen.File{{Name: "package.json", Content: `{"type":"commonjs"}`}})
			}
			for name, err := range load(t, dir) {
				t.Errorf("%s: %s", name, err)
			}
		})
	}
}

// identicalNames compares the files with those of protoc-gen-es; which of them
// differ must be those with names that deviate.
func identicalNames(t *testing.T, c compiled) {
	o := startOracle(t)
	differ := map[string]bool{}
	compared := 0
	for _, r := range c.requests(t) {
		for _, s := range optionSets {
			got, want := both(t, o, r, s)
			for i := range want {
				compared++
				if got[i] != want[i] {
					differ[strings.SplitN(got[i].Name, "_pb.", 2)[0]] = true
				}
			}
		}
	}
	expected := map[string]bool{}
	for _, f := range c.files {
		kind, word := path.Dir(path.Dir(f.Path())), strings.TrimSuffix(path.Base(f.Path()), ".proto")
		if slices.Contains(deviatingNames[kind], word) {
			expected[strings.TrimSuffix(f.Path(), ".proto")] = true
		}
	}
	if d := cmp.Diff(slices.Sorted(maps.Keys(expected)), slices.Sorted(maps.Keys(differ))); d != "" {
		t.Errorf("other names differ (+) than those that should (-):\n%s", d)
	}
	t.Logf("%d .proto files, %d files generated, of %d .proto files as deviations.yaml has it", len(c.files), compared, len(differ))
}
