package testserver

import (
	"fmt"
	"testing"
	"time"
)

// refused tells for how long an attempt is.
func refused(th *throttle, user, host string) time.Duration {
	_, locked := th.check(user, host)
	return locked
}

func fail(th *throttle, n int, user, host string) {
	for range n {
		th.failed(user, host)
	}
}

func TestThrottleOfOneUserFromOneHost(t *testing.T) {
	cl := &clock{}
	th := newThrottle(cl.now, 200*time.Millisecond)
	var delays []time.Duration
	for range failuresToLock {
		delay, locked := th.check("ada", "h")
		if locked != 0 {
			t.Fatalf("locked for %v after %d failures", locked, len(delays))
		}
		delays = append(delays, delay)
		th.failed("ada", "h")
	}
	if got := fmt.Sprint(delays); got != "[0s 0s 0s 200ms 400ms 800ms 1.6s 3.2s]" {
		t.Errorf("delays %s", got)
	}
	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		if got := refused(th, "ada", "h"); got != want {
			t.Errorf("locked for %v, want %v", got, want)
		}
		cl.advance(want)
		if got := refused(th, "ada", "h"); got != 0 {
			t.Errorf("locked for %v after the lock", got)
		}
		th.failed("ada", "h")
	}
	if refused(th, "bob", "h") != 0 || refused(th, "ada", "other") != 0 {
		t.Error("another user or host is locked too")
	}
	th.succeeded("ada", "h")
	if delay, locked := th.check("ada", "h"); delay != 0 || locked != 0 {
		t.Errorf("after a success: %v, %v", delay, locked)
	}
	fail(th, failuresToLock, "ada", "h")
	cl.advance(longestLock + time.Second)
	th.failed("ada", "h")
	if delay, locked := th.check("ada", "h"); delay != 0 || locked != 0 {
		t.Errorf("old failures count: %v, %v", delay, locked)
	}
}

func TestThrottleOfGuessesSpreadOverUsers(t *testing.T) {
	cl := &clock{}
	th := newThrottle(cl.now, time.Millisecond)
	th.succeeded("ada", "office")
	for i := range hostFailuresToLock {
		if refused(th, "new", "office") != 0 {
			t.Fatalf("locked after %d failures", i)
		}
		th.failed(fmt.Sprint("user", i), "office")
	}
	if got := refused(th, "new", "office"); got != firstLock {
		t.Errorf("the host is locked for %v, want %v", got, firstLock)
	}
	if refused(th, "ada", "office") != 0 {
		t.Error("who logged in from there before is locked out")
	}
	if refused(th, "new", "elsewhere") != 0 {
		t.Error("another host is locked")
	}
	th.succeeded("mallory", "office")
	if refused(th, "new", "office") == 0 {
		t.Error("a login of the guesser's own forgave the guesses")
	}
}

func TestThrottleOfGuessesSpreadOverHosts(t *testing.T) {
	cl := &clock{}
	th := newThrottle(cl.now, time.Millisecond)
	th.succeeded("ada", "home")
	for i := range userFailuresToLock {
		if refused(th, "ada", "new") != 0 {
			t.Fatalf("locked after %d failures", i)
		}
		th.failed("ada", fmt.Sprint("bot", i))
	}
	if got := refused(th, "ada", "new"); got != userLock {
		t.Errorf("the user is locked for %v, want %v", got, userLock)
	}
	if refused(th, "ada", "home") != 0 {
		t.Error("the user is locked out at home")
	}
	if refused(th, "bob", "new") != 0 {
		t.Error("another user is locked")
	}
	// However many hosts there are, the guesses of a day are few.
	guesses := 0
	for second := range 24 * 60 * 60 {
		cl.advance(time.Second)
		if host := fmt.Sprint("fresh", second%5000); refused(th, "ada", host) == 0 {
			th.failed("ada", host)
			guesses++
		}
	}
	if guesses > 24*60*60/10 {
		t.Errorf("%d guesses in a day", guesses)
	}
	cl.advance(trustTime)
	fail(th, 1, "ada", "bot")
	if refused(th, "ada", "home") != 0 {
		t.Error("one failure after a quiet time locks")
	}
}

func TestThrottleIsBounded(t *testing.T) {
	cl := &clock{}
	th := newThrottle(cl.now, time.Millisecond)
	fail(th, failuresToLock, "ada", "h")
	for i := range maxThrottled + 100 {
		cl.advance(time.Microsecond)
		fail(th, 1, fmt.Sprint("user", i), fmt.Sprint("host", i))
		th.succeeded(fmt.Sprint("friend", i), "h")
	}
	for name, a := range map[string]attempts{"pairs": th.pairs, "hosts": th.hosts, "users": th.users, "trusted": th.trusted} {
		if len(a) > maxThrottled {
			t.Errorf("%d %s", len(a), name)
		}
	}
	if refused(th, "ada", "h") == 0 {
		t.Error("a guesser crowded its own failures out")
	}
}

func TestAttemptsAtOnceAreBounded(t *testing.T) {
	th := newThrottle(time.Now, time.Millisecond)
	for i := range maxHostAttempts {
		if !th.enter("h") {
			t.Fatalf("refused after %d", i)
		}
	}
	if th.enter("h") {
		t.Error("one host has all the room that it likes")
	}
	for i := range maxAttempts - maxHostAttempts {
		if !th.enter(fmt.Sprint(i)) {
			t.Fatalf("refused after %d of other hosts", i)
		}
	}
	if th.enter("another") {
		t.Error("more than the most in all")
	}
	th.leave("h")
	if !th.enter("another") {
		t.Error("no room after one left")
	}
	for range maxHostAttempts - 1 {
		th.leave("h")
	}
	for i := range maxAttempts - maxHostAttempts {
		th.leave(fmt.Sprint(i))
	}
	th.leave("another")
	if th.total != 0 || len(th.underWay) != 0 {
		t.Errorf("%d under way, %v", th.total, th.underWay)
	}
}
