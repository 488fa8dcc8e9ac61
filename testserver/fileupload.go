package testserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
	"github.com/grpcx/grpcx/testserver/store"
)

func (s *fileServer) UploadFile(stream grpc.ClientStreamingServer[filepb.FileChunk, filepb.UploadResponse]) error {
	u, err := s.upload(stream.Context(), stream.Recv, func(*upload) error { return nil })
	if err != nil {
		return err
	}
	return stream.SendAndClose(u.response())
}

func (s *fileServer) UploadWithProgress(stream grpc.BidiStreamingServer[filepb.FileChunk, filepb.UploadProgress]) error {
	var r reporter
	u, err := s.upload(stream.Context(), stream.Recv, func(u *upload) error {
		if !r.due(&u.chunks) {
			return nil
		}
		return stream.Send(u.progress())
	})
	if err != nil {
		return err
	}
	last := u.progress()
	last.TotalBytes, last.Percent, last.Result = u.file.Size, 100, u.response()
	return stream.Send(last)
}

// upload stores the file of a stream of chunks, or nothing. It calls received
// after each chunk.
func (s *fileServer) upload(ctx context.Context, recv func() (*filepb.FileChunk, error), received func(*upload) error) (*upload, error) {
	select {
	case s.uploads <- struct{}{}:
		defer func() { <-s.uploads }()
	default:
		return nil, retryAfter(fmt.Sprintf("%d uploads are under way already", cap(s.uploads)), time.Second)
	}
	user, err := fileUser(ctx, "")
	if err != nil {
		return nil, err
	}
	idle := watchIdle(ctx, s.idle)
	defer idle.stop()
	u := &upload{
		server: s, hash: sha256.New(),
		chunks: chunkSequence{limit: s.limit},
		file:   store.File{UploadedBy: user},
	}
	defer u.discard()
	for {
		c, err := recv()
		if errors.Is(err, io.EOF) {
			return u, u.store(ctx)
		}
		if err != nil {
			return nil, err
		}
		if len(c.GetData()) > 0 { // endless chunks of nothing are a pause, too
			idle.moved()
		}
		if err := u.add(ctx, c); err != nil {
			return nil, err
		}
		if err := received(u); err != nil {
			return nil, err
		}
	}
}

// upload is one file on its way in.
type upload struct {
	server *fileServer
	chunks chunkSequence
	file   store.File
	part   *filePart // nil before the first chunk, and once the content is kept
	hash   hash.Hash
	head   []byte // the first bytes of the file, up to sniffBytes
}

func (u *upload) add(ctx context.Context, c *filepb.FileChunk) error {
	if err := u.chunks.add(c); err != nil {
		return err
	}
	if u.part == nil {
		if err := u.begin(ctx); err != nil {
			return err
		}
	}
	data := c.GetData()
	u.head = append(u.head, data[:min(len(data), sniffBytes-len(u.head))]...)
	u.hash.Write(data)
	_, err := u.part.Write(data)
	return diskError(err)
}

// begin refuses a file that could not be stored in the end, before its content
// is received.
func (u *upload) begin(ctx context.Context) error {
	u.file.ID, u.file.Filename = u.chunks.fileID, u.chunks.filename
	if u.file.ID == "" {
		u.file.ID = "file_" + strings.ToLower(rand.Text())
	}
	if err := u.file.Validate(); err != nil {
		return err
	}
	switch _, err := u.server.store.File(ctx, u.file.ID); {
	case err == nil:
		return &store.Error{Code: store.AlreadyExists, Kind: "file", Unique: "file_id", Name: u.file.ID, Index: -1}
	case store.CodeOf(err) != store.NotFound:
		return err
	}
	var err error
	u.part, err = u.server.dir.create(ctx)
	return diskError(err)
}

// store makes the content last, and then the file that has it.
func (u *upload) store(ctx context.Context) error {
	u.file.Checksum = hex.EncodeToString(u.hash.Sum(nil))
	if err := u.chunks.end(u.file.Checksum); err != nil {
		return err
	}
	u.file.Size, u.file.Content = u.chunks.size, u.part.name
	u.file.ContentType = contentType(u.file.Filename, u.head)
	part := u.part
	u.part = nil
	if err := part.keep(); err != nil {
		return diskError(err)
	}
	limited, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	stored, err := u.server.store.CreateFile(limited, u.file)
	if err != nil {
		u.undo(ctx)
		return err
	}
	u.file = stored
	return nil
}

// undo removes the content of a file that was not stored. Where the store does
// not tell whether it was, both stay for the sweep, which can.
func (u *upload) undo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	others := errors.New("the file has other content")
	_, err := u.server.store.DeleteFile(ctx, u.file.ID, func(f store.File) error {
		if f.Content != u.file.Content {
			return others
		}
		return nil
	})
	if err == nil || errors.Is(err, others) || store.CodeOf(err) == store.NotFound {
		_ = u.server.dir.remove(ctx, u.file.Content)
	}
}

// discard removes what was written of a file that is not kept.
func (u *upload) discard() {
	if u.part != nil {
		u.part.discard()
	}
}

func (u *upload) response() *filepb.UploadResponse {
	return &filepb.UploadResponse{
		FileId: u.file.ID, Success: true, Message: "Upload completed successfully",
		TotalSize: u.file.Size, Checksum: u.file.Checksum,
	}
}

func (u *upload) progress() *filepb.UploadProgress {
	return &filepb.UploadProgress{
		FileId:        u.file.ID,
		ReceivedBytes: u.chunks.size,
		TotalBytes:    u.chunks.totalBytes(),
		Percent:       u.chunks.percent(),
		Timestamp:     timestamppb.Now(),
	}
}

// reporter decides which chunks are worth a report: those that bring the upload
// one percent further, or, where its end is not known, a tenth of what has come.
// So an upload has at most some 230 reports, few enough to wait in the buffers of
// a connection whose client reads none before it has sent all.
type reporter struct {
	begun   bool
	percent int
	size    int64
}

func (r *reporter) due(q *chunkSequence) bool {
	percent := int(q.percent())
	if r.begun && (q.total > 0 && percent == r.percent || q.total == 0 && q.size-r.size <= r.size/10) {
		return false
	}
	r.begun, r.percent, r.size = true, percent, q.size
	return true
}

// diskError tells the client that the disk is full; it must not hear of other
// failures.
func diskError(err error) error {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) {
			return &statusError{status: status.New(codes.ResourceExhausted, "no space is left for files"), cause: err}
		}
	}
	if errors.Is(err, errNoFileDir) {
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	return err
}
