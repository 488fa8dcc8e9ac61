package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// watchInterval is how often files are looked at.
const watchInterval = 300 * time.Millisecond

// keepRunning runs the tests, and again whenever one of their files changes, until
// ctx ends.
func (o *suiteOptions) keepRunning(ctx context.Context, paths []string, reports []reportArg) error {
	files := paths
	for {
		before, began := stamps(files), time.Now()
		read, err := o.once(ctx, paths, reports)
		if ctx.Err() != nil {
			return err
		}
		var exit exitError
		if err != nil && !errors.As(err, &exit) {
			o.printError(o.Err, err)
		}
		_, _ = fmt.Fprintln(o.Err, "* waiting for changes; ctrl-c ends")
		files = slices.Concat(read, paths)
		if !changed(ctx, files, asRead(files, before, began)) {
			return exitError(exitInterrupted)
		}
	}
}

// asRead are the stamps that files had when a run that began at a time read them,
// as far as that is known: they may have changed since.
func asRead(files []string, before map[string]stamp, began time.Time) map[string]stamp {
	out := stamps(files)
	for path, now := range out {
		if earlier, known := before[path]; known {
			out[path] = earlier
		} else if !now.modified.Before(began) {
			out[path] = stamp{}
		}
	}
	return out
}

// changed waits until files are no longer as they were before; false if ctx ends
// earlier.
func changed(ctx context.Context, paths []string, before map[string]stamp) bool {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
		now := stamps(paths)
		if len(now) != len(before) {
			return true
		}
		for path, stamp := range now {
			if before[path] != stamp {
				return true
			}
		}
	}
}

// stamp is what tells versions of a file apart.
type stamp struct {
	modified time.Time
	size     int64
}

// stamps looks at files, and at those in folders.
func stamps(paths []string) map[string]stamp {
	out := map[string]stamp{}
	for _, path := range paths {
		_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // what is not there has no stamp
			}
			if d.IsDir() {
				if p != path && d.Name()[0] == '.' {
					return filepath.SkipDir
				}
				return nil
			}
			if p != path && filepath.Ext(p) != ".yaml" && filepath.Ext(p) != ".yml" {
				return nil // reports and snapshots are written by a run itself
			}
			if info, err := os.Stat(p); err == nil {
				out[p] = stamp{info.ModTime(), info.Size()}
			}
			return nil
		})
	}
	return out
}
