package testserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

func TestParseFault(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Fault
	}{
		{
			"userservice.UserService/GetUser=UNAVAILABLE:0.3,delay=200ms",
			Fault{Method: "userservice.UserService/GetUser", Code: codes.Unavailable, Chance: 0.3, Delay: 200 * time.Millisecond},
		},
		{"*=cancelled", Fault{Method: "*", Code: codes.Canceled}},
		{"/a.B/C=14", Fault{Method: "a.B/C", Code: codes.Unavailable}},
		{"a.B=delay=1m30s:0.5,seed=7", Fault{Method: "a.B", Delay: 90 * time.Second, DelayChance: 0.5, Seed: 7}},
		{"a.B=delay=1s,UNAVAILABLE", Fault{Method: "a.B", Delay: time.Second, Code: codes.Unavailable}},
		{
			`a.B/C=times=2,RESOURCE_EXHAUSTED,message="a, b=\"c\"",retry-after=50ms,after=3`,
			Fault{Method: "a.B/C", Code: codes.ResourceExhausted, Message: `a, b="c"`, RetryAfter: 50 * time.Millisecond, Times: 2, After: 3},
		},
		{"a.B=ABORTED,message=try a=b again", Fault{Method: "a.B", Code: codes.Aborted, Message: "try a=b again"}},
	} {
		t.Run(tc.text, func(t *testing.T) {
			got, err := ParseFault(tc.text)
			if err != nil || got != tc.want {
				t.Fatalf("%+v, %v; want %+v", got, err, tc.want)
			}
			if again, err := ParseFault(got.String()); err != nil || again != got {
				t.Errorf("%s is read back as %+v, %v", got, again, err)
			}
		})
	}
}

// The mark in each text stands before the place that the error is about.
func TestParseFaultPointsAtTheMistake(t *testing.T) {
	for _, tc := range []struct{ marked, says string }{
		{"^", "want METHOD=CODE"},
		{"^GetUser", "want METHOD=CODE"},
		{"^a.b-c=UNAVAILABLE", "names no method"},
		{"^a.B/=UNAVAILABLE", "names no method"},
		{"^**=UNAVAILABLE", "names no method"},
		{"a.B=^", "unknown code \"\"; want CANCELLED, UNKNOWN"},
		{"a.B=^UNAVALABLE:0.3", "unknown code \"UNAVALABLE\"; want CANCELLED"},
		{"a.B=^OK", "OK is not a failure"},
		{"a.B=^17", "unknown code"},
		{"a.B=UNAVAILABLE:^2", "chance \"2\""},
		{"a.B=UNAVAILABLE:^NaN", "chance \"NaN\""},
		{"a.B=UNAVAILABLE:^", "chance \"\""},
		{"a.B=UNAVAILABLE:^0", "chance \"0\""},
		{"a.B=UNAVAILABLE,^", "given twice"},
		{"a.B=UNAVAILABLE,delay=^soon", "want a duration"},
		{"a.B=UNAVAILABLE,delay=^-1s", "want a duration"},
		{"a.B=UNAVAILABLE,delay=1s:^x", "chance \"x\""},
		{"a.B=UNAVAILABLE,^dealy=1s", "unknown clause \"dealy=\""},
		{"a.B=delay=1s,^delay=2s", "delay is given twice"},
		{"a.B=UNAVAILABLE,times=^0", "whole number"},
		{"a.B=UNAVAILABLE,seed=^x", "whole number"},
		{`a.B=UNAVAILABLE,message=^"a`, "quotes do not end"},
		{`a.B=UNAVAILABLE,message="a"^b`, "want a comma"},
		{"a.B=^times=2", "neither fails nor delays"},
		{"a.B=^delay=1s,after=2", "go with a code"},
	} {
		t.Run(tc.marked, func(t *testing.T) {
			at := strings.Index(tc.marked, "^")
			_, err := ParseFault(strings.Replace(tc.marked, "^", "", 1))
			e, ok := errors.AsType[*FaultError](err)
			if !ok || e.Offset != at || !strings.Contains(e.Reason, tc.says) {
				t.Errorf("%v, want %q at %d", err, tc.says, at+1)
			}
		})
	}
}

func FuzzParseFault(f *testing.F) {
	for _, text := range []string{
		"userservice.UserService/GetUser=UNAVAILABLE:0.3,delay=200ms", "*=14,times=2,seed=9",
		`a.B=ABORTED:1e-9,message="a\u00e9,",after=3,retry-after=1ns`, "a.B=delay=1h:1,seed=18446744073709551615",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := ParseFault(text)
		if err != nil {
			if e, ok := errors.AsType[*FaultError](err); !ok || e.Offset < 0 || e.Offset > len(text) {
				t.Fatalf("%#v", err)
			}
			return
		}
		again, err := ParseFault(fault.String())
		if err != nil {
			t.Fatalf("%s: %v", fault, err)
		}
		if again.String() != fault.String() {
			t.Fatalf("%s is read back as %s", fault, again)
		}
	})
}

// withFaults starts a server that has users 1 to 3.
func withFaults(t *testing.T, faults ...string) (*Server, *grpc.ClientConn) {
	t.Helper()
	cfg := Config{}
	for _, text := range faults {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Faults = append(cfg.Faults, f)
	}
	s := Start(t, cfg)
	cc := dial(t, s)
	for i := range 3 {
		req := &pb.CreateUserRequest{Name: "Ada", Email: fmt.Sprintf("ada%d@example.com", i)}
		if _, err := pb.NewUserServiceClient(cc).CreateUser(withDeadline(t), req); err != nil {
			t.Fatal(err)
		}
	}
	return s, cc
}

func TestFaultOfACode(t *testing.T) {
	_, cc := withFaults(t, "userservice.UserService/GetUser=UNAVAILABLE,message=gone fishing,retry-after=1500ms")
	var trailer metadata.MD
	_, err := pb.NewUserServiceClient(cc).GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "1"}, grpc.Trailer(&trailer))
	st := wantStatus(t, err, codes.Unavailable, "gone fishing")
	if d := detail[*errdetails.RetryInfo](t, st).GetRetryDelay().AsDuration(); d != 1500*time.Millisecond {
		t.Errorf("RetryInfo of %v", d)
	}
	if v := trailer.Get("grpc-retry-pushback-ms"); len(v) != 1 || v[0] != "1500" {
		t.Errorf("grpc-retry-pushback-ms %q", v)
	}
	_, err = pb.NewUserServiceClient(cc).DeleteUser(withDeadline(t), &pb.DeleteUserRequest{UserId: "3"})
	if err != nil {
		t.Errorf("another method: %v", err)
	}
}

func TestFaultOfAServiceAndOfEverything(t *testing.T) {
	services := Start(t, Config{Faults: []Fault{{Method: "userservice.AuthService", Code: codes.Aborted}}})
	cc := dial(t, services)
	_, err := pb.NewAuthServiceClient(cc).Login(withDeadline(t), &pb.LoginRequest{})
	wantStatus(t, err, codes.Aborted, "injected fault")
	_, err = pb.NewUserServiceClient(cc).GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "1"})
	wantStatus(t, err, codes.NotFound, "")

	cc = dial(t, Start(t, Config{Faults: []Fault{{Method: "*", Code: codes.Aborted}}}))
	_, err = pb.NewUserServiceClient(cc).GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "1"})
	wantStatus(t, err, codes.Aborted, "injected fault")
	if _, err := healthpb.NewHealthClient(cc).Check(withDeadline(t), &healthpb.HealthCheckRequest{}); err != nil {
		t.Errorf("health: %v", err)
	}
	cc = dial(t, Start(t, Config{Faults: []Fault{{Method: "grpc.health.v1.Health/Check", Code: codes.Aborted}}}))
	_, err = healthpb.NewHealthClient(cc).Check(withDeadline(t), &healthpb.HealthCheckRequest{})
	wantStatus(t, err, codes.Aborted, "injected fault")
}

// A client's own retries get past a fault that strikes twice.
func TestFaultAndRetries(t *testing.T) {
	s, _ := withFaults(t, "userservice.UserService/GetUser=UNAVAILABLE,times=2")
	cc := dial(t, s, grpc.WithDefaultServiceConfig(`{"methodConfig":[{"name":[{"service":"userservice.UserService"}],
		"retryPolicy":{"maxAttempts":3,"initialBackoff":"0.001s","maxBackoff":"0.01s","backoffMultiplier":2,
		"retryableStatusCodes":["UNAVAILABLE"]}}]}`))
	if _, err := pb.NewUserServiceClient(cc).GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "1"}); err != nil {
		t.Error(err)
	}
}

func TestFaultChance(t *testing.T) {
	failed := func(fault string) (pattern string) {
		_, cc := withFaults(t, fault)
		for range 200 {
			_, err := pb.NewUserServiceClient(cc).GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "1"})
			pattern += map[codes.Code]string{codes.OK: ".", codes.Unavailable: "x"}[status.Code(err)]
		}
		return pattern
	}
	first := failed("userservice.UserService/GetUser=UNAVAILABLE:0.3,seed=1")
	if n := strings.Count(first, "x"); len(first) != 200 || n < 40 || n > 80 {
		t.Errorf("%d of %d calls failed at a chance of 0.3", n, len(first))
	}
	if again := failed("userservice.UserService/GetUser=UNAVAILABLE:0.3,seed=1"); again != first {
		t.Errorf("with the same seed:\n%s\n%s", first, again)
	}
	if other := failed("userservice.UserService/GetUser=UNAVAILABLE:0.3,seed=2"); other == first {
		t.Error("another seed made no difference")
	}
}

func TestFaultChanceWithoutASeed(t *testing.T) {
	services := map[string]grpc.ServiceInfo{"a.B": {Methods: []grpc.MethodInfo{{Name: "C"}}}}
	draws := []float64{0.31, 0.29, 0.3}
	random := func() (p float64) { p, draws = draws[0], draws[1:]; return p }
	all, err := newFaults([]Fault{{Method: "a.B/C", Code: codes.Internal, Chance: 0.3}}, services, random)
	if err != nil {
		t.Fatal(err)
	}
	f := all["/a.B/C"][0]
	for i, want := range []codes.Code{codes.OK, codes.Internal, codes.OK} {
		if _, err := f.draw(); status.Code(err) != want {
			t.Errorf("draw %d: %v, want %v", i, err, want)
		}
	}
}

// withEndlessDelay starts a server on which GetUser takes an hour; struck tells
// of each call that begins to.
func withEndlessDelay(t *testing.T) (s *Server, struck <-chan struct{}) {
	t.Helper()
	records := make(faultRecords, 16)
	return Start(t, Config{
		Faults: []Fault{{Method: "userservice.UserService/GetUser", Delay: time.Hour}},
		Logger: slog.New(records),
	}), records
}

// faultRecords is a log that tells of the records of faults.
type faultRecords chan struct{}

func (faultRecords) Enabled(context.Context, slog.Level) bool { return true }
func (r faultRecords) WithAttrs([]slog.Attr) slog.Handler     { return r }
func (r faultRecords) WithGroup(string) slog.Handler          { return r }
func (r faultRecords) Handle(_ context.Context, record slog.Record) error {
	if record.Message == "fault" {
		r <- struct{}{}
	}
	return nil
}

func TestFaultDelay(t *testing.T) {
	t.Parallel()
	t.Run("outlasts the deadline before the handler is reached", func(t *testing.T) {
		_, cc := withFaults(t, "userservice.UserService/DeleteUser=delay=1h")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := pb.NewUserServiceClient(cc).DeleteUser(ctx, &pb.DeleteUserRequest{UserId: "1"})
		wantStatus(t, err, codes.DeadlineExceeded, "")
		if _, err := pb.NewUserServiceClient(cc).GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "1"}); err != nil {
			t.Errorf("the user is gone: %v", err)
		}
	})
	t.Run("ends when the client gives up", func(t *testing.T) {
		s, struck := withEndlessDelay(t)
		ctx, cancel := context.WithCancel(withDeadline(t))
		ended := make(chan error, 1)
		go func() {
			_, err := pb.NewUserServiceClient(dial(t, s)).GetUser(ctx, &pb.GetUserRequest{UserId: "1"})
			ended <- err
		}()
		<-struck
		cancel()
		wantStatus(t, <-ended, codes.Canceled, "")
		// Waits for the handler.
		if err := s.Shutdown(withDeadline(t)); err != nil {
			t.Error(err)
		}
	})
	t.Run("a short one lets the call go on", func(t *testing.T) {
		_, cc := withFaults(t, "userservice.UserService/GetUser=delay=20ms")
		start := time.Now()
		if _, err := pb.NewUserServiceClient(cc).GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "1"}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 20*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
	t.Run("a shutdown cuts it off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, err := New(Config{Faults: []Fault{{Method: "userservice.UserService/GetUser", Delay: time.Hour}}})
			if err != nil {
				t.Fatal(err)
			}
			l := bufconn.Listen(64 << 10)
			served := make(chan error, 1)
			go func() { served <- s.Serve(l) }()
			cc, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
				grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
			if err != nil {
				t.Fatal(err)
			}
			defer cc.Close()
			ended := make(chan error, 1)
			go func() {
				_, err := pb.NewUserServiceClient(cc).GetUser(t.Context(), &pb.GetUserRequest{UserId: "1"})
				ended <- err
			}()
			synctest.Wait() // the fault has struck
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("shutdown: %v", err)
			}
			wantStatus(t, <-ended, codes.Unavailable, "shutting down")
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	})
}

func TestFaultInTheMiddleOfAStream(t *testing.T) {
	t.Run("after some responses", func(t *testing.T) {
		_, cc := withFaults(t, "userservice.UserService/StreamUsers=DATA_LOSS,after=2")
		stream, err := pb.NewUserServiceClient(cc).StreamUsers(withDeadline(t))
		if err != nil {
			t.Fatal(err)
		}
		for id := range 2 {
			if err := stream.Send(&pb.GetUserRequest{UserId: fmt.Sprint(id + 1)}); err != nil {
				t.Fatal(err)
			}
			if resp, err := stream.Recv(); err != nil || resp.GetUser().GetId() != fmt.Sprint(id+1) {
				t.Fatalf("response %d: %v, %v", id+1, resp, err)
			}
		}
		_, err = stream.Recv()
		wantStatus(t, err, codes.DataLoss, "injected fault")
	})
	t.Run("after the only response that there is", func(t *testing.T) {
		_, cc := withFaults(t, "userservice.UserService/WatchUser=UNAVAILABLE,after=1")
		stream, err := pb.NewUserServiceClient(cc).WatchUser(withDeadline(t), &pb.WatchUserRequest{UserId: "1"})
		if err != nil {
			t.Fatal(err)
		}
		if ev, err := stream.Recv(); err != nil || ev.GetEventType() != "initial" {
			t.Fatalf("%v, %v", ev, err)
		}
		_, err = stream.Recv()
		wantStatus(t, err, codes.Unavailable, "injected fault")
	})
	t.Run("after some requests, with nothing of them stored", func(t *testing.T) {
		_, cc := withFaults(t, "userservice.UserService/BatchCreateUsers=UNAVAILABLE,after=2")
		stream, err := pb.NewUserServiceClient(cc).BatchCreateUsers(withDeadline(t))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if err := stream.Send(&pb.CreateUserRequest{Name: "Bob", Email: fmt.Sprintf("bob%d@example.com", i)}); err != nil {
				t.Fatal(err)
			}
		}
		_, err = stream.CloseAndRecv()
		wantStatus(t, err, codes.Unavailable, "injected fault")
		_, err = pb.NewUserServiceClient(cc).GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "4"})
		wantStatus(t, err, codes.NotFound, "")
	})
	t.Run("a stream that is shorter does not fail", func(t *testing.T) {
		_, cc := withFaults(t, "userservice.UserService=UNAVAILABLE,after=3")
		stream, err := pb.NewUserServiceClient(cc).StreamUsers(withDeadline(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&pb.GetUserRequest{UserId: "1"}); err != nil {
			t.Fatal(err)
		}
		_ = stream.CloseSend()
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	})
}

// Several faults of one method apply in their order.
func TestFaultsAddUp(t *testing.T) {
	_, cc := withFaults(t, "userservice.UserService/GetUser=ABORTED,times=1", "userservice.UserService/GetUser=INTERNAL,times=1")
	for _, want := range []codes.Code{codes.Aborted, codes.Internal, codes.OK} {
		_, err := pb.NewUserServiceClient(cc).GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "1"})
		if status.Code(err) != want {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

func TestFaultsThatNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault Fault
		says  string
	}{
		{"an unknown method", Fault{Method: "userservice.UserService/GetUsr", Code: codes.Aborted}, "no such method; it has BatchCreateUsers, "},
		{"an unknown service", Fault{Method: "shop.Cart", Code: codes.Aborted}, "no such method; it has "},
		{"after, without a stream", Fault{Method: "userservice.UserService/GetUser", Code: codes.Aborted, After: 1}, "streams neither"},
		{"nothing wrong", Fault{Method: "*"}, "neither fails nor delays"},
		{"an impossible chance", Fault{Method: "*", Code: codes.Aborted, Chance: 2}, "at most 1"},
		{"an impossible code", Fault{Method: "*", Code: 17}, "gRPC has none above"},
		{"a negative delay", Fault{Method: "*", Code: codes.Aborted, Delay: -1}, "negative"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := New(Config{Faults: []Fault{tc.fault}})
			if err == nil {
				_ = s.Shutdown(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v, want %q", err, tc.says)
			}
		})
	}
}

func TestFaultsAreLogged(t *testing.T) {
	log := &syncBuffer{}
	s := Start(t, Config{
		Faults: []Fault{{Method: "userservice.UserService/GetUser", Code: codes.Aborted}},
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if want := `level=WARN msg="faults are injected" fault="userservice.UserService/GetUser=ABORTED"`; !strings.Contains(log.String(), want) {
		t.Errorf("log lacks %s:\n%s", want, log)
	}
	_, _ = pb.NewUserServiceClient(dial(t, s)).GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "1"})
	if want := "msg=fault method=/userservice.UserService/GetUser"; !strings.Contains(log.String(), want) {
		t.Errorf("log lacks %s:\n%s", want, log)
	}
}
