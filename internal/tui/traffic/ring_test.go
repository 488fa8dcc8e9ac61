package traffic

import (
	"testing"
	"time"
	"unsafe"
)

// memory is what a ring holds, in bytes.
func (r *ring) memory() int {
	n := len(r.entries) * int(unsafe.Sizeof(Entry{}))
	for i := r.first; i < r.next; i++ {
		n += len(r.slot(i).Wire)
	}
	return n
}

func TestRing(t *testing.T) {
	t.Run("millions of empty messages", func(t *testing.T) {
		r := ring{limit: 1 << 20}
		for n := range 3_000_000 {
			r.add(Entry{Number: n})
			if n%100_000 == 0 && r.memory() > r.limit {
				t.Fatalf("%d bytes after %d messages", r.memory(), n)
			}
		}
		if r.next != 3_000_000 || r.next-r.first < 1000 {
			t.Errorf("keeps %d to %d", r.first, r.next)
		}
	})
	t.Run("messages of 4 MiB", func(t *testing.T) {
		r := ring{limit: 10 << 20}
		for n := range 10 {
			r.add(Entry{Number: n, Wire: make([]byte, 4<<20)})
		}
		if r.next-r.first != 2 || r.memory() > r.limit {
			t.Errorf("keeps %d messages in %d bytes", r.next-r.first, r.memory())
		}
	})
	t.Run("the newest is kept even if it is too large", func(t *testing.T) {
		r := ring{limit: 1000}
		r.add(Entry{Number: 1})
		r.add(Entry{Number: 2, Wire: make([]byte, 5000)})
		if e, ok := r.entry(1); !ok || e.Number != 2 || r.first != 1 {
			t.Errorf("entry 1 = %v, first %d", e.Number, r.first)
		}
		r.add(Entry{Number: 3})
		if _, ok := r.entry(1); ok || r.cost != entryCost {
			t.Errorf("the large one is still there: cost %d", r.cost)
		}
	})
	t.Run("the pinned one is not evicted until it is let go", func(t *testing.T) {
		r := ring{limit: 100 * entryCost}
		if _, ok := r.pin(0); ok {
			t.Error("nothing was pinned")
		}
		for n := range 50 {
			r.add(Entry{Number: n})
		}
		if i, ok := r.pin(7); i != 7 || !ok {
			t.Fatal(i, ok)
		}
		for n := range 500 {
			r.add(Entry{Number: 50 + n})
		}
		if e, ok := r.entry(7); !ok || e.Number != 7 {
			t.Errorf("entry 7 = %+v, %v", e, ok)
		}
		if _, ok := r.entry(8); ok {
			t.Error("entry 8 is still there")
		}
		if i, ok := r.pin(8); i != r.first || !ok {
			t.Errorf("pinned %d in the place of 8, which is gone", i)
		}
		if _, ok := r.entry(7); ok {
			t.Error("entry 7 was kept after another was pinned")
		}
		r.unpin()
		for range 500 {
			r.add(Entry{})
		}
		if _, ok := r.entry(450); ok {
			t.Error("the entry was kept after it was let go")
		}
	})
}

func TestMeter(t *testing.T) {
	t.Run("rate of the last second", func(t *testing.T) {
		var m meter
		for at := time.Duration(0); at < 3*time.Second; at += 100 * time.Microsecond {
			m.add(at)
		}
		if got := m.rate(3 * time.Second); got != 10_000 {
			t.Errorf("rate = %v", got)
		}
		if got := m.rate(3500 * time.Millisecond); got != 5_000 {
			t.Errorf("rate half a second later = %v", got)
		}
		if got := m.rate(5 * time.Second); got != 0 {
			t.Errorf("rate of silence = %v", got)
		}
		if got := m.rate(time.Hour); got != 0 {
			t.Errorf("rate an hour later = %v", got)
		}
	})
	t.Run("rate of a beginning", func(t *testing.T) {
		var m meter
		for range 50 {
			m.add(10 * time.Millisecond)
		}
		if got := m.rate(500 * time.Millisecond); got != 100 {
			t.Errorf("rate = %v", got)
		}
	})
	t.Run("gaps", func(t *testing.T) {
		var m meter
		at := time.Duration(0)
		for _, gap := range []time.Duration{0, time.Microsecond, 100 * time.Microsecond, 100 * time.Microsecond, time.Hour} {
			at += gap
			m.add(at)
		}
		g := m.gaps
		if g.Total != 4 || g.Max != time.Hour || g.Counts[1] != 1 || g.Counts[7] != 2 || g.Counts[27] != 1 {
			t.Errorf("gaps = %+v", g)
		}
		if q := g.Quantile(0.5); q != 128*time.Microsecond {
			t.Errorf("median = %v", q)
		}
	})
}
