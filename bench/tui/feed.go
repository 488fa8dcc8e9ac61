package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// How many methods the feed's server shows beside its own.
const services, methodsEach = 100, 30

const feedProto = `syntax = "proto3";
package feed;
service Feed {
  rpc Watch(WatchRequest) returns (stream Trade);
  rpc Talk(stream WatchRequest) returns (stream Trade);
  rpc Pages(WatchRequest) returns (stream Page);
}
message WatchRequest {
  string symbol = 1;
  int64 since = 2;
}
message Trade {
  uint64 seq = 1;
  string side = 2;
  string symbol = 3;
  double price = 4;
  int64 size = 5;
  string venue = 6;
}
message Page {
  repeated Trade trades = 1;
}
`

// pageSize is how large a page is, in bytes.
const pageSize = 3 << 20

// feed is a server with thousands of methods, three of which it has: Watch sends
// trades at a pace, Talk takes messages until they end, Pages sends messages of
// several MiB as fast as it can.
type feed struct {
	address     string
	rate, total int // of Watch: messages a second, and messages
	pages       int // of Pages
	trade       protoreflect.MessageDescriptor
	page        protoreflect.MessageDescriptor
	request     protoreflect.MessageDescriptor
	shown       map[string]grpc.ServiceInfo
	server      *grpc.Server
	served      chan error
}

func startFeed(ctx context.Context, rate, total, pages int) (*feed, error) {
	f := &feed{rate: rate, total: total, pages: pages, shown: map[string]grpc.ServiceInfo{"feed.Feed": {}}, served: make(chan error, 1)}
	sources := map[string]string{"feed.proto": feedProto}
	for n := range services {
		sources[fmt.Sprintf("area%02d.proto", n)] = area(n)
		f.shown[fmt.Sprintf("area%02d.Area", n)] = grpc.ServiceInfo{}
	}
	names := make([]string, 0, len(sources))
	for name := range sources {
		names = append(names, name)
	}
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(sources)}}
	files, err := compiler.Compile(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("compile the feed: %w", err)
	}
	own := files.FindFileByPath("feed.proto").Messages()
	f.request, f.trade, f.page = own.ByName("WatchRequest"), own.ByName("Trade"), own.ByName("Page")

	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f.address = "grpc://" + l.Addr().String()
	f.server = grpc.NewServer()
	f.server.RegisterService(&grpc.ServiceDesc{ServiceName: "feed.Feed", Streams: []grpc.StreamDesc{
		{StreamName: "Watch", Handler: f.watch, ServerStreams: true},
		{StreamName: "Talk", Handler: f.talk, ServerStreams: true, ClientStreams: true},
		{StreamName: "Pages", Handler: f.sendPages, ServerStreams: true},
	}}, nil)
	reflectionpb.RegisterServerReflectionServer(f.server, reflection.NewServerV1(reflection.ServerOptions{
		Services: f, DescriptorResolver: files.AsResolver(),
	}))
	grpc_health_v1.RegisterHealthServer(f.server, health.NewServer())
	go func() { f.served <- f.server.Serve(l) }()
	return f, nil
}

func (f *feed) stop() error {
	f.server.Stop()
	return <-f.served
}

// GetServiceInfo names the services for reflection.
func (f *feed) GetServiceInfo() map[string]grpc.ServiceInfo { return f.shown }

// area is the source of one of the services that are only shown.
func area(n int) string {
	var s strings.Builder
	fmt.Fprintf(&s, "syntax = \"proto3\";\npackage area%02d;\nservice Area {\n", n)
	for i := range methodsEach {
		fmt.Fprintf(&s, "  rpc Find%02dIn%02d(Query) returns (Found);\n", i, n)
	}
	s.WriteString("}\nmessage Query { string name = 1; repeated int32 among = 2; Query sub = 3; }\nmessage Found { string name = 1; }\n")
	return s.String()
}

// lastMethod is the method shown that is found last.
func lastMethod() string { return fmt.Sprintf("Find%02dIn%02d", methodsEach-1, services-1) }

// watch sends what is due every few milliseconds, so that a client that is slow
// for a moment gets everything all the same.
func (f *feed) watch(_ any, stream grpc.ServerStream) error {
	if err := stream.RecvMsg(dynamicpb.NewMessage(f.request)); err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for sent := 0; sent < f.total; {
		select {
		case <-tick.C:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
		for due := min(f.total, int(time.Since(began).Seconds()*float64(f.rate))); sent < due; sent++ {
			if err := stream.SendMsg(f.tradeOf(sent + 1)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *feed) tradeOf(seq int) *dynamicpb.Message {
	m, fields := dynamicpb.NewMessage(f.trade), f.trade.Fields()
	side := "BUY"
	if seq%3 == 0 {
		side = "SELL"
	}
	for name, v := range map[protoreflect.Name]any{
		"seq": uint64(seq), "side": side, "symbol": "GRPX", "price": 100 + float64(seq%1000)/100, "size": int64(seq%90 + 10), "venue": "bench",
	} {
		m.Set(fields.ByName(name), protoreflect.ValueOf(v))
	}
	return m
}

func (f *feed) sendPages(_ any, stream grpc.ServerStream) error {
	if err := stream.RecvMsg(dynamicpb.NewMessage(f.request)); err != nil {
		return err
	}
	trade, err := proto.Marshal(f.tradeOf(1))
	if err != nil {
		return err
	}
	trades := f.page.Fields().ByName("trades").Number()
	one := protowire.AppendBytes(protowire.AppendTag(nil, trades, protowire.BytesType), trade)
	page := dynamicpb.NewMessage(f.page)
	page.SetUnknown(bytes.Repeat(one, pageSize/len(one))) // on the wire it is the same
	for range f.pages {
		if err := stream.SendMsg(page); err != nil {
			return err
		}
	}
	return nil
}

func (f *feed) talk(_ any, stream grpc.ServerStream) error {
	for {
		if err := stream.RecvMsg(dynamicpb.NewMessage(f.request)); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// silent is an address that takes connections and says nothing on them.
func silent(ctx context.Context) (address string, stop func(), err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	return "grpc://" + l.Addr().String(), func() { _ = l.Close() }, nil
}
