package testserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
)

// smallWindows keeps the connection from taking in what the client does not read.
func smallWindows() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithStaticStreamWindowSize(65535), grpc.WithStaticConnWindowSize(65535)}
}

func TestDownloadOfDeletedFile(t *testing.T) {
	t.Parallel()
	s, _ := filesOf(t, Config{})
	c := filepb.NewFileServiceClient(dial(t, s, smallWindows()...))
	content := randomBytes(3 << 20)
	id := mustUpload(t, c, "ada", "big", content).GetFileId()
	stream, err := c.DownloadFile(withDeadline(t), &filepb.DownloadRequest{FileId: id})
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	other := filepb.NewFileServiceClient(dial(t, s))
	if _, err := other.DeleteFile(withDeadline(t), &filepb.DeleteFileRequest{FileId: id, UserId: "ada"}); err != nil {
		t.Fatal(err)
	}
	got := first.GetData()
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, chunk.GetData()...)
	}
	if !bytes.Equal(got, content) {
		t.Errorf("%d bytes, want the %d of the deleted file", len(got), len(content))
	}
	wantNoFiles(t, s)
}

func TestDamagedFile(t *testing.T) {
	t.Parallel()
	s, c := filesOf(t, Config{})
	dir := s.files.dir.path
	content := randomBytes(3*downloadChunk + 5)
	edit := func(at int64) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte{^content[at]}, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, damage := range map[string]func(*testing.T, string){
		"first byte": edit(0),
		"last byte":  edit(int64(len(content)) - 1),
		"cut off": func(t *testing.T, path string) {
			if err := os.Truncate(path, 2*downloadChunk); err != nil {
				t.Fatal(err)
			}
		},
		"gone": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"a directory": func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := names(t, dir)
			id := mustUpload(t, c, "ada", "x", content).GetFileId()
			for _, n := range names(t, dir) {
				if !slices.Contains(before, n) {
					damage(t, filepath.Join(dir, n))
				}
			}
			chunks, err := download(withDeadline(t), c, id)
			wantStatus(t, err, codes.DataLoss, "is damaged")
			if strings.Contains(err.Error(), dir) {
				t.Errorf("status %v tells of the directory", err)
			}
			for _, chunk := range chunks {
				if chunk.GetChunkNumber() == chunk.GetTotalChunks() || chunk.GetChecksum() != "" {
					t.Error("the last chunk of a damaged file was sent")
				}
			}
			if _, err := c.DeleteFile(withDeadline(t), &filepb.DeleteFileRequest{FileId: id, UserId: "ada"}); err != nil {
				t.Error(err)
			}
		})
	}
}

// records is a log whose records are read from a channel; those that find it
// full are dropped.
type records chan slog.Record

func (r records) Enabled(context.Context, slog.Level) bool { return true }
func (r records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r records) WithGroup(string) slog.Handler            { return r }
func (r records) Handle(_ context.Context, record slog.Record) error {
	select {
	case r <- record:
	default:
	}
	return nil
}

// wait waits for a record with that message and an attribute of that value.
func (r records) wait(t testing.TB, message, value string) {
	t.Helper()
	ctx := withDeadline(t)
	for {
		select {
		case record := <-r:
			found := false
			record.Attrs(func(a slog.Attr) bool {
				found = found || a.Value.String() == value
				return !found
			})
			if record.Message == message && found {
				return
			}
		case <-ctx.Done():
			t.Fatalf("no record %q with %q", message, value)
		}
	}
}

func TestStuckDownload(t *testing.T) {
	t.Parallel()
	log := make(records, 10)
	patient, c := filesOf(t, Config{})
	id := mustUpload(t, c, "ada", "big", randomBytes(3<<20)).GetFileId()
	s, _ := filesOf(t, Config{Store: patient.cfg.Store, fileIdle: 50 * time.Millisecond, Logger: slog.New(log)})
	c = filepb.NewFileServiceClient(dial(t, s, smallWindows()...))
	stream, err := c.DownloadFile(withDeadline(t), &filepb.DownloadRequest{FileId: id})
	if err != nil {
		t.Fatal(err)
	}
	log.wait(t, "call", "/file.FileService/DownloadFile")
	for err == nil {
		_, err = stream.Recv()
	}
	wantStatus(t, err, codes.DeadlineExceeded, "nothing was transferred for 50ms")
}
