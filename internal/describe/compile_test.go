package describe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// write makes files below a new directory and returns it.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCompileFindsFiles(t *testing.T) {
	dir := write(t, map[string]string{
		"api/s.proto":       `syntax = "proto3"; package p; import "types.proto"; import "google/rpc/status.proto"; message M { T t = 1; google.rpc.Status s = 2; }`,
		"api/types.proto":   `syntax = "proto3"; package p; message T {}`,
		"root/a/b.proto":    `syntax = "proto3"; package p; import "a/c.proto"; message M { C c = 1; }`,
		"root/a/c.proto":    `syntax = "proto3"; package p; message C {}`,
		"other/alone.proto": `syntax = "proto3"; package p; message M {}`,
	})
	abs := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	tests := []struct {
		name         string
		paths, files []string
		want         string // path of the file with p.M
	}{
		{"beside its imports, relative", nil, []string{"api/s.proto"}, "api/s.proto"},
		{"beside its imports, absolute", nil, []string{abs("api/s.proto")}, "api/s.proto"},
		{"path on disk below an import path", []string{"root"}, []string{"root/a/b.proto"}, "a/b.proto"},
		{"absolute below a relative import path", []string{"root"}, []string{abs("root/a/b.proto")}, "a/b.proto"},
		{"as it is imported", []string{abs("root")}, []string{"a/b.proto"}, "a/b.proto"},
		{"outside of the import paths", []string{"root"}, []string{"other/alone.proto"}, "alone.proto"},
		{"given twice", []string{"root"}, []string{"root/a/b.proto", "a/b.proto"}, "a/b.proto"},
	}
	t.Chdir(dir)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source, err := Compile(t.Context(), tt.paths, tt.files)
			if err != nil {
				t.Fatal(err)
			}
			if d := find[protoreflect.MessageDescriptor](t, source, "p.M"); d.ParentFile().Path() != tt.want {
				t.Errorf("file %s, want %s", d.ParentFile().Path(), tt.want)
			}
		})
	}
}

func TestCompileErrors(t *testing.T) {
	dir := write(t, map[string]string{
		"bad.proto":     "syntax = \"proto3\";\nmessage M {\n  strin a = 1;\n  Gone b = 2;\n}\n",
		"import.proto":  "syntax = \"proto3\";\nimport \"gone.proto\";\n",
		"cycle.proto":   "syntax = \"proto3\";\nimport \"cycle.proto\";\n",
		"edition.proto": "edition = \"2024\";\nmessage M {}\n",
		"file":          "",
	})
	t.Chdir(dir)
	tests := []struct {
		paths []string
		file  string
		want  []string
	}{
		{nil, "bad.proto", []string{"bad.proto:3:3: ", "strin", "\nbad.proto:4:3: "}},
		{nil, "import.proto", []string{"import.proto:2:8: ", "gone.proto"}},
		{nil, "cycle.proto", []string{"cycle.proto:2:8: ", "cycle"}},
		{nil, "edition.proto", []string{"edition.proto:1:11: ", "2024"}},
		{nil, "gone.proto", []string{"read gone.proto: file does not exist"}},
		{[]string{"."}, "gone.proto", []string{"read gone.proto: file does not exist, nor in the import paths (.)"}},
		{[]string{"nowhere"}, "bad.proto", []string{"import path: ", "nowhere"}},
		{[]string{"file"}, "bad.proto", []string{"import path file: not a directory"}},
		{nil, ".", []string{"read .: "}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.paths, tt.file), func(t *testing.T) {
			_, err := Compile(t.Context(), tt.paths, []string{tt.file})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want %q in it", err, want)
				}
			}
			if tt.file == "gone.proto" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error %v is not fs.ErrNotExist", err)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		compiled(b)
	}
}
