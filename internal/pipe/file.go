package pipe

import (
	"context"
	"io/fs"
	"os"
	"slices"
	"time"
)

// lastWrites is how long a write may take, after the end of the file's context, to
// a pipe whose reader is slow or will never read.
const lastWrites = time.Second

// File is a file that is written. Its methods are called by one goroutine at a time.
type File struct {
	file    *os.File
	ctx     context.Context //nolint:containedctx // of the file's life: Write's interface has none
	regular bool
	stuck   error // the end of the write that was left behind
}

// Create opens a file for writing, as os.OpenFile does; flag needs no os.O_WRONLY.
// The reader of a pipe is waited for until ctx ends. After that, what is left to be
// written is written, but to a pipe nothing that takes longer than a second. The
// caller closes the file.
func Create(ctx context.Context, name string, flag int, mode fs.FileMode) (*File, error) {
	return Within(ctx, func() (*File, error) {
		// For reading too, a pipe would open without a reader, and lose what is written.
		file, err := os.OpenFile(name, flag|os.O_WRONLY|os.O_CREATE, mode)
		if err != nil {
			return nil, err
		}
		info, err := file.Stat()
		return &File{file: file, ctx: ctx, regular: err == nil && info.Mode().IsRegular()}, nil
	})
}

// Write writes b. An error at the end of the context is an *fs.PathError with the
// cause of that, and so are those of all writes after it.
func (f *File) Write(b []byte) (int, error) {
	switch {
	case f.regular:
		return f.file.Write(b)
	case f.stuck != nil:
		return 0, f.stuck
	}
	ctx, cancel := later(f.ctx, lastWrites)
	defer cancel()
	own := slices.Clone(b) // which a write that is left behind may still read
	n, err := Within(ctx, func() (int, error) { return f.file.Write(own) })
	if err != nil && ctx.Err() != nil {
		f.stuck = &fs.PathError{Op: "write", Path: f.file.Name(), Err: err}
		return 0, f.stuck
	}
	return n, err
}

// later returns a context that ends d after ctx, or after now if ctx has ended, of
// the same cause.
func later(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	end, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(d, func() { cancel(context.Cause(ctx)) })
	})
	return end, func() {
		stop()
		cancel(nil)
	}
}

// Empty takes out everything that is in the file; in a pipe, that is nothing.
func (f *File) Empty() error {
	if !f.regular {
		return nil
	}
	return f.file.Truncate(0)
}

// Close closes the file, and ends a write that was left behind where the system can.
func (f *File) Close() error { return f.file.Close() }
