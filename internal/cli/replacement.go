package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// replacement puts files in the places of others: all of them or, if one of them
// cannot be, none.
type replacement struct {
	root  *os.Root
	stage string         // a folder beside the files: new/ has those to come, old/ those that were
	undo  []func() error // what was done, the last of which is to be undone first
	kept  bool           // the stage has files that could not be put back
}

// replace puts the files that are not as they should be in their places.
func replace(root *os.Root, changes []fileChange) error {
	r := &replacement{root: root, stage: ".grpcx-" + rand.Text()[:8]}
	defer r.clear()
	for _, step := range []func(name, content string) error{r.prepare, r.makeWay, r.swap} {
		for _, c := range changes {
			if c.state == "unchanged" {
				continue
			}
			if err := step(filepath.FromSlash(c.Name), c.Content); err != nil {
				return at(c.Name, r.rollBack(err))
			}
		}
	}
	return nil
}

// prepare writes the file to the stage, with room for the one that it replaces.
func (r *replacement) prepare(name, content string) error {
	if err := create(r.root, filepath.Join(r.stage, "new", name), content); err != nil {
		return err
	}
	return r.root.MkdirAll(filepath.Join(r.stage, "old", filepath.Dir(name)), 0o777)
}

// makeWay makes the folder of the file.
func (r *replacement) makeWay(name, _ string) error { return r.mkdirAll(filepath.Dir(name)) }

func (r *replacement) mkdirAll(name string) error {
	if name == "." || r.isDir(name) {
		return nil
	}
	if err := r.mkdirAll(filepath.Dir(name)); err != nil {
		return err
	}
	err := r.root.Mkdir(name, 0o777)
	if errors.Is(err, fs.ErrExist) {
		if r.isDir(name) { // somebody else was quicker
			return nil
		}
		return fmt.Errorf("%s is not a folder", filepath.ToSlash(name))
	}
	if err != nil {
		return err
	}
	r.undo = append(r.undo, func() error {
		_ = r.root.Remove(name) // which leaves it to somebody else who uses it by now
		return nil
	})
	return nil
}

func (r *replacement) isDir(name string) bool {
	info, err := r.root.Stat(name)
	return err == nil && info.IsDir()
}

// swap puts the file in its place, and what was there on the stage.
func (r *replacement) swap(name, _ string) error {
	old := filepath.Join(r.stage, "old", name)
	info, err := r.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("not a regular file")
	default:
		if err := r.root.Rename(name, old); err != nil {
			return err
		}
		r.undo = append(r.undo, func() error { return r.root.Rename(old, name) })
	}
	if err := r.root.Rename(filepath.Join(r.stage, "new", name), name); err != nil {
		return err
	}
	r.undo = append(r.undo, func() error { return r.root.Remove(name) })
	return nil
}

// rollBack undoes what was done, for that reason, and returns it with what could
// not be undone.
func (r *replacement) rollBack(reason error) error {
	var errs []error
	for _, undo := range slices.Backward(r.undo) {
		errs = append(errs, undo())
	}
	r.undo = nil
	err := errors.Join(errs...)
	if err == nil {
		return reason
	}
	r.kept = true
	return fmt.Errorf("%w; not all is as it was, the files that are missing are in %s: %w", withoutPath(reason), r.stage, withoutPath(err))
}

func (r *replacement) clear() {
	if !r.kept {
		_ = r.root.RemoveAll(r.stage)
	}
}

// create writes a file that is not there, to this file system's mind.
func create(root *os.Root, name, content string) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("to this file system, it is the same as another generated file or folder")
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Close())
}
