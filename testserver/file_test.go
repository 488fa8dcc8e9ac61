package testserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
	"github.com/grpcx/grpcx/testserver/store"
)

// filesOf starts a server with a directory of files and a store that outlive it.
func filesOf(t testing.TB, cfg Config) (*Server, filepb.FileServiceClient) {
	t.Helper()
	if cfg.Store == "" {
		cfg.Store = filepath.Join(t.TempDir(), "grpcx.db")
	}
	s := Start(t, cfg)
	return s, filepb.NewFileServiceClient(dial(t, s))
}

// as returns a context whose call says that it comes from that user.
func as(ctx context.Context, user string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "user-id", user)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	if _, err := rand.NewChaCha8([32]byte{byte(n)}).Read(b); err != nil {
		panic(err)
	}
	return b
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// chunksOf cuts content into chunks as the client of the documents does.
func chunksOf(name string, content []byte, size int) []*filepb.FileChunk {
	total := max(1, (len(content)+size-1)/size)
	chunks := make([]*filepb.FileChunk, total)
	for i := range chunks {
		chunks[i] = &filepb.FileChunk{
			Filename: name, Data: content[min(i*size, len(content)):min((i+1)*size, len(content))],
			ChunkNumber: int64(i + 1), TotalChunks: int64(total),
		}
	}
	chunks[total-1].Checksum = sha256Hex(content)
	return chunks
}

func sendChunks(ctx context.Context, c filepb.FileServiceClient, chunks []*filepb.FileChunk) (*filepb.UploadResponse, error) {
	stream, err := c.UploadFile(ctx)
	if err != nil {
		return nil, err
	}
	for _, chunk := range chunks {
		if err := stream.Send(chunk); err != nil {
			break // the status tells why
		}
	}
	return stream.CloseAndRecv()
}

func mustUpload(t testing.TB, c filepb.FileServiceClient, user, name string, content []byte) *filepb.UploadResponse {
	t.Helper()
	resp, err := sendChunks(as(withDeadline(t), user), c, chunksOf(name, content, 64<<10))
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func download(ctx context.Context, c filepb.FileServiceClient, id string) ([]*filepb.FileChunk, error) {
	stream, err := c.DownloadFile(ctx, &filepb.DownloadRequest{FileId: id})
	if err != nil {
		return nil, err
	}
	var chunks []*filepb.FileChunk
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return chunks, nil
		}
		if err != nil {
			return chunks, err
		}
		chunks = append(chunks, chunk)
	}
}

func dataOf(chunks []*filepb.FileChunk) []byte {
	var b []byte
	for _, c := range chunks {
		b = append(b, c.GetData()...)
	}
	return b
}

// names returns the names in a directory, without the marker of its store.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != markerName {
			names = append(names, e.Name())
		}
	}
	return names
}

// wantNoFiles checks that a server which was shut down left no file behind.
func wantNoFiles(t testing.TB, s *Server) {
	t.Helper()
	if err := s.Shutdown(withDeadline(t)); err != nil {
		t.Fatal(err)
	}
	if left := names(t, s.files.dir.path); len(left) > 0 {
		t.Errorf("left in the directory: %q", left)
	}
	st, err := store.Open(t.Context(), store.Options{Path: s.cfg.Store})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if files, total, err := st.Files(t.Context(), store.FilePage{Limit: 9}); len(files) > 0 || total > 0 || err != nil {
		t.Errorf("left in the store: %v, %d in all, %v", files, total, err)
	}
}

func TestFileRoundTrip(t *testing.T) {
	s, c := filesOf(t, Config{})
	for _, size := range []int{0, 1, downloadChunk - 1, downloadChunk, downloadChunk + 1, 1 << 20} {
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			content := randomBytes(size)
			before := time.Now().UnixMilli()
			up := mustUpload(t, c, "ada", "data.bin", content)
			want := &filepb.UploadResponse{
				FileId: up.GetFileId(), Success: true, Message: "Upload completed successfully",
				TotalSize: int64(size), Checksum: sha256Hex(content),
			}
			if d := cmp.Diff(want.String(), up.String()); d != "" || up.GetFileId() == "" {
				t.Error("-want +got\n" + d)
			}
			info, err := c.GetFileInfo(withDeadline(t), &filepb.GetFileInfoRequest{FileId: up.GetFileId()})
			if err != nil {
				t.Fatal(err)
			}
			if info.GetFileId() != up.GetFileId() || info.GetFilename() != "data.bin" || info.GetSize() != int64(size) ||
				info.GetChecksum() != up.GetChecksum() || info.GetUploadedBy() != "ada" ||
				info.GetUploadedAt() < before || info.GetUploadedAt() > time.Now().UnixMilli() {
				t.Errorf("info %v", info)
			}
			chunks, err := download(withDeadline(t), c, up.GetFileId())
			if err != nil || !bytes.Equal(dataOf(chunks), content) {
				t.Fatalf("%d bytes, %v", len(dataOf(chunks)), err)
			}
			total := max(1, (size+downloadChunk-1)/downloadChunk)
			if len(chunks) != total {
				t.Errorf("%d chunks, want %d", len(chunks), total)
			}
			for i, chunk := range chunks {
				sum := ""
				if i == total-1 {
					sum = up.GetChecksum()
				} else if len(chunk.GetData()) != downloadChunk {
					t.Errorf("chunk %d has %d bytes", i+1, len(chunk.GetData()))
				}
				if chunk.GetFileId() != up.GetFileId() || chunk.GetFilename() != "data.bin" ||
					chunk.GetChunkNumber() != int64(i+1) || chunk.GetTotalChunks() != int64(total) || chunk.GetChecksum() != sum {
					t.Errorf("chunk %d: id %q, name %q, number %d of %d, checksum %q", i+1,
						chunk.GetFileId(), chunk.GetFilename(), chunk.GetChunkNumber(), chunk.GetTotalChunks(), chunk.GetChecksum())
				}
			}
			if _, err := c.DeleteFile(withDeadline(t), &filepb.DeleteFileRequest{FileId: up.GetFileId(), UserId: "ada"}); err != nil {
				t.Error(err)
			}
		})
	}
	wantNoFiles(t, s)
}

func TestFileIDs(t *testing.T) {
	_, c := filesOf(t, Config{})
	named := func(id, content string) []*filepb.FileChunk {
		chunks := chunksOf("a.txt", []byte(content), 4)
		for _, c := range chunks {
			c.FileId = id
		}
		return chunks
	}
	resp, err := sendChunks(withDeadline(t), c, named("file_1700000000000_x9y8z7", "mine"))
	if err != nil || resp.GetFileId() != "file_1700000000000_x9y8z7" {
		t.Fatal(resp, err)
	}
	t.Run("in use", func(t *testing.T) {
		_, err := sendChunks(withDeadline(t), c, named("file_1700000000000_x9y8z7", "other"))
		st := wantStatus(t, err, codes.AlreadyExists, "a file with file_id file_1700000000000_x9y8z7 already exists")
		if info := detail[*errdetails.ResourceInfo](t, st); info.GetResourceType() != "File" {
			t.Errorf("detail %v", info)
		}
		if chunks, err := download(withDeadline(t), c, "file_1700000000000_x9y8z7"); string(dataOf(chunks)) != "mine" || err != nil {
			t.Errorf("%q, %v", dataOf(chunks), err)
		}
	})
	t.Run("of case", func(t *testing.T) {
		if _, err := sendChunks(withDeadline(t), c, named("FILE_1700000000000_x9y8z7", "upper")); err != nil {
			t.Error(err)
		}
	})
	for _, id := range []string{"../x", "a/b", `a\b`, "a\x00b", "a b", "é", strings.Repeat("a", 129)} {
		t.Run(fmt.Sprintf("%.20q", id), func(t *testing.T) {
			_, err := sendChunks(withDeadline(t), c, named(id, "x"))
			if got := violations(t, err); !slices.Equal(got, []string{"file_id"}) {
				t.Errorf("violations %v", got)
			}
			_, err = c.GetFileInfo(withDeadline(t), &filepb.GetFileInfoRequest{FileId: id})
			wantStatus(t, err, codes.NotFound, "")
			_, err = c.DeleteFile(withDeadline(t), &filepb.DeleteFileRequest{FileId: id})
			wantStatus(t, err, codes.NotFound, "")
		})
	}
	t.Run("one upload wins", func(t *testing.T) {
		var wg sync.WaitGroup
		errs := make(chan error, 16)
		for i := range cap(errs) {
			wg.Go(func() {
				_, err := sendChunks(withDeadline(t), c, named("race", fmt.Sprintf("content %d", i)))
				errs <- err
			})
		}
		wg.Wait()
		close(errs)
		won := 0
		for err := range errs {
			if err == nil {
				won++
			} else {
				wantStatus(t, err, codes.AlreadyExists, "")
			}
		}
		if won != 1 {
			t.Errorf("%d uploads of one id won, want 1", won)
		}
	})
}

func TestFileRequestsWithoutID(t *testing.T) {
	_, c := filesOf(t, Config{})
	_, info := c.GetFileInfo(withDeadline(t), &filepb.GetFileInfoRequest{})
	_, deleted := c.DeleteFile(withDeadline(t), &filepb.DeleteFileRequest{})
	_, downloaded := download(withDeadline(t), c, "")
	for name, err := range map[string]error{"info": info, "delete": deleted, "download": downloaded} {
		if got := violations(t, err); !slices.Equal(got, []string{"file_id"}) {
			t.Errorf("%s: violations %v", name, got)
		}
	}
	_, err := download(withDeadline(t), c, "nothing")
	wantStatus(t, err, codes.NotFound, "file nothing not found")
}

func TestListFiles(t *testing.T) {
	t.Parallel()
	_, c := filesOf(t, Config{})
	for i := range 60 {
		mustUpload(t, c, []string{"ada", "bob", "bob"}[i%3], fmt.Sprintf("%02d", i), nil)
	}
	list := func(user string, limit, offset int32) (string, int32) {
		t.Helper()
		resp, err := c.ListFiles(withDeadline(t), &filepb.ListFilesRequest{UserId: user, Limit: limit, Offset: offset})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range resp.GetFiles() {
			names = append(names, f.GetFilename())
		}
		return strings.Join(names, " "), resp.GetTotalCount()
	}
	for _, tc := range []struct {
		user          string
		limit, offset int32
		want          string
		total         int32
	}{
		{"ada", 3, 0, "00 03 06", 20},
		{"ada", 3, 18, "54 57", 20},
		{"ada", 3, 20, "", 20},
		{"", 4, 10, "10 11 12 13", 60},
		{"nobody", 0, 0, "", 0},
		{"' OR 1=1", 0, 0, "", 0},
	} {
		if got, total := list(tc.user, tc.limit, tc.offset); got != tc.want || total != tc.total {
			t.Errorf("%+v: %s, %d in all", tc, got, total)
		}
	}
	if got, _ := list("", 0, 0); len(strings.Fields(got)) != defaultFileLimit {
		t.Errorf("without a limit: %s", got)
	}
	_, err := c.ListFiles(withDeadline(t), &filepb.ListFilesRequest{Limit: 1001, Offset: -1})
	if got := violations(t, err); !slices.Equal(got, []string{"limit", "offset"}) {
		t.Errorf("violations %v", got)
	}
	_, err = c.ListFiles(withDeadline(t), &filepb.ListFilesRequest{UserId: "a\x00"})
	if got := violations(t, err); !slices.Equal(got, []string{"user_id"}) {
		t.Errorf("violations %v", got)
	}
}

// startProving starts a server on which the metadata proved and roles stand for
// an identity that the caller proved to have.
func startProving(t *testing.T, cfg Config) *Server {
	t.Helper()
	return startWith(t, cfg, func(ctx context.Context, _ *call, next func(context.Context) error) error {
		if user := metadata.ValueFromIncomingContext(ctx, "proved"); len(user) == 1 {
			ctx = withIdentity(ctx, identity{UserID: user[0], Roles: metadata.ValueFromIncomingContext(ctx, "roles")})
		}
		return next(ctx)
	})
}

// startWith starts a server whose calls pass one more stage at the end.
func startWith(t *testing.T, cfg Config, last stage) *Server {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.chain = append(s.chain, last)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	s.served.Go(func() {
		if err := s.Serve(l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestFileOwner(t *testing.T) {
	c := filepb.NewFileServiceClient(dial(t, startProving(t, Config{})))
	md := func(kv ...string) context.Context { return metadata.AppendToOutgoingContext(withDeadline(t), kv...) }
	for _, tc := range []struct {
		name   string
		upload context.Context
		owner  string // "" means that the upload is refused
	}{
		{"said in the metadata", md("user-id", "ada"), "ada"},
		{"nobody said", md(), "anonymous"},
		{"proved", md("proved", "ada"), "ada"},
		{"proved and said", md("proved", "ada", "user-id", "ada"), "ada"},
		{"proved to be another", md("proved", "ada", "user-id", "bob"), ""},
		{"an admin for another", md("proved", "root", "roles", "admin", "user-id", "bob"), "bob"},
	} {
		t.Run("upload "+tc.name, func(t *testing.T) {
			resp, err := sendChunks(tc.upload, c, chunksOf("a", nil, 1))
			if tc.owner == "" {
				wantStatus(t, err, codes.PermissionDenied, "may not act for user bob")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			info, err := c.GetFileInfo(withDeadline(t), &filepb.GetFileInfoRequest{FileId: resp.GetFileId()})
			if err != nil || info.GetUploadedBy() != tc.owner {
				t.Errorf("uploaded by %q, %v, want %q", info.GetUploadedBy(), err, tc.owner)
			}
		})
	}
	for _, tc := range []struct {
		name   string
		delete context.Context
		user   string
		want   codes.Code
	}{
		{"the owner says so", md(), "ada", codes.OK},
		{"the owner by metadata", md("user-id", "ada"), "", codes.OK},
		{"the owner proved it", md("proved", "ada"), "", codes.OK},
		{"an admin", md("proved", "root", "roles", "admin"), "", codes.OK},
		{"an admin for the owner", md("proved", "root", "roles", "admin"), "ada", codes.OK},
		{"an admin for another", md("proved", "root", "roles", "admin"), "bob", codes.PermissionDenied},
		{"nobody", md(), "", codes.PermissionDenied},
		{"another says so", md(), "bob", codes.PermissionDenied},
		{"another in another case", md(), "Ada", codes.PermissionDenied},
		{"another proved it", md("proved", "bob"), "", codes.PermissionDenied},
		{"another claims to be the owner", md("proved", "bob"), "ada", codes.PermissionDenied},
		{"named admin without the role", md("proved", "admin"), "", codes.PermissionDenied},
	} {
		t.Run("delete by "+tc.name, func(t *testing.T) {
			id := mustUpload(t, c, "ada", "a", nil).GetFileId()
			resp, err := c.DeleteFile(tc.delete, &filepb.DeleteFileRequest{FileId: id, UserId: tc.user})
			_, gone := c.GetFileInfo(withDeadline(t), &filepb.GetFileInfoRequest{FileId: id})
			if tc.want == codes.OK {
				if err != nil || !resp.GetSuccess() || resp.GetMessage() != "File deleted successfully" {
					t.Errorf("%v, %v", resp, err)
				}
				wantStatus(t, gone, codes.NotFound, "")
				_, err = c.DeleteFile(tc.delete, &filepb.DeleteFileRequest{FileId: id, UserId: tc.user})
				wantStatus(t, err, codes.NotFound, "")
				return
			}
			wantStatus(t, err, tc.want, "")
			if gone != nil {
				t.Error(gone)
			}
		})
	}
	for name, ctx := range map[string]context.Context{
		"given twice": md("user-id", "a", "user-id", "b"),
		"too long":    md("user-id", strings.Repeat("x", 201)),
	} {
		t.Run("user-id "+name, func(t *testing.T) {
			_, err := sendChunks(ctx, c, chunksOf("a", nil, 1))
			wantStatus(t, err, codes.InvalidArgument, "")
		})
	}
}

func TestContentTypes(t *testing.T) {
	png := []byte("\x89PNG\r\n\x1a\n........")
	for _, tc := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"test-file.txt", []byte("This is a test file"), "text/plain"},
		{"a.JSON", []byte(`{"a":1}`), "application/json"},
		{"a.pdf", []byte("%PDF-1.7"), "application/pdf"},
		{"picture", png, "image/png"},
		{"picture.txt", png, "image/png"}, // the bytes know better
		{"a.mp3", []byte{0xff, 0xfb, 0x90, 0x44}, "audio/mpeg"},
		{"a.docx", []byte("PK\x03\x04...."), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{"a.zip", []byte("PK\x03\x04...."), "application/zip"},
		{"unknown.qqq", []byte("text"), "text/plain; charset=utf-8"},
		{"unknown.qqq", []byte{0, 1, 2}, "application/octet-stream"},
		{"empty.json", nil, "application/json"},
	} {
		if got := contentType(tc.name, tc.content); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	_, c := filesOf(t, Config{})
	content := append(slices.Clone(png), randomBytes(10_000)...)
	resp, err := sendChunks(withDeadline(t), c, chunksOf("x", content, 3)) // sniffed across chunks
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.GetFileInfo(withDeadline(t), &filepb.GetFileInfoRequest{FileId: resp.GetFileId()})
	if err != nil || info.GetContentType() != "image/png" {
		t.Error(info, err)
	}
}
