package cli

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/grpcx/grpcx/internal/stream"
)

// batch makes a unary call for each request, and one with an empty request if
// there is none. At most s.concurrency calls are under way at once; responses
// and failures are shown in the order of the requests. It ends at the first
// failure unless s.keepGoing, and returns the first failure.
func (s *session) batch(ctx context.Context, in *input) error {
	if s.concurrency == 1 {
		return s.sequence(ctx, in)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	places := make(chan struct{}, s.concurrency)
	calls := make(chan *pending, s.concurrency)
	var reading error
	go func() {
		defer close(calls)
		for n := 0; ; n++ {
			select {
			case places <- struct{}{}:
			case <-ctx.Done():
				return
			}
			request, err := next(ctx, in, n)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					reading = err
				}
				return
			}
			c := &pending{done: make(chan struct{})}
			calls <- c
			go c.run(ctx, s, request)
		}
	}()
	first := s.show(calls, places, cancel)
	if first == nil {
		first = reading
	}
	return first
}

// sequence is a batch of one call at a time: each call is made before the
// next request is read, so a person or a program can answer what it sees.
func (s *session) sequence(ctx context.Context, in *input) error {
	var first error
	for n := 0; ; n++ {
		request, err := next(ctx, in, n)
		if errors.Is(err, io.EOF) {
			return first
		}
		if err != nil {
			return err
		}
		if err := s.one(ctx, stream.Messages(request), s.out, s.Err); err != nil {
			if first == nil {
				first = err
			}
			if !s.keepGoing || ctx.Err() != nil || !isStatus(err) {
				return first
			}
		}
	}
}

// next reads the nth request, from 0, and gives up when ctx ends. No request
// at all is one empty request.
func next(ctx context.Context, in *input, n int) ([]byte, error) {
	type read struct {
		request []byte
		err     error
	}
	done := make(chan read, 1)
	go func() {
		request, err := in.Next()
		done <- read{request, err}
	}()
	select {
	case r := <-done:
		if n == 0 && errors.Is(r.err, io.EOF) {
			return []byte{}, nil
		}
		return r.request, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func isStatus(err error) bool {
	var call *statusError
	return errors.As(err, &call)
}

// pending is one call of a concurrent batch; what it shows waits for its turn.
type pending struct {
	out, problems bytes.Buffer
	err           error
	done          chan struct{}
}

func (c *pending) run(ctx context.Context, s *session, request []byte) {
	defer close(c.done)
	c.err = s.one(ctx, stream.Messages(request), &c.out, &c.problems)
}

// show writes what the calls have to show, in order, and frees the place of
// each. After a failure that ends the batch it cancels what is under way,
// and waits for it.
func (s *session) show(calls <-chan *pending, places <-chan struct{}, cancel context.CancelFunc) error {
	var first error
	ended := false
	for c := range calls {
		<-c.done
		<-places
		if ended {
			continue
		}
		_, writeErr := s.out.Write(c.out.Bytes())
		_, _ = s.Err.Write(c.problems.Bytes())
		err := errors.Join(c.err, writeErr)
		if err == nil {
			continue
		}
		if first == nil {
			first = err
		}
		if !s.keepGoing || !isStatus(c.err) {
			ended = true
			cancel()
		}
	}
	return first
}
