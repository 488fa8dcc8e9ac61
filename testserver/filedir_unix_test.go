//go:build unix

package testserver

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"
)

// TestPlantedPipe would wait for ever if the pipe was opened.
func TestPlantedPipe(t *testing.T) {
	s, c := filesOf(t, Config{})
	id := mustUpload(t, c, "ada", "x", []byte("x")).GetFileId()
	path := filepath.Join(s.files.dir.path, names(t, s.files.dir.path)[0])
	if err := errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err := download(withDeadline(t), c, id)
	wantStatus(t, err, codes.DataLoss, "")
}
