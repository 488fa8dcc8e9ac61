package testserver

import (
	"errors"
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
	"github.com/grpcx/grpcx/testserver/store"
)

// maxViolations bounds how many faults of one request a status names.
const maxViolations = 32

func errNoID() error { return invalidField("request", "user_id", "is required") }

// newUser returns the user that a request asks to create, with its defaults.
func newUser(req *pb.CreateUserRequest) store.User {
	u := store.User{
		Name: req.GetName(), Email: req.GetEmail(), Age: req.GetAge(),
		Active: true, Status: store.Active,
		Roles: req.GetRoles(), Metadata: req.GetMetadata(),
	}
	if len(u.Roles) == 0 {
		u.Roles = []string{"user"}
	}
	return u
}

func toProto(u store.User) *pb.User {
	return &pb.User{
		Id: u.ID, Name: u.Name, Email: u.Email, Age: u.Age, Active: u.Active,
		Status: pb.User_Status(u.Status), Roles: u.Roles, Metadata: u.Metadata,
		CreatedAt: timestamppb.New(u.CreatedAt), UpdatedAt: timestamppb.New(u.UpdatedAt),
	}
}

// checkUpdate refuses a request before the store is asked, all its faults at once.
func checkUpdate(req *pb.UpdateUserRequest) error {
	var bad []store.FieldError
	if req.GetUserId() == "" {
		bad = append(bad, store.FieldError{Field: "user_id", Reason: "is required"})
	}
	if req.User == nil {
		bad = append(bad, store.FieldError{Field: "user", Reason: "is required"})
	}
	paths := req.GetUpdateMask().GetPaths()
	for _, path := range paths {
		if len(bad) == maxViolations {
			break // the rest is more of the same
		}
		if path == "*" && len(paths) > 1 {
			bad = append(bad, store.FieldError{Field: "update_mask", Reason: `has "*" beside other paths`})
		} else if path != "*" && (&pb.User{}).ProtoReflect().Descriptor().Fields().ByTextName(path) == nil {
			bad = append(bad, store.FieldError{Field: "update_mask", Reason: "has an unknown path " + shorten(path)})
		}
	}
	if len(bad) > 0 {
		return invalid(&store.Error{Code: store.Invalid, Kind: "request", Fields: bad, Index: -1})
	}
	return nil
}

// applyUpdate takes over the fields that the mask names, or, without one, those
// that are set. A mask of id or a time is no fault and has no effect: clients
// send back what they read.
func applyUpdate(u *store.User, from *pb.User, mask []string) {
	named := func(path string, set bool) bool {
		if len(mask) == 0 {
			return set
		}
		return mask[0] == "*" || slices.Contains(mask, path)
	}
	if named("name", from.GetName() != "") {
		u.Name = from.GetName()
	}
	if named("email", from.GetEmail() != "") {
		u.Email = from.GetEmail()
	}
	if named("age", from.GetAge() != 0) {
		u.Age = from.GetAge()
	}
	if named("active", from.GetActive()) {
		u.Active = from.GetActive()
	}
	if named("status", from.GetStatus() != pb.User_UNKNOWN) {
		u.Status = store.Status(from.GetStatus())
	}
	if named("roles", len(from.GetRoles()) > 0) {
		u.Roles = slices.Clone(from.GetRoles())
	}
	if named("metadata", len(from.GetMetadata()) > 0) {
		u.Metadata = maps.Clone(from.GetMetadata())
	}
}

func checkList(req *pb.ListUsersRequest) error {
	var bad []store.FieldError
	if req.GetPage() < 0 {
		bad = append(bad, store.FieldError{Field: "page", Reason: "must not be negative"})
	}
	if req.GetLimit() < 0 || req.GetLimit() > maxPageLimit {
		bad = append(bad, store.FieldError{Field: "limit", Reason: "must be from 1 to 1000, or 0 for the default"})
	}
	if e, ok := errors.AsType[*store.Error](store.ValidateFilter(req.GetFilter())); ok {
		bad = append(bad, e.Fields...)
	}
	if len(bad) > 0 {
		return invalid(&store.Error{Code: store.Invalid, Kind: "request", Fields: bad, Index: -1})
	}
	return nil
}

// atEntry says which entry of a stream an error of the store is about.
func atEntry(err error, i int) error {
	e, ok := errors.AsType[*store.Error](err)
	if !ok {
		return err
	}
	at := *e
	at.Index = i
	return &at
}
