package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
)

// request is any of the suite's requests, with the names of its JSON form.
type request struct {
	ResponseDefinition *definition
	FullDuplex         bool
}

// definition is a UnaryResponseDefinition or a StreamResponseDefinition.
type definition struct {
	ResponseHeaders, ResponseTrailers []header
	ResponseData                      json.RawMessage // a string, or several of them
	Error                             *callError
	ResponseDelayMs                   int
}

type header struct {
	Name  string   `json:"name"`
	Value []string `json:"value"`
}

type callError struct {
	Code    codes.Code
	Message string
	Details []json.RawMessage // of google.protobuf.Any
}

// response is any of the suite's responses.
type response struct {
	Payload payload `json:"payload"`
}

type payload struct {
	Data        json.RawMessage `json:"data,omitempty"`
	RequestInfo *requestInfo    `json:"requestInfo,omitempty"`
}

type requestInfo struct {
	RequestHeaders []header          `json:"requestHeaders,omitempty"`
	TimeoutMs      *int64            `json:"timeoutMs,omitempty"`
	Requests       []json.RawMessage `json:"requests,omitempty"` // of google.protobuf.Any
}

// serviceDesc describes the service as generated code would do.
func serviceDesc(sd protoreflect.ServiceDescriptor) *grpc.ServiceDesc {
	desc := &grpc.ServiceDesc{ServiceName: string(sd.FullName())}
	methods := sd.Methods()
	for i := range methods.Len() {
		md := methods.Get(i)
		switch {
		case md.Name() == "Unimplemented":
			desc.Methods = append(desc.Methods, unaryMethod(md, func(context.Context, proto.Message) (proto.Message, error) {
				return nil, status.Error(codes.Unimplemented, "it is to stay unimplemented")
			}))
		case md.IsStreamingClient() || md.IsStreamingServer():
			desc.Streams = append(desc.Streams, grpc.StreamDesc{
				StreamName: string(md.Name()), ClientStreams: md.IsStreamingClient(), ServerStreams: md.IsStreamingServer(),
				Handler: func(_ any, s grpc.ServerStream) error { return (&stream{ServerStream: s, method: md}).serve() },
			})
		default:
			desc.Methods = append(desc.Methods, unaryMethod(md, func(ctx context.Context, req proto.Message) (proto.Message, error) {
				return unary(ctx, md, req)
			}))
		}
	}
	return desc
}

func unaryMethod(md protoreflect.MethodDescriptor, handle func(context.Context, proto.Message) (proto.Message, error)) grpc.MethodDesc {
	return grpc.MethodDesc{
		MethodName: string(md.Name()),
		Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			req := dynamicpb.NewMessage(md.Input())
			if err := decode(req); err != nil {
				return nil, err
			}
			return handle(ctx, req)
		},
	}
}

func unary(ctx context.Context, md protoreflect.MethodDescriptor, req proto.Message) (proto.Message, error) {
	var r request
	if err := toStruct(req, &r); err != nil {
		return nil, err
	}
	d := r.ResponseDefinition
	if d == nil {
		d = &definition{}
	}
	if err := grpc.SetHeader(ctx, toMetadata(d.ResponseHeaders)); err != nil {
		return nil, err
	}
	if err := grpc.SetTrailer(ctx, toMetadata(d.ResponseTrailers)); err != nil {
		return nil, err
	}
	if err := delay(ctx, d.ResponseDelayMs); err != nil {
		return nil, err
	}
	info, err := newRequestInfo(ctx, []proto.Message{req})
	if err != nil {
		return nil, err
	}
	if d.Error != nil {
		return nil, d.Error.status(info)
	}
	return fromStruct(md.Output().FullName(), response{payload{Data: d.ResponseData, RequestInfo: info}})
}

// stream is a call of a method that streams.
type stream struct {
	grpc.ServerStream
	method     protoreflect.MethodDescriptor
	definition *definition
	data       []json.RawMessage // of the responses that are left
	sent       int
	requests   []proto.Message // not reported yet
}

func (s *stream) serve() error {
	for {
		req := dynamicpb.NewMessage(s.method.Input())
		err := s.RecvMsg(req)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		s.requests = append(s.requests, req)
		var r request
		if err := toStruct(req, &r); err != nil {
			return err
		}
		if s.definition == nil {
			if err := s.begin(r.ResponseDefinition); err != nil {
				return err
			}
			if r.FullDuplex {
				return s.fullDuplex()
			}
		}
		if !s.method.IsStreamingClient() {
			break
		}
	}
	if s.definition == nil {
		s.definition = &definition{}
		if !s.method.IsStreamingServer() {
			s.data = []json.RawMessage{nil}
		}
	}
	return s.rest()
}

// begin takes the definition of the first request.
func (s *stream) begin(d *definition) error {
	if d == nil {
		d = &definition{}
	}
	s.definition = d
	switch {
	case !s.method.IsStreamingServer():
		if d.Error == nil {
			s.data = []json.RawMessage{d.ResponseData}
		}
	case d.ResponseData != nil:
		if err := json.Unmarshal(d.ResponseData, &s.data); err != nil {
			return err
		}
	}
	s.SetTrailer(toMetadata(d.ResponseTrailers))
	return s.SendHeader(toMetadata(d.ResponseHeaders))
}

// fullDuplex answers each request, the first of which has come.
func (s *stream) fullDuplex() error {
	for len(s.data) > 0 {
		if err := s.respond(); err != nil {
			return err
		}
		req := dynamicpb.NewMessage(s.method.Input())
		err := s.RecvMsg(req)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		s.requests = append(s.requests, req)
	}
	return s.rest()
}

// rest sends the responses that are left and the status.
func (s *stream) rest() error {
	for len(s.data) > 0 {
		if err := s.respond(); err != nil {
			return err
		}
	}
	if s.definition.Error == nil {
		return nil
	}
	if !s.method.IsStreamingServer() {
		if err := delay(s.Context(), s.definition.ResponseDelayMs); err != nil {
			return err
		}
	}
	if s.sent > 0 {
		return s.definition.Error.status(nil)
	}
	info, err := newRequestInfo(s.Context(), s.requests)
	if err != nil {
		return err
	}
	return s.definition.Error.status(info)
}

func (s *stream) respond() error {
	p := payload{Data: s.data[0]}
	s.data = s.data[1:]
	if err := delay(s.Context(), s.definition.ResponseDelayMs); err != nil {
		return err
	}
	if s.sent == 0 || len(s.requests) > 0 {
		info, err := newRequestInfo(s.Context(), s.requests)
		if err != nil {
			return err
		}
		if s.sent > 0 {
			info.RequestHeaders, info.TimeoutMs = nil, nil
		}
		p.RequestInfo = info
	}
	s.requests = nil
	s.sent++
	m, err := fromStruct(s.method.Output().FullName(), response{p})
	if err != nil {
		return err
	}
	return s.SendMsg(m)
}

func (e *callError) status(info *requestInfo) error {
	st := &spb.Status{Code: int32(e.Code), Message: e.Message}
	details := e.Details
	if info != nil {
		text, err := json.Marshal(info)
		if err != nil {
			return err
		}
		typed, err := withType("connectrpc.conformance.v1.ConformancePayload.RequestInfo", text)
		if err != nil {
			return err
		}
		details = append(details, typed)
	}
	for _, text := range details {
		detail := &anypb.Any{}
		if err := protojson.Unmarshal(text, detail); err != nil {
			return fmt.Errorf("read detail: %w", err)
		}
		st.Details = append(st.Details, detail)
	}
	return status.ErrorProto(st)
}

func newRequestInfo(ctx context.Context, requests []proto.Message) (*requestInfo, error) {
	info := &requestInfo{}
	md, _ := metadata.FromIncomingContext(ctx)
	for name, values := range md {
		info.RequestHeaders = append(info.RequestHeaders, header{name, printable(name, values)})
	}
	if deadline, ok := ctx.Deadline(); ok {
		info.TimeoutMs = new(max(0, time.Until(deadline).Milliseconds()))
	}
	for _, req := range requests {
		text, err := protojson.Marshal(req)
		if err != nil {
			return nil, err
		}
		typed, err := withType(req.ProtoReflect().Descriptor().FullName(), text)
		if err != nil {
			return nil, err
		}
		info.Requests = append(info.Requests, typed)
	}
	return info, nil
}

// withType returns the JSON of a message as that of a google.protobuf.Any.
func withType(name protoreflect.FullName, text []byte) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	fields["@type"] = json.RawMessage(`"type.googleapis.com/` + name + `"`)
	return json.Marshal(fields)
}

func delay(ctx context.Context, milliseconds int) error {
	timer := time.NewTimer(time.Duration(milliseconds) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}
