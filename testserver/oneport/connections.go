package oneport

import (
	"maps"
	"slices"
	"sync"
)

// connections are the open connections of a server, at most limit.
type connections struct {
	limit int

	mu      sync.Mutex
	all     map[*conn]struct{}
	hosts   map[string]int
	last    uint64
	evicted uint64
	refused uint64
	stopped bool
}

func newConnections(limit int) *connections {
	return &connections{limit: limit, all: map[*conn]struct{}{}, hosts: map[string]int{}}
}

// add takes c in. Where there is no room, it returns the connection to be closed
// in its place; ok is false if c is the one to be closed.
func (s *connections) add(c *conn) (victim *conn, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, false
	}
	if len(s.all) >= s.limit {
		if victim = s.leastMissed(c.host); victim == nil {
			s.refused++
			return nil, false
		}
		s.evicted++
		s.drop(victim)
	}
	s.last++
	c.number = s.last
	s.all[c] = struct{}{}
	s.hosts[c.host]++
	return victim, true
}

func (s *connections) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.all[c]; ok {
		s.drop(c)
	}
}

func (s *connections) drop(c *conn) {
	delete(s.all, c)
	if s.hosts[c.host]--; s.hosts[c.host] == 0 {
		delete(s.hosts, c.host)
	}
}

// The ranks of connections, in the order in which they have to go.
const (
	strangerOfMany = iota // never answered, of a host with more than its share
	idleOfMany            // without a call, of such a host
	stranger
	idle
	busyOfMany // with calls, of a host with more than its share that is not the newcomer's
	staying
)

// leastMissed returns the connection that has to go for one more of the host
// newcomer, or nil. Who was never answered goes before who is idle, the oldest
// before younger ones, and the connections of a host that has more than its
// share before others'. Calls are cut off only for the sake of another host.
func (s *connections) leastMissed(newcomer string) *conn {
	var victim *conn
	rank, age := staying, uint64(0)
	share := s.limit / max(1, len(s.hosts))
	for c := range s.all {
		r, a := staying, c.number
		many := s.hosts[c.host] > share
		switch {
		case !c.answered.Load():
			r = stranger
		case c.calls.Load() == 0:
			r, a = idle, uint64(c.lastUsed.Load())
		case many && c.host != newcomer:
			r = busyOfMany
		}
		if many && (r == stranger || r == idle) {
			r -= stranger - strangerOfMany
		}
		if r < rank || r == rank && r < staying && a < age {
			victim, rank, age = c, r, a
		}
	}
	return victim
}

// dismiss ends the connections that nobody serves yet, and lets no more in.
func (s *connections) dismiss() {
	s.mu.Lock()
	s.stopped = true
	all := slices.Collect(maps.Keys(s.all))
	s.mu.Unlock()
	for _, c := range all {
		c.dismiss()
	}
}

// close closes all connections.
func (s *connections) close() {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.all))
	s.mu.Unlock()
	for _, c := range all {
		_ = c.Close()
	}
}

func (s *connections) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

func (s *connections) stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Connections: len(s.all), Evicted: s.evicted, Refused: s.refused}
}
