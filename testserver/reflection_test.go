package testserver

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	protos "github.com/grpcx/grpcx/testserver/proto"
	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// ask sends one request to reflection v1.
func ask(t *testing.T, cc *grpc.ClientConn, req *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
	t.Helper()
	stream, err := reflectionv1.NewServerReflectionClient(cc).ServerReflectionInfo(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(req); err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	return resp
}

func files(t *testing.T, raw [][]byte) map[string]*descriptorpb.FileDescriptorProto {
	t.Helper()
	all := map[string]*descriptorpb.FileDescriptorProto{}
	for _, b := range raw {
		var fd descriptorpb.FileDescriptorProto
		if err := proto.Unmarshal(b, &fd); err != nil {
			t.Fatal(err)
		}
		all[fd.GetName()] = &fd
	}
	return all
}

func TestReflection(t *testing.T) {
	cc := dial(t, Start(t, Config{}))
	t.Run("lists the services", func(t *testing.T) {
		resp := ask(t, cc, &reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
		var names []string
		for _, s := range resp.GetListServicesResponse().GetService() {
			names = append(names, s.GetName())
		}
		want := "chat.ChatService file.FileService grpc.health.v1.Health grpc.reflection.v1.ServerReflection grpc.reflection.v1alpha.ServerReflection " +
			"grpc.testing.TestService notification.NotificationService telemetry.LogService telemetry.MetricsService " +
			"userservice.AuthService userservice.HealthCheck userservice.UserService"
		if got := strings.Join(names, " "); got != want {
			t.Errorf("services %s, want %s", got, want)
		}
	})
	t.Run("keeps comments", func(t *testing.T) {
		resp := ask(t, cc, symbol("userservice.UserService.CreateUser"))
		fds := files(t, resp.GetFileDescriptorResponse().GetFileDescriptorProto())
		fd := fds["userservice/userservice.proto"]
		if fd == nil || !slices.ContainsFunc(fd.GetSourceCodeInfo().GetLocation(), func(l *descriptorpb.SourceCodeInfo_Location) bool {
			return strings.Contains(l.GetLeadingComments(), "CreateUser stores a new user")
		}) {
			t.Errorf("no comment in %v", fd)
		}
	})
	t.Run("knows the generated files", func(t *testing.T) {
		for _, name := range []string{"grpc.testing.TestService", "grpc.health.v1.Health", "google.rpc.BadRequest", "google.protobuf.Timestamp"} {
			if resp := ask(t, cc, symbol(name)); resp.GetFileDescriptorResponse() == nil {
				t.Errorf("%s: %v", name, resp)
			}
		}
	})
	t.Run("unknown symbol", func(t *testing.T) {
		if resp := ask(t, cc, symbol("nope.Nope")); resp.GetErrorResponse().GetErrorCode() != 5 {
			t.Error(resp)
		}
	})
}

//nolint:staticcheck // v1alpha is deprecated, and still what many clients speak
func TestReflectionV1Alpha(t *testing.T) {
	cc := dial(t, Start(t, Config{}))
	stream, err := reflectionv1alpha.NewServerReflectionClient(cc).ServerReflectionInfo(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1alpha.ServerReflectionRequest{
		MessageRequest: &reflectionv1alpha.ServerReflectionRequest_FileByFilename{FileByFilename: "userservice/userservice.proto"},
	}); err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil || len(resp.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Error(resp, err)
	}
}

func symbol(name string) *reflectionv1.ServerReflectionRequest {
	return &reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name},
	}
}

// The embedded set comes from the same source as the generated code, and every
// element of it has a comment.
func TestEmbeddedDescriptors(t *testing.T) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(protos.Descriptors, &set); err != nil {
		t.Fatal(err)
	}
	reg, err := protodesc.NewFiles(&set)
	if err != nil {
		t.Fatal(err)
	}
	generated := pb.File_userservice_userservice_proto
	fd, err := reg.FindFileByPath(generated.Path())
	if err != nil {
		t.Fatal(err)
	}
	bare := protodesc.ToFileDescriptorProto(fd)
	bare.SourceCodeInfo = nil
	if !proto.Equal(bare, protodesc.ToFileDescriptorProto(generated)) {
		t.Error("descriptors.binpb and the generated code differ: run testserver/proto/generate.sh")
	}
	commented := func(d protoreflect.Descriptor) {
		if fd.SourceLocations().ByDescriptor(d).LeadingComments == "" {
			t.Errorf("%s has no comment", d.FullName())
		}
	}
	for i := range fd.Services().Len() {
		s := fd.Services().Get(i)
		commented(s)
		for j := range s.Methods().Len() {
			commented(s.Methods().Get(j))
		}
	}
	for i := range fd.Messages().Len() {
		m := fd.Messages().Get(i)
		commented(m)
		for j := range m.Fields().Len() {
			commented(m.Fields().Get(j))
		}
	}
}
