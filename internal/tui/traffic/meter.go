package traffic

import (
	"math/bits"
	"time"
)

const (
	bucket  = 100 * time.Millisecond
	window  = 10 // buckets that make a rate
	buckets = 16 // kept: a power of 2 above window
)

// meter measures messages by their times. Its zero value has seen none.
type meter struct {
	counts [buckets]int
	epochs [buckets]int64 // which bucket since the start a count is of
	total  int
	last   time.Duration
	gaps   Gaps
}

// add counts a message at this time since the start; times never go back.
func (m *meter) add(at time.Duration) {
	epoch := int64(at / bucket)
	slot := epoch % buckets
	if m.epochs[slot] != epoch {
		m.epochs[slot], m.counts[slot] = epoch, 0
	}
	m.counts[slot]++
	if m.total > 0 {
		m.gaps.add(at - m.last)
	}
	m.total++
	m.last = at
}

// rate returns the messages a second of the last whole second before now.
func (m *meter) rate(now time.Duration) float64 {
	if now < window*bucket {
		return float64(m.total) / max(now, bucket).Seconds()
	}
	current := int64(now / bucket)
	sum := 0
	for epoch := current - window; epoch < current; epoch++ {
		if slot := epoch % buckets; m.epochs[slot] == epoch {
			sum += m.counts[slot]
		}
	}
	return float64(sum) / (window * bucket).Seconds()
}

// Gaps counts the times between one received message and the next.
type Gaps struct {
	// Counts[i] is of gaps below 2^i microseconds, and not below half of that.
	// The last has all that are longer.
	Counts [28]int
	Total  int
	Max    time.Duration
}

func (g *Gaps) add(gap time.Duration) {
	i := min(bits.Len64(uint64(max(0, gap.Microseconds()))), len(g.Counts)-1)
	g.Counts[i]++
	g.Total++
	g.Max = max(g.Max, gap)
}

// Quantile returns a bound of which the share q of all gaps, from 0 to 1, is
// below; it is up to twice too large.
func (g *Gaps) Quantile(q float64) time.Duration {
	rank, seen := int(q*float64(g.Total)), 0
	for i, n := range g.Counts {
		if seen += n; n > 0 && seen >= rank {
			return min(g.Max, time.Microsecond<<i)
		}
	}
	return g.Max
}
