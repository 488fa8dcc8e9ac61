//go:build slow

package testserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
	"github.com/grpcx/grpcx/testserver/store/pgtest"
	"github.com/grpcx/grpcx/testserver/store/storetest"
)

const (
	crashCycles  = 50
	crashWriters = 8
)

// crashVariable makes TestCrashServer serve the store of that name.
const crashVariable = "GRPCX_TEST_CRASH_STORE"

// TestCrashServer is the process that the tests of crashes kill.
func TestCrashServer(t *testing.T) {
	path := os.Getenv(crashVariable)
	if path == "" {
		return
	}
	s, err := Listen(Config{Store: path})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintln(os.Stdout, "listening", s.Addr())
	// The test ends with the process that started it, if nothing kills it before.
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = s.Shutdown(t.Context())
}

// crashNode is a server in a process of its own.
type crashNode struct {
	cmd    *exec.Cmd
	conn   *grpc.ClientConn
	client pb.UserServiceClient
}

func startCrashNode(t *testing.T, path string) *crashNode {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashServer$")
	cmd.Env = append(os.Environ(), crashVariable+"="+path)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if !ok {
		rest, _ := io.ReadAll(out)
		t.Fatalf("server said %q, %v\n%s", line, err, rest)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	return &crashNode{cmd: cmd, conn: conn, client: pb.NewUserServiceClient(conn)}
}

func (n *crashNode) kill(t *testing.T) {
	t.Helper()
	if err := n.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = n.cmd.Wait() // killed
	_ = n.conn.Close()
}

// crashLog is what was acknowledged: the age of each user by name.
type crashLog struct {
	mu    sync.Mutex
	ages  map[string]int32
	heard chan struct{} // one token for each acknowledgement, as far as there is room
}

func (l *crashLog) acknowledge(name string, age int32) {
	l.mu.Lock()
	l.ages[name] = age
	l.mu.Unlock()
	select {
	case l.heard <- struct{}{}:
	default:
	}
}

// crashUser is a user of which every field follows from its name.
func crashUser(name string) *pb.CreateUserRequest {
	return &pb.CreateUserRequest{
		Name: name, Email: name + "@example.com", Age: 1, Roles: []string{"role-" + name},
		Metadata: map[string]string{"name": name, "padding": strings.Repeat(name+" ", 40)},
	}
}

// write creates and updates users until the server is gone.
func (l *crashLog) write(c pb.UserServiceClient, prefix string) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s.%d", prefix, i)
		resp, err := c.CreateUser(context.Background(), crashUser(name))
		if err != nil {
			return
		}
		l.acknowledge(name, 1)
		u := &pb.User{Age: 2}
		if _, err := c.UpdateUser(context.Background(), &pb.UpdateUserRequest{UserId: resp.GetUser().GetId(), User: u}); err != nil {
			return
		}
		l.acknowledge(name, 2)
	}
}

// verify reads all users: those that were acknowledged are there, and all are whole.
func (l *crashLog) verify(t *testing.T, c pb.UserServiceClient) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := c.ListUsers(ctx, &pb.ListUsersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	missing := maps.Clone(l.ages)
	for {
		page, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.GetUsers() {
			want := crashUser(u.GetName())
			whole := u.GetEmail() == want.GetEmail() && slices.Equal(u.GetRoles(), want.GetRoles()) &&
				maps.Equal(u.GetMetadata(), want.GetMetadata()) && u.GetCreatedAt() != nil && u.GetUpdatedAt() != nil
			if !whole || u.GetAge() < l.ages[u.GetName()] || u.GetAge() > 2 {
				t.Fatalf("torn user %v, acknowledged with age %d", u, l.ages[u.GetName()])
			}
			delete(missing, u.GetName())
		}
	}
	if len(missing) > 0 {
		t.Fatalf("%d of %d acknowledged users were lost: %v", len(missing), len(l.ages), slices.Sorted(maps.Keys(missing)))
	}
}

// crash kills a server under load in every cycle. fail breaks what else there is
// to break in the cycle and mends it; it returns nil if that is nothing.
func crash(t *testing.T, path string, fail func(cycle int) (mend func())) *crashLog {
	t.Helper()
	l := &crashLog{ages: map[string]int32{}, heard: make(chan struct{}, 1)}
	var recoveries []time.Duration
	for cycle := range crashCycles {
		begun := time.Now()
		node := startCrashNode(t, path)
		if _, err := node.client.CreateUser(t.Context(), crashUser(fmt.Sprintf("first%d", cycle))); err != nil {
			t.Fatalf("cycle %d: first call: %v", cycle, err)
		}
		recoveries = append(recoveries, time.Since(begun))
		l.verify(t, node.client)
		var writers sync.WaitGroup
		for w := range crashWriters {
			writers.Go(func() { l.write(node.client, fmt.Sprintf("c%d.w%d", cycle, w)) })
		}
		for range 20 + rand.IntN(100) {
			<-l.heard
		}
		var mend func()
		if fail != nil {
			mend = fail(cycle)
		}
		node.kill(t)
		writers.Wait()
		if mend != nil {
			mend()
		}
	}
	node := startCrashNode(t, path)
	l.verify(t, node.client)
	node.kill(t)
	slices.Sort(recoveries)
	worst := recoveries[len(recoveries)-1]
	t.Logf("%d cycles, %d users acknowledged, none lost; from the start of the process to its first answered write: median %v, worst %v",
		crashCycles, len(l.ages), recoveries[len(recoveries)/2].Round(time.Millisecond), worst.Round(time.Millisecond))
	return l
}

func TestCrashOnSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crash.db")
	crash(t, path, nil)
	if err := storetest.CheckPath(t.Context(), path); err != nil {
		t.Error(err)
	}
}

// TestCrashOnPostgres also kills PostgreSQL in every fifth cycle, while a node
// that nobody kills watches: it hears of every user once.
func TestCrashOnPostgres(t *testing.T) {
	postgres := pgtest.New(t)
	path := postgres.Database(t)
	watch, err := pb.NewUserServiceClient(dial(t, Start(t, Config{Store: path}))).WatchUser(t.Context(), &pb.WatchUserRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := watch.Recv(); err != nil || e.GetEventType() != "initial" {
		t.Fatal(e, err)
	}
	seen := make(chan map[string]int, 1)
	go func() {
		created := map[string]int{}
		for created["last"] == 0 {
			e, err := watch.Recv()
			if err != nil {
				t.Errorf("watch after %d users: %v", len(created), err)
				break
			}
			if e.GetEventType() == "created" {
				created[e.GetUser().GetName()]++
			}
		}
		seen <- created
	}()
	var restarts []time.Duration
	l := crash(t, path, func(cycle int) func() {
		if cycle%5 != 4 {
			return nil
		}
		postgres.Kill(t)
		return func() {
			begun := time.Now()
			postgres.Start(t)
			restarts = append(restarts, time.Since(begun))
		}
	})
	t.Logf("%d restarts of PostgreSQL, the slowest in %v", len(restarts), slices.Max(restarts).Round(time.Millisecond))
	if err := storetest.CheckPath(t.Context(), path); err != nil {
		t.Error(err)
	}
	last := startCrashNode(t, path)
	mustCreateUser(t, last.client, "last")
	last.kill(t)
	created := <-seen
	for name := range l.ages {
		if created[name] != 1 {
			t.Errorf("the watcher heard %d times of %s", created[name], name)
		}
	}
	for name, n := range created {
		if n != 1 {
			t.Errorf("the watcher heard %d times of %s", n, name)
		}
	}
}
