package testserver

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/testserver/store"
)

const (
	grantPoll        = 250 * time.Millisecond
	grantPollTimeout = 5 * time.Second
)

// grantWatch ends streams whose credentials do not hold any more. One goroutine
// asks for all of them, and only while there are any: the cost does not grow
// with the streams. While the store cannot be asked, streams go on, as nobody
// can tell; new calls fail.
//
// A stream outlives the access token that it began with: what ends it is the end
// of the session.
type grantWatch struct {
	auth   *authenticator
	wanted chan struct{} // holds a token when there is something to watch again

	mu     sync.Mutex
	feed   *store.Revocations // nil until there was something to watch
	grants map[string]*watchedGrant
	seen   *identities // with which all grants stand
}

type watchedGrant struct {
	*grant
	calls map[*call]struct{}
}

func newGrantWatch(a *authenticator) *grantWatch {
	return &grantWatch{auth: a, wanted: make(chan struct{}, 1), grants: map[string]*watchedGrant{}}
}

// watch has the call interrupted when the grant ends, until stop is called.
func (w *grantWatch) watch(ctx context.Context, c *call, g *grant) (stop func(), err error) {
	if err := w.add(ctx, c, g); err != nil {
		return nil, err
	}
	// What was found before may be as old as the cache, and the end of the grant
	// older than the watch.
	if _, err := w.auth.recheck(ctx, g); err != nil {
		w.remove(c, g)
		return nil, err
	}
	return func() { w.remove(c, g) }, nil
}

func (w *grantWatch) add(ctx context.Context, c *call, g *grant) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.feed == nil {
		feed, err := w.auth.store.Revocations(ctx)
		if err != nil {
			return err
		}
		w.feed, w.seen = feed, w.auth.identities()
	}
	entry, ok := w.grants[g.name]
	if !ok {
		entry = &watchedGrant{grant: g, calls: map[*call]struct{}{}}
		w.grants[g.name] = entry
	}
	entry.calls[c] = struct{}{}
	select {
	case w.wanted <- struct{}{}:
	default:
	}
	return nil
}

func (w *grantWatch) remove(c *call, g *grant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	entry, ok := w.grants[g.name]
	if !ok {
		return
	}
	delete(entry.calls, c)
	if len(entry.calls) == 0 {
		delete(w.grants, g.name)
	}
}

// end interrupts the calls of a grant.
func (w *grantWatch) end(name string, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	entry, ok := w.grants[name]
	if !ok {
		return
	}
	for c := range entry.calls {
		c.interrupt(cause)
	}
	delete(w.grants, name)
}

// run watches until ctx ends.
func (w *grantWatch) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wanted:
		}
		timer := time.NewTimer(grantPoll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if w.poll(ctx) {
			select {
			case w.wanted <- struct{}{}:
			default:
			}
		}
	}
}

// poll ends what does not hold any more, and tells whether something is left.
func (w *grantWatch) poll(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, grantPollTimeout)
	defer cancel()
	gone, err := w.feed.Read(ctx)
	if err == nil {
		for _, id := range gone.Sessions {
			w.auth.sessions.forget(id)
			w.end("session "+id, errSessionEnded())
		}
		for id := range gone.Users {
			w.auth.users.forget(id)
		}
	}
	for _, g := range w.suspects(gone) {
		until, err := w.auth.recheck(ctx, g)
		switch {
		case status.Code(err) == codes.Unauthenticated:
			w.end(g.name, err)
		case err == nil:
			w.extend(g.name, until)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.grants) > 0
}

// suspects are the grants that have to be looked at.
func (w *grantWatch) suspects(gone store.Withdrawn) []*grant {
	ids, now := w.auth.identities(), w.auth.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	all := gone.Any || ids != w.seen
	w.seen = ids
	var suspects []*grant
	for _, g := range w.grants {
		_, changed := gone.Users[g.UserID]
		if all || changed || !g.until.IsZero() && !g.until.After(now) {
			suspects = append(suspects, g.grant)
		}
	}
	return suspects
}

// extend notes that a grant holds for longer than it was known to.
func (w *grantWatch) extend(name string, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if entry, ok := w.grants[name]; ok && !entry.until.Equal(until) {
		longer := *entry.grant
		longer.until = until
		entry.grant = &longer
	}
}

// recheck returns until when a grant holds, as the store knows it now.
func (a *authenticator) recheck(ctx context.Context, g *grant) (until time.Time, err error) {
	if !g.standing(a.identities()) {
		return time.Time{}, errSessionEnded()
	}
	until = g.until
	if g.session != "" {
		sess, err := a.store.Session(ctx, g.session)
		if store.CodeOf(err) == store.NotFound {
			return time.Time{}, errSessionEnded()
		}
		if err != nil {
			return time.Time{}, err
		}
		until = sess.ExpiresAt
	}
	ok, err := a.store.InForce(ctx, g.UserID)
	if err == nil && !ok {
		err = errNotActive()
	}
	return until, err
}

// ended makes the end of a session known on this node at once; the others find
// it in the store.
func (a *authenticator) ended(session string) {
	a.sessions.forget(session)
	a.watched.end("session "+session, errSessionEnded())
}

// errSessionEnded ends the streams of what was revoked, removed or changed.
func errSessionEnded() error {
	return unauthenticated("SESSION_ENDED", "the session has ended, or the credentials were revoked")
}

func errNotActive() error {
	return unauthenticated("USER_NOT_ACTIVE", "the user of these credentials does not exist or is not active")
}
