package cli

import (
	"bytes"
	"errors"
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
	var output bytes.Buffer
	args := []string{"gen", "ts", "--runtime", "none", "--protoset", filepath.Join(dir, "set.binpb"), "--out", filepath.Join(dir, "out", "gen")}
	code = Main(args, Streams{In: &bytes.Buffer{}, Out: &output, Err: &output, LookupEnv: func(string) (string, bool) { return "", false }}, "")
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
	return code, slices.DeleteFunc(files, func(name string) bool { return name == "set.binpb" }), output.String()
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

// contents lists what is in a folder: files as "name: content", links as
// "name -> target", and folders as "name/".
func contents(t *testing.T, root *os.Root) (list []string) {
	t.Helper()
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
		case d.IsDir():
			list = append(list, name+"/")
		case d.Type() == fs.ModeSymlink:
			target, err := root.Readlink(name)
			list = append(list, name+" -> "+target)
			return err
		default:
			b, err := root.ReadFile(name)
			list = append(list, name+": "+string(b))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// generated returns a folder where a.ts was generated before.
func generated(t *testing.T) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	if err := root.WriteFile("a.ts", []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

func allChanged(names ...string) (changes []fileChange) {
	for _, name := range names {
		changes = append(changes, fileChange{File: codegen.File{Name: name, Content: "new"}, state: "changed"})
	}
	return changes
}

func TestReplacingIsAllOrNothing(t *testing.T) {
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name    string
		prepare func(t *testing.T, root *os.Root)
		replace []string
		err     string
	}{
		{"a file that is to be a folder", nil, []string{"b.ts", "a.ts/c.ts"}, "a.ts is not a folder"},
		{"a new file that is to be a folder", nil, []string{"b.ts", "a.ts", "a.ts/c.ts"}, ""},
		{"a new folder that is to be a file", nil, []string{"a.ts/c.ts", "a.ts"}, "to this file system"},
		{"names that are one to the file system", nil, []string{"a.ts", "a.ts"}, "to this file system"},
		{"a link that leads nowhere", func(t *testing.T, root *os.Root) {
			must(t, root.Symlink("nowhere", "z"))
		}, []string{"a.ts", "b/c/d.ts", "z/e.ts"}, "z is not a folder"},
		{"a folder in the last one's place", func(t *testing.T, root *os.Root) {
			must(t, root.Symlink("nowhere", "link.ts"))
			must(t, root.MkdirAll("z.ts/full", 0o700))
		}, []string{"a.ts", "b/c/d.ts", "link.ts", "z.ts"}, "not a regular file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := generated(t)
			if tc.prepare != nil {
				tc.prepare(t, root)
			}
			before := contents(t, root)
			if err := replace(root, allChanged(tc.replace...)); err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want %q in it", err, tc.err)
			}
			if after := contents(t, root); !slices.Equal(after, before) {
				t.Errorf("there is %q, want %q", after, before)
			}
		})
	}
	t.Run("a folder that is read-only, except to an administrator", func(t *testing.T) {
		root := generated(t)
		must(t, root.Mkdir("z", 0o700))
		must(t, root.WriteFile("z/z.ts", []byte("old"), 0o600))
		must(t, root.Chmod("z", 0o500))
		want := []string{"a.ts: old", "z/", "z/z.ts: old"}
		err := replace(root, allChanged("a.ts", "b/c.ts", "z/z.ts"))
		if err == nil {
			want = []string{"a.ts: new", "b/", "b/c.ts: new", "z/", "z/z.ts: new"}
		}
		if got := contents(t, root); !slices.Equal(got, want) {
			t.Errorf("there is %q, want %q (%v)", got, want, err)
		}
		must(t, root.Chmod("z", 0o700))
	})
	t.Run("nothing wrong", func(t *testing.T) {
		root := generated(t)
		must(t, replace(root, allChanged("a.ts", "b/c.ts")))
		if got, want := contents(t, root), []string{"a.ts: new", "b/", "b/c.ts: new"}; !slices.Equal(got, want) {
			t.Errorf("there is %q, want %q", got, want)
		}
	})
}

// What cannot be put back is kept, and the error says where.
func TestReplacingLosesNothing(t *testing.T) {
	root := generated(t)
	r := &replacement{root: root, stage: "stage"}
	for _, step := range []func(name, content string) error{r.prepare, r.swap} {
		if err := step("a.ts", "new"); err != nil {
			t.Fatal(err)
		}
	}
	// A folder with something in it, which is neither removed nor replaced.
	if err := errors.Join(root.Remove("a.ts"), root.MkdirAll("a.ts/full", 0o700)); err != nil {
		t.Fatal(err)
	}
	reason := errors.New("the reason")
	err := r.rollBack(&fs.PathError{Op: "write", Path: "a.ts", Err: reason})
	r.clear()
	if !errors.Is(err, reason) || !strings.Contains(err.Error(), "are in stage: ") {
		t.Errorf("error %v, want the reason and where the files are", err)
	}
	want := []string{"a.ts/", "a.ts/full/", "stage/", "stage/new/", "stage/old/", "stage/old/a.ts: old"}
	if got := contents(t, root); !slices.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
}
