package main

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/grpcx/grpcx/testdata/testcert"
	"github.com/grpcx/grpcx/testdata/testnet"
	"github.com/grpcx/grpcx/testserver"
	"github.com/grpcx/grpcx/testserver/oneport"
)

// patience ends what hangs.
const patience = 2 * time.Minute

// noRaceSleep is the GORACE of processes that tests start: the race detector would
// have each of them sleep for a second before its end.
const noRaceSleep = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"grpcx": main})
}

// TestScripts runs testdata/script, each script against servers of its own:
// $ADDR (plaintext), $TLS_ADDR (TLS), $MTLS_ADDR (wants a client certificate)
// and $CLOSED_ADDR (refuses). $CA, $CERT and $KEY are PEM files, $TESTDATA is
// the folder testdata.
func TestScripts(t *testing.T) {
	ca := testcert.New(t)
	cert, key := ca.Issue("localhost", time.Now().Add(time.Hour))
	secure := oneport.Files{Cert: cert, Key: key}
	mutual := oneport.Files{Cert: cert, Key: key, ClientCA: ca.File}
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", noRaceSleep)
			env.Setenv("ADDR", serve(t, env, oneport.Files{}))
			env.Setenv("TLS_ADDR", serve(t, env, secure))
			env.Setenv("MTLS_ADDR", serve(t, env, mutual))
			env.Setenv("CLOSED_ADDR", testnet.Refusing(t))
			env.Setenv("CA", ca.File)
			env.Setenv("CERT", cert)
			env.Setenv("KEY", key)
			env.Setenv("TESTDATA", testdata(t))
			return nil
		},
	})
}

// exits N COMMAND... runs the command and wants its exit code to be N.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// serve starts a reference server that ends with the script.
func serve(tb testing.TB, env *testscript.Env, files oneport.Files) string {
	tb.Helper()
	server, err := testserver.New(testserver.Config{DefaultAdmin: true, TLS: files})
	if err != nil {
		tb.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	env.Defer(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Shutdown(ctx)
		<-served
	})
	return l.Addr().String()
}

func testdata(tb testing.TB) string {
	tb.Helper()
	dir, err := filepath.Abs("../../testdata")
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}
