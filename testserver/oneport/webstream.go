package oneport

import (
	"context"
	"errors"
	"io"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// transportStream collects the metadata that the handler of a call sends. It
// implements grpc.ServerTransportStream.
type transportStream struct {
	method string

	mu      sync.Mutex
	header  metadata.MD
	trailer metadata.MD
	sent    bool // the header
	over    bool // the call; the handler may run on
}

func (t *transportStream) Method() string { return t.method }

func (t *transportStream) SetHeader(md metadata.MD) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over:
		return errOver()
	case t.sent:
		return status.Error(codes.Internal, "the header is sent already")
	}
	t.header = metadata.Join(t.header, md)
	return nil
}

// SendHeader ends the header; of a unary call it travels with the response.
func (t *transportStream) SendHeader(md metadata.MD) error {
	if err := t.SetHeader(md); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = true
	return nil
}

func (t *transportStream) SetTrailer(md metadata.MD) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return errOver()
	}
	t.trailer = metadata.Join(t.trailer, md)
	return nil
}

// end lets in no more metadata and returns what there is.
func (t *transportStream) end() (header, trailer metadata.MD) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	return t.header, t.trailer
}

func errOver() error { return status.Error(codes.Canceled, "the call has ended") }

// webStream is a stream as the handlers of grpc-go know it, over connect-go. When
// the call is ended over its head, a handler that runs on gets errors, and
// net/http is left alone.
type webStream struct {
	transportStream
	ctx      context.Context
	exchange *exchange
	conn     connect.StreamingHandlerConn // nil: the call has no messages
	first    *envelope                    // the request of a client that does not stream, until it is taken
	single   bool                         // the client does not stream

	uses  int        // of conn under way; guarded by mu
	quiet *sync.Cond // uses is 0
}

func newWebStream(method string, x *exchange, c connect.StreamingHandlerConn, first *envelope) *webStream {
	s := &webStream{exchange: x, conn: c, first: first, single: first != nil || c == nil}
	s.method = method
	s.quiet = sync.NewCond(&s.mu)
	return s
}

func (s *webStream) Context() context.Context { return s.ctx }

// use runs a function that uses conn, unless the call is over.
func (s *webStream) use(fn func() error) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.uses--; s.uses == 0 {
			s.quiet.Broadcast()
		}
	}()
	err := fn()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return io.EOF
	case s.ctx.Err() != nil: // which is why the exchange broke
		return status.FromContextError(s.ctx.Err()).Err()
	}
	return fromConnect(err)
}

func (s *webStream) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return errOver()
	}
	if err := s.ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	s.uses++
	return nil
}

func (s *webStream) RecvMsg(message any) error {
	if !s.single {
		return s.use(func() error { return s.conn.Receive(message) })
	}
	first := s.first
	if first == nil {
		return io.EOF
	}
	s.first = nil
	if err := first.decode(message); err != nil {
		return status.Errorf(codes.InvalidArgument, "decode request: %v", err)
	}
	return nil
}

func (s *webStream) SendMsg(message any) error { return s.send(message) }

// SendHeader sends the header at once.
func (s *webStream) SendHeader(md metadata.MD) error {
	if err := s.SetHeader(md); err != nil {
		return err
	}
	return s.send(nil)
}

// send sends a message after the header; nil is the header alone.
func (s *webStream) send(message any) error {
	if s.conn == nil {
		return status.Error(codes.Internal, "this call has no messages")
	}
	return s.use(func() error {
		s.writeHeader()
		return s.exchange.write(func() error { return s.conn.Send(message) })
	})
}

// writeHeader gives the header to connect-go, once.
func (s *webStream) writeHeader() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sent {
		s.sent = true
		setHeaders(s.conn.ResponseHeader(), s.header)
	}
}

func (s *webStream) SetTrailer(md metadata.MD) {
	_ = s.transportStream.SetTrailer(md) // fails when the call is over
}

// finish interrupts what is under way, if anything is, and leaves the header and
// the trailer to connect-go.
func (s *webStream) finish() {
	_, trailer := s.end()
	s.mu.Lock()
	for s.uses > 0 {
		s.mu.Unlock()
		s.exchange.interrupt()
		s.mu.Lock()
		if s.uses > 0 {
			s.quiet.Wait()
		}
	}
	s.mu.Unlock()
	s.writeHeader()
	setHeaders(s.conn.ResponseTrailer(), trailer)
}

// streamTransport is a webStream as a grpc.ServerTransportStream.
type streamTransport struct{ *webStream }

func (t streamTransport) SetTrailer(md metadata.MD) error {
	return t.transportStream.SetTrailer(md)
}
