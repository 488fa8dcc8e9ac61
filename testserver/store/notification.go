package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// topicNotifications is woken by new notifications.
const topicNotifications = "notifications"

// userTopic begins the topics that belong to one user each, whose id follows.
const userTopic = "user:"

// Notification is something that was published.
type Notification struct {
	ID      string // compares as Seq does
	Seq     int64  // rises in the order of publication
	Topic   string
	Type    string
	Message string
	Data    map[string]string
	At      time.Time
}

// Validate returns an Error of code Invalid that names every bad field, or nil.
func (n Notification) Validate() error {
	return invalid("notification", badFields(
		field{"topic", badText(n.Topic, maxName)},
		field{"type", badText(n.Type, maxName)},
		field{"message", badBody(n.Message, maxContent)},
		field{"data", badMetadata(n.Data)},
	))
}

// Subscription is the wish of one stream to hear of notifications.
type Subscription struct {
	ID     string // identifies it on all nodes
	UserID string
	Topics []string // none means all
	Node   string   // of the server that has the stream
}

// Validate returns an Error of code Invalid that names every bad field, or nil.
func (s Subscription) Validate() error {
	topics := ""
	if len(s.Topics) > maxTopics {
		topics = fmt.Sprintf("has more than %d entries", maxTopics)
	}
	for _, t := range s.Topics {
		if reason := badText(t, maxName); reason != "" && topics == "" {
			topics = "has an entry that " + reason
		}
	}
	return invalid("subscription", badFields(field{"user_id", badText(s.UserID, maxName)}, field{"topics", topics}))
}

// Wants tells whether the subscription hears of a topic. Those of a user are
// for that user's subscriptions alone.
func (s Subscription) Wants(topic string) bool {
	if user := TopicUser(topic); user != "" && user != s.UserID {
		return false
	}
	return len(s.Topics) == 0 || slices.Contains(s.Topics, topic)
}

// TopicUser returns the user to whom a topic belongs, or "".
func TopicUser(topic string) string {
	user, _ := strings.CutPrefix(topic, userTopic)
	if user == topic {
		return ""
	}
	return user
}

// Publish stores a notification, and returns it as stored with the number of
// subscriptions, of all nodes, that want it.
func (s *Store) Publish(ctx context.Context, n Notification) (Notification, int, error) {
	if err := n.Validate(); err != nil {
		return Notification{}, 0, fmt.Errorf("publish: %w", err)
	}
	data, err := json.Marshal(n.Data)
	if err != nil {
		return Notification{}, 0, fmt.Errorf("publish: %w", err)
	}
	stored, wanted := n, 0
	err = s.grouped(ctx, topicNotifications, func(g *group) error {
		last, err := g.takeNotification(1)
		if err != nil {
			return err
		}
		stored.Seq, stored.ID, stored.At = last, notificationID(last), s.now()
		if _, err := g.tx.ExecContext(g.ctx, `INSERT INTO notifications (seq, topic, type, message, data, at)
			VALUES ($1, $2, $3, $4, $5, $6)`, last, n.Topic, n.Type, n.Message, string(data), stored.At.UnixMicro()); err != nil {
			return err
		}
		if keep := s.opts.KeepNotifications; last%max(1, keep/10) == 0 {
			if _, err := g.tx.ExecContext(g.ctx, `DELETE FROM notifications WHERE seq <= $1`, last-keep); err != nil {
				return err
			}
		}
		return g.tx.QueryRowContext(g.ctx, `SELECT
			(SELECT COUNT(*) FROM subscriptions WHERE all_topics AND ($2 = '' OR user_id = $2)) +
			(SELECT COUNT(*) FROM subscription_topics t JOIN subscriptions s ON s.id = t.subscription
				WHERE t.topic = $1 AND ($2 = '' OR s.user_id = $2))`, n.Topic, TopicUser(n.Topic)).Scan(&wanted)
	})
	if err != nil {
		return Notification{}, 0, fmt.Errorf("publish: %w", err)
	}
	return stored, wanted, nil
}

// takeNotification takes n numbers under the lock that orders publications and
// subscriptions, and returns the last that was taken.
func (g *group) takeNotification(n int) (last int64, err error) {
	err = g.tx.QueryRowContext(g.ctx, `UPDATE sequences SET last = last + $1 WHERE name = 'notifications' RETURNING last`, n).Scan(&last)
	return last, err
}

// Subscribe puts a subscription in force, and returns the number of the last
// notification before. A node that was found dead is NotFound.
func (s *Store) Subscribe(ctx context.Context, sub Subscription) (int64, error) {
	if err := sub.Validate(); err != nil {
		return 0, fmt.Errorf("subscribe: %w", err)
	}
	topics := map[string]bool{}
	for _, t := range sub.Topics {
		topics[t] = true
	}
	var after int64
	err := s.grouped(ctx, topicNotifications, func(g *group) (err error) {
		if err := g.lockNode(sub.Node); err != nil {
			return err
		}
		if after, err = g.takeNotification(0); err != nil {
			return err
		}
		if _, err := g.tx.ExecContext(g.ctx, `INSERT INTO subscriptions (id, user_id, all_topics, node) VALUES ($1, $2, $3, $4)`,
			sub.ID, sub.UserID, len(topics) == 0, sub.Node); err != nil {
			return err
		}
		for _, t := range slices.Sorted(maps.Keys(topics)) {
			if _, err := g.tx.ExecContext(g.ctx, `INSERT INTO subscription_topics (topic, subscription) VALUES ($1, $2)`, t, sub.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("subscribe: %w", err)
	}
	return after, nil
}

// Unsubscribe ends a subscription; one that is not there is no error.
func (s *Store) Unsubscribe(ctx context.Context, id string) error {
	err := s.grouped(ctx, topicNotifications, func(g *group) error {
		_, err := g.tx.ExecContext(g.ctx, `DELETE FROM subscriptions WHERE id = $1`, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("unsubscribe: %w", err)
	}
	return nil
}

// NotificationFeed delivers all notifications, each once, in order. One
// goroutine at a time may use it; it holds nothing that must be closed.
type NotificationFeed struct {
	store *Store
	last  int64
}

// FollowNotifications returns a feed of the notifications from now on.
func (s *Store) FollowNotifications(ctx context.Context) (*NotificationFeed, error) {
	f := &NotificationFeed{store: s}
	err := s.reader.QueryRowContext(ctx, `SELECT last FROM sequences WHERE name = 'notifications'`).Scan(&f.last)
	if err != nil {
		return nil, fmt.Errorf("follow notifications: %w", cause(ctx, err))
	}
	return f, nil
}

// Last is the number of the last notification before those that Next returns.
func (f *NotificationFeed) Last() int64 { return f.last }

// Next waits for notifications and returns at least one of them. It fails with
// the code Lagging when some were dropped before the feed came to them. After any
// other error it goes on where it was.
func (f *NotificationFeed) Next(ctx context.Context) ([]Notification, error) {
	var news []Notification
	err := f.store.follow(ctx, topicNotifications, func() (bool, error) {
		var err error
		news, err = f.store.NotificationsAfter(ctx, f.last)
		return len(news) > 0, err
	})
	if err != nil {
		return nil, err
	}
	f.last = news[len(news)-1].Seq
	return news, nil
}

// NotificationsAfter returns the next notifications after the one of that
// number, none if there are none. It fails with the code Lagging when the first
// of them is no longer kept.
func (s *Store) NotificationsAfter(ctx context.Context, after int64) ([]Notification, error) {
	var last int64
	err := s.reader.QueryRowContext(ctx, `SELECT last FROM sequences WHERE name = 'notifications'`).Scan(&last)
	if err == nil && last <= after {
		return nil, nil
	}
	var news []Notification
	if err == nil {
		news, err = readNotifications(ctx, s.reader, after)
	}
	if err == nil && (len(news) == 0 || news[0].Seq != after+1) {
		err = &Error{Code: Lagging, Kind: "notifications", Index: -1}
	}
	if err != nil {
		return nil, fmt.Errorf("read notifications: %w", cause(ctx, err))
	}
	return news, nil
}

func readNotifications(ctx context.Context, q querier, after int64) ([]Notification, error) {
	rows, err := q.QueryContext(ctx, `SELECT seq, topic, type, message, data, at FROM notifications
		WHERE seq > $1 ORDER BY seq LIMIT $2`, after, messagesPerRead)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var news []Notification
	for size := 0; size < feedBytes && rows.Next(); {
		var n Notification
		var data []byte
		var at int64
		if err := rows.Scan(&n.Seq, &n.Topic, &n.Type, &n.Message, &data, &at); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &n.Data); err != nil {
			return nil, fmt.Errorf("notification %d: %w", n.Seq, err)
		}
		n.ID, n.At = notificationID(n.Seq), time.UnixMicro(at).UTC()
		news = append(news, n)
		size += len(n.Message) + len(data)
	}
	return news, rows.Err()
}

func notificationID(seq int64) string { return fmt.Sprintf("%016d", seq) }
