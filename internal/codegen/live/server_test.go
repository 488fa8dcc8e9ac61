//go:build codegen

package live

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcx/grpcx/testserver/oneport"
)

// startProbe serves the services of testdata/proto, over TLS unless cert is "",
// and returns the address.
func startProbe(t *testing.T, cert, key string) string {
	t.Helper()
	p := &probe{calls: map[string]*probedCall{}, types: compile(t)}
	cfg := oneport.Config{CORSOrigins: []string{"*"}}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	s := oneport.NewServer(cfg)
	for _, name := range []protoreflect.FullName{"kitchen.Kitchen", "probe.Probe", "names.request", "names.options", "names.transport", "names.Function"} {
		d, err := p.types.FindDescriptorByName(name)
		if err != nil {
			t.Fatal(err)
		}
		s.RegisterService(p.describe(d.(protoreflect.ServiceDescriptor)), p)
	}
	reflectionv1.RegisterServerReflectionServer(s, reflection.NewServerV1(reflection.ServerOptions{Services: s, DescriptorResolver: p.types}))
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// compiled are the files of testdata/proto.
type compiled struct{ linker }

type linker interface {
	FindFileByPath(string) (protoreflect.FileDescriptor, error)
	FindDescriptorByName(protoreflect.FullName) (protoreflect.Descriptor, error)
	FindExtensionByName(protoreflect.FullName) (protoreflect.ExtensionType, error)
	FindExtensionByNumber(protoreflect.FullName, protoreflect.FieldNumber) (protoreflect.ExtensionType, error)
	FindMessageByName(protoreflect.FullName) (protoreflect.MessageType, error)
	FindMessageByURL(string) (protoreflect.MessageType, error)
}

func compile(t *testing.T) compiled {
	t.Helper()
	c := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{"testdata/proto"}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := c.Compile(t.Context(), "kitchen.proto", "names.proto", "old.proto", "probe.proto")
	if err != nil {
		t.Fatal(err)
	}
	return compiled{files.AsResolver()}
}

// probe serves services that are known by their descriptors alone.
type probe struct {
	types compiled

	mu    sync.Mutex
	calls map[string]*probedCall // by the name that their first order gives
}

type probedCall struct {
	begun     chan struct{} // closed when its first order has come
	orders    int
	cancelled bool
	ended     chan struct{} // closed when the two above are final
}

// call returns the call of that name, which may be yet to come.
func (p *probe) call(name string) *probedCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.calls[name]
	if c == nil {
		c = &probedCall{begun: make(chan struct{}), ended: make(chan struct{})}
		p.calls[name] = c
	}
	return c
}

// describe makes every method of a service a stream, which costs a server nothing.
func (p *probe) describe(service protoreflect.ServiceDescriptor) *grpc.ServiceDesc {
	desc := &grpc.ServiceDesc{ServiceName: string(service.FullName()), HandlerType: (*any)(nil), Metadata: service.ParentFile().Path()}
	for i := range service.Methods().Len() {
		method := service.Methods().Get(i)
		handle := func(_ any, stream grpc.ServerStream) error { return p.handle(method, stream) }
		if !method.IsStreamingClient() && !method.IsStreamingServer() {
			desc.Methods = append(desc.Methods, grpc.MethodDesc{MethodName: string(method.Name()), Handler: p.unary(method)})
			continue
		}
		desc.Streams = append(desc.Streams, grpc.StreamDesc{
			StreamName: string(method.Name()), Handler: handle,
			ClientStreams: method.IsStreamingClient(), ServerStreams: method.IsStreamingServer(),
		})
	}
	return desc
}

// single is a unary call as a stream.
type single struct {
	grpc.ServerStream
	ctx      context.Context
	decode   func(any) error
	response proto.Message
}

func (s *single) Context() context.Context { return s.ctx }
func (s *single) SetHeader(md metadata.MD) error {
	return grpc.SetHeader(s.ctx, md)
}
func (s *single) SetTrailer(md metadata.MD) {
	_ = grpc.SetTrailer(s.ctx, md) // fails only outside of calls
}
func (s *single) RecvMsg(m any) error { return s.decode(m) }
func (s *single) SendMsg(m any) error { s.response = m.(proto.Message); return nil }

func (p *probe) unary(method protoreflect.MethodDescriptor) grpc.MethodHandler {
	return func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		s := &single{ctx: ctx, decode: decode}
		if err := p.handle(method, s); err != nil {
			return nil, err
		}
		return s.response, nil
	}
}

func (p *probe) handle(method protoreflect.MethodDescriptor, stream grpc.ServerStream) error {
	echoMetadata(stream)
	first := dynamicpb.NewMessage(method.Input())
	err := stream.RecvMsg(first)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case method.FullName() == "probe.Probe.Begun":
		return p.begun(method, first, stream)
	case method.FullName() == "probe.Probe.Ended":
		return p.ended(method, first, stream)
	case method.Parent().FullName() == "probe.Probe":
		if err != nil {
			return p.finish(method, stream, 0) // there are no orders
		}
		return p.obey(method, first, stream)
	case method.Parent().FullName() == "kitchen.Kitchen":
		return p.cook(method, first, stream)
	}
	// Of methods with names of interest, the first request comes back as far as
	// the response has its fields.
	response := dynamicpb.NewMessage(method.Output())
	b, err := proto.Marshal(first)
	if err == nil {
		err = proto.Unmarshal(b, response)
	}
	return errors.Join(err, stream.SendMsg(response))
}

// echoMetadata returns metadata whose names begin with header- and trailer-.
func echoMetadata(stream grpc.ServerStream) {
	received, _ := metadata.FromIncomingContext(stream.Context())
	header, trailer := metadata.MD{}, metadata.MD{}
	for name, values := range received {
		switch {
		case strings.HasPrefix(name, "header-"):
			header[name] = values
		case strings.HasPrefix(name, "trailer-"):
			trailer[name] = values
		}
	}
	_ = stream.SetHeader(header) // fails only after the first response
	stream.SetTrailer(trailer)
}

func (p *probe) cook(method protoreflect.MethodDescriptor, request *dynamicpb.Message, stream grpc.ServerStream) error {
	// Again, with the extensions.
	b, err := proto.Marshal(request)
	if err == nil {
		err = proto.UnmarshalOptions{Resolver: p.types}.Unmarshal(b, request)
	}
	if err != nil {
		return err
	}
	json, err := protojson.MarshalOptions{Resolver: p.types}.Marshal(request)
	if err != nil {
		return err
	}
	response := dynamicpb.NewMessage(method.Output())
	set(response, "json", protoreflect.ValueOfString(string(json)))
	set(response, "request", protoreflect.ValueOfMessage(request))
	return stream.SendMsg(response)
}

func (p *probe) begun(method protoreflect.MethodDescriptor, request *dynamicpb.Message, stream grpc.ServerStream) error {
	select {
	case <-p.call(get(request, "call").String()).begun:
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	return stream.SendMsg(dynamicpb.NewMessage(method.Output()))
}

func (p *probe) ended(method protoreflect.MethodDescriptor, request *dynamicpb.Message, stream grpc.ServerStream) error {
	call := p.call(get(request, "call").String())
	select {
	case <-call.ended:
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	response := dynamicpb.NewMessage(method.Output())
	set(response, "orders", protoreflect.ValueOfInt32(int32(call.orders)))
	set(response, "cancelled", protoreflect.ValueOfBool(call.cancelled))
	return stream.SendMsg(response)
}

// obey carries out the orders of a call, of which there is at least one.
func (p *probe) obey(method protoreflect.MethodDescriptor, order *dynamicpb.Message, stream grpc.ServerStream) error {
	orders := 0
	if name := get(order, "call").String(); name != "" {
		call := p.call(name)
		close(call.begun)
		defer func() {
			call.orders, call.cancelled = orders, stream.Context().Err() != nil
			close(call.ended)
		}()
	}
	sent := 0
	for {
		orders++
		if method.IsStreamingServer() {
			for range get(order, "results").Int() {
				sent++
				if err := stream.SendMsg(p.result(method, stream, sent, orders, int(get(order, "size").Int()))); err != nil {
					return err
				}
			}
		}
		if err := p.failure(order); err != nil {
			return err
		}
		if get(order, "hang").Bool() {
			<-stream.Context().Done()
			return status.FromContextError(stream.Context().Err()).Err()
		}
		if !method.IsStreamingClient() || get(order, "enough").Bool() {
			return p.finish(method, stream, orders)
		}
		order = dynamicpb.NewMessage(method.Input())
		if err := stream.RecvMsg(order); errors.Is(err, io.EOF) {
			return p.finish(method, stream, orders)
		} else if err != nil {
			return err
		}
	}
}

// finish sends the response of a method that has only one.
func (p *probe) finish(method protoreflect.MethodDescriptor, stream grpc.ServerStream, orders int) error {
	if method.IsStreamingServer() {
		return nil
	}
	return stream.SendMsg(p.result(method, stream, 1, orders, 0))
}

func (p *probe) result(method protoreflect.MethodDescriptor, stream grpc.ServerStream, number, orders, size int) proto.Message {
	result := dynamicpb.NewMessage(method.Output())
	set(result, "number", protoreflect.ValueOfInt32(int32(number)))
	set(result, "orders", protoreflect.ValueOfInt32(int32(orders)))
	set(result, "payload", protoreflect.ValueOfBytes(make([]byte, size)))
	if deadline, ok := stream.Context().Deadline(); ok {
		set(result, "timeout", protoreflect.ValueOfInt64(time.Until(deadline).Milliseconds()))
	}
	return result
}

// failure is the error that the order asks for, or nil.
func (p *probe) failure(order *dynamicpb.Message) error {
	code := codes.Code(get(order, "code").Int())
	if code == codes.OK {
		return nil
	}
	s := status.New(code, get(order, "message").String()).Proto()
	if get(order, "details").Bool() {
		d, err := p.types.FindDescriptorByName("probe.Detail")
		if err != nil {
			return err
		}
		for i := range 2 {
			detail := dynamicpb.NewMessage(d.(protoreflect.MessageDescriptor))
			set(detail, "reason", protoreflect.ValueOfString(fmt.Sprintf("reason %d", i+1)))
			set(detail, "number", protoreflect.ValueOfInt64(1<<60+int64(i)))
			packed, err := anypb.New(detail)
			if err != nil {
				return err
			}
			s.Details = append(s.Details, packed)
		}
	}
	return status.ErrorProto(s)
}

func get(m *dynamicpb.Message, name protoreflect.Name) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByName(name))
}

func set(m *dynamicpb.Message, name protoreflect.Name, value protoreflect.Value) {
	m.Set(m.Descriptor().Fields().ByName(name), value)
}
