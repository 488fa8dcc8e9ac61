package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcx/grpcx/internal/codegen"
)

// generateFrom runs `grpcx gen ts` for a file of that name, in a folder with
// further ones beside the output, and returns the exit code and what files there
// are then.
func generateFrom(t *testing.T, protoName string, prepare func(dir string)) (code int, files []string, stderr string) {
	t.Helper()
	dir := t.TempDir()
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{{
		Name: proto.String(protoName), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M")}},
		Service:     []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("S")}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "set.binpb"), set, 0o600); err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(dir)
	}
	var errors bytes.Buffer
	args := []string{"gen", "ts", "--runtime", "none", "--protoset", filepath.Join(dir, "set.binpb"), "--out", filepath.Join(dir, "out", "gen")}
	code = Main(args, Streams{In: &bytes.Buffer{}, Out: &errors, Err: &errors, LookupEnv: func(string) (string, bool) { return "", false }}, "")
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, p)
			files = append(files, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return code, slices.DeleteFunc(files, func(name string) bool { return name == "set.binpb" }), errors.String()
}

func TestGeneratedFilesStayBelowOut(t *testing.T) {
	for _, name := range []string{
		"../x.proto", "../../x.proto", "a/../../x.proto", "/x.proto", filepath.Join(t.TempDir(), "x.proto"), `..\x.proto`, `c:\x.proto`,
		"c:x.proto", "x\x00.proto", "..", "./x.proto", "a//x.proto",
	} {
		t.Run(name, func(t *testing.T) {
			code, files, stderr := generateFrom(t, name, nil)
			if code == 0 || len(files) > 0 || !strings.Contains(stderr, "not a safe relative path") {
				t.Errorf("exit code %d, files %q; want an error and no file\n%s", code, files, stderr)
			}
		})
	}
	t.Run("a good name", func(t *testing.T) {
		code, files, stderr := generateFrom(t, "a/x.proto", nil)
		if want := []string{"out/gen/a/x_pb.ts"}; code != 0 || !slices.Equal(files, want) {
			t.Errorf("exit code %d, files %q, want %q\n%s", code, files, want, stderr)
		}
	})
	t.Run("a link that leads out", func(t *testing.T) {
		code, files, stderr := generateFrom(t, "a/x.proto", func(dir string) {
			if err := os.MkdirAll(filepath.Join(dir, "out", "gen"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "elsewhere"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join("..", "..", "elsewhere"), filepath.Join(dir, "out", "gen", "a")); err != nil {
				t.Fatal(err)
			}
		})
		if want := []string{"out/gen/a"}; code == 0 || !slices.Equal(files, want) {
			t.Errorf("exit code %d, files %q, want an error and the link %q alone\n%s", code, files, want, stderr)
		}
	})
}

func TestReplacingIsAllOrNothing(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	if err := root.WriteFile("a.ts", []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	changed := func(name string) fileChange {
		return fileChange{File: codegen.File{Name: name, Content: "new"}, state: "changed"}
	}
	contents := func(want ...string) {
		t.Helper()
		var got []string
		err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				var b []byte
				b, err = root.ReadFile(name)
				got = append(got, name+": "+string(b))
			}
			return err
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("there is %q, want %q (%v)", got, want, err)
		}
	}

	t.Run("a name with a file in its way", func(t *testing.T) {
		if err := replace(root, []fileChange{changed("b.ts"), changed("a.ts"), changed("a.ts/c.ts")}); err == nil {
			t.Error("no error")
		}
		if err := replace(root, []fileChange{changed("a.ts/c.ts"), changed("a.ts")}); err == nil {
			t.Error("no error")
		}
		contents("a.ts: old")
	})
	t.Run("names that are one to the file system", func(t *testing.T) {
		err := replace(root, []fileChange{changed("a.ts"), changed("a.ts")})
		if err == nil || !strings.Contains(err.Error(), "to this file system") {
			t.Errorf("error %v", err)
		}
		contents("a.ts: old")
	})
	t.Run("nothing wrong", func(t *testing.T) {
		if err := replace(root, []fileChange{changed("a.ts"), changed("b/c.ts")}); err != nil {
			t.Error(err)
		}
		contents("a.ts: new", "b/c.ts: new")
	})
}
