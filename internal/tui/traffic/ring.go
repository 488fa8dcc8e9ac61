package traffic

import "time"

// Direction is which way a message went.
type Direction uint8

// The directions of a message.
const (
	Received Direction = iota
	Sent
)

// Entry is one message of a call.
type Entry struct {
	Direction Direction
	Number    int           // from 1, among those of its direction
	At        time.Duration // since the call's start
	Wire      []byte        // must not be changed
}

// entryCost is what an entry counts beside its bytes: its place in the ring,
// which may be half empty.
const entryCost = 96

// ring keeps the newest entries within a bound of bytes. Its zero value with a
// limit is empty.
type ring struct {
	limit   int
	cost    int     // of the entries kept
	entries []Entry // a circle; the length is a power of 2, or 0
	first   int     // index of the oldest entry kept
	next    int     // index of the entry to come

	pinned   Entry
	pinIndex int
	isPinned bool
}

func (r *ring) slot(i int) *Entry { return &r.entries[i&(len(r.entries)-1)] }

func (r *ring) add(e Entry) {
	cost := len(e.Wire) + entryCost
	for r.first < r.next && r.cost+cost > r.limit {
		oldest := r.slot(r.first)
		r.cost -= len(oldest.Wire) + entryCost
		*oldest = Entry{}
		r.first++
	}
	if r.next-r.first == len(r.entries) {
		r.grow()
	}
	*r.slot(r.next) = e
	r.next++
	r.cost += cost
}

func (r *ring) grow() {
	larger := ring{entries: make([]Entry, max(64, 2*len(r.entries)))}
	for i := r.first; i < r.next; i++ {
		*larger.slot(i) = *r.slot(i)
	}
	r.entries = larger.entries
}

func (r *ring) entry(i int) (Entry, bool) {
	switch {
	case i >= r.first && i < r.next:
		return *r.slot(i), true
	case r.isPinned && i == r.pinIndex:
		return r.pinned, true
	}
	return Entry{}, false
}

// pin keeps entry i, or the nearest one kept, and returns its index.
func (r *ring) pin(i int) (int, bool) {
	e, ok := r.entry(i)
	if !ok {
		if r.first == r.next {
			return 0, false
		}
		i = min(max(i, r.first), r.next-1)
		e = *r.slot(i)
	}
	r.pinned, r.pinIndex, r.isPinned = e, i, true
	return i, true
}

func (r *ring) unpin() { r.pinned, r.isPinned = Entry{}, false }
