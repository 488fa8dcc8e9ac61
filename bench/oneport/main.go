// Command oneport times unary calls to the same handler on plain grpc-go and on
// the one port (package testserver/oneport), in alternating rounds. Each server
// is a process of its own, so that its processor time can be told too. Run it in
// the root of the repository:
//
//	go run ./bench/oneport
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"

	"github.com/grpcx/grpcx/testserver/oneport"
)

// least is the ratio of throughput that -check wants.
const least = 0.95

// warmUp is how many rounds go uncounted.
const warmUp = 2

func main() {
	rounds := flag.Int("rounds", 15, "counted `rounds` of each server")
	length := flag.Duration("length", time.Second, "`time` of a round")
	callers := flag.Int("callers", 50, "calls at once, on one connection")
	check := flag.Bool("check", false, fmt.Sprintf("fail if the median throughput is below %.2f times plain grpc-go's", least))
	child := flag.String("serve", "", "be the server `KIND`, plain or oneport; for the program itself")
	flag.Parse()
	err := error(nil)
	if *child != "" {
		err = serve(*child, os.Stdin, os.Stdout)
	} else {
		err = compare(context.Background(), os.Stdout, *rounds, *length, *callers, *check)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "oneport:", err)
		os.Exit(1)
	}
}

// echo answers with what it gets.
type echo struct {
	grpc_testing.UnimplementedTestServiceServer
}

func (echo) UnaryCall(_ context.Context, req *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	return &grpc_testing.SimpleResponse{Payload: req.GetPayload()}, nil
}

// server is what both servers are.
type server interface {
	grpc.ServiceRegistrar
	Serve(net.Listener) error
	Stop()
}

// serve runs a server until r ends. It tells its address, and for each line of r
// the processor time that it took so far, in nanoseconds.
func serve(kind string, r io.Reader, w io.Writer) error {
	var s server
	switch kind {
	case "plain":
		s = grpc.NewServer()
	case "oneport":
		s = oneport.NewServer(oneport.Config{})
	default:
		return fmt.Errorf("-serve %s: want plain or oneport", kind)
	}
	grpc_testing.RegisterTestServiceServer(s, echo{})
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	_, _ = fmt.Fprintln(w, l.Addr())
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(w, used.Utime.Nano()+used.Stime.Nano())
	}
	s.Stop()
	return <-served
}

// subject is a server under test.
type subject struct {
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	cc     *grpc.ClientConn
	calls  []float64 // a second, by round
	burden []float64 // microseconds of the server's processors a call, by round
}

func start(ctx context.Context, kind string) (*subject, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &subject{name: kind, cmd: exec.CommandContext(ctx, self, "-serve", kind)}
	s.cmd.Stderr = os.Stderr
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	address, err := s.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", kind, err)
	}
	s.cc, err = grpc.NewClient(strings.TrimSpace(address), grpc.WithTransportCredentials(insecure.NewCredentials()))
	return s, err
}

func (s *subject) stop() error {
	return errors.Join(s.cc.Close(), s.in.Close(), s.cmd.Wait())
}

func (s *subject) used() (nanoseconds int64, err error) {
	if _, err := fmt.Fprintln(s.in); err != nil {
		return 0, err
	}
	line, err := s.out.ReadString('\n')
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscan(line, &nanoseconds)
	return nanoseconds, err
}

// round makes calls for a time and records what they took.
func (s *subject) round(ctx context.Context, length time.Duration, callers int) error {
	client := grpc_testing.NewTestServiceClient(s.cc)
	before, err := s.used()
	if err != nil {
		return err
	}
	var calls atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	begin := time.Now()
	for range callers {
		all.Go(func() {
			req := &grpc_testing.SimpleRequest{Payload: &grpc_testing.Payload{Body: make([]byte, 100)}}
			for time.Since(begin) < length {
				if _, err := client.UnaryCall(ctx, req); err != nil {
					failed.Store(&err)
					return
				}
				calls.Add(1)
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	elapsed := time.Since(begin)
	after, err := s.used()
	if err != nil {
		return err
	}
	n := float64(calls.Load())
	s.calls = append(s.calls, n/elapsed.Seconds())
	s.burden = append(s.burden, float64(after-before)/n/1000)
	return nil
}

func compare(ctx context.Context, w io.Writer, rounds int, length time.Duration, callers int, check bool) (err error) {
	if rounds < 1 || callers < 1 {
		return errors.New("-rounds, -callers: want at least 1")
	}
	var both [2]*subject
	for i, kind := range []string{"plain", "oneport"} {
		s, err := start(ctx, kind)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		both[i] = s
	}
	var throughput, burden []float64 // ours by theirs, by pair of rounds
	for i := range warmUp + rounds {
		order := []*subject{both[i%2], both[1-i%2]}
		for _, s := range order {
			if err := s.round(ctx, length, callers); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
		if i >= warmUp {
			throughput = append(throughput, both[1].calls[i]/both[0].calls[i])
			burden = append(burden, both[1].burden[i]/both[0].burden[i])
		}
	}
	for _, s := range both {
		_, _ = fmt.Fprintf(w, "%-8s %8.0f calls/s  %6.1f us of the server's processors a call\n", s.name, median(s.calls[warmUp:]), median(s.burden[warmUp:]))
	}
	ratio := median(throughput)
	_, _ = fmt.Fprintf(w, "ratio    %8.3f          %6.3f  (medians of %d pairs of rounds)\n", ratio, median(burden), rounds)
	if check && ratio < least {
		return fmt.Errorf("the throughput is %.3f times plain grpc-go's, want %.2f", ratio, least)
	}
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
