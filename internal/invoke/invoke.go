// Package invoke makes one call and says how it went.
package invoke

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/stream"
)

// Call is one call to be made.
type Call struct {
	Method protoreflect.MethodDescriptor
	// Metadata goes with the call; values of "-bin" keys are raw bytes.
	Metadata metadata.MD
	// Timeout is the call's own deadline, sent to the server; 0 means none.
	Timeout   time.Duration
	Requests  stream.Requests
	Responses stream.Responses
}

// Result says how a call went.
type Result struct {
	// Status is what ended the call, nil if the call did not begin. Any code
	// is a result, not an error.
	Status *status.Status
	// Stopped is true if Responses ended the call with [stream.Stop].
	Stopped        bool
	Sent, Received int
	Elapsed        time.Duration
}

// Do makes the call on cc and returns when it has ended. The error means that
// we failed (a bad request, a broken sink); the Result then tells how far the
// call had come.
func Do(ctx context.Context, cc grpc.ClientConnInterface, c Call) (Result, error) {
	if len(c.Metadata) > 0 {
		ctx = metadata.NewOutgoingContext(ctx, c.Metadata)
	}
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	w := &witness{Responses: c.Responses}
	start := time.Now()
	counts, err := stream.Pump(ctx, cc, c.Method, c.Requests, w)
	return Result{
		Status:   w.status,
		Stopped:  w.stopped,
		Sent:     counts.Sent,
		Received: counts.Received,
		Elapsed:  time.Since(start),
	}, err
}

// witness notes how the call ended on its way to the sink.
type witness struct {
	stream.Responses
	status  *status.Status
	stopped bool
}

func (w *witness) Message(m []byte) error {
	err := w.Responses.Message(m)
	w.stopped = errors.Is(err, stream.Stop)
	return err
}

func (w *witness) Trailer(md metadata.MD, st *status.Status) error {
	w.status = st
	return w.Responses.Trailer(md, st)
}
