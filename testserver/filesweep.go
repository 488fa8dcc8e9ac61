package testserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
)

// What a crash leaves behind is told from what another server is writing by its
// age. An upload writes at least once in transferIdle, and describes its content
// to the store within storeTimeout.
const (
	partAge       = 3 * transferIdle
	contentAge    = 12 * transferIdle
	sweepInterval = partAge
	sweepBatch    = 256 // names read at a time
)

// startFiles probes the directory of files and sweeps it, now and every sweepInterval.
func (s *Server) startFiles() {
	first := healthpb.HealthCheckResponse_SERVING
	if s.files.dir.path == "" {
		s.log.LogAttrs(s.running, slog.LevelWarn, "files", slog.Any("error", errNoFileDir))
		first = healthpb.HealthCheckResponse_NOT_SERVING
	}
	s.startProber(Dependency{
		Name:     "files",
		Services: []string{filepb.FileService_ServiceDesc.ServiceName},
		Probe:    s.files.dir.probe,
	}, first)
	s.probers.Go(func() {
		ticker := time.NewTicker(sweepInterval)
		defer ticker.Stop()
		for {
			removed, err := s.files.sweep(s.running, partAge, contentAge)
			if s.running.Err() != nil {
				return
			}
			if removed > 0 || err != nil {
				s.log.LogAttrs(s.running, slog.LevelInfo, "files swept", slog.Int("removed", removed), slog.Any("error", err))
			}
			select {
			case <-s.running.Done():
				return
			case <-ticker.C:
			}
		}
	})
}

// sweep removes what crashes left behind: content that was not written to for
// the time parts, and whole content that no file of the store has after the
// time contents. It touches nothing that is not named as content is.
func (s *fileServer) sweep(ctx context.Context, parts, contents time.Duration) (removed int, err error) {
	root, err := s.dir.open(ctx, false)
	if err != nil || root == nil {
		return 0, ignoreNoDir(err)
	}
	now, err := s.dir.clock(root)
	if err != nil {
		return 0, err
	}
	dir, err := root.Open(".")
	if err != nil {
		return 0, fmt.Errorf("sweep files: %w", err)
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(sweepBatch)
		for _, e := range entries {
			gone, err := s.sweepEntry(ctx, root, e, now.Add(-parts), now.Add(-contents))
			if err != nil {
				return removed, fmt.Errorf("sweep files: %w", err)
			}
			if gone {
				removed++
			}
		}
		if errors.Is(err, io.EOF) {
			return removed, nil
		}
		if err != nil {
			return removed, fmt.Errorf("sweep files: %w", err)
		}
	}
}

// sweepEntry removes a part from before the first time, and content without a
// file from before the second.
func (s *fileServer) sweepEntry(ctx context.Context, root *os.Root, e fs.DirEntry, parts, contents time.Time) (bool, error) {
	name, isPart := strings.CutSuffix(e.Name(), partSuffix)
	if !isContentName(name) {
		return false, nil
	}
	info, err := root.Lstat(e.Name())
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	limit := contents
	if isPart {
		limit = parts
	}
	if info.ModTime().After(limit) {
		return false, nil
	}
	if !isPart {
		if known, err := s.store.HasContent(ctx, name); known || err != nil {
			return false, err
		}
	}
	if err := root.Remove(e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, nil
}

// clock returns the time of the file system, which may be another machine's.
func (d *fileDir) clock(root *os.Root) (time.Time, error) {
	p, err := d.newPart(root)
	if err != nil {
		return time.Time{}, err
	}
	defer p.discard()
	info, err := root.Stat(p.name + partSuffix)
	if err != nil {
		return time.Time{}, fmt.Errorf("files: %w", err)
	}
	return info.ModTime(), nil
}

// ignoreNoDir returns nil for a server that has no directory of files to sweep.
func ignoreNoDir(err error) error {
	if errors.Is(err, errNoFileDir) {
		return nil
	}
	return err
}

// isContentName tells whether a name is one of those that newPart makes.
func isContentName(name string) bool {
	return len(name) == 26 && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < '2' || r > '7')
	})
}
