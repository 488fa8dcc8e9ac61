package dial_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/testdata/testcert"
	"github.com/grpcx/grpcx/testdata/testnet"
	"github.com/grpcx/grpcx/testserver"
	"github.com/grpcx/grpcx/testserver/oneport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(tb testing.TB, network, address string) net.Listener {
	tb.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

// serveGRPC serves the health service on l.
func serveGRPC(tb testing.TB, l net.Listener, o ...grpc.ServerOption) string {
	tb.Helper()
	server := grpc.NewServer(o...)
	healthpb.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(l) }()
	tb.Cleanup(server.Stop)
	return l.Addr().String()
}

// serveHTTP1 serves HTTP/1.1 alone, over TLS if cfg is not nil.
func serveHTTP1(tb testing.TB, cfg *tls.Config) string {
	tb.Helper()
	l := listen(tb, "tcp", "127.0.0.1:0")
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{Handler: http.NotFoundHandler(), Protocols: protocols, ReadHeaderTimeout: time.Minute}
	address := l.Addr().String()
	if cfg != nil {
		cfg = cfg.Clone()
		cfg.NextProtos = []string{"http/1.1"}
		l = tls.NewListener(l, cfg)
	}
	go func() { _ = server.Serve(l) }()
	tb.Cleanup(func() { _ = server.Close() })
	return address
}

// serveSilence accepts connections, hands each to answer, and closes them at
// the end of the test.
func serveSilence(tb testing.TB, answer func(net.Conn)) string {
	tb.Helper()
	l := listen(tb, "tcp", "127.0.0.1:0")
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				answer(conn)
				<-done
				_ = conn.Close()
			})
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		close(done)
		wg.Wait()
	})
	return l.Addr().String()
}

func check(tb testing.TB, cc grpc.ClientConnInterface) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := healthpb.NewHealthClient(cc).Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
		tb.Errorf("call: %v", err)
	}
}

func TestDial(t *testing.T) {
	ca := testcert.New(t)
	cert, key := ca.Issue("localhost", time.Now().Add(time.Hour))
	other, otherKey := ca.Issue("other.example", time.Now().Add(time.Hour))
	serverTLS := ca.Server(cert, key)
	mutual := serverTLS.Clone()
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()

	plain := serveGRPC(t, listen(t, "tcp", "127.0.0.1:0"))
	secure := serveGRPC(t, listen(t, "tcp", "127.0.0.1:0"), grpc.Creds(credentials.NewTLS(serverTLS)))
	named := serveGRPC(t, listen(t, "tcp", "127.0.0.1:0"), grpc.Creds(credentials.NewTLS(ca.Server(other, otherKey))))
	mtls := serveGRPC(t, listen(t, "tcp", "127.0.0.1:0"), grpc.Creds(credentials.NewTLS(mutual)))
	socket := filepath.Join(t.TempDir(), "s")
	serveGRPC(t, listen(t, "unix", socket))
	abstract := listen(t, "unix", "@grpcx-dial-test-"+filepath.Base(t.TempDir()))
	serveGRPC(t, abstract)

	for _, tc := range []struct {
		name string
		cfg  dial.Config
	}{
		{"plaintext", dial.Config{Address: plain, TLS: dial.TLS{Plaintext: true}}},
		{"grpc URL", dial.Config{Address: "grpc://" + plain}},
		{"http URL", dial.Config{Address: "http://" + plain + "/"}},
		{"dns resolver", dial.Config{Address: "dns:///" + plain, TLS: dial.TLS{Plaintext: true}}},
		{"ipv4 resolver", dial.Config{Address: "ipv4:" + plain, TLS: dial.TLS{Plaintext: true}}},
		{"unix socket", dial.Config{Address: "unix:" + socket}},
		{"unix socket as URL", dial.Config{Address: "unix://" + socket}},
		{"abstract unix socket", dial.Config{Address: "unix-abstract:" + strings.TrimPrefix(abstract.Addr().String(), "@")}},
		{"TLS", dial.Config{Address: secure, TLS: dial.TLS{CACert: ca.File}}},
		{"grpcs URL", dial.Config{Address: "grpcs://" + secure, TLS: dial.TLS{CACert: ca.File}}},
		{"TLS unchecked", dial.Config{Address: secure, TLS: dial.TLS{Insecure: true}}},
		{"another server name", dial.Config{Address: named, TLS: dial.TLS{CACert: ca.File, ServerName: "other.example"}}},
		{"server name and authority differ", dial.Config{Address: named, Authority: "service.internal", TLS: dial.TLS{CACert: ca.File, ServerName: "other.example"}}},
		{"authority is the server name", dial.Config{Address: named, Authority: "other.example", TLS: dial.TLS{CACert: ca.File}}},
		{"client certificate", dial.Config{Address: mtls, TLS: dial.TLS{CACert: ca.File, Cert: cert, Key: key}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cc, err := dial.Dial(context.Background(), tc.cfg)
			if err != nil {
				t.Fatal(err)
			}
			check(t, cc)
			if err := cc.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// mistake is an address or an option that is wrong, and what Dial says of it.
type mistake struct {
	name      string
	cfg       dial.Config
	err, hint string
}

func mistakes(t testing.TB) []mistake {
	t.Helper()
	ca, stranger := testcert.New(t), testcert.New(t)
	cert, key := ca.Issue("localhost", time.Now().Add(time.Hour))
	other, otherKey := ca.Issue("other.example", time.Now().Add(time.Hour))
	old, oldKey := ca.Issue("localhost", time.Now().Add(-time.Hour))
	strange, strangeKey := stranger.Issue("localhost", time.Now().Add(time.Hour))
	serverTLS := ca.Server(cert, key)
	mutual := serverTLS.Clone()
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	closed := testnet.Refusing(t)

	plain := serveGRPC(t, listen(t, "tcp", "127.0.0.1:0"))
	secure := serveGRPC(t, listen(t, "tcp", "127.0.0.1:0"), grpc.Creds(credentials.NewTLS(serverTLS)))
	mtls := serveGRPC(t, listen(t, "tcp", "127.0.0.1:0"), grpc.Creds(credentials.NewTLS(mutual)))
	trusting := dial.TLS{CACert: ca.File}
	plaintext := dial.TLS{Plaintext: true}
	// A server that speaks TLS, but takes a plaintext preface for the slow
	// beginning of a handshake.
	slowTLS := serveSilence(t, func(conn net.Conn) {
		first := make([]byte, 1)
		if _, err := io.ReadFull(conn, first); err == nil && first[0] == 0x16 {
			_, _ = conn.Write([]byte{0x15, 3, 3, 0, 2, 2, 40})
		}
	})
	slowPlaintext := serveSilence(t, func(conn net.Conn) {
		first := make([]byte, 1)
		if _, err := io.ReadFull(conn, first); err == nil && first[0] == 'P' {
			_, _ = conn.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0})
		}
	})

	return []mistake{
		{"refused", dial.Config{Address: closed, TLS: plaintext}, "refused", "is the server running"},
		{"refused with TLS", dial.Config{Address: closed}, "refused", "is the server running"},
		{"no such socket", dial.Config{Address: "unix:/nonexistent/socket"}, "no such file", "no such socket"},
		{"plaintext to a TLS server", dial.Config{Address: secure, TLS: plaintext}, "speaks TLS", "drop --plaintext"},
		{"TLS to a plaintext server", dial.Config{Address: plain}, "speaks plaintext", "add --plaintext"},
		{"plaintext to a TLS server that waits", dial.Config{Address: slowTLS, TLS: plaintext}, "speaks TLS", "drop --plaintext"},
		{"TLS to a plaintext server that waits", dial.Config{Address: slowPlaintext}, "speaks plaintext", "add --plaintext"},
		{"HTTP/1", dial.Config{Address: serveHTTP1(t, nil), TLS: plaintext}, "HTTP/1.1", "web server"},
		{"TLS to HTTP/1", dial.Config{Address: serveHTTP1(t, nil)}, "HTTP/1.1", "web server"},
		{"HTTP/1 over TLS", dial.Config{Address: serveHTTP1(t, serverTLS), TLS: trusting}, "not HTTP/2", "web server"},
		{"plaintext to HTTP/1 over TLS", dial.Config{Address: serveHTTP1(t, serverTLS), TLS: plaintext}, "speaks TLS", "drop --plaintext"},
		{"unknown authority", dial.Config{Address: secure}, "unknown authority", "--cacert"},
		{"another host's certificate", dial.Config{Address: serveGRPC(t, listen(t, "tcp", "127.0.0.1:0"), grpc.Creds(credentials.NewTLS(ca.Server(other, otherKey)))), TLS: trusting}, "127.0.0.1", "--servername"},
		{"expired certificate", dial.Config{Address: serveGRPC(t, listen(t, "tcp", "127.0.0.1:0"), grpc.Creds(credentials.NewTLS(ca.Server(old, oldKey)))), TLS: trusting}, "expired", "expired"},
		{"no client certificate", dial.Config{Address: mtls, TLS: trusting}, "certificate", "--cert"},
		{"a client certificate of a stranger", dial.Config{Address: mtls, TLS: dial.TLS{CACert: ca.File, Cert: strange, Key: strangeKey}}, "certificate", "--cert"},
		{"silence", dial.Config{Address: serveSilence(t, func(net.Conn) {}), TLS: plaintext, ConnectTimeout: 1500 * time.Millisecond}, "no answer within 1.5s", ""},
		{"silence in a handshake", dial.Config{Address: serveSilence(t, func(net.Conn) {}), ConnectTimeout: 1500 * time.Millisecond}, "TLS handshake: no answer within 1.5s", ""},
		{"a closed door", dial.Config{Address: serveSilence(t, func(c net.Conn) { _ = c.Close() }), TLS: plaintext}, "closed the connection", ""},
	}
}

// failure returns the error of Dial, which is to be a *dial.Error.
func (m mistake) failure(tb testing.TB) *dial.Error {
	tb.Helper()
	cc, err := dial.Dial(context.Background(), m.cfg)
	if err == nil {
		_ = cc.Close()
		tb.Fatal("Dial succeeded")
	}
	var failure *dial.Error
	if !errors.As(err, &failure) {
		tb.Fatalf("err = %v (%T), want *dial.Error", err, err)
	}
	return failure
}

func TestDialNamesWhatIsWrong(t *testing.T) {
	for _, m := range mistakes(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.cfg = dial.Patient(m.cfg)
			failure := m.failure(t)
			if !strings.Contains(failure.Error(), m.err) {
				t.Errorf("err = %v, want %q in it", failure, m.err)
			}
			if !strings.Contains(failure.Hint, m.hint) {
				t.Errorf("hint = %q, want %q in it (%v)", failure.Hint, m.hint, failure)
			}
		})
	}
}

// lateListener accepts nothing before three connections wait: the one that is to
// last, and the two that ask what the server speaks. Between the first that it
// accepts and the others is more time than the questions have together.
type lateListener struct {
	net.Listener
	waiting []net.Conn
}

func (l *lateListener) Accept() (net.Conn, error) {
	for late := l.waiting == nil; late && len(l.waiting) < 3; {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.waiting = append(l.waiting, conn)
	}
	if len(l.waiting) == 0 {
		return l.Listener.Accept()
	}
	if len(l.waiting) == 2 {
		<-time.After(dial.Probes)
	}
	conn := l.waiting[len(l.waiting)-1] // the last question is answered first
	l.waiting = l.waiting[:len(l.waiting)-1]
	return conn, nil
}

// The reference server speaks HTTP/1.1 as well.
func TestDialWaitsForAServerThatBeginsLate(t *testing.T) {
	ca := testcert.New(t)
	cert, key := ca.Issue("localhost", time.Now().Add(time.Hour))
	for name, tc := range map[string]struct {
		server testserver.Config
		client dial.TLS
	}{
		"plaintext": {testserver.Config{}, dial.TLS{Plaintext: true}},
		"TLS":       {testserver.Config{TLS: oneport.Files{Cert: cert, Key: key}}, dial.TLS{CACert: ca.File, ServerName: "localhost"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := testserver.New(tc.server)
			if err != nil {
				t.Fatal(err)
			}
			l := &lateListener{Listener: listen(t, "tcp", "127.0.0.1:0")}
			served := make(chan error, 1)
			go func() { served <- server.Serve(l) }()
			cc, err := dial.Dial(t.Context(), dial.PatientAtLast(dial.Config{Address: l.Addr().String(), TLS: tc.client, ConnectTimeout: time.Minute}))
			if err != nil {
				t.Error(err)
			} else {
				check(t, cc)
				_ = cc.Close()
			}
			if err := errors.Join(server.Shutdown(t.Context()), <-served); err != nil {
				t.Error(err)
			}
		})
	}
}

// BenchmarkDialNamesWhatIsWrong measures the time to the error, which is to be at
// most a second where the server does say something.
func BenchmarkDialNamesWhatIsWrong(b *testing.B) {
	for _, m := range mistakes(b) {
		b.Run(m.name, func(b *testing.B) {
			for b.Loop() {
				_ = m.failure(b)
			}
		})
	}
}

func TestDialRefusesContradictions(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  dial.Config
		err  string
	}{
		{"plaintext and TLS options", dial.Config{Address: "h:1", TLS: dial.TLS{Plaintext: true, Insecure: true}}, "cannot be combined"},
		{"plaintext to a TLS URL", dial.Config{Address: "grpcs://h:1", TLS: dial.TLS{Plaintext: true}}, "asks for TLS"},
		{"TLS options to a plaintext URL", dial.Config{Address: "grpc://h:1", TLS: dial.TLS{CACert: "ca.pem"}}, "is plaintext"},
		{"certificate without key", dial.Config{Address: "h:1", TLS: dial.TLS{Cert: "c.pem"}}, "go together"},
		{"no such CA file", dial.Config{Address: "h:1", TLS: dial.TLS{CACert: "/nonexistent"}}, "read CA certificates"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := dial.Dial(context.Background(), tc.cfg); err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("err = %v, want %q in it", err, tc.err)
			}
		})
	}
}

func TestDialEndsWithContext(t *testing.T) {
	address := serveSilence(t, func(net.Conn) {})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	cfg := dial.Config{Address: address, TLS: dial.TLS{Plaintext: true}, ConnectTimeout: time.Hour}
	if _, err := dial.Dial(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want context.Canceled", err)
	}
}

func TestTraceHearsEachStep(t *testing.T) {
	ca := testcert.New(t)
	cert, key := ca.Issue("localhost", time.Now().Add(time.Hour))
	address := serveGRPC(t, listen(t, "tcp", "127.0.0.1:0"), grpc.Creds(credentials.NewTLS(ca.Server(cert, key))))
	var mu sync.Mutex
	var steps []string
	step := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, s)
	}
	cc, err := dial.Dial(context.Background(), dial.Config{
		Address: address,
		TLS:     dial.TLS{CACert: ca.File},
		Trace: &dial.Trace{
			DNS:     func(string, []string, time.Duration, error) { step("dns") },
			Connect: func(_ string, _ time.Duration, err error) { step("connect") },
			TLS: func(s *tls.ConnectionState, _ time.Duration, err error) {
				if s == nil || s.NegotiatedProtocol != "h2" || err != nil {
					t.Errorf("state = %v, err = %v", s, err)
				}
				step("tls")
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = cc.Close()
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(steps, " "); got != "connect tls" {
		t.Errorf("steps = %q, want connect tls", got)
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for address, want := range map[string]string{
		"":                         "empty",
		"localhost":                "no port",
		"localhost:":               "no port",
		"a b:1":                    "white space",
		"::1":                      "want host:port",
		"unix:":                    "no path",
		"grpc://":                  "no host",
		"grpc://u:p@h:1":           "credentials",
		"https://h/prefix":         "no place for a path",
		"consul://service":         "not supported",
		"host:1\x1b[31m":           "control characters",
		"grpc://h:1/?service=name": "no place for a path",
	} {
		if _, err := dial.ParseAddress(address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseAddress(%q): %v, want %q in it", address, err, want)
		} else if strings.Contains(err.Error(), "u:p") {
			t.Errorf("ParseAddress(%q) repeats the credentials: %v", address, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"h:1", "grpc://h:1", "grpcs://[::1]:443", "unix:/a", "unix-abstract:a", "dns:///a:1", "demo", "http://h/p", "%zz://"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := dial.ParseAddress(s); err == nil && s == "" {
			t.Error("took the empty address")
		}
	})
}
