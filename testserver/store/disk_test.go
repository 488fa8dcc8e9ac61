package store_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
)

// disk is a disk in memory whose power can be cut. What a file was given since
// its last sync may then be there or not, in any order and torn at sectors.
type disk struct {
	mu     sync.Mutex
	files  map[string]*diskFile
	ghosts map[string]*diskFile // deleted, which the disk may not know yet
	ops    int                  // writes, truncations and syncs so far
	cutAt  int                  // the operation that the power does not last for; 0 is none
	off    bool
}

const sector = 512

// diskFile is a file with the locks that its users hold; see vfs_test.go.
type diskFile struct {
	content []byte // as its users see it
	durable []byte
	pending []diskWrite
	created bool // its name is on the disk; that of the database is from the beginning

	users   map[*diskHandle]bool
	regions []uintptr // of memory that users share
}

// diskWrite is a write of data, or a truncation where data is nil.
type diskWrite struct {
	at   int
	data []byte
}

func (w diskWrite) apply(to []byte) []byte {
	if w.data == nil {
		return resize(to, w.at)
	}
	to = resize(to, max(len(to), w.at+len(w.data)))
	copy(to[w.at:], w.data)
	return to
}

// resize fills what it adds with zeros.
func resize(b []byte, size int) []byte {
	if size <= len(b) {
		return b[:size:size]
	}
	return append(b, make([]byte, size-len(b))...)
}

func newDisk(cutAt int) *disk {
	return &disk{files: map[string]*diskFile{}, ghosts: map[string]*diskFile{}, cutAt: cutAt}
}

// operate counts an operation and tells whether the power lasts for it.
func (d *disk) operate() bool {
	if !d.off {
		d.ops++
		d.off = d.ops == d.cutAt
	}
	return !d.off
}

func (d *disk) write(f *diskFile, w diskWrite) bool {
	f.pending = append(f.pending, w)
	if !d.operate() {
		return false
	}
	f.content = w.apply(f.content)
	return true
}

func (d *disk) sync(f *diskFile) bool {
	if !d.operate() {
		return false
	}
	f.durable, f.pending = slices.Clone(f.content), nil
	if !f.created {
		// SQLite syncs the directory with the first sync of a log or a journal.
		for _, f := range d.files {
			f.created = true
		}
		clear(d.ghosts)
	}
	return true
}

// remove deletes a file, on the disk too if synced.
func (d *disk) remove(name string, synced bool) bool {
	if !d.operate() {
		return false
	}
	if f := d.files[name]; !synced && f != nil {
		d.ghosts[name] = f
	}
	delete(d.files, name)
	return true
}

// afterCut returns the disk as it is when the power is back.
func (d *disk) afterCut(random *rand.Rand) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
	next := newDisk(0)
	keep := []float64{0, 0.5, 0.9}[random.IntN(3)] // of what was not synced
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		if f := d.files[name]; f.created || random.Float64() < keep {
			next.files[name] = f.afterCut(random, keep)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.ghosts)) {
		if f := d.ghosts[name]; d.files[name] == nil && f.created && random.Float64() >= keep {
			next.files[name] = f.afterCut(random, keep)
		}
	}
	return next
}

func (f *diskFile) afterCut(random *rand.Rand, keep float64) *diskFile {
	content := slices.Clone(f.durable)
	for _, w := range f.pending {
		if w.data == nil {
			if random.Float64() < keep {
				content = w.apply(content)
			}
			continue
		}
		for at := w.at; at < w.at+len(w.data); {
			end := min((at/sector+1)*sector, w.at+len(w.data))
			if random.Float64() < keep {
				content = diskWrite{at, w.data[at-w.at : end-w.at]}.apply(content)
			}
			at = end
		}
	}
	return &diskFile{content: content, durable: slices.Clone(content), created: true, users: map[*diskHandle]bool{}}
}
