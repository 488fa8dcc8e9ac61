package stream

import (
	"context"
	"io"
	"time"
)

// Messages is a source that gives the messages in their order.
func Messages(messages ...[]byte) Requests { return &list{messages} }

type list struct{ messages [][]byte }

func (l *list) Next() ([]byte, error) {
	if len(l.messages) == 0 {
		return nil, io.EOF
	}
	m := l.messages[0]
	l.messages = l.messages[1:]
	return m, nil
}

// Paced gives what in gives, each request at least interval after the one
// before it. A wait ends with ctx.
func Paced(ctx context.Context, in Requests, interval time.Duration) Requests {
	return &paced{ctx: ctx, in: in, interval: interval}
}

type paced struct {
	ctx      context.Context
	in       Requests
	interval time.Duration
	started  bool
}

func (p *paced) Next() ([]byte, error) {
	m, err := p.in.Next()
	if err != nil {
		return nil, err
	}
	if p.started {
		if err := wait(p.ctx, p.interval); err != nil {
			return nil, err
		}
	}
	p.started = true
	return m, nil
}

// Held gives what in gives, and ends d later than in does: the call's send
// side stays open that long. The wait ends with ctx.
func Held(ctx context.Context, in Requests, d time.Duration) Requests {
	return &held{ctx: ctx, in: in, d: d}
}

type held struct {
	ctx context.Context
	in  Requests
	d   time.Duration
}

func (h *held) Next() ([]byte, error) {
	m, err := h.in.Next()
	if err == io.EOF {
		if err := wait(h.ctx, h.d); err != nil {
			return nil, err
		}
	}
	return m, err
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
