package testserver

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
	"github.com/grpcx/grpcx/testserver/store"
)

// chunkSequence checks that chunks make up one file. What the first chunk says
// of the file, later ones may repeat or leave out.
type chunkSequence struct {
	limit int64 // bytes of the file

	fileID, filename string
	checksum         string // lower case; "" if no chunk has said it
	count            int64  // chunks so far
	total            int64  // chunks in all; 0 if no chunk has said it
	size             int64  // bytes so far
	first            int64  // bytes of the first chunk
}

// add takes in the next chunk. After an error the sequence is of no more use.
func (q *chunkSequence) add(c *filepb.FileChunk) error {
	q.count++
	var bad []store.FieldError
	report := func(field, reason string, args ...any) {
		bad = append(bad, store.FieldError{Field: field, Reason: fmt.Sprintf(reason, args...)})
	}
	if q.count == 1 {
		q.fileID, q.filename, q.first = c.GetFileId(), c.GetFilename(), int64(len(c.GetData()))
	}
	if id := c.GetFileId(); id != "" && id != q.fileID {
		report("file_id", "differs from that of the first chunk")
	}
	if name := c.GetFilename(); name != "" && name != q.filename {
		report("filename", "differs from that of the first chunk")
	}
	if n := c.GetChunkNumber(); n != q.count {
		report("chunk_number", "is %d, want %d: chunks come in order, from 1", n, q.count)
	}
	if n := c.GetTotalChunks(); n != 0 {
		if n < 0 || q.total != 0 && n != q.total {
			report("total_chunks", "is %d, after %d", n, q.total)
		}
		q.total = n
	}
	if q.total > 0 && q.count > q.total {
		report("chunk_number", "is beyond the %d chunks of the file", q.total)
	}
	if sum := strings.ToLower(c.GetChecksum()); sum != "" {
		if b, err := hex.DecodeString(sum); err != nil || len(b) != 32 {
			report("checksum", "is not a SHA-256 in hex")
		} else if q.checksum != "" && sum != q.checksum {
			report("checksum", "differs from that of an earlier chunk")
		}
		q.checksum = sum
	}
	if len(bad) > 0 {
		return invalid(&store.Error{Code: store.Invalid, Kind: "chunk", Fields: bad, Index: -1})
	}
	if int64(len(c.GetData())) > q.limit-q.size {
		return status.Errorf(codes.ResourceExhausted, "the file is larger than the %d bytes that are allowed", q.limit)
	}
	q.size += int64(len(c.GetData()))
	return nil
}

// end tells whether the file is whole; checksum is that of all the data, in
// lower case.
func (q *chunkSequence) end(checksum string) error {
	switch {
	case q.count == 0:
		return invalidField("chunk", "filename", "is required: the stream has no chunk")
	case q.total > 0 && q.count != q.total:
		return invalidField("chunk", "total_chunks", fmt.Sprintf("is %d, but the stream ended after %d", q.total, q.count))
	case q.checksum != "" && q.checksum != checksum:
		return status.Error(codes.DataLoss, "the checksum of the data that arrived is another than that of the file")
	}
	return nil
}

// totalBytes estimates the size of the file; 0 if nothing tells.
func (q *chunkSequence) totalBytes() int64 {
	switch {
	case q.total == 0 || q.first > 0 && q.total > math.MaxInt64/q.first:
		return 0
	case q.count == q.total:
		return q.size
	}
	return max(q.size, q.total*q.first)
}

// percent is how much of the file has come; 0 if nothing tells.
func (q *chunkSequence) percent() float64 {
	if q.total == 0 {
		return 0
	}
	return 100 * float64(q.count) / float64(q.total)
}
