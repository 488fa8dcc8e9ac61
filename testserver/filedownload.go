package testserver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
	"github.com/grpcx/grpcx/testserver/store"
)

func (s *fileServer) DownloadFile(req *filepb.DownloadRequest, stream grpc.ServerStreamingServer[filepb.FileChunk]) error {
	ctx := stream.Context()
	f, err := s.file(ctx, req.GetFileId())
	if err != nil {
		return err
	}
	content, err := s.dir.read(ctx, f.Content)
	if errors.Is(err, fs.ErrNotExist) {
		// Perhaps it was deleted between the two.
		if _, err := s.file(ctx, f.ID); err != nil {
			return err
		}
	}
	if errors.Is(err, errNoFileDir) {
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	if err != nil {
		return damaged(f, err)
	}
	defer content.Close()
	idle := watchIdle(ctx, s.idle)
	defer idle.stop()
	return sendFile(f, content, func(c *filepb.FileChunk) error {
		defer idle.moved()
		return stream.Send(c)
	})
}

// sendFile sends a file in chunks. The last one is sent only if the content is
// what was uploaded.
func sendFile(f store.File, content *os.File, send func(*filepb.FileChunk) error) error {
	total := max(1, (f.Size+downloadChunk-1)/downloadChunk)
	hash := sha256.New()
	for number := int64(1); number <= total; number++ {
		data := make([]byte, min(downloadChunk, f.Size-(number-1)*downloadChunk))
		if _, err := io.ReadFull(content, data); err != nil {
			return damaged(f, err)
		}
		hash.Write(data)
		c := &filepb.FileChunk{FileId: f.ID, Filename: f.Filename, Data: data, ChunkNumber: number, TotalChunks: total}
		if number == total {
			if hex.EncodeToString(hash.Sum(nil)) != f.Checksum {
				return damaged(f, errors.New("the checksum of the content is another"))
			}
			c.Checksum = f.Checksum
		}
		if err := send(c); err != nil {
			return err
		}
	}
	return nil
}

// damaged is DATA_LOSS; the cause is for the log alone.
func damaged(f store.File, cause error) error {
	return &statusError{status: status.Newf(codes.DataLoss, "the content of file %s is damaged", f.ID), cause: cause}
}
