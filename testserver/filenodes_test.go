package testserver

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
)

func TestFilesOnTwoNodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := Config{Store: filepath.Join(dir, "grpcx.db"), Files: filepath.Join(dir, "shared")}
	s1, a := filesOf(t, cfg)
	s2, b := filesOf(t, cfg)
	contents := map[string][]byte{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			content := randomBytes(i * 20_000)
			resp, err := sendChunks(as(withDeadline(t), "ada"), []filepb.FileServiceClient{a, b}[i%2], chunksOf("x", content, 10_000))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			contents[resp.GetFileId()] = content
		})
		wg.Go(func() {
			if _, err := []*Server{s1, s2}[i%2].files.sweep(t.Context(), partAge, contentAge); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	ids := slices.Sorted(maps.Keys(contents))
	for i, id := range ids {
		chunks, err := download(withDeadline(t), []filepb.FileServiceClient{b, a}[i%2], id)
		if err != nil || !bytes.Equal(dataOf(chunks), contents[id]) {
			t.Errorf("file %s: %d bytes, %v", id, len(dataOf(chunks)), err)
		}
		if _, err := b.DeleteFile(withDeadline(t), &filepb.DeleteFileRequest{FileId: id, UserId: "ada"}); err != nil {
			t.Error(err)
		}
		_, err = download(withDeadline(t), a, id)
		wantStatus(t, err, codes.NotFound, "")
	}
	if err := s1.Shutdown(withDeadline(t)); err != nil {
		t.Error(err)
	}
	wantNoFiles(t, s2)
}
