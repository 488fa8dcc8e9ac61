package testserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
)

// chunksFromBytes makes any sequence of chunks out of b: each takes one byte of
// flags, which leave fields out or change them, and one for its data.
func chunksFromBytes(b []byte) []*filepb.FileChunk {
	var chunks []*filepb.FileChunk
	total := int64(len(b) / 2)
	sum := sha256.New()
	for i := 0; i+1 < len(b); i += 2 {
		flags := b[i]
		c := &filepb.FileChunk{
			FileId: "id", Filename: "name", ChunkNumber: int64(i/2 + 1), TotalChunks: total,
			Data: bytes.Repeat(b[i+1:i+2], int(b[i+1]%5)),
		}
		sum.Write(c.GetData())
		set := func(bit byte, fn func()) {
			if flags&bit != 0 {
				fn()
			}
		}
		set(1, func() { c.FileId = "" })
		set(2, func() { c.Filename = strings.Repeat("n", int(flags>>4)) })
		set(4, func() { c.ChunkNumber += int64(int8(flags)) })
		set(8, func() { c.TotalChunks = int64(int8(flags)) })
		set(16, func() { c.TotalChunks = 0 })
		set(32, func() { c.Checksum = hex.EncodeToString(sum.Sum(nil)) })
		set(64, func() { c.Checksum = strings.ToUpper(c.Checksum) })
		set(128, func() { c.Checksum += "0" })
		chunks = append(chunks, c)
	}
	return chunks
}

// isOneFile is what the comments of the proto say of an upload, and of nothing
// but the order and wholeness of its chunks.
func isOneFile(chunks []*filepb.FileChunk, limit int) bool {
	if len(chunks) == 0 {
		return false
	}
	var data []byte
	totals, sums, ids, names := map[int64]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	ids[chunks[0].GetFileId()], names[chunks[0].GetFilename()] = true, true
	for i, c := range chunks {
		if c.GetChunkNumber() != int64(i+1) {
			return false
		}
		if id := c.GetFileId(); id != "" {
			ids[id] = true
		}
		if name := c.GetFilename(); name != "" {
			names[name] = true
		}
		if n := c.GetTotalChunks(); n != 0 {
			totals[n] = true
		}
		if sum := c.GetChecksum(); sum != "" {
			sums[strings.ToLower(sum)] = true
		}
		data = append(data, c.GetData()...)
	}
	sum := sha256.Sum256(data)
	return len(ids) == 1 && len(names) == 1 && len(data) <= limit &&
		(len(totals) == 0 || len(totals) == 1 && totals[int64(len(chunks))]) &&
		(len(sums) == 0 || len(sums) == 1 && sums[hex.EncodeToString(sum[:])])
}

func FuzzChunkSequence(f *testing.F) {
	f.Add([]byte{})                                   // no chunk
	f.Add([]byte{0, 1})                               // one chunk
	f.Add([]byte{0, 0})                               // an empty one
	f.Add([]byte{0, 1, 0, 2, 32, 3})                  // checksum at the end
	f.Add([]byte{0, 1, 0, 2, 32 | 64, 3})             // in capitals
	f.Add([]byte{0, 1, 32, 2, 0, 3})                  // of a part
	f.Add([]byte{0, 1, 0, 2, 32 | 128, 3})            // no checksum
	f.Add([]byte{16, 1, 1 | 16, 2, 1 | 2 | 16, 3})    // fields in the first chunk alone
	f.Add([]byte{1, 1, 0, 2})                         // id in the second chunk alone
	f.Add([]byte{2, 1, 0, 2})                         // name in the second chunk alone
	f.Add([]byte{4, 1})                               // not from 1
	f.Add([]byte{0, 1, 4, 2, 0, 3})                   // a gap
	f.Add([]byte{0, 1, 8, 2})                         // two totals
	f.Add([]byte{8 | 128, 1})                         // a negative total
	f.Add(bytes.Repeat([]byte{16, 4}, 20))            // too large
	f.Add([]byte{0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 0}) // just as large as allowed
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 20
		chunks := chunksFromBytes(b)
		q := chunkSequence{limit: limit}
		sum := sha256.New()
		var err error
		for _, c := range chunks {
			if err = q.add(c); err != nil {
				break
			}
			sum.Write(c.GetData())
			if p := q.percent(); p < 0 || p > 100 || q.totalBytes() < 0 {
				t.Fatalf("%v percent of %d bytes", p, q.totalBytes())
			}
		}
		if err == nil {
			err = q.end(hex.EncodeToString(sum.Sum(nil)))
		}
		if want := isOneFile(chunks, limit); (err == nil) != want {
			t.Fatalf("error %v of %v, want success %t", err, chunks, want)
		}
		switch code := status.Code(toStatus(err)); code {
		case codes.OK, codes.InvalidArgument, codes.DataLoss, codes.ResourceExhausted:
		default:
			t.Fatalf("code %v", code)
		}
	})
}
