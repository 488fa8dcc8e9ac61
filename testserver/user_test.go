package testserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

func users(t *testing.T) pb.UserServiceClient {
	t.Helper()
	return pb.NewUserServiceClient(dial(t, Start(t, Config{})))
}

func create(t *testing.T, c pb.UserServiceClient, name, email string) *pb.User {
	t.Helper()
	resp, err := c.CreateUser(withDeadline(t), &pb.CreateUserRequest{Name: name, Email: email})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetUser()
}

// violations returns the fields of the BadRequest that err carries.
func violations(t *testing.T, err error) []string {
	t.Helper()
	var fields []string
	for _, v := range detail[*errdetails.BadRequest](t, wantStatus(t, err, codes.InvalidArgument, "")).GetFieldViolations() {
		if v.GetDescription() == "" {
			t.Errorf("no description of %s", v.GetField())
		}
		fields = append(fields, v.GetField())
	}
	return fields
}

func TestCreateUser(t *testing.T) {
	c := users(t)
	begin := time.Now().Add(-time.Millisecond)
	resp, err := c.CreateUser(withDeadline(t), &pb.CreateUserRequest{
		Name: "Ada", Email: "ada@example.com", Age: 36, Metadata: map[string]string{"k": "v"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &pb.CreateUserResponse{Message: "User created successfully", User: &pb.User{
		Id: "1", Name: "Ada", Email: "ada@example.com", Age: 36, Active: true, Status: pb.User_ACTIVE,
		Roles: []string{"user"}, Metadata: map[string]string{"k": "v"},
	}}
	if d := cmp.Diff(want, resp, protocmp.Transform(), protocmp.IgnoreFields(&pb.User{}, "created_at", "updated_at")); d != "" {
		t.Error("-want +got\n" + d)
	}
	for _, at := range []*timestamppb.Timestamp{resp.GetUser().GetCreatedAt(), resp.GetUser().GetUpdatedAt()} {
		if at.AsTime().Before(begin) || at.AsTime().After(time.Now()) {
			t.Errorf("time %v", at.AsTime())
		}
	}
	t.Run("every bad field at once", func(t *testing.T) {
		_, err := c.CreateUser(withDeadline(t), &pb.CreateUserRequest{Age: -1})
		if d := cmp.Diff([]string{"name", "email", "age"}, violations(t, err)); d != "" {
			t.Error("-want +got\n" + d)
		}
	})
	t.Run("email taken in another case", func(t *testing.T) {
		_, err := c.CreateUser(withDeadline(t), &pb.CreateUserRequest{Name: "B", Email: "ADA@Example.com"})
		info := detail[*errdetails.ResourceInfo](t, wantStatus(t, err, codes.AlreadyExists, "ADA@Example.com"))
		if info.GetResourceType() != "User" || info.GetResourceName() != "ADA@Example.com" {
			t.Error(info)
		}
	})
	t.Run("given roles", func(t *testing.T) {
		resp, err := c.CreateUser(withDeadline(t), &pb.CreateUserRequest{Name: "C", Email: "c@example.com", Roles: []string{"ops", "dev"}})
		if err != nil || strings.Join(resp.GetUser().GetRoles(), " ") != "ops dev" {
			t.Error(resp, err)
		}
	})
}

func TestGetAndDeleteUser(t *testing.T) {
	c := users(t)
	u := create(t, c, "Ada", "ada@example.com")
	got, err := c.GetUser(withDeadline(t), &pb.GetUserRequest{UserId: u.GetId()})
	if err != nil || !proto.Equal(got.GetUser(), u) {
		t.Errorf("%v, %v, want %v", got, err, u)
	}
	_, err = c.GetUser(withDeadline(t), &pb.GetUserRequest{})
	if f := violations(t, err); len(f) != 1 || f[0] != "user_id" {
		t.Error(f)
	}
	_, err = c.DeleteUser(withDeadline(t), &pb.DeleteUserRequest{})
	violations(t, err)
	_, err = c.DeleteUser(withDeadline(t), &pb.DeleteUserRequest{UserId: "9"})
	wantStatus(t, err, codes.NotFound, "user 9 not found")
	resp, err := c.DeleteUser(withDeadline(t), &pb.DeleteUserRequest{UserId: u.GetId()})
	if err != nil || !resp.GetSuccess() || resp.GetMessage() == "" {
		t.Error(resp, err)
	}
	_, err = c.GetUser(withDeadline(t), &pb.GetUserRequest{UserId: u.GetId()})
	info := detail[*errdetails.ResourceInfo](t, wantStatus(t, err, codes.NotFound, "user 1 not found"))
	if info.GetResourceType() != "User" || info.GetResourceName() != "1" {
		t.Error(info)
	}
	t.Run("a huge id does not break the status", func(t *testing.T) {
		_, err := c.GetUser(withDeadline(t), &pb.GetUserRequest{UserId: strings.Repeat("é", 500_000)})
		if st := wantStatus(t, err, codes.NotFound, "not found"); len(st.Message()) > 1000 {
			t.Errorf("message of %d bytes", len(st.Message()))
		}
	})
}

func TestUpdateUser(t *testing.T) {
	c := users(t)
	create(t, c, "Taken", "taken@example.com")
	before := create(t, c, "Ada", "ada@example.com")
	all := &pb.User{
		Id: "99", Name: "Countess", Email: "lovelace@example.com", Age: 36, Roles: []string{"ops"},
		Status: pb.User_SUSPENDED, Metadata: map[string]string{"k": "v"}, CreatedAt: timestamppb.New(time.Unix(1, 0)),
	}
	for _, step := range []struct {
		name string
		user *pb.User
		mask []string
		want func(*pb.User)
	}{
		{"mask decides", all, []string{"name", "active"}, func(u *pb.User) { u.Name, u.Active = "Countess", false }},
		{"set fields without a mask", &pb.User{Age: 36, Active: true}, nil, func(u *pb.User) { u.Age, u.Active = 36, true }},
		{"mask clears", &pb.User{}, []string{"age", "roles", "status"}, func(u *pb.User) { u.Age, u.Roles, u.Status = 0, nil, 0 }},
		{"id and times never change", all, []string{"id", "created_at", "updated_at"}, func(*pb.User) {}},
		{"everything", all, []string{"*"}, func(u *pb.User) {
			id, created := u.Id, u.CreatedAt
			*u = pb.User{}
			proto.Merge(u, all)
			u.Id, u.CreatedAt = id, created
		}},
	} {
		t.Run(step.name, func(t *testing.T) {
			resp, err := c.UpdateUser(withDeadline(t), &pb.UpdateUserRequest{
				UserId: before.GetId(), User: step.user, UpdateMask: &fieldmaskpb.FieldMask{Paths: step.mask},
			})
			if err != nil {
				t.Fatal(err)
			}
			step.want(before)
			if d := cmp.Diff(before, resp.GetUser(), protocmp.Transform(), protocmp.IgnoreFields(&pb.User{}, "updated_at")); d != "" {
				t.Error("-want +got\n" + d)
			}
		})
	}
	for name, c2 := range map[string]struct {
		req  *pb.UpdateUserRequest
		code codes.Code
	}{
		"unknown id":     {&pb.UpdateUserRequest{UserId: "9", User: &pb.User{Age: 1}}, codes.NotFound},
		"email taken":    {&pb.UpdateUserRequest{UserId: "2", User: &pb.User{Email: "TAKEN@example.com"}}, codes.AlreadyExists},
		"bad email":      {&pb.UpdateUserRequest{UserId: "2", User: &pb.User{Email: "x"}}, codes.InvalidArgument},
		"name cleared":   {&pb.UpdateUserRequest{UserId: "2", User: &pb.User{}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}}}, codes.InvalidArgument},
		"unknown status": {&pb.UpdateUserRequest{UserId: "2", User: &pb.User{Status: 12}}, codes.InvalidArgument},
	} {
		_, err := c.UpdateUser(withDeadline(t), c2.req)
		if wantStatus(t, err, c2.code, ""); len(wantStatus(t, err, c2.code, "").Details()) != 1 {
			t.Errorf("%s: no details", name)
		}
	}
	_, err := c.UpdateUser(withDeadline(t), &pb.UpdateUserRequest{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"nme", "*"}}})
	if d := cmp.Diff([]string{"user_id", "user", "update_mask", "update_mask"}, violations(t, err)); d != "" {
		t.Error("-want +got\n" + d)
	}
}

// list returns the ids, joined, and how many messages they came in.
func list(t *testing.T, c pb.UserServiceClient, req *pb.ListUsersRequest) (ids string, total int32, messages int) {
	t.Helper()
	stream, err := c.ListUsers(withDeadline(t), req)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return strings.Join(all, " "), total, messages
		}
		if err != nil {
			t.Fatal(err)
		}
		messages++
		total = resp.GetTotal()
		for _, u := range resp.GetUsers() {
			all = append(all, u.GetId())
		}
	}
}

func numbers(from, to int) string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, strconv.Itoa(i))
	}
	return strings.Join(all, " ")
}

func createMany(t *testing.T, c pb.UserServiceClient, n int, metadata map[string]string) {
	t.Helper()
	stream, err := c.BatchCreateUsers(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		req := &pb.CreateUserRequest{Name: fmt.Sprintf("User %d", i+1), Email: fmt.Sprintf("u%d@example.com", i+1), Metadata: metadata}
		if err := stream.Send(req); err != nil {
			break // the status comes from CloseAndRecv
		}
	}
	resp, err := stream.CloseAndRecv()
	if err != nil || resp.GetMessage() != fmt.Sprintf("Batch created %d users successfully", n) {
		t.Fatal(resp, err)
	}
	if resp.GetUser().GetName() != fmt.Sprintf("User %d", n) {
		t.Errorf("user %v, want the last", resp.GetUser())
	}
}

func TestListUsers(t *testing.T) {
	c := users(t)
	if ids, total, messages := list(t, c, &pb.ListUsersRequest{}); ids != "" || total != 0 || messages != 1 {
		t.Errorf("no users: %q, %d in %d messages, want one empty message", ids, total, messages)
	}
	createMany(t, c, 250, nil)
	for _, step := range []struct {
		req      *pb.ListUsersRequest
		want     string
		total    int32
		messages int
	}{
		{&pb.ListUsersRequest{}, numbers(1, 250), 250, 3},
		{&pb.ListUsersRequest{Page: 1}, numbers(1, 10), 250, 1},
		{&pb.ListUsersRequest{Limit: 3}, numbers(1, 3), 250, 1},
		{&pb.ListUsersRequest{Page: 3, Limit: 20}, numbers(41, 60), 250, 1},
		{&pb.ListUsersRequest{Page: 2, Limit: 150}, numbers(151, 250), 250, 1},
		{&pb.ListUsersRequest{Page: 1, Limit: 1000}, numbers(1, 250), 250, 3},
		{&pb.ListUsersRequest{Page: 99, Limit: 10}, "", 250, 1},
		{&pb.ListUsersRequest{Page: 1<<31 - 1, Limit: 1000}, "", 250, 1},
		{&pb.ListUsersRequest{Filter: "USER 24"}, "24 " + numbers(240, 249), 11, 1},
		{&pb.ListUsersRequest{Page: 2, Limit: 10, Filter: "user 24"}, "249", 11, 1},
		{&pb.ListUsersRequest{Filter: "U250@EXAMPLE"}, "250", 1, 1},
		{&pb.ListUsersRequest{Filter: "nobody"}, "", 0, 1},
	} {
		if ids, total, messages := list(t, c, step.req); ids != step.want || total != step.total || messages != step.messages {
			t.Errorf("%v: users %s, total %d, %d messages; want %s, %d, %d", step.req, ids, total, messages, step.want, step.total, step.messages)
		}
	}
	stream, err := c.ListUsers(withDeadline(t), &pb.ListUsersRequest{Page: -1, Limit: 1001, Filter: "\x00"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	if d := cmp.Diff([]string{"page", "limit", "filter"}, violations(t, err)); d != "" {
		t.Error("-want +got\n" + d)
	}
}

func TestListUsersOfManyBytes(t *testing.T) {
	t.Parallel()
	c := users(t)
	big := map[string]string{}
	for i := range 60 {
		big[strconv.Itoa(i)] = strings.Repeat("x", 1000)
	}
	createMany(t, c, 100, big) // 6 MB: too much for one message
	if ids, _, messages := list(t, c, &pb.ListUsersRequest{Page: 1, Limit: 100}); ids != numbers(1, 100) || messages < 5 {
		t.Errorf("users %s in %d messages", ids, messages)
	}
}

func TestBatchCreateUsers(t *testing.T) {
	c := users(t)
	create(t, c, "Taken", "taken@example.com")
	batch := func(t *testing.T, reqs ...*pb.CreateUserRequest) (*pb.CreateUserResponse, error) {
		t.Helper()
		stream, err := c.BatchCreateUsers(withDeadline(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, req := range reqs {
			if err := stream.Send(req); err != nil {
				break // the status comes from CloseAndRecv
			}
		}
		return stream.CloseAndRecv()
	}
	good := &pb.CreateUserRequest{Name: "A", Email: "a@example.com"}
	t.Run("invalid entry", func(t *testing.T) {
		_, err := batch(t, good, &pb.CreateUserRequest{Name: "B"})
		wantStatus(t, err, codes.InvalidArgument, "entry 1: invalid user: email is required")
		if f := violations(t, err); len(f) != 1 || f[0] != "requests[1].email" {
			t.Error(f)
		}
	})
	t.Run("email taken", func(t *testing.T) {
		_, err := batch(t, &pb.CreateUserRequest{Name: "B", Email: "Taken@example.com"})
		wantStatus(t, err, codes.AlreadyExists, "entry 0: ")
	})
	t.Run("ends while the client still sends", func(t *testing.T) {
		stream, err := c.BatchCreateUsers(withDeadline(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&pb.CreateUserRequest{}); err != nil {
			t.Fatal(err)
		}
		err = stream.RecvMsg(&pb.CreateUserResponse{}) // without CloseSend
		wantStatus(t, err, codes.InvalidArgument, "entry 0: ")
	})
	if ids, _, _ := list(t, c, &pb.ListUsersRequest{}); ids != "1" {
		t.Errorf("users %s, want 1: failed batches store nothing", ids)
	}
	t.Run("empty", func(t *testing.T) {
		resp, err := batch(t)
		if err != nil || resp.User != nil || resp.GetMessage() != "Batch created 0 users successfully" {
			t.Error(resp, err)
		}
	})
	t.Run("too many", func(t *testing.T) {
		stream, err := c.BatchCreateUsers(withDeadline(t))
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			err = stream.Send(good)
		}
		_, err = stream.CloseAndRecv()
		wantStatus(t, err, codes.ResourceExhausted, "at most 10000 users")
	})
}

func TestCreateMultipleUsers(t *testing.T) {
	c := users(t)
	stream, err := c.CreateMultipleUsers(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, req := range []*pb.CreateUserRequest{
		{Name: "A", Email: "a@example.com"},
		{Name: "B"},
		{Name: "C", Email: "A@example.com"},
		{Name: "D", Email: "d@example.com"},
	} {
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := stream.CloseAndRecv()
	if err != nil {
		t.Fatal(err)
	}
	want := &pb.CreateMultipleUsersResponse{CreatedCount: 2, UserIds: []string{"1", "2"}, Errors: []string{
		"entry 1: invalid user: email is required",
		"entry 2: a user with email A@example.com already exists",
	}}
	if d := cmp.Diff(want, resp, protocmp.Transform()); d != "" {
		t.Error("-want +got\n" + d)
	}
	if ids, _, _ := list(t, c, &pb.ListUsersRequest{}); ids != "1 2" {
		t.Errorf("users %s", ids)
	}
}

func TestStreamUsers(t *testing.T) {
	c := users(t)
	createMany(t, c, 3, nil)
	stream, err := c.StreamUsers(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"2", "1", "3", "2"} {
		if err := stream.Send(&pb.GetUserRequest{UserId: id}); err != nil {
			t.Fatal(err)
		}
		if resp, err := stream.Recv(); err != nil || resp.GetUser().GetId() != id {
			t.Fatalf("%v, %v, want user %s before the next request", resp, err, id)
		}
	}
	if err := stream.Send(&pb.GetUserRequest{UserId: "7"}); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv() // the client's side stays open
	wantStatus(t, err, codes.NotFound, "user 7 not found")
}

func TestWatchUser(t *testing.T) {
	t.Parallel()
	c := users(t)
	ada := create(t, c, "Ada", "ada@example.com")
	watch := func(t *testing.T, ctx context.Context, id string) grpc.ServerStreamingClient[pb.UserEvent] {
		t.Helper()
		w, err := c.WatchUser(ctx, &pb.WatchUserRequest{UserId: id})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	next := func(t *testing.T, w grpc.ServerStreamingClient[pb.UserEvent], kind, name string) {
		t.Helper()
		e, err := w.Recv()
		if err != nil || e.GetEventType() != kind || e.GetUser().GetName() != name || e.GetTimestamp() == nil {
			t.Fatalf("%v, %v, want %s %q", e, err, kind, name)
		}
	}
	t.Run("unknown user", func(t *testing.T) {
		_, err := watch(t, withDeadline(t), "9").Recv()
		wantStatus(t, err, codes.NotFound, "user 9 not found")
	})
	t.Run("one user and all users", func(t *testing.T) {
		one, all := watch(t, withDeadline(t), ada.GetId()), watch(t, withDeadline(t), "")
		next(t, one, "initial", "Ada")
		next(t, all, "initial", "")
		bob := create(t, c, "Bob", "bob@example.com")
		if _, err := c.UpdateUser(withDeadline(t), &pb.UpdateUserRequest{UserId: ada.GetId(), User: &pb.User{Name: "Ada L"}}); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{bob.GetId(), ada.GetId()} {
			if _, err := c.DeleteUser(withDeadline(t), &pb.DeleteUserRequest{UserId: id}); err != nil {
				t.Fatal(err)
			}
		}
		next(t, one, "updated", "Ada L")
		next(t, one, "deleted", "Ada L")
		if _, err := one.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("error %v, want the end", err)
		}
		next(t, all, "created", "Bob")
		next(t, all, "updated", "Ada L")
		next(t, all, "deleted", "Bob")
		next(t, all, "deleted", "Ada L")
	})
	t.Run("nothing is lost between the state and the events", func(t *testing.T) {
		carl := create(t, c, "Carl", "carl@example.com")
		const changes = 200
		ctx := withDeadline(t)
		var wg sync.WaitGroup
		for i := range changes {
			if i%25 == 0 {
				// This watch begins somewhere among the changes and sees all that follow.
				wg.Go(func() { wantAges(ctx, t, c, carl.GetId(), changes) })
			}
			_, err := c.UpdateUser(ctx, &pb.UpdateUserRequest{UserId: carl.GetId(), User: &pb.User{Age: int32(i + 1)}})
			if err != nil {
				t.Error(err)
			}
		}
		wg.Wait()
	})
}

// wantAges watches a user whose age rises by one with each change, up to last.
func wantAges(ctx context.Context, t *testing.T, c pb.UserServiceClient, id string, last int32) {
	w, err := c.WatchUser(ctx, &pb.WatchUserRequest{UserId: id})
	if err != nil {
		t.Error(err)
		return
	}
	first, err := w.Recv()
	if err != nil {
		t.Error(err)
		return
	}
	for age := first.GetUser().GetAge(); age < last; age++ {
		if e, err := w.Recv(); err != nil || e.GetUser().GetAge() != age+1 {
			t.Errorf("after age %d: %v, %v", age, e, err)
			return
		}
	}
}

func mustCreateUser(t *testing.T, c pb.UserServiceClient, name string) {
	t.Helper()
	if _, err := c.CreateUser(withDeadline(t), &pb.CreateUserRequest{Name: name, Email: name + "@example.com"}); err != nil {
		t.Fatal(err)
	}
}
