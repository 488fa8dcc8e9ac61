package testserver

import (
	"io"
	"os"
)

// partFile is what an upload needs of its file.
type partFile interface {
	io.WriteCloser
	Sync() error
}

// filePart is content that is being written. One goroutine at a time may use it.
type filePart struct {
	root *os.Root
	name string
	file partFile // nil once closed
}

func (p *filePart) Write(b []byte) (int, error) { return p.file.Write(b) }

// keep makes the content last under its name, or removes it. When it returns
// nil, the content and its name survive a crash.
func (p *filePart) keep() error { return p.keepAs(p.name) }

func (p *filePart) keepAs(name string) error {
	err := p.file.Sync()
	if closed := p.file.Close(); err == nil {
		err = closed
	}
	p.file = nil
	if err == nil {
		err = p.root.Rename(p.name+partSuffix, name)
	}
	if err != nil {
		p.discard()
		return err
	}
	if err := syncRoot(p.root); err != nil {
		_ = p.root.Remove(name)
		return err
	}
	return nil
}

// discard removes what was written. What cannot be removed is left to the sweep.
func (p *filePart) discard() {
	if p.file != nil {
		_ = p.file.Close()
		p.file = nil
	}
	_ = p.root.Remove(p.name + partSuffix)
}
