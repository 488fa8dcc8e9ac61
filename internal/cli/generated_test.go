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
