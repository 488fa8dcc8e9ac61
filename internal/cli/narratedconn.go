package cli

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/grpcx/grpcx/internal/invoke"
)

// calls narrates the calls that generated types make over conn.
func (n *narrator) calls(conn grpc.ClientConnInterface) grpc.ClientConnInterface {
	if n == nil {
		return conn
	}
	return &narratedConn{narrator: n, conn: conn}
}

type narratedConn struct {
	*narrator
	conn grpc.ClientConnInterface
}

// opens tells what begins a call.
func (c *narratedConn) opens(ctx context.Context, method string) {
	c.say('>', "POST %s", method)
	if deadline, ok := ctx.Deadline(); ok {
		c.say('>', "grpc-timeout: %v", time.Until(deadline).Round(time.Millisecond))
	}
	if md, ok := metadata.FromOutgoingContext(ctx); ok {
		c.metadata('>', md)
	}
}

// ends tells what a call ended with.
func (c *narratedConn) ends(trailer metadata.MD, err error, took time.Duration) {
	c.metadata('<', trailer)
	st := status.Convert(err)
	c.say('<', "status %s (%d)", invoke.CodeName(st.Code()), st.Code())
	c.say('*', "call took %s", milliseconds(took))
}

// encoded dumps a message of a generated type.
func (c *narratedConn) encoded(mark byte, number int, m any) {
	if p, ok := m.(proto.Message); ok {
		// What cannot be encoded has failed on the wire too, and is told as its status.
		wire, _ := proto.Marshal(p)
		c.dump(mark, number, wire)
	}
}

func (c *narratedConn) Invoke(ctx context.Context, method string, args, reply any, o ...grpc.CallOption) error {
	began := time.Now()
	c.opens(ctx, method)
	c.encoded('>', 1, args)
	var header, trailer metadata.MD
	err := c.conn.Invoke(ctx, method, args, reply, append(o[:len(o):len(o)], grpc.Header(&header), grpc.Trailer(&trailer))...)
	c.metadata('<', header)
	if err == nil {
		c.encoded('<', 1, reply)
	}
	c.ends(trailer, err, time.Since(began))
	return err
}

func (c *narratedConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	began := time.Now()
	c.opens(ctx, method)
	stream, err := c.conn.NewStream(ctx, desc, method, o...)
	if err != nil {
		c.ends(nil, err, time.Since(began))
		return nil, err
	}
	return &narratedStream{ClientStream: stream, conn: c, began: began}, nil
}

// narratedStream is a stream whose sender and receiver are one goroutine each.
type narratedStream struct {
	grpc.ClientStream
	conn           *narratedConn
	began          time.Time
	sent, received int
}

func (s *narratedStream) SendMsg(m any) error {
	s.sent++
	s.conn.encoded('>', s.sent, m)
	return s.ClientStream.SendMsg(m)
}

func (s *narratedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	switch {
	case err == nil:
		if s.received == 0 {
			// A message has come, so the header has: this does not wait.
			if md, headerErr := s.Header(); headerErr == nil {
				s.conn.metadata('<', md)
			}
		}
		s.received++
		s.conn.encoded('<', s.received, m)
	case errors.Is(err, io.EOF):
		s.conn.ends(s.Trailer(), nil, time.Since(s.began))
	default:
		s.conn.ends(s.Trailer(), err, time.Since(s.began))
	}
	return err
}
