package store

import "context"

// follow calls look, now and whenever there may be news of the topic, until it
// reports that it found some, or fails.
func (s *Store) follow(ctx context.Context, topic string, look func() (found bool, err error)) error {
	for {
		// Taken before the look, so that a commit after it is not missed.
		wakeup := s.wakeup(topic)
		if found, err := look(); found || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-wakeup:
		}
	}
}
