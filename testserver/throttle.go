package testserver

import (
	"sync"
	"time"
)

// How failed logins are slowed down. Failures are counted on each node by
// itself: to count them in the store would let strangers write there.
const (
	// Of one username from one host: after the free failures each attempt is
	// delayed, and after failuresToLock attempts are refused for a time.
	freeFailures   = 3
	failuresToLock = 8
	firstLock      = 30 * time.Second
	longestLock    = 15 * time.Minute
	// Of all usernames from one host; the same locks.
	hostFailuresToLock = 50
	// Of one username from all hosts: attempts are refused for userLock after each
	// further failure. That leaves a guesser a few thousand guesses a day, from
	// however many hosts, and the user a chance from a new host.
	userFailuresToLock = 100
	userLock           = 10 * time.Second
	// A host from which a user logged in is not kept out by the failures of others
	// for so long.
	trustTime = 30 * 24 * time.Hour

	maxThrottled = 10_000 // keys of a kind

	// Attempts under way, in the delay or in line to be hashed.
	maxAttempts     = 512
	maxHostAttempts = 64
)

// throttle counts failed logins. A success forgives those of that username from
// that host, and no others.
type throttle struct {
	now   func() time.Time
	delay time.Duration // of the first attempt after the free failures; doubled by each further one

	mu      sync.Mutex
	pairs   attempts // by username and host
	hosts   attempts
	users   attempts
	trusted attempts // pairs that logged in; the time is that of the last success

	underWay map[string]int // by host
	total    int
}

// attempts are failures by key. A key without one for the longest lock counts as
// unknown.
type attempts map[string]failures

type failures struct {
	count int
	last  time.Time
}

func newThrottle(now func() time.Time, delay time.Duration) *throttle {
	return &throttle{
		now: now, delay: delay, pairs: attempts{}, hosts: attempts{}, users: attempts{}, trusted: attempts{},
		underWay: map[string]int{},
	}
}

// enter admits an attempt, which ends with leave, if not too many are under way.
func (t *throttle) enter(host string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.total == maxAttempts || t.underWay[host] == maxHostAttempts {
		return false
	}
	t.total++
	t.underWay[host]++
	return true
}

func (t *throttle) leave(host string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total--
	if t.underWay[host]--; t.underWay[host] == 0 {
		delete(t.underWay, host)
	}
}

// check returns how long to delay an attempt, or for how long it is refused.
func (t *throttle) check(user, host string) (delay, locked time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	pair := t.pairs.at(pairOf(user, host), now)
	if pair.count >= freeFailures && pair.count < failuresToLock {
		delay = t.delay << (pair.count - freeFailures)
	}
	locked = pair.lock(failuresToLock, now)
	if last := t.trusted[pairOf(user, host)].last; !last.IsZero() && now.Sub(last) < trustTime {
		return delay, locked
	}
	locked = max(locked, t.hosts.at(host, now).lock(hostFailuresToLock, now))
	if u := t.users.at(user, now); u.count >= userFailuresToLock {
		locked = max(locked, userLock-now.Sub(u.last))
	}
	return delay, locked
}

func (t *throttle) failed(user, host string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.pairs.add(pairOf(user, host), now)
	t.hosts.add(host, now)
	t.users.add(user, now)
}

func (t *throttle) succeeded(user, host string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pairs, pairOf(user, host))
	t.trusted.makeRoom(pairOf(user, host))
	t.trusted[pairOf(user, host)] = failures{last: t.now()}
}

// pairOf has no ambiguity: usernames with a NUL are refused before.
func pairOf(user, host string) string { return user + "\x00" + host }

func (a attempts) at(key string, now time.Time) failures {
	f := a[key]
	if now.Sub(f.last) > longestLock {
		return failures{}
	}
	return f
}

func (a attempts) add(key string, now time.Time) {
	a.makeRoom(key)
	a[key] = failures{count: a.at(key, now).count + 1, last: now}
}

// makeRoom forgets the key with the fewest failures, of those the one that
// failed longest ago, if there are too many for another. Every key took a hash to
// make, beside which the search is cheap.
func (a attempts) makeRoom(key string) {
	if _, known := a[key]; known || len(a) < maxThrottled {
		return
	}
	var least string
	first := true
	for k, f := range a {
		if l := a[least]; first || f.count < l.count || f.count == l.count && f.last.Before(l.last) {
			least, first = k, false
		}
	}
	delete(a, least)
}

// lock is how long attempts are still refused.
func (f failures) lock(threshold int, now time.Time) time.Duration {
	if f.count < threshold {
		return 0
	}
	lock := min(firstLock<<min(f.count-threshold, 10), longestLock)
	return max(0, lock-now.Sub(f.last))
}
