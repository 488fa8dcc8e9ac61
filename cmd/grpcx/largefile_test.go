//go:build slow && linux

package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
)

// TestLargeFile moves 1 GiB up and down, and looks at the peak of the server's
// resident memory before and after.
func TestLargeFile(t *testing.T) {
	server := startServe(t, 10*time.Minute, "--store", filepath.Join(t.TempDir(), "grpcx.db"))
	c := filepb.NewFileServiceClient(server.dial())
	move := func(size int64) (peak int64) {
		t.Helper()
		began := time.Now()
		id, sum := uploadLarge(t, c, size)
		up := time.Since(began)
		began = time.Now()
		if got := downloadLarge(t, c, id, size); got != sum {
			t.Errorf("checksum %s, want %s", got, sum)
		}
		down := time.Since(began)
		peak = server.peakMemory()
		t.Logf("%4d MiB: up %.0f MiB/s, down %.0f MiB/s, peak %d MiB", size>>20,
			float64(size>>20)/up.Seconds(), float64(size>>20)/down.Seconds(), peak>>20)
		if _, err := c.DeleteFile(t.Context(), &filepb.DeleteFileRequest{FileId: id}); err != nil {
			t.Error(err)
		}
		return peak
	}
	small := move(32 << 20)
	large := move(1 << 30)
	if large > small+16<<20 || large > 128<<20 {
		t.Errorf("peak memory %d MiB after 1 GiB, %d MiB after 32 MiB", large>>20, small>>20)
	}
}

const largeChunk = 64 << 10

// block fills b with bytes that differ from those of every other block.
func block(b []byte, number int64) []byte {
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], uint64(number)*0x9e3779b97f4a7c15+uint64(i))
	}
	return b
}

func uploadLarge(t *testing.T, c filepb.FileServiceClient, size int64) (id, sum string) {
	t.Helper()
	stream, err := c.UploadFile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	total := size / largeChunk
	h := sha256.New()
	for n := int64(1); n <= total; n++ {
		chunk := &filepb.FileChunk{Filename: "large", Data: block(make([]byte, largeChunk), n), ChunkNumber: n, TotalChunks: total}
		h.Write(chunk.GetData())
		if n == total {
			chunk.Checksum = hex.EncodeToString(h.Sum(nil))
		}
		if err := stream.Send(chunk); err != nil {
			break // the status tells why
		}
	}
	resp, err := stream.CloseAndRecv()
	if err != nil || resp.GetTotalSize() != size {
		t.Fatal(resp, err)
	}
	return resp.GetFileId(), hex.EncodeToString(h.Sum(nil))
}

func downloadLarge(t *testing.T, c filepb.FileServiceClient, id string, size int64) string {
	t.Helper()
	stream, err := c.DownloadFile(t.Context(), &filepb.DownloadRequest{FileId: id})
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		size -= int64(len(chunk.GetData()))
		h.Write(chunk.GetData())
	}
	if size != 0 {
		t.Errorf("%d bytes are missing", size)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// peakMemory is the most memory, in bytes, that the server has had resident.
func (s *serveProcess) peakMemory() int64 {
	s.tb.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.tb.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	s.tb.Fatal("no peak memory in /proc")
	return 0
}
