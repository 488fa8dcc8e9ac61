package testserver

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/testserver/store"
)

const (
	// beatInterval is the time between signs of life of a node.
	beatInterval = 2 * time.Second
	// beatsToDie is how many looks at a node without a new sign of life it takes to
	// find it dead, and how many failures to give a sign to give oneself up.
	beatsToDie = 5
	// farewellTime bounds what is done in the store after a stream has ended.
	farewellTime = 5 * time.Second
)

// errLostNode ends the streams of a node that the others take for dead.
func errLostNode() error {
	return status.Error(codes.Unavailable, "this server lost touch with the others; begin the stream again")
}

// presence keeps this node known to those that share its store for as long as it
// has streams that others must know of, and removes what nodes left that died.
// The nodes' clocks are not compared: each counts the signs of life that it sees.
type presence struct {
	store *store.Store
	log   *slog.Logger

	mu     sync.Mutex
	stay   *stay                         // nil while there are no streams
	undone []func(context.Context) error // farewells of the stay that failed

	seen map[string]sighting // by id of node; run's alone
}

// stay is a time through which the node is known under one id.
type stay struct {
	node    string
	streams int
	missed  int             // signs of life that failed, in a row; run's alone
	ctx     context.Context // ends when the node is lost, with an error as its cause
	lose    context.CancelCauseFunc
}

// sighting is what a node looked like, and how often in a row.
type sighting struct {
	beat  int64
	times int
}

func newPresence(s *store.Store, log *slog.Logger) *presence {
	return &presence{store: s, log: log, seen: map[string]sighting{}}
}

// enter returns the stay to which a new stream belongs; exit ends that.
func (p *presence) enter(ctx context.Context) (*stay, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stay == nil {
		node := rand.Text()
		if err := p.store.AddNode(ctx, node); err != nil {
			return nil, err
		}
		st := &stay{node: node}
		st.ctx, st.lose = context.WithCancelCause(context.Background())
		p.stay = st
	}
	p.stay.streams++
	return p.stay, nil
}

// exit ends what a stream has in the store by farewell, which is tried again
// later if it fails.
func (p *presence) exit(ctx context.Context, st *stay, farewell func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
	defer cancel()
	err := farewell(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	st.streams--
	if err != nil && store.CodeOf(err) == 0 && p.stay == st { // others remove what a lost stay left
		p.log.LogAttrs(ctx, slog.LevelWarn, "end of a stream", slog.Any("error", err))
		p.undone = append(p.undone, farewell)
	}
}

// lost gives the stay up: its streams end, and others remove what it left.
func (p *presence) lost(st *stay) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stay == st {
		p.stay, p.undone = nil, nil
	}
	st.lose(errLostNode())
}

// judge returns the error of a stream that wanted to belong to the stay. The
// stay is lost if the store says so.
func (p *presence) judge(st *stay, err error) error {
	if e, ok := errors.AsType[*store.Error](err); ok && e.Code == store.NotFound && e.Kind == "node" {
		p.lost(st)
		return errLostNode()
	}
	return err
}

// run gives signs of life, looks for those of others, and does what is undone,
// until ctx ends.
func (p *presence) run(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := p.tick(ctx); err != nil && ctx.Err() == nil {
			p.log.LogAttrs(ctx, slog.LevelWarn, "presence", slog.Any("error", err))
		}
	}
}

func (p *presence) tick(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, farewellTime)
	defer cancel()
	if !p.store.Shared() {
		return p.finish(ctx)
	}
	return errors.Join(p.beat(ctx), p.finish(ctx), p.look(ctx))
}

// beat gives a sign of life, or retires the node if it has no streams.
func (p *presence) beat(ctx context.Context) error {
	p.mu.Lock()
	st := p.stay
	idle := st != nil && st.streams == 0
	if idle {
		p.stay = nil
	}
	p.mu.Unlock()
	switch {
	case st == nil:
		return nil
	case idle:
		return p.store.RetireNode(ctx, st.node)
	}
	err := p.store.Beat(ctx, st.node)
	switch {
	case err == nil:
		st.missed = 0
	case store.CodeOf(err) != store.NotFound && st.missed+1 < beatsToDie:
		st.missed++
	default:
		p.lost(st)
	}
	return err
}

// finish tries again what failed when streams ended.
func (p *presence) finish(ctx context.Context) error {
	p.mu.Lock()
	undone := p.undone
	p.undone = nil
	p.mu.Unlock()
	for i, farewell := range undone {
		if err := farewell(ctx); err != nil && store.CodeOf(err) == 0 {
			p.mu.Lock()
			p.undone = append(p.undone, undone[i:]...)
			p.mu.Unlock()
			return err
		}
	}
	return nil
}

// look removes the nodes that are dead.
func (p *presence) look(ctx context.Context) error {
	nodes, err := p.store.Nodes(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	own := p.stay
	p.mu.Unlock()
	seen := make(map[string]sighting, len(nodes))
	for _, n := range nodes {
		if own != nil && n.ID == own.node {
			continue
		}
		now := sighting{beat: n.Beat, times: 1}
		if before := p.seen[n.ID]; before.beat == n.Beat {
			now.times += before.times
		}
		seen[n.ID] = now
		if n.Dead || now.times > beatsToDie {
			p.log.LogAttrs(ctx, slog.LevelWarn, "node died", slog.String("node", n.ID))
			if err := p.store.RemoveNode(ctx, n); err != nil {
				return err
			}
		}
	}
	p.seen = seen
	return nil
}

// close retires the node; there are no streams any more. If it fails, others
// find the node dead.
func (p *presence) close() {
	ctx, cancel := context.WithTimeout(context.Background(), farewellTime)
	defer cancel()
	p.mu.Lock()
	st := p.stay
	p.stay = nil
	p.mu.Unlock()
	if st == nil {
		return
	}
	defer st.lose(nil)
	if err := p.store.RetireNode(ctx, st.node); err != nil {
		p.log.LogAttrs(ctx, slog.LevelWarn, "presence", slog.Any("error", err))
	}
}

// newStream returns an id for a stream.
func newStream() string { return rand.Text() }
