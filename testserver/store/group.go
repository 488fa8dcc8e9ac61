package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	writesPerGroup = 256
	// groupTimeout bounds a transaction of several callers, which no one's context ends.
	groupTimeout = 30 * time.Second
)

// groups collects the writes of concurrent callers into transactions, so that
// they share the cost of a commit. Its goroutine runs while there are writes.
type groups struct {
	mu      sync.Mutex
	pending []*groupWrite
	running bool
	done    sync.WaitGroup
}

// groupWrite is the part of a transaction that belongs to one caller.
type groupWrite struct {
	ctx   context.Context
	topic string // whose order of writes matters, and which is woken after the commit
	run   func(*group) error
	err   error
	done  chan struct{}
}

// group is one transaction of several callers.
type group struct {
	store *Store
	ctx   context.Context
	tx    *sql.Tx
	rooms map[string]*lockedRoom
	nodes map[string]bool // whether they live, of those that were locked
}

// grouped runs fn in a transaction with the writes of others, and returns after
// the commit, or when ctx ends, which leaves open whether it was committed. An
// Error that fn returns fails this write alone; fn must not have written anything
// by then. fn may run twice, and even when grouped has returned an error: what it
// assigns is nothing that the caller touches then. Writes of one topic keep their
// order.
func (s *Store) grouped(ctx context.Context, topic string, fn func(*group) error) error {
	w := &groupWrite{ctx: ctx, topic: topic, run: fn, done: make(chan struct{})}
	s.groups.mu.Lock()
	s.groups.pending = append(s.groups.pending, w)
	if !s.groups.running {
		s.groups.running = true
		s.groups.done.Go(s.writeGroups)
	}
	s.groups.mu.Unlock()
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// writeGroups runs until there is nothing left to write.
func (s *Store) writeGroups() {
	g := &s.groups
	for {
		g.mu.Lock()
		n := min(len(g.pending), writesPerGroup)
		writes := slices.Clone(g.pending[:n])
		g.pending = slices.Delete(g.pending, 0, n)
		g.running = n > 0
		g.mu.Unlock()
		if n == 0 {
			return
		}
		s.writeGroup(writes)
	}
}

// writeGroup commits the writes, and reports and wakes what belongs to them.
// Their topics are in one order in every transaction, against deadlocks.
func (s *Store) writeGroup(writes []*groupWrite) {
	slices.SortStableFunc(writes, func(a, b *groupWrite) int { return strings.Compare(a.topic, b.topic) })
	s.commitGroup(slices.Clone(writes))
	for i, w := range writes {
		if i == 0 || writes[i-1].topic != w.topic {
			s.wake(w.topic)
		}
	}
	for _, w := range writes {
		close(w.done)
	}
}

// commitGroup sets the outcome of each write. One that breaks the transaction
// is left out of the next attempt, so that it fails alone.
func (s *Store) commitGroup(writes []*groupWrite) {
	for len(writes) > 0 {
		culprit, err := s.tryGroup(writes)
		switch {
		case err == nil:
			return
		case culprit >= 0:
			writes[culprit].err = err
			writes = slices.Delete(writes, culprit, culprit+1)
		default:
			for _, w := range writes {
				w.err = err
			}
			return
		}
	}
}

// tryGroup runs one transaction. culprit is the write that made it fail, or -1
// if that was none of them.
func (s *Store) tryGroup(writes []*groupWrite) (culprit int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	err = s.write(ctx, func(tx *sql.Tx) error {
		g := &group{store: s, ctx: ctx, tx: tx, rooms: map[string]*lockedRoom{}, nodes: map[string]bool{}}
		for i, w := range writes {
			if w.err = context.Cause(w.ctx); w.err != nil {
				continue
			}
			if w.err = w.run(g); w.err != nil && CodeOf(w.err) == 0 {
				culprit = i
				return w.err
			}
		}
		culprit = -1
		return g.flush()
	})
	return culprit, err
}

// lockNode tells whether the node may have members, and keeps it so until the
// end of the transaction.
func (g *group) lockNode(id string) error {
	alive, ok := g.nodes[id]
	if !ok {
		res, err := g.tx.ExecContext(g.ctx, `UPDATE nodes SET beat = beat + 1 WHERE id = $1 AND NOT dead`, id)
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
		alive = n > 0
		g.nodes[id] = alive
	}
	if !alive {
		return notFound("node", id)
	}
	return nil
}

// flush writes what the callers left to be written once.
func (g *group) flush() error {
	var errs []error
	for _, r := range g.rooms {
		errs = append(errs, r.flush())
	}
	return errors.Join(errs...)
}
