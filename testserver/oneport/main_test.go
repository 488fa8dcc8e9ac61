package oneport_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/grpcx/grpcx/testserver"
)

// childEnv makes the test binary the server under attack; see hostile_test.go.
const childEnv = "ONEPORT_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		serveChild()
		return
	}
	goleak.VerifyTestMain(m)
}

// serveChild is the reference server with its default limits, until standard
// input ends.
func serveChild() {
	cfg := testserver.Config{}
	debug.SetMemoryLimit(cfg.MemoryLimit())
	s, err := testserver.Listen(cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = fmt.Fprintln(os.Stdout, s.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = s.Shutdown(ctx)
}
