package testserver

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/interop/grpc_testing"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionalphapb "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	"github.com/grpcx/grpcx/testserver/proto/chat"
	"github.com/grpcx/grpcx/testserver/proto/file"
	"github.com/grpcx/grpcx/testserver/proto/notification"
	"github.com/grpcx/grpcx/testserver/proto/telemetry"
	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// The roles that the server itself knows. An admin may call every method.
const (
	roleUser   = "user"
	roleAPI    = "api"
	roleAnyone = "*" // in a rule: whoever proved who they are
)

// authorised refuses callers who lack the role that the method needs. A method
// without a rule needs an admin. Callers whom nobody asked who they are pass, as
// do calls of methods that do not exist: there is nothing to protect.
func (s *Server) authorised(ctx context.Context, c *call, next func(context.Context) error) error {
	id, ok := caller(ctx)
	if !ok || !c.known || id.has(roleAdmin) {
		return next(ctx)
	}
	needed, ok := s.auth.identities().rules[c.method]
	if !ok {
		needed = s.auth.rules[c.method]
	}
	if slices.Contains(needed, roleAnyone) || slices.ContainsFunc(needed, id.has) {
		return next(ctx)
	}
	if !slices.Contains(needed, roleAdmin) {
		needed = append(slices.Clone(needed), roleAdmin)
	}
	roles := strings.Join(needed, " or ")
	return withDetails(codes.PermissionDenied, shorten(id.UserID)+" needs the role "+roles+" to call "+c.method,
		&errdetails.ErrorInfo{
			Reason: "ROLE_REQUIRED", Domain: errorDomain,
			Metadata: map[string]string{"roles": strings.Join(needed, ","), "method": strings.TrimPrefix(c.method, "/")},
		})
}

// openMethods are those that need no credentials: to get some, and to be probed.
func openMethods() map[string]bool {
	return methodsOf(&pb.AuthService_ServiceDesc, &pb.HealthCheck_ServiceDesc, &healthpb.Health_ServiceDesc)
}

func methodsOf(services ...*grpc.ServiceDesc) map[string]bool {
	methods := map[string]bool{}
	for _, d := range services {
		for _, m := range d.Methods {
			methods["/"+d.ServiceName+"/"+m.MethodName] = true
		}
		for _, m := range d.Streams {
			methods["/"+d.ServiceName+"/"+m.StreamName] = true
		}
	}
	return methods
}

// accessRules are the roles of which a caller needs one, by method.
func accessRules() map[string][]string {
	rules := map[string][]string{
		pb.UserService_DeleteUser_FullMethodName: {roleAdmin},

		telemetry.LogService_StreamLogs_FullMethodName:        {roleAdmin},
		telemetry.MetricsService_RecordMetrics_FullMethodName: {roleAPI},

		reflectionpb.ServerReflection_ServerReflectionInfo_FullMethodName:      {roleAnyone},
		reflectionalphapb.ServerReflection_ServerReflectionInfo_FullMethodName: {roleAnyone},
	}
	ordinary := []string{roleUser, roleAPI}
	for _, method := range []string{
		pb.UserService_CreateUser_FullMethodName,
		pb.UserService_GetUser_FullMethodName,
		pb.UserService_UpdateUser_FullMethodName,
		pb.UserService_ListUsers_FullMethodName,
		pb.UserService_BatchCreateUsers_FullMethodName,
		pb.UserService_CreateMultipleUsers_FullMethodName,
		pb.UserService_StreamUsers_FullMethodName,
		pb.UserService_WatchUser_FullMethodName,

		chat.ChatService_CreateRoom_FullMethodName,
		chat.ChatService_ListRooms_FullMethodName,
		chat.ChatService_JoinRoom_FullMethodName,
		chat.ChatService_SendMessage_FullMethodName,
		chat.ChatService_LeaveRoom_FullMethodName,
		chat.ChatService_GetRoomHistory_FullMethodName,
		chat.ChatService_Chat_FullMethodName,

		file.FileService_UploadFile_FullMethodName,
		file.FileService_UploadWithProgress_FullMethodName,
		file.FileService_DownloadFile_FullMethodName,
		file.FileService_ListFiles_FullMethodName,
		file.FileService_DeleteFile_FullMethodName,
		file.FileService_GetFileInfo_FullMethodName,

		notification.NotificationService_Subscribe_FullMethodName,
		notification.NotificationService_Publish_FullMethodName,

		grpc_testing.TestService_EmptyCall_FullMethodName,
		grpc_testing.TestService_UnaryCall_FullMethodName,
		grpc_testing.TestService_CacheableUnaryCall_FullMethodName,
		grpc_testing.TestService_StreamingOutputCall_FullMethodName,
		grpc_testing.TestService_StreamingInputCall_FullMethodName,
		grpc_testing.TestService_FullDuplexCall_FullMethodName,
		grpc_testing.TestService_HalfDuplexCall_FullMethodName,
		grpc_testing.TestService_UnimplementedCall_FullMethodName,
	} {
		rules[method] = ordinary
	}
	return rules
}
