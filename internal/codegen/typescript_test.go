//go:build codegen

package codegen_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/pluginpb"

	"github.com/grpcx/grpcx/internal/codegen"
)

// compilers are the packages of TypeScript 5.9, 6.0 and 7.0.
var compilers = []string{"ts59", "ts60", "ts70"}

// strictest are the compiler options that all output has to pass.
func strictest(more map[string]any) map[string]any {
	o := map[string]any{
		"strict": true, "exactOptionalPropertyTypes": true, "noUncheckedIndexedAccess": true,
		"verbatimModuleSyntax": true, "skipLibCheck": false, "noEmit": true,
		"target": "es2022", "module": "esnext", "moduleResolution": "bundler", "types": []string{},
		"noImplicitOverride": true, "noUnusedLocals": true, "isolatedModules": true,
	}
	for k, v := range more {
		o[k] = v
	}
	return o
}

// layouts are ways to use what is generated, each with the options and the
// compiler options that belong together. Those with names are used for hostile
// names, too.
var layouts = []struct {
	name     string
	names    bool
	options  codegen.Options
	compiler map[string]any
}{
	{"ts with clients", true, codegen.Options{Targets: []codegen.Target{codegen.TS}, Runtime: codegen.Connect}, nil},
	{
		"ts for Node", false,
		codegen.Options{Targets: []codegen.Target{codegen.TS}, ImportExtension: "js", JSONTypes: true, ValidLegacyRequired: true, ValidProtovalidateRequired: true},
		map[string]any{"module": "nodenext", "moduleResolution": "nodenext"},
	},
	{
		"ts that is erased", true,
		codegen.Options{Targets: []codegen.Target{codegen.TS}, ImportExtension: "ts", ErasableSyntax: true, JSONTypes: true, ValidProtovalidateRequired: true},
		map[string]any{"module": "nodenext", "moduleResolution": "nodenext", "erasableSyntaxOnly": true, "allowImportingTsExtensions": true},
	},
	{
		// As TypeScript 5.9 is when nobody says otherwise.
		"ts that is not strict", false,
		codegen.Options{Targets: []codegen.Target{codegen.TS}, Runtime: codegen.Connect},
		map[string]any{"strict": false, "exactOptionalPropertyTypes": false, "noUncheckedIndexedAccess": false, "verbatimModuleSyntax": false, "skipLibCheck": true},
	},
	{
		"js with clients", true,
		codegen.Options{Targets: []codegen.Target{codegen.JS, codegen.DTS}, ImportExtension: "js", JSONTypes: true, ValidLegacyRequired: true, Runtime: codegen.Connect},
		map[string]any{"module": "nodenext", "moduleResolution": "nodenext"},
	},
	{
		"js with erasable types", false,
		codegen.Options{Targets: []codegen.Target{codegen.JS, codegen.DTS}, ErasableSyntax: true, ValidLegacyRequired: true, ValidProtovalidateRequired: true},
		nil,
	},
}

// TestTypeScript has every compiler take what is generated for the fixtures and
// for hostile names.
func TestTypeScript(t *testing.T) {
	t.Parallel()
	files, names := fixtures.compile(t).requests(t), slices.Concat(hostileNames(t).requests(t), clashes(t).requests(t))
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			requests := files
			if l.names {
				requests = slices.Concat(files, names)
			}
			n := 0
			for _, r := range requests {
				files := generateFor(t, r, l.options)
				writeFiles(t, dir, files)
				n += len(files)
			}
			project(t, dir, strictest(l.compiler))
			for _, c := range compilers {
				if out, ok := tsc(t, c, dir); !ok {
					t.Errorf("%s:\n%s", c, head(out))
				}
			}
			t.Logf("%d files compile", n)
		})
	}
}

// TestTypes compiles programs that use generated types as they are meant to be
// used, and that must not compile where they say so by @ts-expect-error.
func TestTypes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, r := range fixtures.compile(t).requests(t) {
		writeFiles(t, dir, generateFor(t, r, codegen.Options{Targets: []codegen.Target{codegen.TS}, JSONTypes: true, ValidLegacyRequired: true, ValidProtovalidateRequired: true}))
	}
	programs, err := filepath.Glob("testdata/typescript/*.ts")
	if err != nil || len(programs) == 0 {
		t.Fatalf("no programs: %v", err)
	}
	for _, p := range programs {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), "@ts-expect-error") {
			t.Errorf("%s expects no error", p)
		}
		writeFiles(t, dir, []codegen.File{{Name: filepath.Base(p), Content: string(b)}})
	}
	project(t, dir, strictest(nil))
	for _, c := range compilers {
		if out, ok := tsc(t, c, dir); !ok {
			t.Errorf("%s:\n%s", c, head(out))
		}
	}
}

func generateFor(t testing.TB, r *pluginpb.CodeGeneratorRequest, o codegen.Options) []codegen.File {
	t.Helper()
	files, err := generate(marshal(t, r, ""), o)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func writeFiles(t testing.TB, dir string, files []codegen.File) {
	t.Helper()
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(f.Content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// project makes dir a package of ES modules with the installed packages.
func project(t testing.TB, dir string, compilerOptions map[string]any) {
	t.Helper()
	config, err := json.Marshal(map[string]any{"compilerOptions": compilerOptions, "include": []string{"**/*"}})
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, dir, []codegen.File{{Name: "tsconfig.json", Content: string(config)}, {Name: "package.json", Content: `{"type":"module"}`}})
	if err := os.Symlink(nodeModules(t), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

// tsc compiles the project in dir and returns what the compiler says.
func tsc(t testing.TB, compiler, dir string) (out string, ok bool) {
	t.Helper()
	cmd := exec.Command("node", filepath.Join(nodeModules(t), compiler, "bin", "tsc"), "--pretty", "false", "-p", ".")
	cmd.Dir = dir
	b, err := cmd.CombinedOutput()
	if err != nil && len(b) == 0 {
		t.Fatalf("%s: %v", compiler, err)
	}
	return string(b), err == nil
}

// head returns the first lines of text.
func head(text string) string {
	lines := strings.SplitAfterN(text, "\n", 21)
	return strings.Join(lines[:min(20, len(lines))], "")
}
