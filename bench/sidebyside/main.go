// Command sidebyside times grpcx and grpcurl at the same work against the same
// server, from the start of the process to its end, in alternating order. Run
// it in the root of the repository:
//
//	go run ./bench/sidebyside
package main

import (
	"bufio"
	"bytes"
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
	"text/tabwriter"
	"time"
)

// grpcurl is the release that grpcx is held against.
const grpcurl = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4"

// tolerance is how much slower grpcx may seem by the noise of a shared
// machine before -check calls it slower.
const tolerance = 1.05

// warmUp is how many pairs of each task go uncounted.
const warmUp = 3

func main() {
	pairs := flag.Int("pairs", 20, "counted `runs` of each program at each task")
	check := flag.Bool("check", false, fmt.Sprintf("fail if a median of grpcx is above %.2f times grpcurl's", tolerance))
	cache := flag.String("cache", ".cache/bin", "`FOLDER` for the binaries")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *cache, *pairs, *check); err != nil {
		fmt.Fprintln(os.Stderr, "sidebyside:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, cache string, pairs int, check bool) error {
	if pairs < 1 {
		return errors.New("-pairs: want at least 1")
	}
	ours, theirs, err := build(ctx, cache)
	if err != nil {
		return err
	}
	address, stop, err := serve(ctx, ours)
	if err != nil {
		return err
	}
	defer stop()
	tasks, err := prepare(ctx, ours, theirs, address)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "task\tgrpcx ms\tgrpcurl ms\tratio\t")
	var slower []string
	for _, t := range tasks {
		a, b, err := t.measure(ctx, pairs)
		if err != nil {
			return err
		}
		ratio := float64(a) / float64(b)
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%.2f\t\n", t.name, milliseconds(a), milliseconds(b), ratio)
		if ratio > tolerance {
			slower = append(slower, t.name)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "whole process, median of %d pairs\n", pairs)
	if check && len(slower) > 0 {
		return fmt.Errorf("grpcx is slower at %s", strings.Join(slower, ", "))
	}
	return nil
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

// build builds grpcx from this tree and grpcurl from its release, with the
// same flags, and returns their paths.
func build(ctx context.Context, cache string) (ours, theirs string, err error) {
	if cache, err = filepath.Abs(cache); err != nil {
		return "", "", err
	}
	cmd := exec.CommandContext(ctx, "go", "install", "./cmd/grpcx")
	cmd.Env = append(os.Environ(), "GOBIN="+cache)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("build grpcx: %w\n%s", err, out)
	}
	cmd = exec.CommandContext(ctx, "go", "install", grpcurl)
	cmd.Env = append(os.Environ(), "GOBIN="+cache)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("build grpcurl: %w\n%s", err, out)
	}
	return filepath.Join(cache, "grpcx"), filepath.Join(cache, "grpcurl"), nil
}

// serve starts the reference server and returns its host and port. stop ends
// it.
func serve(ctx context.Context, grpcx string) (address string, stop func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	cmd := exec.CommandContext(ctx, grpcx, "serve", "--listen", "127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return "", nil, fmt.Errorf("start the server: %w", err)
	}
	drained := make(chan struct{})
	stop = func() {
		cancel()
		<-drained
		_ = cmd.Wait()
	}
	lines := bufio.NewReader(stderr)
	line, err := lines.ReadString('\n')
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, lines)
	}()
	found := regexp.MustCompile(`msg=listening address=(\S+)`).FindStringSubmatch(line)
	if found == nil {
		stop()
		return "", nil, fmt.Errorf("start the server: %w: %q", errors.Join(err), line)
	}
	return found[1], stop, nil
}

// task is the same work for both programs.
type task struct {
	name         string
	ours, theirs []string
}

// prepare returns the tasks, once the server has what they ask for.
func prepare(ctx context.Context, ours, theirs, address string) ([]task, error) {
	const service = "userservice.UserService"
	create := exec.CommandContext(ctx, ours, "call", "grpc://"+address, service+"/CreateUser",
		"-d", `{"name":"Ada","email":"ada@example.com"}`, "--jq", ".user.id", "-r")
	var stderr bytes.Buffer
	create.Stderr = &stderr
	id, err := create.Output()
	if err != nil {
		return nil, fmt.Errorf("create a user: %w\n%s", err, &stderr)
	}
	request := fmt.Sprintf(`{"user_id":%q}`, bytes.TrimSpace(id))
	return []task{
		{
			name:   "list",
			ours:   []string{ours, "list", "grpc://" + address},
			theirs: []string{theirs, "-plaintext", address, "list"},
		},
		{
			name:   "describe",
			ours:   []string{ours, "describe", "grpc://" + address, service},
			theirs: []string{theirs, "-plaintext", address, "describe", service},
		},
		{
			name:   "call",
			ours:   []string{ours, "call", "grpc://" + address, service + "/GetUser", "-d", request},
			theirs: []string{theirs, "-plaintext", "-d", request, address, service + "/GetUser"},
		},
	}, nil
}

// measure returns the median time of each program, over pairs runs.
func (t task) measure(ctx context.Context, pairs int) (ours, theirs time.Duration, err error) {
	var a, b []time.Duration
	for i := range warmUp + pairs {
		first, second := t.ours, t.theirs
		if i%2 == 1 {
			first, second = second, first
		}
		x, err := timed(ctx, first)
		if err != nil {
			return 0, 0, err
		}
		y, err := timed(ctx, second)
		if err != nil {
			return 0, 0, err
		}
		if i%2 == 1 {
			x, y = y, x
		}
		if i >= warmUp {
			a, b = append(a, x), append(b, y)
		}
	}
	return median(a), median(b), nil
}

// timed runs command, which must succeed and write something.
func timed(ctx context.Context, command []string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if err == nil && stdout.Len() == 0 {
		err = errors.New("it wrote nothing")
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, &stderr)
	}
	return took, nil
}

// median returns the median of all, which it sorts.
func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	middle := len(all) / 2
	if len(all)%2 == 1 {
		return all[middle]
	}
	return (all[middle-1] + all[middle]) / 2
}
