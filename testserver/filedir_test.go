package testserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
)

// treeOf describes all that is beneath a directory: kinds, names and content.
func treeOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%v %s", e.Type(), path)
		switch {
		case e.Type().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", content)
		case e.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " -> %s", to)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// outside makes a directory with a secret in it, beside which the root may be.
func outside(t *testing.T) (base, secret string) {
	t.Helper()
	base = t.TempDir()
	secret = filepath.Join(base, "outside", "secret")
	if err := errors.Join(os.Mkdir(filepath.Dir(secret), 0o700), os.WriteFile(secret, []byte("hands off"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return base, secret
}

func TestFileNames(t *testing.T) {
	base, secret := outside(t)
	_, c := filesOf(t, Config{Files: filepath.Join(base, "root")})
	before := treeOf(t, filepath.Dir(secret))
	for _, tc := range []struct {
		name string
		ok   bool
	}{
		{"", false},
		{" ", false},
		{".", false},
		{"..", false},
		{"../outside/secret", false},
		{"../../etc/passwd", false},
		{"/etc/passwd", false},
		{secret, false},
		{"a/b", false},
		{"a/../../b", false},
		{`..\..\x`, false},
		{`C:\x`, false},
		{"C:x", false},
		{`\\host\share\x`, false},
		{"a\x00b", false},
		{"a\nb", false},
		{"a\x1b[31mb", false},
		{"a\u0085b", false},
		{"photo\u202egpj.exe", false}, // looks like photoexe.jpg
		{"a\u2066b", false},
		{strings.Repeat("a", 256), false},
		{strings.Repeat("a", 4096), false},
		{strings.Repeat("é", 128), false}, // 256 bytes
		{strings.Repeat("é", 127), true},
		{strings.Repeat("a", 255), true},
		{"...", true},
		{"..hidden", true},
		{"-rf", true},
		{"~", true},
		{"$(touch x)", true},
		{"%2e%2e%2fx", true},
		{"12:30.png", true},
		{"two words.txt", true},
		{"報告 🗂️.pdf", true},
		{markerName, true},
		{strings.Repeat("A", 26), true}, // as content is named
	} {
		t.Run(fmt.Sprintf("%.40q", tc.name), func(t *testing.T) {
			resp, err := sendChunks(withDeadline(t), c, chunksOf(tc.name, []byte("x"), 1))
			if tc.ok {
				if err != nil {
					t.Fatal(err)
				}
				chunks, err := download(withDeadline(t), c, resp.GetFileId())
				if err != nil || len(chunks) != 1 || chunks[0].GetFilename() != tc.name {
					t.Errorf("%v, %v", chunks, err)
				}
				return
			}
			if got := violations(t, err); !slices.Equal(got, []string{"filename"}) {
				t.Errorf("violations %v", got)
			}
		})
	}
	if after := treeOf(t, filepath.Dir(secret)); after != before {
		t.Errorf("outside of the root:\n%s\nwas\n%s", after, before)
	}
	if got, want := names(t, base), []string{"outside", "root"}; !slices.Equal(got, want) {
		t.Errorf("beside the root: %q, want %q", got, want)
	}
	for _, name := range names(t, filepath.Join(base, "root")) {
		if !isContentName(name) {
			t.Errorf("in the root: %q", name)
		}
	}
}

// TestPlantedLinks is somebody else with access to the directory.
func TestPlantedLinks(t *testing.T) {
	link := func(t *testing.T, to, path string) {
		t.Helper()
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	content := randomBytes(20)
	t.Run("in the place of content", func(t *testing.T) {
		base, secret := outside(t)
		s, c := filesOf(t, Config{Files: filepath.Join(base, "root")})
		for _, to := range []string{secret, "../outside/secret", "other"} {
			id := mustUpload(t, c, "ada", "x", content).GetFileId()
			f, err := s.store.File(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			link(t, to, filepath.Join(base, "root", f.Content))
			if err := os.WriteFile(filepath.Join(base, "root", "other"), []byte("other"), 0o600); err != nil {
				t.Fatal(err)
			}
			chunks, err := download(withDeadline(t), c, id)
			wantStatus(t, err, codes.DataLoss, "")
			if len(chunks) > 0 {
				t.Errorf("%q was sent", dataOf(chunks))
			}
			if _, err := c.DeleteFile(withDeadline(t), &filepb.DeleteFileRequest{FileId: id, UserId: "ada"}); err != nil {
				t.Error(err)
			}
		}
		if b, err := os.ReadFile(secret); string(b) != "hands off" {
			t.Errorf("secret %q, %v", b, err)
		}
	})
	t.Run("in the place of a part, during an upload", func(t *testing.T) {
		base, secret := outside(t)
		_, c := filesOf(t, Config{Files: filepath.Join(base, "root")})
		id, err := uploadAround(t, c, content, func() {
			for _, name := range names(t, filepath.Join(base, "root")) {
				link(t, secret, filepath.Join(base, "root", name))
			}
		})
		if err == nil {
			_, err = download(withDeadline(t), c, id)
		}
		wantStatus(t, err, codes.DataLoss, "")
		if b, err := os.ReadFile(secret); string(b) != "hands off" {
			t.Errorf("secret %q, %v", b, err)
		}
	})
	t.Run("in the place of the root, during an upload", func(t *testing.T) {
		base, secret := outside(t)
		_, c := filesOf(t, Config{Files: filepath.Join(base, "root")})
		before := treeOf(t, filepath.Dir(secret))
		id, err := uploadAround(t, c, content, func() {
			if err := os.Rename(filepath.Join(base, "root"), filepath.Join(base, "moved")); err != nil {
				t.Fatal(err)
			}
			link(t, filepath.Dir(secret), filepath.Join(base, "root"))
		})
		if err != nil {
			t.Fatal(err)
		}
		if chunks, err := download(withDeadline(t), c, id); err != nil || !bytes.Equal(dataOf(chunks), content) {
			t.Errorf("%d bytes, %v", len(dataOf(chunks)), err)
		}
		if after := treeOf(t, filepath.Dir(secret)); after != before {
			t.Errorf("outside of the root:\n%s\nwas\n%s", after, before)
		}
	})
	t.Run("in the place of the marker", func(t *testing.T) {
		base, secret := outside(t)
		root := filepath.Join(base, "root")
		if err := os.Mkdir(root, 0o700); err != nil {
			t.Fatal(err)
		}
		link(t, secret, filepath.Join(root, markerName))
		s, err := New(Config{Store: filepath.Join(base, "x.db"), Files: root})
		if err == nil {
			t.Error("a marker outside of the root was taken")
			_ = s.Shutdown(withDeadline(t))
		}
		if b, err := os.ReadFile(secret); string(b) != "hands off" {
			t.Errorf("secret %q, %v", b, err)
		}
	})
}

// uploadAround uploads content, and calls meanwhile between its halves.
func uploadAround(t *testing.T, c filepb.FileServiceClient, content []byte, meanwhile func()) (id string, err error) {
	t.Helper()
	stream, err := c.UploadWithProgress(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	var last *filepb.UploadProgress
	for i, chunk := range chunksOf("x", content, len(content)/2) {
		if i == 1 {
			meanwhile()
		}
		if err := stream.Send(chunk); err != nil {
			t.Fatal(err)
		}
		if last, err = stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for {
		p, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return last.GetResult().GetFileId(), nil
		}
		if err != nil {
			return "", err
		}
		last = p
	}
}

func TestSweep(t *testing.T) {
	log := make(records, 10)
	dir := t.TempDir()
	cfg := Config{Store: filepath.Join(dir, "grpcx.db"), Files: filepath.Join(dir, "root"), Logger: slog.New(log)}
	s, c := filesOf(t, cfg)
	id := mustUpload(t, c, "ada", "x", []byte("kept")).GetFileId()
	kept := names(t, cfg.Files)[0]
	if err := s.Shutdown(withDeadline(t)); err != nil {
		t.Fatal(err)
	}
	content := func(letter string) string { return strings.Repeat(letter, 26) }
	now := time.Now()
	leave := func(name string, age time.Duration) {
		t.Helper()
		path := filepath.Join(cfg.Files, name)
		if err := errors.Join(os.WriteFile(path, []byte("left"), 0o600), os.Chtimes(path, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	leave(content("A")+partSuffix, partAge+time.Minute)
	leave(content("B")+partSuffix, partAge-time.Minute) // another server may write it
	leave(content("C"), contentAge+time.Minute)
	leave(content("D"), contentAge-time.Minute) // another server may be about to store it
	leave("notes.txt", 1000*time.Hour)
	leave("notes"+partSuffix, 1000*time.Hour)
	if err := os.Chtimes(filepath.Join(cfg.Files, kept), now.Add(-1000*time.Hour), now.Add(-1000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(cfg.Files, content("E")), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(cfg.Files, content("E")), now.Add(-1000*time.Hour), now.Add(-1000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, c = filesOf(t, cfg)
	log.wait(t, "files swept", "2")
	want := []string{content("B") + partSuffix, content("D"), content("E"), kept, "notes" + partSuffix, "notes.txt"}
	slices.Sort(want)
	if got := names(t, cfg.Files); !slices.Equal(got, want) {
		t.Errorf("after the sweep: %q, want %q", got, want)
	}
	if chunks, err := download(withDeadline(t), c, id); string(dataOf(chunks)) != "kept" || err != nil {
		t.Errorf("%q, %v", dataOf(chunks), err)
	}
}

func TestPathsOfFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"TMPDIR", "TMP"} {
		t.Setenv(name, "tmp")
	}
	for name, tc := range map[string]struct {
		cfg  Config
		want string // path after the name of the test's directory; "" for none
	}{
		"beside the store":         {Config{Store: "x.db"}, "x.db.files"},
		"beside the named store":   {Config{Store: "sqlite://memory"}, "memory.files"},
		"of its own":               {Config{Store: "x.db", Files: "f"}, "f"},
		"for a store elsewhere":    {Config{Store: "postgres://host/db", Files: "f"}, "f"},
		"none for such a store":    {Config{Store: "postgres://host/db"}, ""},
		"temporary":                {Config{}, "tmp"},
		"in one that is temporary": {Config{Files: "f"}, "f"},
	} {
		d, err := newFileDir(tc.cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := tc.want
		if want != "" {
			if want, err = filepath.Abs(want); err != nil {
				t.Fatal(err)
			}
		}
		if d.path != want || d.private != (tc.cfg.Store == "") {
			t.Errorf("%s: path %q, private %t, want %q", name, d.path, d.private, want)
		}
	}
}

func TestFileDirs(t *testing.T) {
	t.Parallel()
	t.Run("a directory is made when it is needed", func(t *testing.T) {
		s, c := filesOf(t, Config{})
		if err := s.files.dir.probe(t.Context()); err != nil || exists(s.files.dir.path) {
			t.Errorf("after a probe: %v, exists %t", err, exists(s.files.dir.path))
		}
		mustUpload(t, c, "ada", "x", nil)
		info, err := os.Stat(s.cfg.Store + ".files")
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	})
	t.Run("a directory ends with a store in memory", func(t *testing.T) {
		dir := t.TempDir()
		for range 2 {
			s := Start(t, Config{Files: dir})
			mustUpload(t, filepb.NewFileServiceClient(dial(t, s)), "ada", "x", []byte("x"))
			if len(names(t, dir)) != 1 {
				t.Errorf("%q", names(t, dir))
			}
			if err := s.Shutdown(withDeadline(t)); err != nil {
				t.Error(err)
			}
			if left := names(t, dir); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		}
	})
	t.Run("a directory is tied to its store", func(t *testing.T) {
		dir := t.TempDir()
		cfg := Config{Store: filepath.Join(dir, "a.db"), Files: filepath.Join(dir, "root")}
		_, c := filesOf(t, cfg)
		mustUpload(t, c, "ada", "x", nil)
		cfg.Store = filepath.Join(dir, "b.db")
		s, err := New(cfg)
		if err == nil {
			_ = s.Shutdown(withDeadline(t))
		}
		if err == nil || !strings.Contains(err.Error(), "holds the files of another store") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a directory that cannot be", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{file, filepath.Join(file, "x"), filepath.Join(t.TempDir(), "no", "such"), "a\x00b"} {
			s, err := New(Config{Store: filepath.Join(t.TempDir(), "x.db"), Files: path})
			if err == nil {
				t.Errorf("%q: no error", path)
				_ = s.Shutdown(withDeadline(t))
			}
		}
	})
	t.Run("no directory", func(t *testing.T) {
		s, _ := filesOf(t, Config{})
		dir, err := newFileDir(Config{Store: "postgres://host/db"}, s.store.Identity)
		if err != nil {
			t.Fatal(err)
		}
		none := &fileServer{store: s.store, dir: dir, limit: 9, idle: time.Minute, uploads: make(chan struct{}, 1)}
		chunk := chunksOf("x", nil, 1)[0]
		_, err = none.upload(t.Context(), func() (*filepb.FileChunk, error) { return chunk, nil }, nil)
		wantStatus(t, toStatus(err), codes.FailedPrecondition, "no directory of files is configured")
		if err := dir.probe(t.Context()); !errors.Is(err, errNoFileDir) {
			t.Error(err)
		}
		if _, err := none.sweep(t.Context(), 0, 0); err != nil {
			t.Error(err)
		}
	})
}

func TestFileProbe(t *testing.T) {
	s, c := filesOf(t, Config{})
	mustUpload(t, c, "ada", "x", nil)
	if err := s.files.dir.probe(t.Context()); err != nil {
		t.Error(err)
	}
	if left := names(t, s.files.dir.path); len(left) != 1 {
		t.Errorf("after a probe: %q", left)
	}
	if err := os.RemoveAll(s.files.dir.path); err != nil {
		t.Fatal(err)
	}
	if err := s.files.dir.probe(t.Context()); err == nil {
		t.Error("no error of a directory that is gone")
	}
	for _, need := range []string{"files", "store"} {
		s.board.setDependency("file.FileService", need, notServing)
		if st, _ := s.board.status("file.FileService"); st != notServing {
			t.Errorf("%v without its %s", st, need)
		}
		s.board.setDependency("file.FileService", need, serving)
	}
}
