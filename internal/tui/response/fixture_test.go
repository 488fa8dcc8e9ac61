package response

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/grpcx/grpcx/internal/tui/traffic"
	"github.com/grpcx/grpcx/testserver/proto/userservice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// users is a server whose times are exact under synctest: it answers after 2 ms,
// and streams a message every 5 ms.
type users struct {
	userservice.UnimplementedUserServiceServer
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func ada(n int) *userservice.User {
	return &userservice.User{
		Id: fmt.Sprintf("u-%03d", n), Name: "Ada Lovelace", Email: fmt.Sprintf("ada%d@example.com", n), Age: 36, Active: true,
		Roles: []string{"user", "admin"}, Metadata: map[string]string{"team": "analytical engines 工場"}, Status: userservice.User_ACTIVE,
	}
}

func failure() error {
	st := status.New(codes.InvalidArgument, "2 fields are wrong")
	st, err := st.WithDetails(
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "name", Description: "must not be empty"},
			{Field: "email", Description: "is not an address", Reason: "EMAIL_SYNTAX"},
		}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
		&errdetails.ErrorInfo{Reason: "BAD_USER", Domain: "users.example.com", Metadata: map[string]string{"tenant": "a"}},
		&errdetails.Help{Links: []*errdetails.Help_Link{{Description: "how to name users", Url: "https://example.com/names"}}},
		&errdetails.LocalizedMessage{Locale: "de", Message: "2 Felder sind falsch"},
		&userservice.GetUserRequest{UserId: "a detail of a type of one's own"},
	)
	if err != nil {
		return err
	}
	p := st.Proto()
	p.Details = append(p.Details, &anypb.Any{TypeUrl: "type.example.com/secret.Detail", Value: []byte{8, 1}})
	return status.ErrorProto(p)
}

func (users) GetUser(ctx context.Context, r *userservice.GetUserRequest) (*userservice.GetUserResponse, error) {
	wait(ctx, 2*time.Millisecond)
	_ = grpc.SetHeader(ctx, metadata.Pairs("server-version", "1.2.3", "set-cookie", "crumbs"))
	_ = grpc.SetTrailer(ctx, metadata.Pairs("response-time", "2ms", "trace-bin", "\x01\x02\xff", "text-bin", "plain words"))
	if r.GetUserId() == "" {
		return nil, failure()
	}
	return &userservice.GetUserResponse{User: ada(1)}, nil
}

func (users) ListUsers(r *userservice.ListUsersRequest, stream grpc.ServerStreamingServer[userservice.ListUsersResponse]) error {
	for n := range r.GetLimit() {
		wait(stream.Context(), 5*time.Millisecond)
		if err := stream.Send(&userservice.ListUsersResponse{Users: []*userservice.User{ada(int(n))}, Total: n}); err != nil {
			return err
		}
	}
	if r.GetFilter() == "fail" {
		return failure()
	}
	return nil
}

func (users) StreamUsers(stream grpc.BidiStreamingServer[userservice.GetUserRequest, userservice.GetUserResponse]) error {
	for {
		if _, err := stream.Recv(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		wait(stream.Context(), 5*time.Millisecond)
		if err := stream.Send(&userservice.GetUserResponse{User: ada(2)}); err != nil {
			return err
		}
	}
}

func (users) BatchCreateUsers(stream grpc.ClientStreamingServer[userservice.CreateUserRequest, userservice.CreateUserResponse]) error {
	n := 0
	for {
		if _, err := stream.Recv(); err == io.EOF {
			return stream.SendAndClose(&userservice.CreateUserResponse{Message: fmt.Sprintf("Batch created %d users successfully", n)})
		} else if err != nil {
			return err
		}
		n++
	}
}

// inBubble runs f with a connection to users, in a bubble of synctest.
func inBubble(t *testing.T, f func(t *testing.T, cc *grpc.ClientConn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := bufconn.Listen(64 << 10)
		server := grpc.NewServer(grpc.WaitForHandlers(true))
		userservice.RegisterUserServiceServer(server, users{})
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		cc, err := grpc.NewClient("passthrough:///users", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			cc.Close()
			server.Stop()
			if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) { // stopped before it began
				t.Errorf("serve: %v", err)
			}
		}()
		f(t, cc)
	})
}

func method(name protoreflect.Name) protoreflect.MethodDescriptor {
	return userservice.File_userservice_userservice_proto.Services().ByName("UserService").Methods().ByName(name)
}

func encode(t testing.TB, m proto.Message) []byte {
	t.Helper()
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// start begins a call and shows it. It is cancelled with the test.
func start(t *testing.T, m *Model, cc *grpc.ClientConn, name protoreflect.Name, requests ...proto.Message) *traffic.Call {
	t.Helper()
	var wires [][]byte
	for _, r := range requests {
		wires = append(wires, encode(t, r))
	}
	call := traffic.Start(t.Context(), cc, traffic.Options{
		Method: method(name), Metadata: metadata.Pairs("authorization", "Bearer sesame", "x-run", "7"), Requests: wires,
	})
	t.Cleanup(func() {
		call.Cancel()
		<-call.Ended()
	})
	m.SetCall(call, nil)
	return call
}

// settle lets everything happen that happens within d of the bubble's time.
func settle(m *Model, d time.Duration) {
	<-time.After(d)
	synctest.Wait()
	m.Tick()
}

func colours() Styles {
	c := func(n string) lipgloss.Style { return lipgloss.NewStyle().Foreground(lipgloss.Color(n)) }
	return Styles{
		Title: lipgloss.NewStyle().Bold(true), Dim: lipgloss.NewStyle().Faint(true), OK: c("2"), Warn: c("3"), Error: c("1"),
		Selected: lipgloss.NewStyle().Reverse(true), Match: lipgloss.NewStyle().Reverse(true),
		Key: c("6"), String: c("2"), Literal: c("5"),
	}
}

// checkFrame fails unless the frame has exactly these lines within these cells, and
// no control character but those of styles, if there are any.
func checkFrame(t testing.TB, frame string, width, height int, styled bool) {
	t.Helper()
	lines := strings.Split(frame, "\n")
	if len(lines) != max(1, height) {
		t.Fatalf("%d lines for a height of %d:\n%s", len(lines), height, frame)
	}
	for i, l := range lines {
		if w := lipgloss.Width(l); w > max(0, width) {
			t.Fatalf("line %d has %d cells of %d: %q", i, w, width, l)
		}
		plain := l
		if styled {
			plain = ansi.Strip(l)
		}
		for _, r := range plain {
			if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e {
				t.Fatalf("line %d has %U: %q", i, r, l)
			}
		}
	}
}
