package store

import (
	"context"
	"errors"
	"time"
)

// maxOutage is how long a feed goes on when the database is gone.
const maxOutage = time.Minute

// follow calls look, now and whenever there may be news of the topic, until it
// reports that it found some, or fails. It outlives a restart of the database.
func (s *Store) follow(ctx context.Context, topic string, look func() (found bool, err error)) error {
	var lost time.Time
	for {
		// Taken before the look, so that a commit after it is not missed.
		wakeup := s.wakeup(topic)
		found, err := look()
		switch {
		case errors.Is(err, ErrUnavailable) && (lost.IsZero() || time.Since(lost) < maxOutage):
			if lost.IsZero() {
				lost = time.Now()
			}
			if err := pause(ctx, reconnectDelay); err != nil {
				return err
			}
			continue
		case found || err != nil:
			return err
		}
		lost = time.Time{}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-wakeup:
		}
	}
}
