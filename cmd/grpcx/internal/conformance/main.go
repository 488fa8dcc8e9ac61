// Command client is the client under test of the Connect conformance suite:
// it makes each call that the suite's runner asks for with one run of
// `grpcx call -o events`, and reports what the events say.
//
// Requests and responses are connectrpc.conformance.v1.ClientCompatRequest and
// ClientCompatResponse on standard input and output, each after its size in
// four bytes, big endian. Responses come in the order in which calls end.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "conformance client:", err)
		os.Exit(1)
	}
}

func run() error {
	grpcx := flag.String("grpcx", "grpcx", "the grpcx binary")
	protos := flag.String("protos", "", "the folder with the suite's .proto files")
	parallel := flag.Int("p", 4, "calls at once")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "grpcx-conformance-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	schema, err := loadSchema(ctx, *protos)
	if err != nil {
		return err
	}
	c := &client{grpcx: *grpcx, dir: dir, protoset: dir + "/suite.binpb"}
	if err := schema.writeSet(c.protoset); err != nil {
		return err
	}
	return serve(ctx, c, schema, *parallel, os.Stdin, os.Stdout)
}

// serve answers the requests of r on w, parallel at once, until r ends.
func serve(ctx context.Context, c *client, s *schema, parallel int, r io.Reader, w io.Writer) error {
	var (
		calls  sync.WaitGroup
		places = make(chan struct{}, parallel)
		mu     sync.Mutex // guards w and failed
		failed error
	)
	defer calls.Wait()
	for {
		wire, err := readFrame(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		t, err := s.decode(wire)
		if err != nil {
			return err
		}
		places <- struct{}{}
		calls.Go(func() {
			defer func() { <-places }()
			answer, err := s.encode(c.answer(ctx, t))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				err = writeFrame(w, answer)
			}
			failed = errors.Join(failed, err)
		})
	}
	calls.Wait()
	return failed
}

// maxFrame is the largest request that is taken, in bytes.
const maxFrame = 16 << 20

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxFrame {
		return nil, fmt.Errorf("read request: %d bytes are too many", n)
	}
	wire := make([]byte, n)
	if _, err := io.ReadFull(r, wire); err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	return wire, nil
}

func writeFrame(w io.Writer, wire []byte) error {
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(wire)), uint32(len(wire)))
	if _, err := w.Write(append(frame, wire...)); err != nil {
		return fmt.Errorf("write response: %w", err)
	}
	return nil
}
