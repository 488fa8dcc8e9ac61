package health

import (
	"context"
	"errors"
)

var errServing = errors.New("serving")

// Wait returns as soon as the service is Serving, with nil. Otherwise it
// returns what Watch does, and in either case the last that was seen: its Time
// is zero if nothing was. A Conn with ConnectParams(WaitBackoff) is back at
// once after a restart.
func (c *Client) Wait(ctx context.Context, service string) (Report, error) {
	last := Report{Service: service}
	w := &watcher{Client: c, service: service, poll: WaitBackoff, backoff: Backoff{Max: WaitBackoff}}
	w.report = func(r Report) error {
		last = r
		if r.Status == Serving {
			return errServing
		}
		return nil
	}
	err := w.run(ctx)
	if errors.Is(err, errServing) {
		err = nil
	} else if w.begun {
		last.Err = w.last.Err
	}
	return last, err
}
