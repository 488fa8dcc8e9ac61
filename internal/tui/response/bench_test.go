package response

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/grpcx/grpcx/internal/tui/traffic"
	"github.com/grpcx/grpcx/testserver/proto/userservice"
)

// stock is a connection whose every call gives the same messages.
type stock struct {
	grpc.ClientConnInterface
	message []byte
	count   int
}

func (s *stock) NewStream(ctx context.Context, _ *grpc.StreamDesc, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return &stockStream{ctx: ctx, stock: s}, nil
}

type stockStream struct {
	grpc.ClientStream
	ctx   context.Context
	stock *stock
	given int
}

func (s *stockStream) Context() context.Context     { return s.ctx }
func (s *stockStream) Header() (metadata.MD, error) { return metadata.MD{}, nil }
func (s *stockStream) Trailer() metadata.MD         { return nil }
func (s *stockStream) CloseSend() error             { return nil }
func (s *stockStream) SendMsg(any) error            { return nil }
func (s *stockStream) RecvMsg(m any) error {
	if s.given == s.stock.count {
		<-s.ctx.Done()
		return s.ctx.Err()
	}
	s.given++
	*m.(*[]byte) = append((*m.(*[]byte))[:0], s.stock.message...)
	return nil
}

// BenchmarkView draws 200 by 50 cells under a stream, with new rows each time, with
// one key's move of the selection each time, and with nothing new.
func BenchmarkView(b *testing.B) {
	small := encode(b, &userservice.ListUsersResponse{Users: []*userservice.User{ada(1)}, Total: 1})
	huge := &userservice.ListUsersResponse{}
	for n := range 30_000 {
		huge.Users = append(huge.Users, ada(n))
	}
	for _, messages := range []struct {
		name  string
		wire  []byte
		count int
	}{{"small", small, 1000}, {"4MiB", encode(b, huge), 60}} {
		m := New(Options{Styles: colours()})
		call := traffic.Start(b.Context(), &stock{message: messages.wire, count: messages.count}, traffic.Options{
			Method: method("ListUsers"), Requests: [][]byte{nil}, MaxBytes: 500 << 20,
		})
		for call.Snapshot().Received < messages.count {
			continue
		}
		m.SetCall(call, nil)
		for _, c := range []struct {
			name string
			next func(n int)
		}{
			{"new rows", func(n int) { m.list.drawn = nil; m.changed++ }},
			{"one key", func(n int) {
				if n%40 < 20 {
					m.Up()
				} else {
					m.Down()
				}
			}},
			{"cached", func(int) {}},
		} {
			b.Run(fmt.Sprintf("%s/%s", messages.name, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					c.next(n)
					m.View(200, 50, true)
				}
			})
		}
		m.choose(messages.count) // the last one received
		m.Expand()
		b.Run(messages.name+"/in full", func(b *testing.B) {
			for b.Loop() {
				m.detail.of = detailKey{}
				m.changed++
				m.View(200, 50, true)
			}
		})
		call.Cancel()
		<-call.Ended()
	}
}
