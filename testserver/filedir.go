package testserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

const (
	partSuffix = ".part"       // of content that is still being written
	markerName = "grpcx-store" // the file that says whose directory it is
	maxMarker  = 64            // bytes of it
)

// errNoFileDir is the fault of a server that cannot know where its files are.
var errNoFileDir = errors.New("no directory of files is configured, and this store has none of its own")

// fileDir is the directory that holds the content of files, each under a random
// name, which no client chooses. It may be shared by several servers on one
// store. All access is through an os.Root, so that no link leads out of it.
// It is safe for concurrent use.
type fileDir struct {
	path    string // "" means that there is none
	private bool   // the directory is made anew in path, and removed by close
	// identity returns what the directory is tied to, so that the files of two
	// stores never mix.
	identity func(context.Context) (string, error)
	// wrap, if set, stands between an upload and its file; for tests of failures.
	wrap func(partFile) partFile

	mu     sync.Mutex
	root   *os.Root // nil until the directory is opened
	closed bool
}

// newFileDir finds the directory that cfg means. It does not touch it.
func newFileDir(cfg Config, identity func(context.Context) (string, error)) (*fileDir, error) {
	d := &fileDir{path: cfg.Files, identity: identity}
	db, named := strings.CutPrefix(cfg.Store, "sqlite://")
	switch {
	case !named && (db == "" || db == "memory"):
		d.private = true
		if d.path == "" {
			d.path = os.TempDir()
		}
	case d.path == "" && !strings.Contains(db, "://"):
		d.path = db + ".files"
	}
	if d.path == "" {
		return d, nil
	}
	var err error
	if d.path, err = filepath.Abs(d.path); err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	return d, nil
}

// open returns the root of the directory. A directory that is missing is made,
// unless create is false: then the root is nil.
func (d *fileDir) open(ctx context.Context, create bool) (*os.Root, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.root != nil:
		return d.root, nil
	case d.path == "":
		return nil, errNoFileDir
	case d.closed:
		return nil, fmt.Errorf("files: %w", os.ErrClosed)
	}
	if !create && (d.private || !exists(d.path)) {
		return nil, nil
	}
	root, err := d.make(ctx)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	d.root = root
	return root, nil
}

func (d *fileDir) make(ctx context.Context) (*os.Root, error) {
	if d.private {
		path, err := os.MkdirTemp(d.path, "grpcx-files-")
		if err != nil {
			return nil, err
		}
		return os.OpenRoot(path)
	}
	if !exists(d.path) {
		if err := os.Mkdir(d.path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if err := syncPath(filepath.Dir(d.path)); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, err
	}
	if err := d.claim(ctx, root); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// claim ties the directory to the store, or fails if it is tied to another one.
func (d *fileDir) claim(ctx context.Context, root *os.Root) error {
	id, err := d.identity(ctx)
	if err != nil {
		return err
	}
	owner, err := readMarker(root)
	if errors.Is(err, fs.ErrNotExist) {
		// Servers that start at once write the same; the last one stays.
		if err := d.mark(root, id); err != nil {
			return err
		}
		owner, err = readMarker(root)
	}
	if err != nil {
		return err
	}
	if owner != id {
		return fmt.Errorf("%s holds the files of another store; move it away or give another directory", d.path)
	}
	return nil
}

func (d *fileDir) mark(root *os.Root, id string) error {
	p, err := d.newPart(root)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(p, id+"\n"); err != nil {
		p.discard()
		return err
	}
	return p.keepAs(markerName)
}

func readMarker(root *os.Root) (string, error) {
	f, err := root.Open(markerName)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxMarker))
	return strings.TrimSuffix(string(b), "\n"), err
}

// create begins new content. The caller ends it by keep or discard.
func (d *fileDir) create(ctx context.Context) (*filePart, error) {
	root, err := d.open(ctx, true)
	if err != nil {
		return nil, err
	}
	return d.newPart(root)
}

func (d *fileDir) newPart(root *os.Root) (*filePart, error) {
	p := &filePart{root: root, name: rand.Text()}
	f, err := root.OpenFile(p.name+partSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	p.file = f
	if d.wrap != nil {
		p.file = d.wrap(f)
	}
	return p, nil
}

// read opens content. The caller closes it; it can be read to its end even if
// it is removed meanwhile.
func (d *fileDir) read(ctx context.Context, name string) (*os.File, error) {
	root, err := d.open(ctx, true)
	if err != nil {
		return nil, err
	}
	// Opening what is no plain file might wait for ever.
	info, err := root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	return f, nil
}

// remove drops content.
func (d *fileDir) remove(ctx context.Context, name string) error {
	root, err := d.open(ctx, true)
	if err != nil {
		return err
	}
	if err := root.Remove(name); err != nil {
		return fmt.Errorf("files: %w", err)
	}
	return nil
}

// probe tells whether content can be written. A directory that was not needed
// yet is not made for that.
func (d *fileDir) probe(ctx context.Context) error {
	root, err := d.open(ctx, false)
	if err != nil || root == nil {
		return err
	}
	p, err := d.newPart(root)
	if err != nil {
		return err
	}
	defer p.discard()
	if _, err := p.Write([]byte{0}); err != nil {
		return fmt.Errorf("files: %w", err)
	}
	return nil
}

// close ends the use of the directory, and the directory itself if it is private.
func (d *fileDir) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	root := d.root
	if d.root = nil; root == nil {
		return nil
	}
	err := root.Close()
	if d.private {
		err = errors.Join(err, os.RemoveAll(root.Name()))
	}
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// syncRoot makes the names in a directory last.
func syncRoot(root *os.Root) error {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	return syncDir(f)
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return syncDir(f)
}

// syncDir closes f. Windows has no such operation.
func syncDir(f *os.File) error {
	defer f.Close()
	if runtime.GOOS == "windows" {
		return nil
	}
	return f.Sync()
}
