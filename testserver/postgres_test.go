//go:build postgres

package testserver

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
	"github.com/grpcx/grpcx/testserver/store/pgtest"
)

// TestPostgresComesAndGoes stops PostgreSQL under two nodes: they turn
// NOT_SERVING and refuse calls, recover by themselves, and a watch misses nothing.
func TestPostgresComesAndGoes(t *testing.T) {
	postgres := pgtest.New(t)
	path := postgres.Database(t)
	a := Start(t, Config{Store: path, storeProbe: 20 * time.Millisecond})
	b := Start(t, Config{Store: path, storeProbe: 20 * time.Millisecond})
	onA, onB := pb.NewUserServiceClient(dial(t, a)), pb.NewUserServiceClient(dial(t, b))
	watch := watchUsers(t, onA)
	healthA, healthB := watchStandard(t, a, "userservice.UserService"), watchStandard(t, b, "")
	healthA.want(t, serving)
	healthB.want(t, serving)
	for i, end := range []func(pgtest.TB){postgres.Stop, postgres.Kill} {
		mustCreateUser(t, onB, fmt.Sprintf("before%d", i))
		wantCreated(t, watch, fmt.Sprintf("before%d", i))
		end(t)
		healthA.want(t, notServing)
		healthB.want(t, notServing)
		_, err := onA.GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "1"})
		wantStatus(t, err, codes.Unavailable, "the store cannot be reached")
		postgres.Start(t)
		healthA.want(t, serving)
		healthB.want(t, serving)
		mustCreateUser(t, onB, fmt.Sprintf("after%d", i))
		wantCreated(t, watch, fmt.Sprintf("after%d", i))
	}
}

// watchUsers returns a watch that has begun.
func watchUsers(t *testing.T, c pb.UserServiceClient) grpc.ServerStreamingClient[pb.UserEvent] {
	t.Helper()
	watch, err := c.WatchUser(withDeadline(t), &pb.WatchUserRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := watch.Recv(); err != nil || e.GetEventType() != "initial" {
		t.Fatalf("event %v, %v, want the initial one", e, err)
	}
	return watch
}

func wantCreated(t *testing.T, watch grpc.ServerStreamingClient[pb.UserEvent], name string) {
	t.Helper()
	e, err := watch.Recv()
	if err != nil || e.GetEventType() != "created" || e.GetUser().GetName() != name {
		t.Fatalf("event %v, %v, want the creation of %s", e, err, name)
	}
}

// TestNodesLogInAtOnce has the default admin seeded by several nodes.
func TestNodesLogInAtOnce(t *testing.T) {
	path := pgtest.Start(t)
	var nodes []*Server
	for range 3 {
		nodes = append(nodes, Start(t, Config{Store: path}))
	}
	var wg sync.WaitGroup
	for _, s := range nodes {
		wg.Go(func() {
			c := pb.NewAuthServiceClient(dial(t, s))
			if _, err := c.Login(withDeadline(t), &pb.LoginRequest{Username: "admin", Password: "password"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestWatchersOfTwoNodesSeeOneOrder(t *testing.T) {
	path := pgtest.Start(t)
	const each = 20
	var watches []grpc.ServerStreamingClient[pb.UserEvent]
	var clients []pb.UserServiceClient
	for range 2 {
		c := pb.NewUserServiceClient(dial(t, Start(t, Config{Store: path})))
		clients, watches = append(clients, c), append(watches, watchUsers(t, c))
	}
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			for j := range each {
				name := fmt.Sprintf("n%d.%d", i, j)
				if _, err := c.CreateUser(withDeadline(t), &pb.CreateUserRequest{Name: name, Email: name + "@example.com"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var seen [2][]string
	for i, w := range watches {
		wg.Go(func() {
			for len(seen[i]) < 2*each {
				e, err := w.Recv()
				if err != nil {
					t.Errorf("watch %d after %d events: %v", i, len(seen[i]), err)
					return
				}
				seen[i] = append(seen[i], e.GetUser().GetName())
			}
		})
	}
	wg.Wait()
	if strings.Join(seen[0], " ") != strings.Join(seen[1], " ") {
		t.Errorf("the nodes' watchers saw\n%v\n%v", seen[0], seen[1])
	}
}
