//go:build codegen

package live

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentation runs the examples of docs/codegen.md, which say what they
// print.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "docs", "codegen.md"))
	if err != nil {
		t.Fatal(err)
	}
	// <!-- example NAME --> stands before the code, and its output after it.
	blocks := regexp.MustCompile("(?s)<!-- example (\\S+) -->\n\n```ts\n(.*?)```\n.*?```text\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	examples := map[string][]string{}
	for _, b := range blocks {
		examples[b[1]] = b[2:]
	}
	for _, name := range []string{"node.ts", "browser.ts", "grpcjs.ts"} {
		t.Run(name, func(t *testing.T) {
			example := examples[name]
			if example == nil {
				t.Fatal("there is no such example")
			}
			s := newSite(t, false)
			dir := workplace(t, "tsconfig.json", "page.html", "show.js")
			s.generate(t, dir, "ts", "--runtime", "grpc-js")
			write(t, dir, name, strings.ReplaceAll(example[0], "localhost:50051", s.reference))
			for _, compiler := range compilers {
				check(t, dir, compiler)
			}
			var out []byte
			if name == "browser.ts" {
				esbuild(t, dir, name, "--outfile=page.js")
				pages := httptest.NewServer(http.FileServer(http.Dir(dir)))
				t.Cleanup(pages.Close)
				out = output(t, dir, exec.CommandContext(t.Context(), "node", "show.js", findChromium(t), pages.URL+"/page.html"))
			} else {
				base := strings.TrimSuffix(name, ".ts")
				bundle(t, dir, base)
				out = output(t, dir, exec.CommandContext(t.Context(), "node", base+".mjs"))
			}
			if string(out) != example[1] {
				t.Errorf("it printed:\n%s\nnot:\n%s", out, example[1])
			}
		})
	}
}

// mostBytes is what a page may have to load, with gzip, to call the reference
// server's users.
const mostBytes = 40_000

func TestBundleSize(t *testing.T) {
	s := newSite(t, false)
	dir := workplace(t, "tsconfig.json")
	s.generate(t, dir, "ts")
	write(t, dir, "small.ts", `
export { createConnectTransport } from "@connectrpc/connect-web";
export * from "./gen/userservice/userservice_client";
`)
	esbuild(t, dir, "small.ts", "--minify", "--outfile=small.js")
	text, err := os.ReadFile(filepath.Join(dir, "small.js"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d with gzip", len(text), b.Len())
	if b.Len() > mostBytes {
		t.Errorf("%d bytes with gzip, want at most %d", b.Len(), mostBytes)
	}
}
