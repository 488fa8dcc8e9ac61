package testserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
	"github.com/grpcx/grpcx/testserver/store"
)

// edited returns the chunks of a small file, changed.
func edited(edit func([]*filepb.FileChunk) []*filepb.FileChunk) []*filepb.FileChunk {
	return edit(chunksOf("x.bin", randomBytes(50), 10))
}

func TestRefusedUploads(t *testing.T) {
	t.Parallel()
	type chunks = []*filepb.FileChunk
	other := strings.Repeat("ab", 32)
	for _, tc := range []struct {
		name   string
		chunks chunks
		code   codes.Code
		fields []string // of INVALID_ARGUMENT
	}{
		{"no chunk", nil, codes.InvalidArgument, []string{"filename"}},
		{"no name", edited(func(c chunks) chunks { c[0].Filename = ""; return c[:1] }), codes.InvalidArgument, []string{"filename"}},
		{"numbers from 0", edited(func(c chunks) chunks { c[0].ChunkNumber = 0; return c }), codes.InvalidArgument, []string{"chunk_number"}},
		{"first chunk missing", edited(func(c chunks) chunks { return c[1:] }), codes.InvalidArgument, []string{"chunk_number"}},
		{"a chunk missing", edited(func(c chunks) chunks { return slices.Delete(c, 2, 3) }), codes.InvalidArgument, []string{"chunk_number"}},
		{"a chunk twice", edited(func(c chunks) chunks { return slices.Insert(c, 2, c[1]) }), codes.InvalidArgument, []string{"chunk_number"}},
		{"out of order", edited(func(c chunks) chunks { c[2], c[3] = c[3], c[2]; return c }), codes.InvalidArgument, []string{"chunk_number"}},
		{"last chunk missing", edited(func(c chunks) chunks { return c[:4] }), codes.InvalidArgument, []string{"total_chunks"}},
		{"a chunk too many", edited(func(c chunks) chunks {
			return append(c, &filepb.FileChunk{ChunkNumber: 6})
		}), codes.InvalidArgument, []string{"chunk_number"}},
		{"another total", edited(func(c chunks) chunks { c[3].TotalChunks = 9; return c }), codes.InvalidArgument, []string{"total_chunks"}},
		{"a negative total", edited(func(c chunks) chunks { c[0].TotalChunks = -1; return c }), codes.InvalidArgument, []string{"total_chunks"}},
		{"another name", edited(func(c chunks) chunks { c[3].Filename = "y"; return c }), codes.InvalidArgument, []string{"filename"}},
		{"another id", edited(func(c chunks) chunks { c[3].FileId = "y"; return c }), codes.InvalidArgument, []string{"file_id"}},
		{"all of it at once", edited(func(c chunks) chunks {
			c[3] = &filepb.FileChunk{FileId: "y", Filename: "y", ChunkNumber: 9, TotalChunks: 9, Checksum: "y"}
			return c
		}), codes.InvalidArgument, []string{"file_id", "filename", "chunk_number", "total_chunks", "checksum"}},
		{"short checksum", edited(func(c chunks) chunks { c[4].Checksum = "abcd"; return c }), codes.InvalidArgument, []string{"checksum"}},
		{"two checksums", edited(func(c chunks) chunks { c[3].Checksum = other; return c }), codes.InvalidArgument, []string{"checksum"}},
		{"wrong checksum", edited(func(c chunks) chunks { c[4].Checksum = other; return c }), codes.DataLoss, nil},
		{"wrong data", edited(func(c chunks) chunks { c[2].Data[3]++; return c }), codes.DataLoss, nil},
		{"too large", edited(func(c chunks) chunks { c[4].Data = make([]byte, 61); return c }), codes.ResourceExhausted, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, c := filesOf(t, Config{MaxFileBytes: 100})
			_, err := sendChunks(withDeadline(t), c, tc.chunks)
			wantStatus(t, err, tc.code, "")
			if tc.code == codes.InvalidArgument {
				if got := violations(t, err); !slices.Equal(got, tc.fields) {
					t.Errorf("violations %v, want %v", got, tc.fields)
				}
			}
			wantNoFiles(t, s)
		})
	}
}

func TestAcceptedUploads(t *testing.T) {
	type chunks = []*filepb.FileChunk
	_, c := filesOf(t, Config{MaxFileBytes: 50})
	for _, tc := range []struct {
		name   string
		chunks chunks
	}{
		{"as large as allowed", edited(func(c chunks) chunks { return c })},
		{"total not known", edited(func(c chunks) chunks {
			for _, c := range c {
				c.TotalChunks = 0
			}
			return c
		})},
		{"no checksum", edited(func(c chunks) chunks { c[4].Checksum = ""; return c })},
		{"checksum in capitals", edited(func(c chunks) chunks { c[4].Checksum = strings.ToUpper(c[4].GetChecksum()); return c })},
		{"checksum in the first chunk", edited(func(c chunks) chunks { c[0].Checksum, c[4].Checksum = c[4].GetChecksum(), ""; return c })},
		{"name, id and total in the first chunk alone", edited(func(c chunks) chunks {
			for _, c := range c[1:] {
				c.Filename, c.FileId, c.TotalChunks = "", "", 0
			}
			return c
		})},
		{"empty chunks between", edited(func(c chunks) chunks {
			c[2].Data, c[3].Data = nil, slices.Concat(c[2].GetData(), c[3].GetData())
			return c
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, err := sendChunks(withDeadline(t), c, tc.chunks)
			if err != nil {
				t.Fatal(err)
			}
			got, err := download(withDeadline(t), c, resp.GetFileId())
			if err != nil || !bytes.Equal(dataOf(got), randomBytes(50)) {
				t.Errorf("%d bytes, %v", len(dataOf(got)), err)
			}
		})
	}
}

// TestBrokenUploads ends uploads from the client's side at every stage.
func TestBrokenUploads(t *testing.T) {
	t.Parallel()
	for _, sent := range []int{0, 1, 5} {
		for name, end := range map[string]func(*grpc.ClientConn, context.CancelFunc){
			"cancel":     func(_ *grpc.ClientConn, cancel context.CancelFunc) { cancel() },
			"connection": func(cc *grpc.ClientConn, _ context.CancelFunc) { _ = cc.Close() },
			"deadline":   func(*grpc.ClientConn, context.CancelFunc) {},
		} {
			t.Run(fmt.Sprintf("%s after %d of 5 chunks", name, sent), func(t *testing.T) {
				t.Parallel()
				s, _ := filesOf(t, Config{})
				cc, err := grpc.NewClient(s.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
				if err != nil {
					t.Fatal(err)
				}
				defer cc.Close()
				ctx, cancel := context.WithCancel(withDeadline(t))
				if name == "deadline" {
					ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
				}
				defer cancel()
				stream, err := filepb.NewFileServiceClient(cc).UploadWithProgress(ctx)
				if err != nil {
					if name != "deadline" {
						t.Fatal(err)
					}
					return // the machine was too slow to send anything
				}
				for i, chunk := range chunksOf("x", randomBytes(50), 10)[:sent] {
					if err = stream.Send(chunk); err == nil {
						_, err = stream.Recv() // the server has it
					}
					if err != nil && name != "deadline" {
						t.Fatal(i, err)
					}
				}
				end(cc, cancel)
				for err == nil {
					_, err = stream.Recv()
				}
				wantNoFiles(t, s)
			})
		}
	}
}

// TestUploadsCancelledAtTheEnd cancels uploads around the moment of their
// commit: each is stored whole or not at all.
func TestUploadsCancelledAtTheEnd(t *testing.T) {
	t.Parallel()
	s, c := filesOf(t, Config{})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
			defer cancel()
			_, _ = sendChunks(ctx, c, chunksOf("x", randomBytes(1000), 100))
		})
	}
	wg.Wait()
	if err := s.Shutdown(withDeadline(t)); err != nil {
		t.Fatal(err)
	}
	again, c := filesOf(t, s.cfg)
	list, err := c.ListFiles(withDeadline(t), &filepb.ListFilesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(names(t, s.files.dir.path)); n != len(list.GetFiles()) {
		t.Errorf("content of %d files, but %d files", n, len(list.GetFiles()))
	}
	for _, f := range list.GetFiles() {
		if chunks, err := download(withDeadline(t), c, f.GetFileId()); err != nil || len(dataOf(chunks)) != 1000 {
			t.Errorf("%d bytes, %v", len(dataOf(chunks)), err)
		}
		if _, err := c.DeleteFile(withDeadline(t), &filepb.DeleteFileRequest{FileId: f.GetFileId()}); err != nil {
			t.Error(err)
		}
	}
	wantNoFiles(t, again)
}

func TestStalledUploads(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(send func(*filepb.FileChunk) error) error{
		"nothing comes":  func(func(*filepb.FileChunk) error) error { return nil },
		"nothing more":   func(send func(*filepb.FileChunk) error) error { return send(chunksOf("x", randomBytes(9), 3)[0]) },
		"empty chunks":   sendNothing,
		"all but an end": func(send func(*filepb.FileChunk) error) error { return send(chunksOf("x", nil, 1)[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			s, c := filesOf(t, Config{fileIdle: 50 * time.Millisecond})
			stream, err := c.UploadFile(withDeadline(t))
			if err != nil {
				t.Fatal(err)
			}
			if err := send(stream.Send); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			err = stream.RecvMsg(&filepb.UploadResponse{})
			wantStatus(t, err, codes.DeadlineExceeded, "nothing was transferred for 50ms")
			wantNoFiles(t, s)
		})
	}
}

// sendNothing sends empty chunks for as long as it may.
func sendNothing(send func(*filepb.FileChunk) error) error {
	for i := int64(1); ; i++ {
		if err := send(&filepb.FileChunk{Filename: "x", ChunkNumber: i}); err != nil {
			return err
		}
	}
}

// failingFile fails in one of its operations.
type failingFile struct {
	partFile
	write, sync, close error
	writes             int // that succeed
}

func (f *failingFile) Write(b []byte) (int, error) {
	if f.writes--; f.writes < 0 && f.write != nil {
		n, _ := f.partFile.Write(b[:len(b)/2])
		return n, f.write
	}
	return f.partFile.Write(b)
}

func (f *failingFile) Sync() error { return errors.Join(f.partFile.Sync(), f.sync) }

func (f *failingFile) Close() error { return errors.Join(f.partFile.Close(), f.close) }

func TestFailingDisk(t *testing.T) {
	t.Parallel()
	full := &os.PathError{Op: "write", Path: "/secret/path", Err: syscall.ENOSPC}
	broken := &os.PathError{Op: "write", Path: "/secret/path", Err: syscall.EIO}
	for name, tc := range map[string]struct {
		file failingFile
		code codes.Code
	}{
		"full at once":      {failingFile{write: full}, codes.ResourceExhausted},
		"full later":        {failingFile{write: full, writes: 3}, codes.ResourceExhausted},
		"quota":             {failingFile{write: syscall.EDQUOT, writes: 1}, codes.ResourceExhausted},
		"full when synced":  {failingFile{sync: full}, codes.ResourceExhausted},
		"full when closed":  {failingFile{close: full}, codes.ResourceExhausted},
		"broken":            {failingFile{write: broken}, codes.Internal},
		"broken in syncing": {failingFile{sync: broken}, codes.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := filesOf(t, Config{})
			s.files.dir.wrap = func(f partFile) partFile { tc.file.partFile = f; return &tc.file }
			_, err := sendChunks(withDeadline(t), c, chunksOf("x", randomBytes(50), 10))
			st := wantStatus(t, err, tc.code, "")
			if strings.Contains(st.Message(), "secret") {
				t.Errorf("status %v tells of the path", st)
			}
			wantNoFiles(t, s)
		})
	}
}

func TestUploadUndone(t *testing.T) {
	s, _ := filesOf(t, Config{})
	keep := func(t *testing.T, content string) *upload {
		t.Helper()
		p, err := s.files.dir.create(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(p, content); err != nil {
			t.Fatal(err)
		}
		if err := p.keep(); err != nil {
			t.Fatal(err)
		}
		return &upload{server: s.files, file: store.File{ID: "x", Content: p.name, Filename: "x", UploadedBy: "ada"}}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel() // an upload is undone after its call has ended
	t.Run("of which the store did not tell that it is stored", func(t *testing.T) {
		u := keep(t, "a")
		if _, err := s.store.CreateFile(t.Context(), u.file); err != nil {
			t.Fatal(err)
		}
		u.undo(gone)
		if _, err := s.store.File(t.Context(), "x"); store.CodeOf(err) != store.NotFound {
			t.Error(err)
		}
		if left := names(t, s.files.dir.path); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	})
	t.Run("after another of that id", func(t *testing.T) {
		first, second := keep(t, "a"), keep(t, "b")
		if _, err := s.store.CreateFile(t.Context(), first.file); err != nil {
			t.Fatal(err)
		}
		second.undo(gone)
		if f, err := s.store.File(t.Context(), "x"); err != nil || f.Content != first.file.Content {
			t.Errorf("%+v, %v", f, err)
		}
		if left := names(t, s.files.dir.path); !slices.Equal(left, []string{first.file.Content}) {
			t.Errorf("left %v, want the content of the first alone", left)
		}
	})
}

func TestStoreFailsAtTheEndOfAnUpload(t *testing.T) {
	s, c := filesOf(t, Config{})
	stream, err := c.UploadWithProgress(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(chunksOf("x", randomBytes(9), 9)[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.store.Close(), stream.CloseSend()); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantStatus(t, err, codes.Internal, "internal error")
	if err := s.Shutdown(withDeadline(t)); err != nil {
		t.Fatal(err)
	}
	// Nobody knows whether the store has it; the sweep of another server finds out.
	again, _ := filesOf(t, s.cfg)
	if n, err := again.files.sweep(t.Context(), 0, 0); n != 1 || err != nil {
		t.Errorf("%d removed, %v, want 1", n, err)
	}
	wantNoFiles(t, again)
}

func TestUploadsAtOnce(t *testing.T) {
	s, c := filesOf(t, Config{MaxUploads: 1})
	held, err := c.UploadWithProgress(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	chunk := chunksOf("x", nil, 1)[0]
	if err := held.Send(chunk); err != nil {
		t.Fatal(err)
	}
	if _, err := held.Recv(); err != nil {
		t.Fatal(err)
	}
	_, err = sendChunks(withDeadline(t), c, []*filepb.FileChunk{chunk})
	st := wantStatus(t, err, codes.ResourceExhausted, "1 uploads are under way")
	if d := detail[*errdetails.RetryInfo](t, st).GetRetryDelay().AsDuration(); d != time.Second {
		t.Errorf("retry after %v", d)
	}
	if err := held.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; {
		_, err = held.Recv()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if _, err = sendChunks(withDeadline(t), c, []*filepb.FileChunk{chunk}); err != nil {
		t.Error(err)
	}
	if left := names(t, s.files.dir.path); len(left) != 2 {
		t.Errorf("content %v, want that of 2 files", left)
	}
}

func TestConcurrentUploads(t *testing.T) {
	t.Parallel()
	s, c := filesOf(t, Config{})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			content := randomBytes(10_000 + i)
			resp, err := sendChunks(as(withDeadline(t), "ada"), c, chunksOf("x", content, 999))
			if err != nil {
				t.Error(err)
				return
			}
			chunks, err := download(withDeadline(t), c, resp.GetFileId())
			if err != nil || !bytes.Equal(dataOf(chunks), content) {
				t.Errorf("%d bytes, %v", len(dataOf(chunks)), err)
			}
			if _, err := c.DeleteFile(withDeadline(t), &filepb.DeleteFileRequest{FileId: resp.GetFileId(), UserId: "ada"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantNoFiles(t, s)
}

func BenchmarkUpload(b *testing.B) {
	_, c := filesOf(b, Config{MaxUploads: 1})
	chunks := chunksOf("x", randomBytes(64<<20), 64<<10)
	b.SetBytes(64 << 20)
	b.ReportAllocs()
	for b.Loop() {
		resp, err := sendChunks(b.Context(), c, chunks)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if _, err := c.DeleteFile(b.Context(), &filepb.DeleteFileRequest{FileId: resp.GetFileId()}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkDownload(b *testing.B) {
	_, c := filesOf(b, Config{})
	resp, err := sendChunks(b.Context(), c, chunksOf("x", randomBytes(64<<20), 64<<10))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(64 << 20)
	b.ReportAllocs()
	for b.Loop() {
		stream, err := c.DownloadFile(b.Context(), &filepb.DownloadRequest{FileId: resp.GetFileId()})
		for err == nil {
			_, err = stream.Recv()
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
}
