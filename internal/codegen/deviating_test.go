//go:build codegen

package codegen_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grpcx/grpcx/internal/codegen"
)

// TestDeviations shows for each deviation that what protoc-gen-es writes is
// refused by every compiler, or by Node, and what is written instead is not.
func TestDeviations(t *testing.T) {
	t.Parallel()
	o := startOracle(t)
	theirs, ours := t.TempDir(), t.TempDir()
	var folders []string
	for i, d := range deviations(t) {
		for _, d := range d.instances() {
			folder := fmt.Sprint(i, "-", strings.Join(d.Names, ""))
			folders = append(folders, folder)
			their, our := d.generate(t, o)
			if !has(their, d.Theirs) || has(our, d.Theirs) || !has(our, d.Ours) {
				t.Errorf("%s, %q: want %q and %q written", d.What, d.Names, d.Theirs, d.Ours)
			}
			if d.Target == "js" { // Node takes files for CommonJS modules where the folder says so
				commonJS := codegen.File{Name: "package.json", Content: `{"type":"commonjs"}`}
				their, our = append(their, commonJS), append(our, commonJS)
			}
			writeFiles(t, filepath.Join(theirs, folder), their)
			writeFiles(t, filepath.Join(ours, folder), our)
		}
	}
	project(t, theirs, strictest(nil))
	project(t, ours, strictest(nil))
	if errs := load(t, ours); len(errs) > 0 {
		t.Errorf("Node refuses ours: %v", errs)
	}
	refusedByNode := foldersOf(load(t, theirs))
	for _, c := range compilers {
		if out, ok := tsc(t, c, ours); !ok {
			t.Errorf("%s refuses ours:\n%s", c, head(out))
		}
		refused := foldersOf(refusals(t, c, theirs))
		for _, folder := range folders {
			if !refused[folder] && !refusedByNode[folder] {
				t.Errorf("%s takes what protoc-gen-es writes for %s", c, folder)
			}
		}
	}
	t.Logf("%d deviations, %d names", len(deviations(t)), len(folders))
}

// has tells whether a file has that name or contains that text.
func has(files []codegen.File, text string) bool {
	return slices.ContainsFunc(files, func(f codegen.File) bool { return f.Name == text || strings.Contains(f.Content, text) })
}

func (d deviation) generate(t *testing.T, o *oracle) (theirs, ours []codegen.File) {
	t.Helper()
	dir := t.TempDir()
	file := d.File
	if file == "" {
		file = "a.proto"
	}
	writeFiles(t, dir, []codegen.File{{Name: file, Content: d.Proto}})
	c := corpus{root: dir}.compile(t)
	if len(c.failed) > 0 {
		t.Fatal(c.failed)
	}
	request := c.requests(t)[0]
	options := codegen.Options{Targets: []codegen.Target{codegen.TS}}
	target := "ts"
	if d.Target == "js" {
		target = "js+dts"
		options.Targets = []codegen.Target{codegen.JS, codegen.DTS}
	}
	switch d.Parameter {
	case "":
	case "js_import_style=legacy_commonjs":
		options.CommonJS = true
	case "erasable_syntax=true":
		options.ErasableSyntax = true
	case "json_types=true":
		options.JSONTypes = true
	case "valid_types=legacy_required":
		options.ValidLegacyRequired = true
	default:
		t.Fatalf("no option for the parameter %q", d.Parameter)
	}
	if err := o.send(marshal(t, request, strings.TrimSuffix("target="+target+","+d.Parameter, ","))); err != nil {
		t.Fatal(err)
	}
	response, err := o.receive()
	if err != nil || response.GetError() != "" {
		t.Fatalf("protoc-gen-es: %v, %s", err, response.GetError())
	}
	for _, f := range response.GetFile() {
		theirs = append(theirs, codegen.File{Name: f.GetName(), Content: f.GetContent()})
	}
	return theirs, generateFor(t, request, options)
}

// refusals are the errors of a compiler by file. A compiler reports errors of
// meaning only where it finds none of syntax, so that files are taken out until
// it has nothing to say about the others.
func refusals(t *testing.T, compiler, project string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(project)); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for {
		out, ok := tsc(t, compiler, dir)
		if ok {
			return all
		}
		found := regexp.MustCompile(`(?m)^(\S+)\(\d+,\d+\): (error .*)$`).FindAllStringSubmatch(out, -1)
		if len(found) == 0 {
			t.Fatalf("%s:\n%s", compiler, head(out))
		}
		for _, f := range found {
			all[f[1]] = f[2]
			if err := os.Remove(filepath.Join(dir, f[1])); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
	}
}

// load has Node load every module below dir, and returns its errors by file.
func load(t *testing.T, dir string) map[string]string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("node", filepath.Join("oracle", "load.cjs"), dir)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, &stderr)
	}
	var result struct {
		Loaded int               `json:"loaded"`
		Errors map[string]string `json:"errors"`
	}
	if err := json.Unmarshal(out, &result); err != nil {
		t.Fatal(err)
	}
	if result.Loaded == 0 && len(result.Errors) == 0 {
		t.Fatal("there is nothing to load")
	}
	return result.Errors
}

func foldersOf(files map[string]string) map[string]bool {
	folders := map[string]bool{}
	for name := range files {
		folder, _, _ := strings.Cut(filepath.ToSlash(name), "/")
		folders[folder] = true
	}
	return folders
}
