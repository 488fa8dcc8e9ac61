// Command suite runs 1,000 smoke tests against the reference server, and the same
// calls by a compiled client, in turns, and prints the medians and their ratio.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/testserver"
	"github.com/grpcx/grpcx/testserver/proto/userservice"
)

const (
	tests = 1000
	jobs  = 8
)

func main() {
	rounds := flag.Int("rounds", 15, "how often each is run")
	flag.Parse()
	if err := run(*rounds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(rounds int) error {
	server, err := testserver.New(testserver.Config{})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = server.Serve(l) }()
	defer func() { _ = server.Shutdown(context.Background()) }()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()

	for _, kind := range []struct {
		name  string
		write func() string
		call  func(context.Context, userservice.UserServiceClient, string, int) error
	}{
		{"reads, each test written out", readsWritten, read},
		{"reads, one test of 1,000 cases", readsCases, read},
		{"writes, each test written out", writesWritten, write},
	} {
		path := filepath.Join(dir, "suite.yaml")
		if err := os.WriteFile(path, []byte(kind.write()), 0o600); err != nil {
			return err
		}
		var suites, clients []time.Duration
		for i := range rounds {
			took, err := timed(func() error { return runSuite(path, l.Addr().String()) })
			if err != nil {
				return err
			}
			suites = append(suites, took)
			took, err = timed(func() error { return runClient(l.Addr().String(), fmt.Sprint("c", i, kind.name[:5]), kind.call) })
			if err != nil {
				return err
			}
			clients = append(clients, took)
		}
		a, b := median(suites), median(clients)
		fmt.Printf("%-34s suite %7.1f ms   client %7.1f ms   %.2f times\n", kind.name, ms(a), ms(b), float64(a)/float64(b))
	}
	return nil
}

func timed(f func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	return time.Since(start), err
}

func median(d []time.Duration) time.Duration { slices.Sort(d); return d[len(d)/2] }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

const head = "version: 1\ntarget: server\ntests:\n"

func readsWritten() string {
	var b strings.Builder
	b.WriteString(head)
	for i := range tests {
		fmt.Fprintf(&b, "  - name: test %d\n    call: userservice.UserService/GetUser\n    data: { user_id: u%d }\n    code: NOT_FOUND\n    expect: ['message.contains(\"u%d \")', details.size() > 0]\n", i, i, i)
	}
	return b.String()
}

func readsCases() string {
	var b strings.Builder
	b.WriteString(head + "  - name: test\n    call: userservice.UserService/GetUser\n    data: { user_id: 'u${i}' }\n    code: NOT_FOUND\n    expect: ['message.contains(\"u\" + string(i))', details.size() > 0]\n    cases:\n")
	for i := range tests {
		fmt.Fprintf(&b, "      - { i: %d }\n", i)
	}
	return b.String()
}

func writesWritten() string {
	var b strings.Builder
	b.WriteString(head)
	for i := range tests {
		fmt.Fprintf(&b, "  - name: test %d\n    call: userservice.UserService/CreateUser\n    data: { name: Ada, email: \"%d-${run.id}@example.com\" }\n    expect: [res.user.id != \"\", 'res.user.name == \"Ada\"']\n", i, i)
	}
	return b.String()
}

func runSuite(path, addr string) error {
	s, err := suite.Load(context.Background(), suite.Config{Paths: []string{path}, Connect: func(ctx context.Context, t suite.Target) (suite.Conn, error) {
		cc, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return suite.Conn{}, err
		}
		source := describe.NewReflection(ctx, cc, describe.ReflectionOptions{})
		return suite.Conn{CC: cc, Source: source, Target: t, Close: func() { _ = source.Close(); _ = cc.Close() }}, nil
	}})
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.Run(context.Background(), suite.RunOptions{Jobs: jobs})
	if err == nil && r.Count(suite.Passed) != tests {
		err = fmt.Errorf("%d tests passed", r.Count(suite.Passed))
	}
	return err
}

func runClient(addr, id string, call func(context.Context, userservice.UserServiceClient, string, int) error) error {
	cc, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = cc.Close() }()
	client := userservice.NewUserServiceClient(cc)
	work := make(chan int)
	var wg sync.WaitGroup
	errs := make(chan error, jobs)
	for range jobs {
		wg.Go(func() {
			for i := range work {
				if err := call(context.Background(), client, id, i); err != nil {
					select {
					case errs <- err:
					default:
					}
				}
			}
		})
	}
	for i := range tests {
		work <- i
	}
	close(work)
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

func read(ctx context.Context, c userservice.UserServiceClient, _ string, i int) error {
	_, err := c.GetUser(ctx, &userservice.GetUserRequest{UserId: fmt.Sprint("u", i)})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint("u", i)) {
		return fmt.Errorf("GetUser: %w", err)
	}
	return nil
}

func write(ctx context.Context, c userservice.UserServiceClient, id string, i int) error {
	r, err := c.CreateUser(ctx, &userservice.CreateUserRequest{Name: "Ada", Email: fmt.Sprintf("%d-%s@example.com", i, id)})
	if err == nil && r.GetUser().GetName() != "Ada" {
		err = fmt.Errorf("the name is %q", r.GetUser().GetName())
	}
	return err
}
