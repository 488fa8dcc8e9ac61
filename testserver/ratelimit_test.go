package testserver

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

func TestRateLimit(t *testing.T) {
	t.Parallel()
	cl := &clock{}
	ids := newIdentities(t, "api_keys:", apiKeyLine("ci", "k3y", ""), apiKeyLine("also ci", "other", ", user_id: ci"), apiKeyLine("ada", "hers", ""))
	cc := dial(t, Start(t, Config{now: cl.now, Identities: ids.path, RateLimit: RateLimit{PerSecond: 2, Burst: 3}}))
	users := pb.NewUserServiceClient(cc)
	call := func(md ...string) (remaining int, err error) {
		t.Helper()
		var header metadata.MD
		ctx := metadata.AppendToOutgoingContext(withDeadline(t), md...)
		_, err = users.GetUser(ctx, &pb.GetUserRequest{UserId: "9"}, grpc.Header(&header))
		limit, left, reset := header.Get("x-ratelimit-limit"), header.Get("x-ratelimit-remaining"), header.Get("x-ratelimit-reset")
		if len(limit) != 1 || limit[0] != "3" || len(left) != 1 || len(reset) != 1 {
			t.Fatalf("header %v", header)
		}
		at, parseErr := time.Parse(time.RFC3339, reset[0])
		if in := at.Sub(cl.now()); parseErr != nil || in <= 0 || in > 1501*time.Millisecond {
			t.Errorf("reset %q, in %v, %v", reset[0], in, parseErr)
		}
		remaining, convErr := strconv.Atoi(left[0])
		if convErr != nil {
			t.Error(convErr)
		}
		return remaining, err
	}
	for i := range 3 {
		if left, err := call(); status.Code(err) != codes.NotFound || left != 2-i {
			t.Errorf("call %d: %v, %d left", i, err, left)
		}
	}
	left, err := call()
	info := detail[*errdetails.RetryInfo](t, wantStatus(t, err, codes.ResourceExhausted, "too many calls"))
	if d := info.GetRetryDelay().AsDuration(); left != 0 || d < 400*time.Millisecond || d > 500*time.Millisecond {
		t.Errorf("%d left, retry after %v, want 500ms", left, d)
	}
	t.Run("streams count as one call", func(t *testing.T) {
		stream, err := users.StreamUsers(withDeadline(t))
		if err == nil {
			_, err = stream.Recv()
		}
		wantStatus(t, err, codes.ResourceExhausted, "")
		cl.advance(500 * time.Millisecond)
		if stream, err = users.StreamUsers(withDeadline(t)); err != nil {
			t.Fatal(err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != io.EOF {
			t.Error(err)
		}
	})
	t.Run("health does not count", func(t *testing.T) {
		for range 5 {
			if _, err := healthpb.NewHealthClient(cc).Check(withDeadline(t), &healthpb.HealthCheckRequest{}); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("wrong credentials count for their host", func(t *testing.T) {
		for i := range 3 {
			_, err := call("x-api-key", fmt.Sprint("guess", i))
			wantStatus(t, err, codes.ResourceExhausted, "")
		}
	})
	t.Run("users count by themselves, by whatever credential", func(t *testing.T) {
		cl.advance(time.Second) // two calls, with which the keys are proven
		for _, key := range []string{"k3y", "other"} {
			if _, err := call("x-api-key", key); status.Code(err) != codes.NotFound {
				t.Fatal(err)
			}
		}
		for i, key := range []string{"k3y", "other", "k3y"} {
			if left, err := call("x-api-key", key); status.Code(err) != codes.NotFound || left != 2-i {
				t.Errorf("%s: %v, %d left", key, err, left)
			}
		}
		_, err := call("x-api-key", "other")
		wantStatus(t, err, codes.ResourceExhausted, "")
		cl.advance(500 * time.Millisecond)
		if _, err := call("x-api-key", "hers"); status.Code(err) != codes.NotFound {
			t.Error(err)
		}
		if left, err := call("x-api-key", "hers"); status.Code(err) != codes.NotFound || left != 2 {
			t.Errorf("another user: %v, %d left", err, left)
		}
	})
	t.Run("what was a credential counts for its host again", func(t *testing.T) {
		ids.write("api_keys:", apiKeyLine("ci", "k3y", ""))
		cl.advance(time.Hour)
		eventually(t, "the key is refused", func() bool {
			cl.advance(time.Second)
			_, err := call("x-api-key", "hers")
			return status.Code(err) == codes.Unauthenticated
		})
		cl.advance(time.Hour)
		for range 3 {
			_, err := call("x-api-key", "hers")
			wantStatus(t, err, codes.Unauthenticated, "")
		}
		_, err := call()
		wantStatus(t, err, codes.ResourceExhausted, "")
	})
}

func TestRateLimitConfig(t *testing.T) {
	for _, cfg := range []RateLimit{{PerSecond: -1}, {PerSecond: math.NaN()}, {PerSecond: math.Inf(1)}, {PerSecond: 1, Burst: -1}} {
		if _, err := New(Config{RateLimit: cfg}); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
	if l, err := newLimiter(RateLimit{PerSecond: 0.01}, time.Now); err != nil || l.burst != 1 {
		t.Errorf("%+v, %v, want a burst of 1", l, err)
	}
}

func TestBucketsAreBoundedAndNotRefilled(t *testing.T) {
	cl := &clock{}
	l, err := newLimiter(RateLimit{PerSecond: 1, Burst: 2}, cl.now)
	if err != nil {
		t.Fatal(err)
	}
	drain := func(key string) {
		for range 3 {
			l.take(key)
		}
	}
	drain("mine")
	for i := range maxBuckets + 100 {
		l.take(fmt.Sprint("other", i))
	}
	if n := len(l.buckets); n > maxBuckets+1 {
		t.Errorf("%d buckets", n)
	}
	if _, wait := l.take("mine"); wait == 0 {
		t.Error("a client refilled its bucket by crowding it out")
	}
	if _, wait := l.take("late"); wait == 0 {
		t.Error("a client for whom there was no room has a bucket of its own")
	}
	cl.advance(3 * time.Second)
	if left, wait := l.take("late"); wait != 0 || left != 1 {
		t.Errorf("%v left, wait %v: there is room again", left, wait)
	}
	for i := range 3 * maxProven {
		l.prove([32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, "u")
	}
	if n := len(l.proven) + len(l.before); n > maxProven {
		t.Errorf("%d proven credentials", n)
	}
}

func TestPeerHost(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:99":                "192.0.2.1",
		"[::ffff:192.0.2.1]:99":       "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:99":   "2001:db8:1:2::/64",
		"[2001:db8:1:2:ffff::9]:1":    "2001:db8:1:2::/64",
		"[fe80::1%eth0]:99":           "fe80::/64",
		"[::1]:99":                    "::/64",
		"@":                           "@",
		"/run/socket.sock":            "/run/socket.sock",
		"not an address, really: odd": "not an address, really: odd",
	} {
		ctx := peer.NewContext(context.Background(), &peer.Peer{Addr: textAddr(addr)})
		if got := peerHost(ctx); got != want {
			t.Errorf("%s is host %s, want %s", addr, got, want)
		}
	}
	if got := peerHost(context.Background()); got != "" {
		t.Error(got)
	}
}

type textAddr string

var _ net.Addr = textAddr("")

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }
