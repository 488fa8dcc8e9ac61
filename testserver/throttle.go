package testserver

import (
	"sync"
	"time"
)

// How failed logins are slowed down.
const (
	freeFailures   = 3 // failures that have no consequence
	failuresToLock = 8 // failures after which attempts are refused for a time
	maxThrottled   = 10_000
	firstLock      = 30 * time.Second
	longestLock    = 15 * time.Minute
)

// throttle counts failed attempts by key. A key is forgotten after a success, or
// when it had no failure for the longest lock.
type throttle struct {
	now   func() time.Time
	delay time.Duration // of the first attempt after the free failures; doubled by each further one

	mu   sync.Mutex
	keys map[string]attempts
}

type attempts struct {
	failures int
	last     time.Time // of the last failure
}

func newThrottle(now func() time.Time, delay time.Duration) *throttle {
	return &throttle{now: now, delay: delay, keys: map[string]attempts{}}
}

// check returns how long to delay an attempt, or for how long it is refused.
func (t *throttle) check(key string) (delay, locked time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.keys[key]
	since := t.now().Sub(a.last)
	if a.failures < freeFailures || since > longestLock {
		return 0, 0
	}
	if a.failures < failuresToLock {
		return t.delay << (a.failures - freeFailures), 0
	}
	lock := min(firstLock<<min(a.failures-failuresToLock, 10), longestLock)
	return 0, max(0, lock-since)
}

func (t *throttle) failed(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	a, known := t.keys[key]
	if !known && len(t.keys) >= maxThrottled {
		t.makeRoom(now)
	}
	if now.Sub(a.last) > longestLock {
		a.failures = 0
	}
	t.keys[key] = attempts{failures: a.failures + 1, last: now}
}

func (t *throttle) succeeded(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.keys, key)
}

// makeRoom forgets the keys whose time is over, and if that is none, some key.
func (t *throttle) makeRoom(now time.Time) {
	for key, a := range t.keys {
		if now.Sub(a.last) > longestLock {
			delete(t.keys, key)
		}
	}
	for key := range t.keys {
		if len(t.keys) < maxThrottled {
			return
		}
		delete(t.keys, key)
	}
}
