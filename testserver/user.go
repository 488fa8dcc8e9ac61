package testserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
	"github.com/grpcx/grpcx/testserver/store"
)

const (
	defaultPageLimit = 10
	maxPageLimit     = 1000
	usersPerMessage  = 100
	bytesPerMessage  = 1 << 20 // after which a message of users is sent
	maxEntries       = 10_000  // of a stream of users to create
	bytesPerBatch    = 32 << 20
)

// userServer is userservice.UserService.
type userServer struct {
	pb.UnimplementedUserServiceServer
	store   *store.Store
	running context.Context
}

func (s *userServer) CreateUser(ctx context.Context, req *pb.CreateUserRequest) (*pb.CreateUserResponse, error) {
	u, err := s.store.CreateUser(ctx, newUser(req))
	if err != nil {
		return nil, err
	}
	return &pb.CreateUserResponse{User: toProto(u), Message: "User created successfully"}, nil
}

func (s *userServer) GetUser(ctx context.Context, req *pb.GetUserRequest) (*pb.GetUserResponse, error) {
	u, err := s.store.User(ctx, req.GetUserId())
	if err != nil {
		return nil, err
	}
	return &pb.GetUserResponse{User: toProto(u)}, nil
}

func (s *userServer) UpdateUser(ctx context.Context, req *pb.UpdateUserRequest) (*pb.UpdateUserResponse, error) {
	u, err := s.store.UpdateUser(ctx, req.GetUserId(), func(u *store.User) error {
		applyUpdate(u, req.GetUser(), req.GetUpdateMask().GetPaths())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &pb.UpdateUserResponse{User: toProto(u), Message: "User updated successfully"}, nil
}

func (s *userServer) DeleteUser(ctx context.Context, req *pb.DeleteUserRequest) (*pb.DeleteUserResponse, error) {
	if err := s.store.DeleteUser(ctx, req.GetUserId()); err != nil {
		return nil, err
	}
	return &pb.DeleteUserResponse{Success: true, Message: "User deleted successfully"}, nil
}

func (s *userServer) ListUsers(req *pb.ListUsersRequest, stream grpc.ServerStreamingServer[pb.ListUsersResponse]) error {
	total, err := s.store.CountUsers(stream.Context(), req.GetFilter())
	if err != nil {
		return err
	}
	l := lister{stream: stream, total: int32(min(total, math.MaxInt32))}
	page := store.Page{Filter: req.GetFilter()}
	remaining := math.MaxInt
	if req.GetPage() > 0 || req.GetLimit() > 0 {
		remaining = defaultPageLimit
		if req.GetLimit() > 0 {
			remaining = int(req.GetLimit())
		}
		page.Offset = int64(max(req.GetPage(), 1)-1) * int64(remaining)
	}
	for remaining > 0 {
		page.Limit = min(remaining, usersPerMessage)
		users, err := s.store.Users(stream.Context(), page)
		if err != nil {
			return err
		}
		if err := l.send(users); err != nil {
			return err
		}
		if len(users) < page.Limit {
			break
		}
		remaining -= len(users)
		page.After, page.Offset = users[len(users)-1].ID, 0
	}
	return l.end()
}

// lister sends users in messages that every client accepts.
type lister struct {
	stream grpc.ServerStreamingServer[pb.ListUsersResponse]
	total  int32
	sent   bool
}

func (l *lister) send(users []store.User) error {
	resp, size := &pb.ListUsersResponse{Total: l.total}, 0
	for _, u := range users {
		p := toProto(u)
		resp.Users = append(resp.Users, p)
		if size += proto.Size(p); size < bytesPerMessage {
			continue
		}
		if err := l.stream.Send(resp); err != nil {
			return err
		}
		l.sent = true
		resp, size = &pb.ListUsersResponse{Total: l.total}, 0
	}
	if len(resp.Users) == 0 {
		return nil
	}
	l.sent = true
	return l.stream.Send(resp)
}

// end sends the total where there was no user to send it with.
func (l *lister) end() error {
	if l.sent {
		return nil
	}
	return l.stream.Send(&pb.ListUsersResponse{Total: l.total})
}

func (s *userServer) BatchCreateUsers(stream grpc.ClientStreamingServer[pb.CreateUserRequest, pb.CreateUserResponse]) error {
	var users []store.User
	size := 0
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if size += proto.Size(req); len(users) == maxEntries || size > bytesPerBatch {
			return status.Errorf(codes.ResourceExhausted, "a batch has at most %d users and %d bytes", maxEntries, bytesPerBatch)
		}
		u := newUser(req)
		if err := u.Validate(); err != nil {
			return atEntry(err, len(users))
		}
		users = append(users, u)
	}
	created, err := s.store.CreateUsers(stream.Context(), users)
	if err != nil {
		return err
	}
	resp := &pb.CreateUserResponse{Message: fmt.Sprintf("Batch created %d users successfully", len(created))}
	if n := len(created); n > 0 {
		resp.User = toProto(created[n-1])
	}
	return stream.SendAndClose(resp)
}

func (s *userServer) CreateMultipleUsers(stream grpc.ClientStreamingServer[pb.CreateUserRequest, pb.CreateMultipleUsersResponse]) error {
	resp := &pb.CreateMultipleUsersResponse{}
	for i := 0; ; i++ {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(resp)
		}
		if err != nil {
			return err
		}
		if i == maxEntries {
			return status.Errorf(codes.ResourceExhausted, "a stream has at most %d users", maxEntries)
		}
		u, err := s.store.CreateUser(stream.Context(), newUser(req))
		if rejected, ok := errors.AsType[*store.Error](err); ok {
			resp.Errors = append(resp.Errors, status.Convert(toStatus(atEntry(rejected, i))).Message())
			continue
		}
		if err != nil {
			return err
		}
		resp.CreatedCount++
		resp.UserIds = append(resp.UserIds, u.ID)
	}
}

func (s *userServer) StreamUsers(stream grpc.BidiStreamingServer[pb.GetUserRequest, pb.GetUserResponse]) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		resp, err := s.GetUser(stream.Context(), req)
		if err != nil {
			return err
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
}

func (s *userServer) WatchUser(req *pb.WatchUserRequest, stream grpc.ServerStreamingServer[pb.UserEvent]) error {
	ctx, cancel := untilStop(stream.Context(), s.running)
	defer cancel()
	feed, u, err := s.store.Watch(ctx, req.GetUserId())
	if err != nil {
		return err
	}
	initial := &pb.UserEvent{EventType: "initial", Timestamp: timestamppb.Now()}
	if req.GetUserId() != "" {
		initial.User = toProto(u)
	}
	if err := stream.Send(initial); err != nil {
		return err
	}
	for {
		events, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := stream.Send(&pb.UserEvent{EventType: e.Type, User: toProto(e.User), Timestamp: timestamppb.New(e.At)}); err != nil {
				return err
			}
			if e.Type == "deleted" && req.GetUserId() != "" {
				return nil
			}
		}
	}
}
