package store

import (
	"context"
	"database/sql"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// topicUsers is woken by changes of users.
const topicUsers = "users"

// wake tells those who wait for the topic, on this node and on the others, that
// there is news of it. It is called after the commit, and does not wait. The
// other nodes may miss it; they look by themselves once a PollInterval.
func (s *Store) wake(topic string) {
	s.wakeHere(topic)
	if s.notifier != nil {
		s.notifier.add(topic)
	}
}

// wakeup returns a channel that is closed when there may be news of the topic. It
// is taken before the database is read, so that nothing is missed in between.
func (s *Store) wakeup(topic string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed, ok := s.changed[topic]
	if !ok {
		changed = make(chan struct{})
		s.changed[topic] = changed
	}
	return changed
}

func (s *Store) wakeHere(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if changed, ok := s.changed[topic]; ok {
		close(changed)
		delete(s.changed, topic)
	}
}

// waiting returns the topics that somebody may wait for.
func (s *Store) waiting() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.changed))
}

// poll wakes the topics on which other processes may have done something, once a
// PollInterval. Watchers of users are many, so they are woken only where there
// is an event; other topics have few who wait, and these look for themselves.
func (s *Store) poll() {
	ticker := time.NewTicker(s.opts.PollInterval)
	defer ticker.Stop()
	seen := int64(-1)
	for {
		select {
		case <-s.running.Done():
			return
		case <-ticker.C:
		}
		for _, topic := range s.waiting() {
			if topic == topicUsers {
				last, err := s.lastEvent(s.running)
				if err != nil || last == seen {
					continue // after an outage, the next look finds what came
				}
				seen = last
			}
			s.wakeHere(topic)
		}
	}
}

func (s *Store) lastEvent(ctx context.Context) (int64, error) {
	var last int64
	err := s.reader.QueryRowContext(ctx, `SELECT last FROM sequences WHERE name = 'events'`).Scan(&last)
	return last, err
}

const (
	maxPendingTopics = 4096 // more are left to the polling of the other nodes
	maxTopic         = 4096 // bytes; a notification takes less than 8,000
	notifyTimeout    = 5 * time.Second
	reconnectDelay   = 200 * time.Millisecond
	maxReconnect     = 5 * time.Second
)

// notifier tells the other nodes of a PostgreSQL database which topics to wake.
// Its statements are transactions of their own: one that notified within a write
// would hold a lock of the whole server during its commit.
type notifier struct {
	db      *sql.DB
	config  *pgx.ConnConfig // of the connection that listens
	channel string
	node    string // says which notifications are our own
	running context.Context
	log     *slog.Logger

	mu      sync.Mutex
	pending map[string]struct{}
	ready   chan struct{} // holds a token while something is pending
}

func (n *notifier) add(topic string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.pending) == maxPendingTopics || len(topic) > maxTopic {
		return
	}
	n.pending[topic] = struct{}{}
	select {
	case n.ready <- struct{}{}:
	default:
	}
}

func (n *notifier) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	topics := slices.Collect(maps.Keys(n.pending))
	clear(n.pending)
	return topics
}

// send notifies of what is pending until the store is closed. What cannot be
// sent is left to the polling of the other nodes.
func (n *notifier) send() {
	for {
		select {
		case <-n.running.Done():
			return
		case <-n.ready:
		}
		ctx, cancel := context.WithTimeout(n.running, notifyTimeout)
		_, err := n.db.ExecContext(ctx, `SELECT pg_notify($1::text, $2::text || topic) FROM unnest($3::text[]) AS topic`,
			n.channel, n.node+" ", n.take())
		cancel()
		if err != nil && n.running.Err() == nil {
			n.log.Debug("notify other nodes", "error", err)
		}
	}
}

// listen wakes what other nodes notify of, until the store is closed. It connects
// again whenever the connection is lost.
func (s *Store) listen() {
	delay := reconnectDelay
	for {
		listening, err := s.listenOnce(s.running)
		if s.running.Err() != nil {
			return
		}
		s.opts.Logger.Warn("listen to other nodes; polling meanwhile", "error", err)
		if listening {
			delay = reconnectDelay
		}
		if pause(s.running, delay) != nil {
			return
		}
		delay = min(2*delay, maxReconnect)
	}
}

// listenOnce listens on one connection until that is lost, and tells whether it
// came to listening.
func (s *Store) listenOnce(ctx context.Context) (listening bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, s.notifier.config)
	if err != nil {
		return false, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{s.notifier.channel}.Sanitize()); err != nil {
		return false, err
	}
	// What was notified while nobody listened.
	for _, topic := range s.waiting() {
		s.wakeHere(topic)
	}
	for {
		if err := s.heed(ctx, conn); err != nil {
			return true, err
		}
	}
}

// heed wakes the topic of the next notification. After a long silence it looks
// whether the server is still there.
func (s *Store) heed(ctx context.Context, conn *pgx.Conn) error {
	wait, cancel := context.WithTimeout(ctx, s.opts.listenCheck)
	defer cancel()
	n, err := conn.WaitForNotification(wait)
	if err == nil {
		if node, topic, ok := strings.Cut(n.Payload, " "); ok && node != s.notifier.node {
			s.wakeHere(topic)
		}
		return nil
	}
	if wait.Err() == nil || ctx.Err() != nil {
		return err
	}
	check, cancel := context.WithTimeout(ctx, s.opts.listenCheck)
	defer cancel()
	return conn.Ping(check)
}
