package testserver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
	"github.com/grpcx/grpcx/testserver/store"
)

// held are two streams of one caller: a handler that waits for events, and one
// that waits for the client.
type held struct {
	t     testing.TB
	watch grpc.ServerStreamingClient[pb.UserEvent]
	echo  grpc.BidiStreamingClient[grpc_testing.StreamingOutputCallRequest, grpc_testing.StreamingOutputCallResponse]
}

func hold(t testing.TB, cc *grpc.ClientConn, md ...string) *held {
	t.Helper()
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), md...))
	t.Cleanup(cancel)
	h := &held{t: t}
	var err error
	if h.watch, err = pb.NewUserServiceClient(cc).WatchUser(ctx, &pb.WatchUserRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.watch.Recv(); err != nil {
		t.Fatal(err)
	}
	if h.echo, err = grpc_testing.NewTestServiceClient(cc).FullDuplexCall(ctx); err != nil {
		t.Fatal(err)
	}
	h.ping()
	return h
}

func (h *held) ping() {
	h.t.Helper()
	if err := h.echo.Send(&grpc_testing.StreamingOutputCallRequest{ResponseParameters: []*grpc_testing.ResponseParameters{{Size: 1}}}); err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.echo.Recv(); err != nil {
		h.t.Fatal(err)
	}
}

// ended waits until both are at their end.
func (h *held) ended(reason string) {
	h.t.Helper()
	begin := time.Now()
	_, err := h.echo.Recv()
	wantReason(h.t, err, codes.Unauthenticated, reason)
	for err = nil; err == nil; {
		_, err = h.watch.Recv() // events of users that come before the end
	}
	wantReason(h.t, err, codes.Unauthenticated, reason)
	h.t.Logf("ended after %v", time.Since(begin))
}

// TestRevocationEndsStreams does, on one node, what ends the streams of another.
func TestRevocationEndsStreams(t *testing.T) {
	hash := HashPassword("lovelace")
	user := "  - {username: ada, password_hash: '" + hash + `', user_id: "1"}`
	key := apiKeyLine("ci", "k3y", "")
	for name, c := range map[string]struct {
		key    bool // the API key, and not the login
		revoke func(n *nodes)
		reason string
	}{
		"logout": {false, func(n *nodes) {
			if _, err := n.auth.Logout(withDeadline(n.t), &pb.TokenRequest{Token: n.pair.GetAccessToken()}); err != nil {
				n.t.Fatal(err)
			}
		}, "SESSION_ENDED"},
		"reuse of a refresh token": {false, func(n *nodes) {
			for range 2 {
				_, _ = n.auth.RefreshToken(withDeadline(n.t), &pb.TokenRequest{Token: n.pair.GetRefreshToken()})
			}
		}, "SESSION_ENDED"},
		"user deleted": {false, func(n *nodes) {
			if _, err := n.users.DeleteUser(withDeadline(n.t), &pb.DeleteUserRequest{UserId: "1"}); err != nil {
				n.t.Fatal(err)
			}
		}, "USER_NOT_ACTIVE"},
		"user suspended": {false, func(n *nodes) {
			req := &pb.UpdateUserRequest{UserId: "1", User: &pb.User{Status: pb.User_SUSPENDED}}
			if _, err := n.users.UpdateUser(withDeadline(n.t), req); err != nil {
				n.t.Fatal(err)
			}
		}, "USER_NOT_ACTIVE"},
		"user taken out of the file": {false, func(n *nodes) { n.ids.write("api_keys:", key) }, "SESSION_ENDED"},
		"password changed": {false, func(n *nodes) {
			n.ids.write("users:", "  - {username: ada, password_hash: '"+HashPassword("lovelace")+`', user_id: "1"}`)
		}, "SESSION_ENDED"},
		"roles changed": {false, func(n *nodes) {
			n.ids.write("users:", "  - {username: ada, password_hash: '"+hash+`', user_id: "1", roles: [guest]}`)
		}, "SESSION_ENDED"},
		"API key taken out": {true, func(n *nodes) { n.ids.write("users:", user) }, "SESSION_ENDED"},
		"API key's roles":   {true, func(n *nodes) { n.ids.write("api_keys:", apiKeyLine("ci", "k3y", ", roles: [user]")) }, "SESSION_ENDED"},
	} {
		for _, node := range []string{"this node", "another node"} {
			t.Run(name+", "+node, func(t *testing.T) {
				t.Parallel()
				n := &nodes{t: t, ids: newIdentities(t, "users:", user, "api_keys:", key)}
				cfg := Config{Store: filepath.Join(t.TempDir(), "nodes.db"), Identities: n.ids.path}
				first := dial(t, Start(t, cfg))
				second := first
				if node == "another node" {
					second = dial(t, Start(t, cfg))
				}
				n.auth, n.users = pb.NewAuthServiceClient(first), pb.NewUserServiceClient(first)
				if _, err := n.users.CreateUser(withDeadline(t), &pb.CreateUserRequest{Name: "Ada", Email: "ada@example.com"}); err != nil {
					t.Fatal(err)
				}
				var err error
				if n.pair, err = n.auth.Login(withDeadline(t), &pb.LoginRequest{Username: "ada", Password: "lovelace"}); err != nil {
					t.Fatal(err)
				}
				md := []string{"authorization", "Bearer " + n.pair.GetAccessToken()}
				if c.key {
					md = []string{"x-api-key", "k3y"}
				}
				streams := hold(t, second, md...)
				anonymous := hold(t, second)
				c.revoke(n)
				streams.ended(c.reason)
				if name != "API key's roles" { // with others, it is still a key
					eventually(t, "unary calls are refused", func() bool { return getUser(t, second, md...) != nil })
				}
				anonymous.ping() // nobody's credentials, nobody's end
			})
		}
	}
}

// nodes are the clients of the first of two servers on one store.
type nodes struct {
	t     *testing.T
	ids   *identityFixture
	auth  pb.AuthServiceClient
	users pb.UserServiceClient
	pair  *pb.LoginResponse
}

func TestLogoutIsAtOnceOnItsNode(t *testing.T) {
	cc := dial(t, Start(t, Config{}))
	c := pb.NewAuthServiceClient(cc)
	pair := login(t, c)
	md := []string{"authorization", "Bearer " + pair.GetAccessToken()}
	if err := getUser(t, cc, md...); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Logout(withDeadline(t), &pb.TokenRequest{Token: pair.GetRefreshToken()}); err != nil {
		t.Fatal(err)
	}
	wantReason(t, getUser(t, cc, md...), codes.Unauthenticated, "TOKEN_INVALID")
}

func TestStreamsOutliveTheirTokenButNotTheirSession(t *testing.T) {
	t.Parallel()
	var cl clock
	ids := newIdentities(t, "api_keys:", apiKeyLine("ci", "k3y", ", expires: "+time.Now().Add(90*time.Minute).Format(time.RFC3339)))
	cc := dial(t, Start(t, Config{now: cl.now, AccessTTL: time.Minute, RefreshTTL: time.Hour, Identities: ids.path}))
	c := pb.NewAuthServiceClient(cc)
	pair := login(t, c)
	token := hold(t, cc, "authorization", "Bearer "+pair.GetAccessToken())
	left := login(t, c)
	forgotten := hold(t, cc, "authorization", "Bearer "+left.GetAccessToken())
	key := hold(t, cc, "x-api-key", "k3y")

	cl.advance(50 * time.Minute)
	wantReason(t, getUser(t, cc, "authorization", "Bearer "+pair.GetAccessToken()), codes.Unauthenticated, "TOKEN_EXPIRED")
	next, err := c.RefreshToken(withDeadline(t), &pb.TokenRequest{Token: pair.GetRefreshToken()})
	if err != nil {
		t.Fatal(err)
	}
	cl.advance(20 * time.Minute)
	forgotten.ended("SESSION_ENDED")
	token.ping()
	key.ping()
	cl.advance(30 * time.Minute)
	key.ended("SESSION_ENDED")
	wantReason(t, getUser(t, cc, "x-api-key", "k3y"), codes.Unauthenticated, "API_KEY_EXPIRED")
	token.ping()
	cl.advance(20 * time.Minute)
	token.ended("SESSION_ENDED")
	_, err = c.RefreshToken(withDeadline(t), &pb.TokenRequest{Token: next.GetRefreshToken()})
	wantToken(t, err, "TOKEN_EXPIRED")
}

func TestStreamOfARevokedSessionDoesNotBegin(t *testing.T) {
	t.Parallel()
	s := Start(t, Config{})
	cc := dial(t, s)
	pair := login(t, pb.NewAuthServiceClient(cc))
	md := []string{"authorization", "Bearer " + pair.GetAccessToken()}
	if err := getUser(t, cc, md...); err != nil {
		t.Fatal(err)
	}
	said, _, err := s.auth.tokens.read(t.Context(), pair.GetAccessToken())
	if err != nil {
		t.Fatal(err)
	}
	// As another node would, behind the back of what this one remembers.
	if err := s.store.RevokeSession(t.Context(), said.Session); err != nil {
		t.Fatal(err)
	}
	stream, err := pb.NewUserServiceClient(cc).WatchUser(withMetadata(t, md[0], md[1]), &pb.WatchUserRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	wantStatus(t, err, codes.Unauthenticated, "")
	if n := len(s.auth.watched.grants); n != 0 {
		t.Errorf("%d grants are watched", n)
	}
}

func TestRecentSharesLookupsAndForgets(t *testing.T) {
	begun, release := make(chan struct{}, 10), make(chan error)
	r := newRecent(func(context.Context, string) (int, error) {
		begun <- struct{}{}
		return 7, <-release
	})
	results := make(chan error, 10)
	for range 10 {
		go func() {
			v, err := r.get(t.Context(), "a")
			if err == nil && v != 7 {
				err = fmt.Errorf("value %d", v)
			}
			results <- err
		}()
	}
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v while another looks up, want that of the context", err)
	}
	release <- nil
	for range 10 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if len(begun) > 0 {
		t.Error("a second lookup")
	}
	r.forget("a")
	boom := errors.New("boom")
	go func() { release <- boom }()
	if _, err := r.get(t.Context(), "a"); !errors.Is(err, boom) {
		t.Errorf("error %v, want that of the lookup", err)
	}
	for i := range maxLookups + 1 {
		r.entry(fmt.Sprint(i))
	}
	if n := len(r.found); n > maxLookups {
		t.Errorf("%d entries", n)
	}
}

// BenchmarkGrantPoll is the cost, four times a second, of watching 10,000
// streams of as many sessions while one of a thousand sessions ends and users
// change.
func BenchmarkGrantPoll(b *testing.B) {
	for name, quiet := range map[string]bool{"quiet": true, "busy": false} {
		b.Run(name, func(b *testing.B) {
			s, err := New(Config{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Shutdown(b.Context())
			w := newGrantWatch(s.auth) // apart from the one that polls
			token := store.RefreshToken{ExpiresAt: time.Now().Add(time.Hour)}
			for i := range 10_000 {
				id := fmt.Sprint("s", i)
				token.Hash = id
				sess := store.Session{ID: id, UserID: fmt.Sprint(i + 1), Proof: proofStore}
				if err := s.store.CreateSession(b.Context(), sess, token); err != nil {
					b.Fatal(err)
				}
				g := &grant{
					identity: identity{UserID: sess.UserID}, name: "session " + id, session: id, until: token.ExpiresAt,
					standing: func(*identities) bool { return true },
				}
				_, cancel := context.WithCancelCause(b.Context())
				if err := w.add(b.Context(), &call{interrupt: cancel}, g); err != nil {
					b.Fatal(err)
				}
			}
			n := 0
			for b.Loop() {
				if !quiet {
					b.StopTimer()
					for range 10 {
						n++
						if err := s.store.RevokeSession(b.Context(), fmt.Sprint("s", n%10_000)); err != nil {
							b.Fatal(err)
						}
						if _, err := s.store.CreateUser(b.Context(), store.User{Name: "U", Email: fmt.Sprintf("u%d@example.com", n)}); err != nil {
							b.Fatal(err)
						}
					}
					b.StartTimer()
				}
				if !w.poll(b.Context()) && quiet {
					b.Fatal("nothing is watched")
				}
			}
		})
	}
}
