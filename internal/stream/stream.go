// Package stream moves encoded messages over one RPC of any kind.
//
// Messages are wire bytes: whoever calls brings a source of requests and a
// sink of responses, and decides what the bytes mean.
package stream

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Requests is a source of encoded request messages.
type Requests interface {
	// Next returns the next request, which the pump owns from then on;
	// io.EOF ends the requests. Next is called by one goroutine at a time, and
	// may block for as long as it likes: Pump does not wait for it.
	Next() ([]byte, error)
}

// Responses is a sink of what the server sends. Its methods are called in
// order by one goroutine. An error from Header or Message cancels the call
// and is returned by Pump, with two exceptions: [Stop] ends the call without
// failing it, and an error that is a gRPC status becomes the call's status,
// which is how a sink refuses a message that is not of the method's type.
type Responses interface {
	// Header takes the initial metadata. It is not called for a response that
	// consists of trailers alone.
	Header(metadata.MD) error
	// Message takes one response, valid until it returns.
	Message([]byte) error
	// Trailer takes the trailing metadata and the status, once and last. A
	// status other than OK is a result like any other; it is never nil.
	Trailer(metadata.MD, *status.Status) error
}

var (
	// ErrExtraRequest reports a second request for a method that takes one.
	ErrExtraRequest = errors.New("method takes one request, got more")
	// Stop is what Responses return to end the call as if the server had ended
	// it with OK: the caller has all that it wants.
	Stop = errors.New("stop")
)

// Counts says how many messages one call moved.
type Counts struct {
	Sent     int // requests handed to the transport
	Received int // responses handed to the sink
}

// Pump calls m on cc: it sends what in gives, hands what arrives to out, and
// returns when the server has ended the call, ctx has ended, or a side failed.
//
// Every call goes through NewStream, unary ones too, so interceptors for
// streams and stats handlers see all of them, and unary interceptors none. A
// method that takes one request is sent an empty one when in has none.
//
// The error is ours, not the server's: a bad request, a broken sink. Whenever
// the call had begun, out.Trailer is called before Pump returns it. A call of
// Next may still be under way when Pump returns; what it gives is dropped.
func Pump(ctx context.Context, cc grpc.ClientConnInterface, m protoreflect.MethodDescriptor, in Requests, out Responses) (Counts, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !m.IsStreamingClient() {
		one, err := Single(ctx, in)
		if err != nil {
			if ctx.Err() != nil {
				return Counts{}, out.Trailer(nil, status.FromContextError(ctx.Err()))
			}
			return Counts{}, err
		}
		in = one
	}
	desc := &grpc.StreamDesc{
		StreamName:    string(m.Name()),
		ClientStreams: m.IsStreamingClient(),
		ServerStreams: m.IsStreamingServer(),
	}
	st, err := cc.NewStream(ctx, desc, Path(m), grpc.ForceCodecV2(codec{}))
	if err != nil {
		return Counts{}, out.Trailer(nil, ended(err))
	}
	s := &sender{stream: st, in: in, cancel: cancel, failed: make(chan error, 1)}
	go s.run(ctx)
	received, err := receive(st, m.IsStreamingServer(), out)
	err = s.finish(st, out, err)
	cancel()
	return Counts{Sent: s.count(), Received: received}, err
}

// Path returns the HTTP/2 path of m: "/package.Service/Method".
func Path(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

// Single reads the one request of a method that takes one, an empty one if in
// has none, and makes sure that in has no second. It returns when ctx ends, with
// the cause of that, even if in still blocks.
func Single(ctx context.Context, in Requests) (Requests, error) {
	type read struct {
		request []byte
		err     error
	}
	done := make(chan read, 1)
	go func() {
		request, err := in.Next()
		if errors.Is(err, io.EOF) {
			done <- read{request: []byte{}}
			return
		}
		if err == nil {
			if _, err = in.Next(); err == nil {
				err = ErrExtraRequest
			} else if errors.Is(err, io.EOF) {
				err = nil
			}
		}
		done <- read{request, err}
	}()
	select {
	case r := <-done:
		return Messages(r.request), r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// sender is the half of a call that writes. Its goroutine ends with the
// call's context, or when a blocked Next returns after that.
type sender struct {
	stream grpc.ClientStream
	in     Requests
	cancel context.CancelFunc
	failed chan error // holds at most the one failure

	sending sync.Mutex // held while the transport takes a request
	sent    int        // requests that it took
}

// badRequest marks a failure of the source, as opposed to the transport's.
type badRequest struct{ error }

func (s *sender) run(ctx context.Context) {
	for {
		request, err := s.in.Next()
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, io.EOF) {
			// The receiver learns of a broken stream by itself.
			_ = s.stream.CloseSend()
			return
		}
		if err != nil {
			err = badRequest{err}
		} else if err = s.send(request); errors.Is(err, io.EOF) {
			return // the server has ended the call; the receiver has its status
		}
		if err != nil {
			s.failed <- err
			s.cancel()
			return
		}
	}
}

func (s *sender) send(request []byte) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	err := s.stream.SendMsg(request)
	if err == nil {
		s.sent++
	}
	return err
}

// count returns how many requests were sent. The call's context has ended, so
// the transport does not keep it waiting for one that it is taking.
func (s *sender) count() int {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.sent
}

// badSink marks a failure of the sink.
type badSink struct{ error }

// receive moves responses until the call ends. grpc-go's RecvMsg returns the one
// response of a method that is not server-streaming only after it has seen the
// end of the call, so a second read would have nothing to say.
func receive(st grpc.ClientStream, many bool, out Responses) (received int, err error) {
	if header, err := st.Header(); err == nil && header != nil {
		if err := out.Header(header); err != nil {
			return 0, badSink{err}
		}
	}
	var message []byte
	for {
		if err := st.RecvMsg(&message); errors.Is(err, io.EOF) {
			return received, nil
		} else if err != nil {
			return received, err
		}
		received++
		if err := out.Message(message); err != nil {
			return received, badSink{err}
		}
		if !many {
			return received, nil
		}
	}
}

// finish hands the status to the sink and picks the error that explains the
// end: the sink's before the source's, the source's before the transport's.
func (s *sender) finish(st grpc.ClientStream, out Responses, err error) error {
	var sink badSink
	if errors.As(err, &sink) {
		s.cancel()
		if errors.Is(sink.error, Stop) {
			return out.Trailer(nil, status.New(codes.OK, "stopped by the caller"))
		}
		if verdict, ok := status.FromError(sink.error); ok {
			return out.Trailer(nil, verdict)
		}
		_ = out.Trailer(nil, status.New(codes.Canceled, "cancelled: the output failed"))
		return sink.error
	}
	var failure error
	select {
	case failure = <-s.failed:
	default:
	}
	var source badRequest
	if errors.As(failure, &source) {
		if trailerErr := out.Trailer(st.Trailer(), ended(err)); trailerErr != nil {
			return trailerErr
		}
		return source.error
	}
	if failure != nil {
		// The transport refused a request, for its size for instance; the
		// CANCELLED that the receiver saw is only the echo of that.
		err = failure
	}
	return out.Trailer(st.Trailer(), ended(err))
}

// ended returns the status of a call that ended with err, OK for nil.
func ended(err error) *status.Status {
	if err == nil {
		return status.New(codes.OK, "")
	}
	return status.Convert(err)
}
