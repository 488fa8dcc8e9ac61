package testserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

const (
	maxIdentityFile  = 4 << 20 // bytes
	identityFilePoll = 300 * time.Millisecond
)

// identityFile is a file of identities that is read again when it changes. While
// what it says is wrong, the identities that it had before stay in force.
type identityFile struct {
	path    string
	known   func(method string) bool
	log     *slog.Logger
	current atomic.Pointer[identities]

	// For the one goroutine that loads.
	seen    fs.FileInfo
	content []byte
	fault   error  // what is wrong with the content
	logged  string // the fault that was logged last; "": none since the file was good
}

// load reads the file if it may have changed since the last time. Its error is
// what is wrong now, changed or not.
func (f *identityFile) load() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("read identities: %w", err)
	}
	if !f.changed(info) {
		return f.fault
	}
	content, err := readRegular(f.path, info)
	if err != nil {
		return fmt.Errorf("read identities: %w", err)
	}
	f.seen = info
	if f.content != nil && bytes.Equal(content, f.content) {
		return f.fault
	}
	f.content, f.fault = content, nil
	ids, err := parseIdentities(content, f.known)
	if err != nil {
		f.fault = fmt.Errorf("identities %s:%w", f.path, err)
		return f.fault
	}
	f.current.Store(ids)
	return nil
}

// changed tells whether the file may be another than the one seen. A file that
// was written just before it was read may have been written again in the same
// tick of its clock.
func (f *identityFile) changed(info fs.FileInfo) bool {
	return f.seen == nil || !os.SameFile(info, f.seen) || info.Size() != f.seen.Size() ||
		!info.ModTime().Equal(f.seen.ModTime()) || time.Since(info.ModTime()) < 2*time.Second
}

func readRegular(path string, info fs.FileInfo) ([]byte, error) {
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxIdentityFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxIdentityFile {
		return nil, fmt.Errorf("%s: more than %d bytes", path, maxIdentityFile)
	}
	return content, nil
}

// watch loads the file again and again until ctx ends, and logs each new fault
// once.
func (f *identityFile) watch(ctx context.Context) {
	ticker := time.NewTicker(identityFilePoll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		f.reload(ctx)
	}
}

func (f *identityFile) reload(ctx context.Context) {
	before := f.current.Load()
	err := f.load()
	switch {
	case err != nil && err.Error() != f.logged:
		f.log.LogAttrs(ctx, slog.LevelError, "identities not loaded, those before stay in force", slog.Any("error", err))
		f.logged = err.Error()
	case err == nil && (f.logged != "" || f.current.Load() != before):
		f.log.LogAttrs(ctx, slog.LevelInfo, "identities loaded", slog.String("path", f.path))
		f.logged = ""
	}
}
