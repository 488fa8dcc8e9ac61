package oneport

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// method is one method as net/http serves it.
type method struct {
	service, name string
	clientStreams bool
	serverStreams bool
	handler       func() http.Handler // made when it is called first
}

func (m *method) path() string { return "/" + m.service + "/" + m.name }

func (s *Server) registerMethods(desc *grpc.ServiceDesc, impl any) {
	for i := range desc.Methods {
		d := &desc.Methods[i]
		m := &method{service: desc.ServiceName, name: d.MethodName}
		m.handler = sync.OnceValue(func() http.Handler { return s.unaryHandler(m, d, impl) })
		s.methods[m.path()] = m
	}
	for i := range desc.Streams {
		d := &desc.Streams[i]
		m := &method{service: desc.ServiceName, name: d.StreamName, clientStreams: d.ClientStreams, serverStreams: d.ServerStreams}
		m.handler = sync.OnceValue(func() http.Handler { return s.streamHandler(m, d, impl) })
		s.methods[m.path()] = m
	}
}

func (s *Server) handlerOptions(m *method) []connect.HandlerOption {
	return append(codecs(),
		connect.WithReadMaxBytes(s.cfg.MaxMessageBytes),
		connect.WithCompressMinBytes(minCompressed),
		connect.WithRequestGate(heed),
		connect.WithIdempotency(m.idempotency()),
	)
}

// minCompressed is the size in bytes from which a message gains by gzip.
const minCompressed = 512

// idempotency tells whether the method may be called by GET.
func (m *method) idempotency() connect.IdempotencyLevel {
	d, _ := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(m.service))
	if service, ok := d.(protoreflect.ServiceDescriptor); ok {
		if method := service.Methods().ByName(protoreflect.Name(m.name)); method != nil {
			if options, ok := method.Options().(*descriptorpb.MethodOptions); ok {
				return connect.IdempotencyLevel(options.GetIdempotencyLevel())
			}
		}
	}
	return connect.IdempotencyUnknown
}

func (s *Server) unaryHandler(m *method, desc *grpc.MethodDesc, impl any) http.Handler {
	handle := func(ctx context.Context, req *connect.Request[envelope]) (*connect.Response[envelope], error) {
		t := &transportStream{method: m.path()}
		ctx, err := s.callContext(ctx, t)
		if err != nil {
			return nil, toConnect(err)
		}
		decode := func(message any) error {
			if err := req.Msg.decode(message); err != nil {
				return status.Errorf(codes.InvalidArgument, "decode request: %v", err)
			}
			return nil
		}
		resp, err := desc.Handler(impl, ctx, decode, s.cfg.UnaryInterceptor)
		header, trailer := t.end()
		if info, ok := connect.CallInfoForHandlerContext(ctx); ok {
			setHeaders(info.ResponseHeader(), header)
			setHeaders(info.ResponseTrailer(), trailer)
		}
		if err != nil {
			return nil, toConnect(err)
		}
		return connect.NewResponse(&envelope{message: resp}), nil
	}
	return connect.NewUnaryHandler(m.path(), handle, s.handlerOptions(m)...)
}

func (s *Server) streamHandler(m *method, desc *grpc.StreamDesc, impl any) http.Handler {
	info := &grpc.StreamServerInfo{FullMethod: m.path(), IsClientStream: desc.ClientStreams, IsServerStream: desc.ServerStreams}
	handle := func(ctx context.Context, c connect.StreamingHandlerConn, first *envelope) error {
		stream := newWebStream(m.path(), exchangeOf(ctx), c, first)
		var err error
		if stream.ctx, err = s.callContext(ctx, streamTransport{stream}); err != nil {
			return toConnect(err)
		}
		if s.cfg.StreamInterceptor == nil {
			err = desc.Handler(impl, stream)
		} else {
			err = s.cfg.StreamInterceptor(impl, stream, info, desc.Handler)
		}
		stream.finish()
		return toConnect(err)
	}
	opts := s.handlerOptions(m)
	switch {
	case m.clientStreams && m.serverStreams:
		return connect.NewBidiStreamHandler(m.path(), func(ctx context.Context, b *connect.BidiStream[envelope, envelope]) error {
			return handle(ctx, b.Conn(), nil)
		}, opts...)
	case m.serverStreams:
		return connect.NewServerStreamHandler(m.path(), func(ctx context.Context, req *connect.Request[envelope], ss *connect.ServerStream[envelope]) error {
			return handle(ctx, ss.Conn(), req.Msg)
		}, opts...)
	}
	return connect.NewClientStreamHandler(m.path(), func(ctx context.Context, cs *connect.ClientStream[envelope]) (*connect.Response[envelope], error) {
		single := &singleResponse{StreamingHandlerConn: cs.Conn()}
		if err := handle(ctx, single, nil); err != nil {
			return nil, err
		}
		if single.message == nil {
			return nil, connect.NewError(connect.CodeInternal, errors.New("the handler sent no response"))
		}
		return connect.NewResponse(&envelope{message: single.message}), nil
	}, opts...)
}

// singleResponse keeps the response of a client stream, which connect-go sends
// when the handler has returned.
type singleResponse struct {
	connect.StreamingHandlerConn
	message any
}

func (c *singleResponse) Send(message any) error {
	if message == nil { // the header alone
		return c.StreamingHandlerConn.Send(nil)
	}
	if c.message != nil {
		return connect.NewError(connect.CodeInternal, errors.New("a second response to one call"))
	}
	c.message = message
	return nil
}

// callContext returns the context of a handler of grpc-go.
func (s *Server) callContext(ctx context.Context, t grpc.ServerTransportStream) (context.Context, error) {
	x := exchangeOf(ctx)
	md, err := incoming(x.request)
	if err != nil {
		return nil, err
	}
	ctx = metadata.NewIncomingContext(ctx, md)
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: x.conn.RemoteAddr(), LocalAddr: x.conn.LocalAddr(), AuthInfo: x.conn.auth})
	return grpc.NewContextWithServerTransportStream(ctx, t), nil
}
