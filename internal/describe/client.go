package describe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	rpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	methodV1      = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	methodV1Alpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

	firstWindow = 4        // questions asked ahead at first; it grows with every answer
	maxWindow   = 64       // questions asked ahead at most
	maxAhead    = 16 << 10 // bytes asked ahead: far below the flow-control windows, so that asking never waits for reading
)

// A question is one request and the end of its answer.
type question struct {
	request *rpb.ServerReflectionRequest
	// answered takes the answer. Its error ends the whole exchange.
	answered func(*rpb.ServerReflectionResponse) error
}

// A client keeps one reflection stream, in the version that the server speaks.
// The messages of v1 and v1alpha are the same on the wire. It is not safe for
// concurrent use.
type client struct {
	ctx      context.Context // ends the stream
	cc       grpc.ClientConnInterface
	timeout  time.Duration // of one exchange
	maxBytes int           // of one answer, and of all answers of one exchange
	limit    int           // of questions in one exchange

	method string // the version that worked, or ""
	stream grpc.ClientStream
	cancel context.CancelFunc // of stream
}

// exchange asks what next returns, until it returns nil and all answers are
// in. An answer may make next return more.
func (c *client) exchange(ctx context.Context, next func() *question) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %v: %w", c.timeout, context.DeadlineExceeded))
	defer cancel()
	x := &exchange{client: c, next: next}
	err := x.run(ctx)
	switch {
	case err == nil:
		return nil
	case context.Cause(c.ctx) != nil:
		return fmt.Errorf("reflection: %w", context.Cause(c.ctx))
	case context.Cause(ctx) != nil:
		return fmt.Errorf("reflection: %w", context.Cause(ctx))
	}
	return fmt.Errorf("reflection: %w", err)
}

// close ends the stream, if there is one; the next exchange opens another.
func (c *client) close() {
	if c.cancel != nil {
		c.cancel()
	}
	c.stream, c.cancel = nil, nil
}

type exchange struct {
	*client
	next    func() *question
	again   []*question // asked on a stream that broke, oldest first
	ahead   []*question // asked, not answered, oldest first
	bytes   int         // of ahead
	window  int
	asked   int
	read    int  // bytes of answers
	answers int  // on the current stream
	fatal   bool // the error is not the stream's
}

// run tries again on a new stream as long as that brings an answer, and once
// where it does not.
func (x *exchange) run(ctx context.Context) error {
	tried := false // without an answer
	for {
		err := x.attempt(ctx)
		if err == nil {
			return nil
		}
		x.close()
		if x.fatal || ctx.Err() != nil || x.ctx.Err() != nil {
			return err
		}
		if x.method == "" {
			return x.otherVersion(ctx, err)
		}
		if x.answers == 0 {
			if tried || !breaks(err) {
				return unsupported(err)
			}
			tried = true
		}
	}
}

// otherVersion asks again in v1alpha after v1 failed with err.
func (x *exchange) otherVersion(ctx context.Context, err error) error {
	if !speaksOther(err) {
		return err
	}
	x.method = methodV1Alpha
	err2 := x.attempt(ctx)
	if err2 == nil {
		return nil
	}
	x.close()
	if x.answers > 0 {
		return err2
	}
	x.method = ""
	if x.fatal {
		return err2
	}
	// Which of the two errors says more? Not the one that says "unknown method".
	if status.Code(err) == codes.Unimplemented {
		err = err2
	}
	return unsupported(err)
}

// speaksOther reports whether a failure of v1 leaves hope for v1alpha. Proxies
// answer what they do not let through in many ways.
func speaksOther(err error) bool {
	switch status.Code(err) {
	case codes.Unimplemented, codes.Unavailable, codes.NotFound, codes.Internal, codes.PermissionDenied, codes.Unknown:
		return true
	}
	return false
}

// breaks reports whether a stream that ended this way may work the next time.
func breaks(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.Internal, codes.Unknown, codes.Canceled, codes.Aborted:
		return true
	}
	return false
}

func unsupported(err error) error {
	switch status.Code(err) {
	case codes.Unimplemented, codes.NotFound:
		return fmt.Errorf("%w: %w", ErrNoReflection, err)
	}
	return err
}

// attempt carries the exchange on over one stream. Its error is the stream's,
// with a gRPC status, unless fatal is set.
func (x *exchange) attempt(ctx context.Context) error {
	x.again, x.ahead, x.bytes = append(x.ahead, x.again...), nil, 0
	x.window, x.answers = firstWindow, 0
	var streamCtx context.Context
	if x.stream == nil {
		streamCtx, x.cancel = context.WithCancel(x.ctx)
	}
	stop := context.AfterFunc(ctx, x.cancel)
	defer func() {
		if !stop() {
			x.close()
		}
	}()
	if x.stream == nil {
		if err := x.open(streamCtx); err != nil {
			return err
		}
	}
	for {
		if err := x.ask(); err != nil {
			return err
		}
		if len(x.ahead) == 0 {
			return nil
		}
		if err := x.answer(); err != nil {
			return err
		}
	}
}

func (x *exchange) open(ctx context.Context) error {
	method := x.method
	if method == "" {
		method = methodV1
	}
	desc := &grpc.StreamDesc{StreamName: "ServerReflectionInfo", ClientStreams: true, ServerStreams: true}
	stream, err := x.cc.NewStream(ctx, desc, method, grpc.MaxCallRecvMsgSize(x.maxBytes))
	if err != nil {
		return err // run closes what was begun
	}
	x.stream = stream
	return nil
}

// ask sends what may be sent before the next answer is read.
func (x *exchange) ask() error {
	for len(x.ahead) < x.window && (x.bytes < maxAhead || len(x.ahead) == 0) {
		q := x.pop()
		if q == nil {
			return nil
		}
		x.ahead = append(x.ahead, q)
		x.bytes += proto.Size(q.request)
		if err := x.stream.SendMsg(q.request); err != nil {
			return x.ended(err)
		}
	}
	return nil
}

func (x *exchange) pop() *question {
	if len(x.again) > 0 {
		q := x.again[0]
		x.again = x.again[1:]
		return q
	}
	return x.next()
}

// ended returns how the stream ended after SendMsg failed with err.
func (x *exchange) ended(err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	if err := x.stream.RecvMsg(new(rpb.ServerReflectionResponse)); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return errStreamEnded()
}

func errStreamEnded() error {
	return status.Error(codes.Unavailable, "the server ended the reflection stream")
}

// answer reads the answer to the oldest question. The server answers in order;
// what it says it was asked is not looked at.
func (x *exchange) answer() error {
	response := new(rpb.ServerReflectionResponse)
	if err := x.stream.RecvMsg(response); errors.Is(err, io.EOF) {
		return errStreamEnded()
	} else if err != nil {
		return err
	}
	q := x.ahead[0]
	x.ahead = x.ahead[1:]
	x.bytes -= proto.Size(q.request)
	x.window = min(2*x.window, maxWindow)
	x.answers++
	x.asked++
	x.read += proto.Size(response)
	if x.method == "" {
		x.method = methodV1
	}
	switch {
	case x.read > x.maxBytes:
		return x.giveUp(fmt.Errorf("more than %d bytes of answers", x.maxBytes))
	case x.asked > x.limit:
		return x.giveUp(fmt.Errorf("more than %d questions", x.limit))
	}
	if err := q.answered(response); err != nil {
		return x.giveUp(err)
	}
	return nil
}

func (x *exchange) giveUp(err error) error {
	x.fatal = true
	return err
}
