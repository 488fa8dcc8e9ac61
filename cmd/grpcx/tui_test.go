//go:build tui

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcx/grpcx/testdata/testnet"
	"github.com/grpcx/grpcx/testserver"
	"github.com/grpcx/grpcx/testserver/proto/chat"
)

// TestTerminalFindsAMethod is walk (a): one of 3,000 methods, found by typing,
// filled by completion, refused with details, mended and called again.
func TestTerminalFindsAMethod(t *testing.T) {
	address := serveMany(t)
	walk(t, func(t *testing.T, width, height int) {
		s := terminal(t, width, height)
		s.enter("grpcx tui --plaintext " + address)
		s.see("1 Services")
		s.write("/do2741")
		s.see("> · Do2741")
		s.press("Enter")
		s.see(`"label": ""`)
		s.press("C-s")
		s.see("INVALID_ARGUMENT")
		s.see("label")
		s.see("must not be empty")
		s.press("BTab")
		for range 8 {
			s.press("C-Home", "C-k", "C-k")
		}
		s.write(`{"la`)
		s.match(`label +string`)
		s.press("Tab")
		s.write("found it")
		s.press("C-s")
		s.see("OK")
		s.see("Do2741 was called")
		s.leave()
	})
}

// serveMany serves 3,000 methods by reflection, which want a label.
func serveMany(t *testing.T) string {
	t.Helper()
	files := new(protoregistry.Files)
	services := services{}
	text := func(name string, number int32) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{
			Name: proto.String(name), JsonName: proto.String(name), Number: proto.Int32(number),
			Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}
	}
	for i := range 30 {
		service := &descriptorpb.ServiceDescriptorProto{Name: proto.String(fmt.Sprintf("Many%d", i))}
		pkg := fmt.Sprintf("many.v%d", i)
		for j := range 100 {
			service.Method = append(service.Method, &descriptorpb.MethodDescriptorProto{
				Name: proto.String(fmt.Sprintf("Do%d", i*100+j)), InputType: proto.String("." + pkg + ".Thing"), OutputType: proto.String("." + pkg + ".Thing"),
			})
		}
		file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
			Name: proto.String(fmt.Sprintf("many/%d.proto", i)), Package: proto.String(pkg), Syntax: proto.String("proto3"),
			MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("Thing"), Field: []*descriptorpb.FieldDescriptorProto{text("label", 1), text("note", 2)}}},
			Service:     []*descriptorpb.ServiceDescriptorProto{service},
		}, files)
		if err != nil {
			t.Fatal(err)
		}
		if err := files.RegisterFile(file); err != nil {
			t.Fatal(err)
		}
		services[string(file.Services().Get(0).FullName())] = grpc.ServiceInfo{}
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		// What is asked and what is answered have the same shape as a well-known type: a string in field 1.
		request := new(errdetails.ResourceInfo)
		if err := stream.RecvMsg(request); err != nil {
			return err
		}
		if request.GetResourceType() == "" {
			refused, err := status.New(codes.InvalidArgument, "label is missing").WithDetails(&errdetails.BadRequest{
				FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "label", Description: "must not be empty"}},
			})
			if err != nil {
				return err
			}
			return refused.Err()
		}
		method, _ := grpc.MethodFromServerStream(stream)
		return stream.SendMsg(&errdetails.ResourceInfo{ResourceType: method[strings.LastIndex(method, "/")+1:] + " was called"})
	}))
	grpc_reflection_v1.RegisterServerReflectionServer(server, reflection.NewServerV1(reflection.ServerOptions{Services: services, DescriptorResolver: files}))
	return testnet.Serve(t, server)
}

type services map[string]grpc.ServiceInfo

func (s services) GetServiceInfo() map[string]grpc.ServiceInfo { return s }

// room is a chat in which two members talk without end, 10,000 messages a second
// in all. It keeps what it is sent.
type room struct {
	chat.UnimplementedChatServiceServer
	requests chan string // the text form of each request; closed by the half-close
}

const talkRate = 10_000 // messages a second

func (r *room) Chat(stream grpc.BidiStreamingServer[chat.ChatEvent, chat.ChatEvent]) error {
	ended := make(chan error, 1)
	go func() {
		for {
			event, err := stream.Recv()
			if err != nil {
				ended <- nil
				return
			}
			wire, _ := proto.MarshalOptions{Deterministic: true}.Marshal(event)
			r.requests <- string(wire)
		}
	}()
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	began, said := time.Now(), 0
	for {
		select {
		case err := <-ended:
			return err
		case <-pace.C:
		}
		for due := int(time.Since(began).Seconds() * talkRate); said < due; said++ {
			event := &chat.ChatEvent{Type: chat.ChatEvent_MESSAGE, RoomId: "lobby", UserId: []string{"bob", "eve"}[said%2], Content: fmt.Sprintf("saying %d", said)}
			if err := stream.Send(event); err != nil {
				return err
			}
		}
	}
}

// TestTerminalChat is walk (b), and (e): join, send three messages while two others
// talk at 10,000 messages a second, hold, select one, expand it, resume, half-close;
// then save all of it, and have grpcx test send the same bytes.
func TestTerminalChat(t *testing.T) {
	walk(t, func(t *testing.T, width, height int) {
		r := &room{requests: make(chan string, 64)}
		server := grpc.NewServer()
		chat.RegisterChatServiceServer(server, r)
		reflection.Register(server)
		address := testnet.Serve(t, server)

		s := terminal(t, width, height)
		s.enter("grpcx tui --plaintext " + address)
		s.see("chat.ChatService")
		s.write("/chatservice/chat")
		s.see("> ⇄ Chat")
		s.press("Enter")
		s.see("ChatEvent")
		var sent []string
		say := func(text string) {
			s.press("C-Home")
			for range 12 {
				s.press("C-k", "C-k")
			}
			s.write(text)
			s.press("C-s")
			sent = append(sent, <-r.requests)
		}
		say(`{"type": "JOIN", "roomId": "lobby", "userId": "ada"}`)
		s.match(`streaming +←\d{4,}`)
		say(`{"type": "MESSAGE", "content": "one"}`)
		say(`{"type": "MESSAGE", "content": "two ${HOME}"}`)
		say(`{"type": "MESSAGE", "content": "three"}`)
		s.match(`→4\b`)
		s.press("Tab") // to the response
		s.press("p")
		s.see("held")
		s.press("k", "k")
		s.press("Enter")
		s.match(`"content": "saying \d+"`)
		if width < 140 {
			s.press("Escape")
			s.match(`>← *\d+`) // the list, and the escape taken for what it is
		}
		s.press("p")
		s.see("streaming")
		s.press("G")
		s.press("C-d")
		s.see("OK")

		s.press("w")
		s.see("Save the request as")
		s.press("C-u")
		s.write("chat again")
		s.press("Enter")
		s.see("Save it in")
		s.press("Enter")
		s.see("grpcx test requests.yaml")
		s.leave()
		s.enter("clear; grpcx test requests.yaml")
		s.see("done:0")
		for i, want := range sent {
			if got := <-r.requests; got != want {
				t.Errorf("request %d is %q again, was %q", i, got, want)
			}
		}
	})
}

// TestTerminalProtoFiles is walk (c): a server without reflection, called with the
// schema of a file that was offered.
func TestTerminalProtoFiles(t *testing.T) {
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	address := testnet.Serve(t, server)
	const source = "syntax = \"proto3\";\npackage grpc.health.v1;\nmessage HealthCheckRequest { string service = 1; }\n" +
		"message HealthCheckResponse { enum ServingStatus { UNKNOWN = 0; SERVING = 1; } ServingStatus status = 1; }\n" +
		"service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }\n"
	walk(t, func(t *testing.T, width, height int) {
		s := terminal(t, width, height)
		if err := os.WriteFile(filepath.Join(s.dir, "health.proto"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		s.enter("grpcx tui --plaintext " + address)
		s.see("choose .proto files")
		s.press("Enter")
		s.see("health.proto")
		s.press("Enter")
		s.see("Health")
		s.write("/check")
		s.see("1/1")
		s.press("Enter")
		s.see("service")
		s.press("C-s")
		s.see(`"status": "SERVING"`)
		s.leave()
	})
}

// TestTerminalRestart is walk (d): the server is killed while it streams, and comes
// back at the same address.
func TestTerminalRestart(t *testing.T) {
	walk(t, func(t *testing.T, width, height int) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		stop := serveReference(t, l)
		s := terminal(t, width, height)
		s.enter("grpcx tui --plaintext " + address)
		s.see("SERVING")
		s.write("/fullduplex")
		s.see("> ⇄ FullDuplexCall")
		s.press("Enter")
		s.see("StreamingOutputCallRequest")
		s.press("C-s")
		s.match(`→1\b`)
		stop()
		s.see("UNAVAILABLE")
		s.see("UNREACHABLE")
		if l, err = net.Listen("tcp", address); err != nil {
			t.Fatal(err)
		}
		stop = serveReference(t, l)
		defer stop()
		s.see("● SERVING")
		s.press("C-s")
		s.match(`streaming.*→1\b`)
		s.press("C-d")
		s.see("OK")
		s.leave()
	})
}

// serveReference runs a reference server until stop, which cuts its connections.
func serveReference(t *testing.T, l net.Listener) (stop func()) {
	t.Helper()
	server, err := testserver.New(testserver.Config{})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	return func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Shutdown(ctx)
		<-served
	}
}

// TestTerminalGuardedHealth opens a server that shows its schema to those alone who
// have a token, by metadata that is typed, and sees the health of its services change.
func TestTerminalGuardedHealth(t *testing.T) {
	walk(t, func(t *testing.T, width, height int) {
		server := grpc.NewServer(grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			md, _ := metadata.FromIncomingContext(stream.Context())
			if token := md.Get("x-token"); len(token) != 1 || token[0] != "open sesame" {
				return status.Error(codes.Unauthenticated, "who is there?")
			}
			return handler(srv, stream)
		}))
		states := health.NewServer()
		grpc_health_v1.RegisterHealthServer(server, states)
		reflection.Register(server)
		address := testnet.Serve(t, server)

		s := terminal(t, width, height)
		s.enter("grpcx tui --plaintext " + address)
		s.see("enter  give metadata")
		s.press("Enter")
		s.see("Metadata")
		s.write("x-token: open sesame")
		s.press("Enter")
		s.see("● SERVING")
		s.see("grpc.health.v1.Health")
		s.press("H")
		s.match(`grpc\.health\.v1\.Health +SERVICE_UNKNOWN`)
		states.SetServingStatus("grpc.health.v1.Health", grpc_health_v1.HealthCheckResponse_SERVING)
		s.match(`grpc\.health\.v1\.Health +SERVING`)
		states.SetServingStatus("grpc.health.v1.Health", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
		s.match(`grpc\.health\.v1\.Health +NOT_SERVING`)
		s.match(`\d  grpc\.health\.v1\.Health  SERVING`)
		if n := strings.Count(s.screen, "NOT_SERVING"); n != 2 { // what is, and the change
			t.Errorf("NOT_SERVING is told %d times:\n%s", n, s.screen)
		}
		s.press("Escape")
		s.until("the end of the view", func(screen string) bool { return !strings.Contains(screen, "Health of") })
		s.leave()
	})
}

// TestTerminalIsRestored ends the terminal UI by a signal.
func TestTerminalIsRestored(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	walk(t, func(t *testing.T, width, height int) {
		s := terminal(t, width, height)
		s.enter("grpcx tui --plaintext " + server.Addr())
		s.see("SERVING")
		pid := strings.TrimSpace(s.run("display-message", "-p", "#{pane_pid}"))
		if out, err := exec.Command("pkill", "-TERM", "-P", pid).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		s.see("done:130")
		if s.run("display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}") != "0 0 1\n" {
			t.Errorf("the terminal is not restored:\n%s", s.screen)
		}
	})
}
