package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/grpcx/grpcx/internal/pipe"
	"github.com/grpcx/grpcx/internal/stream"
)

// batch makes a unary call for each request, and one with an empty request if
// there is none. At most s.concurrency calls are under way at once; responses
// and failures are shown in the order of the requests. It ends at the first
// failure unless s.keepGoing, and returns the first failure. Calls that are
// under way then are not cut off: their servers may have done their work.
func (s *session) batch(ctx context.Context, source *input) error {
	in, err := readAhead(source)
	if err != nil {
		return err
	}
	if s.concurrency == 1 {
		return s.sequence(ctx, in)
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	places := make(chan struct{}, s.concurrency)
	calls := make(chan *pending, s.concurrency)
	var readErr error
	go func() {
		defer close(calls)
		for n := 0; ; n++ {
			select {
			case places <- struct{}{}:
			case <-reading.Done():
				return
			}
			request, err := next(reading, in, n)
			if err != nil {
				if !errors.Is(err, io.EOF) && reading.Err() == nil {
					readErr = err
				}
				return
			}
			c := &pending{done: make(chan struct{})}
			calls <- c
			go c.run(ctx, s, n+1, request)
		}
	}()
	done, first := s.show(calls, places, stop)
	s.summarise(done, first)
	switch {
	case first == nil && readErr == nil:
		return context.Cause(ctx)
	case first == nil:
		return readErr
	case readErr != nil:
		s.printError(s.Err, readErr)
	}
	return first
}

// sequence is a batch of one call at a time: each call is made before the
// next request is read, so a person or a program can answer what it sees.
func (s *session) sequence(ctx context.Context, in requests) error {
	var first error
	var done tally
	for n := 0; ; n++ {
		request, err := next(ctx, in, n)
		if errors.Is(err, io.EOF) {
			s.summarise(done, first)
			return first
		}
		if err != nil {
			return err
		}
		number := n + 1
		if n == 0 && !s.keepGoing {
			number = 0 // it may be the only one
		}
		err = s.one(ctx, number, stream.Messages(request), s.out, s.Err)
		if err == nil {
			done.succeeded++
			continue
		}
		done.failed++
		if first == nil {
			first = err
		}
		if !s.keepGoing || ctx.Err() != nil || !isStatus(err) {
			s.summarise(done, first)
			return first
		}
	}
}

// requests is a source of requests.
type requests = stream.Requests

// readAhead reads what in has, if that is known to end and is not large, so
// that a mistake in the last request is found before the first is sent.
func readAhead(in *input) (requests, error) {
	if !in.finite(maxReadAhead) {
		return in, nil
	}
	var all [][]byte
	for {
		request, err := in.Next()
		if errors.Is(err, io.EOF) {
			return stream.Messages(all...), nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, request)
	}
}

// maxReadAhead is how many bytes of input are read before the first call.
const maxReadAhead = 16 << 20

// next reads the nth request, from 0, until ctx ends. No request at all is one
// empty request.
func next(ctx context.Context, in requests, n int) ([]byte, error) {
	request, err := pipe.Within(ctx, in.Next)
	if n == 0 && errors.Is(err, io.EOF) {
		return []byte{}, nil
	}
	return request, err
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

func (c *pending) run(ctx context.Context, s *session, number int, request []byte) {
	defer close(c.done)
	c.err = s.one(ctx, number, stream.Messages(request), &c.out, &c.problems)
}

// tally counts the calls of a batch.
type tally struct{ succeeded, failed int }

// show writes what the calls have to show, in order, and frees the place of
// each. It calls stop at a failure that ends the batch.
func (s *session) show(calls <-chan *pending, places <-chan struct{}, stop func()) (done tally, first error) {
	for c := range calls {
		<-c.done
		<-places
		_, writeErr := s.out.Write(c.out.Bytes())
		_, _ = s.Err.Write(c.problems.Bytes())
		if c.err == nil && writeErr == nil {
			done.succeeded++
			continue
		}
		done.failed++
		if first == nil {
			first = errors.Join(c.err, writeErr)
		}
		if !s.keepGoing || !isStatus(c.err) {
			stop()
		}
	}
	return done, first
}

// summarise says how a batch went that did not go well.
func (s *session) summarise(t tally, first error) {
	if first == nil || t.succeeded+t.failed < 2 {
		return
	}
	rest := ""
	if !s.keepGoing {
		rest = "; --keep-going would have sent the rest"
	}
	_, _ = fmt.Fprintf(s.Err, "* %d calls succeeded, %d failed%s\n", t.succeeded, t.failed, rest)
}
