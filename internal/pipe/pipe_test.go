//go:build unix

package pipe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errOver = errors.New("it is over")

// fifo makes a pipe. What a test leaves behind there goes on at its end.
func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		both, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Error(err)
			return
		}
		if err := errors.Join(os.Remove(path), both.Close()); err != nil {
			t.Error(err)
		}
	})
	return path
}

func TestWithin(t *testing.T) {
	t.Run("a pipe that nobody writes", func(t *testing.T) {
		path := fifo(t)
		ctx, end := context.WithCancelCause(t.Context())
		opening := make(chan struct{})
		go func() {
			<-opening
			end(errOver)
		}()
		opened := make(chan *os.File, 1)
		_, err := Within(ctx, func() (struct{}, error) {
			close(opening)
			f, err := os.Open(path)
			opened <- f
			return struct{}{}, err
		})
		if !errors.Is(err, errOver) {
			t.Errorf("error %v, want the end's cause", err)
		}
		t.Cleanup(func() { _ = (<-opened).Close() })
		unblock(t, path)
	})
	t.Run("what work returns", func(t *testing.T) {
		if n, err := Within(t.Context(), func() (int, error) { return 7, io.EOF }); n != 7 || !errors.Is(err, io.EOF) {
			t.Errorf("%d, %v", n, err)
		}
	})
	t.Run("work that fails of the end", func(t *testing.T) {
		ctx, end := context.WithCancelCause(t.Context())
		_, err := Within(ctx, func() (int, error) {
			end(errOver)
			return 0, fs.ErrClosed
		})
		if !errors.Is(err, errOver) {
			t.Errorf("error %v, want the end's cause", err)
		}
	})
	t.Run("after the end", func(t *testing.T) {
		ctx, end := context.WithCancelCause(t.Context())
		end(errOver)
		_, err := Within(ctx, func() (int, error) {
			t.Error("work began")
			return 0, nil
		})
		if !errors.Is(err, errOver) {
			t.Errorf("error %v, want the end's cause", err)
		}
	})
}

// unblock lets an opening of a pipe for reading go on.
func unblock(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
}

func TestFile(t *testing.T) {
	t.Run("a pipe that nobody reads", func(t *testing.T) {
		path := fifo(t)
		ctx, end := context.WithCancelCause(t.Context())
		created := make(chan error, 1)
		go func() {
			_, err := Create(ctx, path, os.O_TRUNC, 0o600)
			created <- err
		}()
		end(errOver)
		if err := <-created; !errors.Is(err, errOver) {
			t.Errorf("error %v, want the end's cause", err)
		}
	})
	t.Run("a reader that comes", func(t *testing.T) {
		f, reader := created(t.Context(), t, fifo(t))
		write(t, f, "text")
		if err := f.Empty(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(reader); err != nil || string(got) != "text" {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("the end of a reader that reads", func(t *testing.T) {
		ctx, end := context.WithCancelCause(t.Context())
		f, reader := created(ctx, t, fifo(t))
		end(errOver)
		write(t, f, "text")
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(reader); err != nil || string(got) != "text" {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("the end of a reader that does not", func(t *testing.T) {
		ctx, end := context.WithCancelCause(t.Context())
		f, _ := created(ctx, t, fifo(t))
		end(errOver)
		const moreThanAPipeHolds = 4 << 20
		for range 2 {
			_, err := f.Write(bytes.Repeat([]byte("x"), moreThanAPipeHolds))
			if in, ok := errors.AsType[*fs.PathError](err); !ok || !errors.Is(in.Err, errOver) {
				t.Errorf("error %v, want the end's cause", err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("a file, after the end", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte("what was there"), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancelCause(t.Context())
		f, err := Create(ctx, path, 0, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		end(errOver)
		if err := f.Empty(); err != nil {
			t.Error(err)
		}
		write(t, f, "text")
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "text" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// created is a pipe that is written and read.
func created(ctx context.Context, t *testing.T, path string) (*File, io.Reader) {
	t.Helper()
	opened := make(chan *os.File, 1)
	go func() {
		f, _ := os.Open(path)
		opened <- f
	}()
	f, err := Create(ctx, path, os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	reader := <-opened
	t.Cleanup(func() { _ = reader.Close() })
	return f, reader
}

func write(t *testing.T, f *File, text string) {
	t.Helper()
	if n, err := f.Write([]byte(text)); err != nil || n != len(text) {
		t.Fatalf("wrote %d bytes of %q: %v", n, text, err)
	}
}
