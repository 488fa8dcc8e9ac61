// Command suite times grpcx test over 1,000 tests, and a compiled client that makes
// the same calls and looks at the same fields, from the start of the process to its
// end, in turns. Run it in the root of the repository:
//
//	go run ./bench/suite
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/testserver/proto/userservice"
)

const (
	tests = 1000
	jobs  = 8
)

// task is work that both do.
type task struct {
	name  string
	suite func(*strings.Builder)
	call  func(context.Context, userservice.UserServiceClient, string, int) error
}

func tasks() []task {
	return []task{
		{"1,000 tests that write", writesWritten, write},
		{"1,000 tests that read", readsWritten, read},
		{"1,000 cases that read", readsCases, read},
	}
}

func main() {
	rounds := flag.Int("rounds", 11, "counted `runs` of each")
	client := flag.String("client", "", "make the calls of one task against `ADDR`, and nothing else")
	kind := flag.Int("task", 0, "which task")
	flag.Parse()
	ctx := context.Background()
	var err error
	if *client != "" {
		err = runClient(ctx, *client, tasks()[*kind])
	} else {
		err = run(ctx, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int) (err error) {
	dir, err := os.MkdirTemp("", "suite")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	grpcx, client := filepath.Join(dir, "grpcx"), filepath.Join(dir, "client")
	for out, pkg := range map[string]string{grpcx: "./cmd/grpcx", client: "./bench/suite"} {
		if text, err := exec.CommandContext(ctx, "go", "build", "-o", out, pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
		}
	}
	address, stop, err := serve(ctx, grpcx)
	if err != nil {
		return err
	}
	defer stop()
	for i, t := range tasks() {
		path := filepath.Join(dir, "suite.yaml")
		var text strings.Builder
		fmt.Fprintf(&text, "version: 1\ntarget: grpc://%s\ntests:\n", address)
		t.suite(&text)
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			return err
		}
		var suites, clients []time.Duration
		for round := range rounds + 1 {
			a, err := timed(ctx, grpcx, "test", path, "--jobs", fmt.Sprint(jobs))
			if err != nil {
				return err
			}
			b, err := timed(ctx, client, "-client", address, "-task", fmt.Sprint(i))
			if err != nil {
				return err
			}
			if round > 0 { // the first warms up
				suites, clients = append(suites, a), append(clients, b)
			}
		}
		a, b := median(suites), median(clients)
		fmt.Printf("%-24s grpcx test %7.1f ms   compiled client %7.1f ms   %.2f times\n",
			t.name, a.Seconds()*1000, b.Seconds()*1000, a.Seconds()/b.Seconds())
	}
	return nil
}

// serve starts the reference server in a process of its own.
func serve(ctx context.Context, grpcx string) (address string, stop func(), err error) {
	cmd := exec.CommandContext(ctx, grpcx, "serve", "--listen", "127.0.0.1:0")
	out, err := cmd.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	listening := regexp.MustCompile(`msg=listening address=(\S+)`)
	for s := bufio.NewScanner(out); s.Scan(); {
		if m := listening.FindStringSubmatch(s.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return m[1], stop, nil
		}
	}
	stop()
	return "", nil, errors.New("the server does not listen")
}

func timed(ctx context.Context, name string, args ...string) (time.Duration, error) {
	start := time.Now()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	took := time.Since(start)
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", name, err, out[max(0, len(out)-2000):])
	}
	return took, err
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func writesWritten(b *strings.Builder) {
	for i := range tests {
		fmt.Fprintf(b, "  - name: test %d\n    call: userservice.UserService/CreateUser\n"+
			"    data: { name: Ada, email: \"%d-${run.id}@example.com\" }\n"+
			"    expect: ['res.user.id != \"\"', 'res.user.name == \"Ada\"']\n", i, i)
	}
}

func readsWritten(b *strings.Builder) {
	for i := range tests {
		fmt.Fprintf(b, "  - name: test %d\n    call: userservice.UserService/GetUser\n    data: { user_id: u%d }\n"+
			"    code: NOT_FOUND\n    expect: ['message.contains(\"u%d \")']\n", i, i, i)
	}
}

func readsCases(b *strings.Builder) {
	b.WriteString("  - name: test\n    call: userservice.UserService/GetUser\n    data: { user_id: \"u${i}\" }\n" +
		"    code: NOT_FOUND\n    expect: ['message.contains(\"u\" + string(i))']\n    cases:\n")
	for i := range tests {
		fmt.Fprintf(b, "      - { i: %d }\n", i)
	}
}

func write(ctx context.Context, c userservice.UserServiceClient, id string, i int) error {
	r, err := c.CreateUser(ctx, &userservice.CreateUserRequest{Name: "Ada", Email: fmt.Sprintf("%d-%s@example.com", i, id)})
	if err == nil && (r.GetUser().GetName() != "Ada" || r.GetUser().GetId() == "") {
		err = fmt.Errorf("the user is %v", r.GetUser())
	}
	return err
}

func read(ctx context.Context, c userservice.UserServiceClient, _ string, i int) error {
	_, err := c.GetUser(ctx, &userservice.GetUserRequest{UserId: fmt.Sprint("u", i)})
	if status.Code(err) != codes.NotFound || !strings.Contains(status.Convert(err).Message(), fmt.Sprint("u", i)) {
		return fmt.Errorf("GetUser: %w", err)
	}
	return nil
}

// runClient makes the calls of a task.
func runClient(ctx context.Context, addr string, t task) error {
	cc, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = cc.Close() }()
	client := userservice.NewUserServiceClient(cc)
	id := fmt.Sprint(time.Now().UnixNano())
	work := make(chan int)
	errs := make([]error, jobs)
	var wg sync.WaitGroup
	for j := range jobs {
		wg.Go(func() {
			for i := range work {
				if err := t.call(ctx, client, id, i); err != nil {
					errs[j] = err
				}
			}
		})
	}
	for i := range tests {
		work <- i
	}
	close(work)
	wg.Wait()
	return errors.Join(errs...)
}
