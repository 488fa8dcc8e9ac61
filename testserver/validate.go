package testserver

import (
	"context"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// validated refuses requests that can be seen to be wrong before the handler is
// asked, with all their faults at once. What needs the state of the store, and
// what the store itself demands of its data, is checked there.
func (s *Server) validated(ctx context.Context, c *call, next func(context.Context) error) error {
	// An entry of a stream is no request by itself: the handler knows its index, and
	// whether it fails the whole.
	if c.method != pb.UserService_BatchCreateUsers_FullMethodName && c.method != pb.UserService_CreateMultipleUsers_FullMethodName {
		c.onReceive(validate)
	}
	return next(ctx)
}

// validate checks a request of any type.
func validate(request any) error {
	switch r := request.(type) {
	case *pb.CreateUserRequest:
		return newUser(r).Validate()
	case *pb.GetUserRequest:
		return checkUserID(r.GetUserId())
	case *pb.UpdateUserRequest:
		return checkUpdate(r)
	case *pb.DeleteUserRequest:
		return checkUserID(r.GetUserId())
	case *pb.ListUsersRequest:
		return checkList(r)
	}
	return nil
}

func checkUserID(id string) error {
	if id == "" {
		return errNoID()
	}
	return nil
}
