//go:build slow

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
	"github.com/grpcx/grpcx/testserver/store"
)

// flight is calls of every kind under way.
type flight struct {
	tb      testing.TB
	unary   []grpc.ClientStream // CreateUser, whose request was not sent yet
	users   []grpc.ServerStreamingClient[pb.UserEvent]
	health  []grpc.ServerStreamingClient[healthpb.HealthCheckResponse]
	uploads []grpc.ClientStreamingClient[filepb.FileChunk, filepb.UploadResponse]
	endless []grpc.ClientStream // the client neither sends nor ends
}

// takeOff begins the calls, a share on each connection, and returns when the
// server has them: what follows on a connection is answered after what came
// before was taken in.
func takeOff(ctx context.Context, tb testing.TB, conns []*grpc.ClientConn, unary, users, health, uploads, endless int) *flight {
	tb.Helper()
	f := &flight{tb: tb}
	conn := func(i int) *grpc.ClientConn { return conns[i%len(conns)] }
	held := &grpc.StreamDesc{ClientStreams: true} // so that the request is ours to hold back
	for i := range unary {
		f.unary = append(f.unary, begun(f, func() (grpc.ClientStream, error) {
			return conn(i).NewStream(ctx, held, pb.UserService_CreateUser_FullMethodName)
		}))
	}
	for i := range users {
		f.users = append(f.users, begun(f, func() (grpc.ServerStreamingClient[pb.UserEvent], error) {
			return pb.NewUserServiceClient(conn(i)).WatchUser(ctx, &pb.WatchUserRequest{})
		}))
	}
	for i := range health {
		f.health = append(f.health, begun(f, func() (grpc.ServerStreamingClient[healthpb.HealthCheckResponse], error) {
			return healthpb.NewHealthClient(conn(i)).Watch(ctx, &healthpb.HealthCheckRequest{})
		}))
	}
	for i := range uploads {
		up := begun(f, func() (grpc.ClientStreamingClient[filepb.FileChunk, filepb.UploadResponse], error) {
			return filepb.NewFileServiceClient(conn(i)).UploadFile(ctx)
		})
		f.check(up.Send(&filepb.FileChunk{Filename: "x", Data: []byte("a"), ChunkNumber: 1, TotalChunks: 2}))
		f.uploads = append(f.uploads, up)
	}
	for i := range endless {
		f.endless = append(f.endless, begun(f, func() (grpc.ClientStream, error) {
			return grpc_testing.NewTestServiceClient(conn(i)).FullDuplexCall(ctx)
		}))
	}
	for _, w := range f.users {
		_, err := w.Recv()
		f.check(err)
	}
	for _, w := range f.health {
		_, err := w.Recv()
		f.check(err)
	}
	for _, cc := range conns {
		_, err := grpc_testing.NewTestServiceClient(cc).EmptyCall(ctx, &grpc_testing.Empty{})
		f.check(err)
	}
	return f
}

func begun[S any](f *flight, begin func() (S, error)) S {
	f.tb.Helper()
	s, err := begin()
	f.check(err)
	return s
}

func (f *flight) check(err error) {
	f.tb.Helper()
	if err != nil {
		f.tb.Fatal(err)
	}
}

// land ends all calls that the client can end, and checks how they and those
// that the server ends came out.
func (f *flight) land() {
	f.tb.Helper()
	for i, s := range f.unary {
		resp := &pb.CreateUserResponse{}
		err := s.SendMsg(&pb.CreateUserRequest{Name: "Ada", Email: fmt.Sprintf("ada%d@example.com", i)})
		if err == nil {
			err = errors.Join(s.CloseSend(), s.RecvMsg(resp))
		}
		if err != nil || resp.GetUser().GetId() == "" {
			f.tb.Errorf("unary call %d: %v, %v", i, resp, err)
		}
	}
	for i, up := range f.uploads {
		err := up.Send(&filepb.FileChunk{Data: []byte("b"), ChunkNumber: 2, TotalChunks: 2})
		if err == nil {
			_, err = up.CloseAndRecv()
		}
		if err != nil {
			f.tb.Errorf("upload %d: %v", i, err)
		}
	}
	for i, w := range f.users {
		var err error
		for err == nil {
			_, err = w.Recv() // the users that were created
		}
		f.wantStopping(fmt.Sprintf("watch of users %d", i), err)
	}
	for i, w := range f.health {
		resp, err := w.Recv()
		if err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
			f.tb.Errorf("watch of health %d: %v, %v, want NOT_SERVING first", i, resp, err)
		}
		_, err = w.Recv()
		f.wantStopping(fmt.Sprintf("watch of health %d", i), err)
	}
	for i, s := range f.endless {
		f.wantStopping(fmt.Sprintf("endless stream %d", i), s.RecvMsg(&grpc_testing.StreamingOutputCallResponse{}))
	}
}

func (f *flight) wantStopping(name string, err error) {
	f.tb.Helper()
	if st := status.Convert(err); err == io.EOF || st.Code() != codes.Unavailable || !strings.Contains(st.Message(), "the server is shutting down") {
		f.tb.Errorf("%s: %v, want UNAVAILABLE with the server's reason", name, err)
	}
}

// TestShutdownUnderLoad has 200 unary calls and 50 streams in flight when the
// server gets SIGTERM.
func TestShutdownUnderLoad(t *testing.T) {
	for _, tc := range []struct {
		name    string
		grace   time.Duration
		endless int // streams that only the end of the grace period ends
	}{
		{"calls that end", 5 * time.Minute, 0},
		{"calls that do not end", 20 * time.Second, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "grpcx.db")
			server := startServe(t, 10*time.Minute, "--store", path, "--grace", tc.grace.String())
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			var conns []*grpc.ClientConn
			for range 5 {
				conns = append(conns, server.dial())
			}
			f := takeOff(ctx, t, conns, 200, 20, 10, 20-tc.endless, tc.endless)
			began := time.Now()
			server.terminate()
			f.land()
			<-server.ended
			took := time.Since(began)
			if code := server.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("exit code %d, log:\n%s", code, server.log.String())
			}
			if cut := strings.Contains(server.log.String(), "calls were cut off"); cut != (tc.endless > 0) {
				t.Errorf("calls were cut off: %v; log:\n%s", cut, server.log.String())
			}
			t.Logf("exit after %v", took)
			kept, err := store.Open(t.Context(), store.Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			defer kept.Close()
			if n, err := kept.CountUsers(t.Context(), ""); n != 200 || err != nil {
				t.Errorf("%d users, %v, want all 200", n, err)
			}
			if _, n, err := kept.Files(t.Context(), store.FilePage{Limit: 1}); int(n) != len(f.uploads) || err != nil {
				t.Errorf("%d files, %v, want all %d", n, err, len(f.uploads))
			}
		})
	}
}
