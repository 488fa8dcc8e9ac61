package traffic

import (
	"bytes"
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// observedConn tells its call of what goes out.
type observedConn struct {
	grpc.ClientConnInterface
	call *Call
	sink *sink
}

func (o *observedConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	st, err := o.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	if err != nil {
		return nil, err
	}
	o.sink.ctx = st.Context()
	o.call.note(func(p *progress) { mark(&p.Connected, o.call.now()) })
	return &observedStream{ClientStream: st, call: o.call}, nil
}

type observedStream struct {
	grpc.ClientStream
	call *Call
}

// SendMsg adds the entry and looks at the clock first: the answer must not come
// before it.
func (o *observedStream) SendMsg(m any) error {
	wire, ok := m.([]byte)
	if ok {
		o.call.add(Sent, wire)
	}
	began := o.call.now()
	err := o.ClientStream.SendMsg(m)
	if err == nil {
		o.call.note(func(p *progress) {
			p.Sent++
			p.SentBytes += int64(len(wire))
			mark(&p.FirstSent, began)
		})
	}
	return err
}

func (o *observedStream) CloseSend() error {
	err := o.ClientStream.CloseSend()
	o.call.note(func(p *progress) { mark(&p.SendClosed, o.call.now()) })
	return err
}

// note changes what is known of the call.
func (c *Call) note(change func(*progress)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.progress)
}

// now is the time since the call's start.
func (c *Call) now() time.Duration { return time.Since(c.start) }

// mark sets d to a moment, once. It is never 0 afterwards.
func mark(d *time.Duration, moment time.Duration) {
	if *d == 0 {
		*d = max(1, moment)
	}
}

// sink tells its call of what comes in.
type sink struct {
	call *Call
	ctx  context.Context // of the stream once there is one: holding ends with it
}

func (s *sink) Header(md metadata.MD) error {
	s.call.note(func(p *progress) {
		p.Header = md
		mark(&p.FirstByte, s.call.now())
	})
	return nil
}

func (s *sink) Message(wire []byte) error {
	s.call.waitWhileHeld(s.ctx)
	s.call.add(Received, bytes.Clone(wire))
	return nil
}

func (s *sink) Trailer(md metadata.MD, _ *status.Status) error {
	s.call.note(func(p *progress) {
		p.Trailer = md
		mark(&p.FirstByte, s.call.now())
	})
	return nil
}
