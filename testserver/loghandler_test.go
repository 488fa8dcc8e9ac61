package testserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

type secretText string

type secretValuer struct{}

func (secretValuer) LogValue() slog.Value { return slog.StringValue("password=s3cr3t") }

type panickingError struct{ error }

func TestRedactSecretsHandler(t *testing.T) {
	type config struct{ Password, Host string }
	for name, attr := range map[string]slog.Attr{
		"name of the attribute":     slog.String("password", "s3cr3t"),
		"name with a prefix":        slog.String("db.password", "s3cr3t"),
		"number by its name":        slog.Int("token", 53),
		"within a text":             slog.String("url", "postgres://ada:s3cr3t@db"),
		"within an error":           slog.Any("error", fmt.Errorf("ping: %w", errors.New("password=s3cr3t"))),
		"error under such a name":   slog.Any("secret", errors.New("s3cr3t")),
		"value that is computed":    slog.Any("config", secretValuer{}),
		"within a list":             slog.Any("args", []string{"--token=s3cr3t"}),
		"header":                    slog.Any("header", http.Header{"Authorization": {"Bearer s3cr3t"}}),
		"metadata":                  slog.Any("md", metadata.Pairs("authorization", "s3cr3t")),
		"map":                       slog.Any("config", map[string]any{"password": "s3cr3t"}),
		"struct":                    slog.Any("config", config{"s3cr3t", "db"}),
		"pointer to a struct":       slog.Any("config", &config{"s3cr3t", "db"}),
		"bytes":                     slog.Any("raw", []byte("password=s3cr3t")),
		"text of a named type":      slog.Any("text", secretText("password=s3cr3t")),
		"message of the wire":       slog.Any("request", &pb.LoginRequest{Username: "ada", Password: "s3cr3t"}),
		"group":                     slog.Group("db", slog.String("password", "s3cr3t")),
		"group under such a name":   slog.Group("cookies", slog.String("sid", "s3cr3t")),
		"groups within":             slog.Group("a", slog.Group("b", slog.Group("secret", slog.Group("c", slog.String("d", "s3cr3t"))))),
		"error whose method panics": slog.Any("error", panickingError{}),
	} {
		t.Run(name, func(t *testing.T) {
			var text, js bytes.Buffer
			for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&js, nil)} {
				log := slog.New(RedactSecrets(h))
				log.LogAttrs(t.Context(), slog.LevelInfo, "token=s3cr3t", attr)
				log.With(attr).WithGroup("group").With(attr).Info("message")
			}
			got := text.String() + js.String()
			// "53" is a part of no other text here: times have no place for it.
			if strings.Contains(got, "s3cr") || strings.Contains(got, "=53") || strings.Contains(got, ":53,") {
				t.Error(got)
			}
			if n := strings.Count(text.String(), "\n"); n != 2 {
				t.Errorf("%d records, want 2: %s", n, text.String())
			}
			for line := range strings.Lines(js.String()) {
				if !json.Valid([]byte(line)) {
					t.Error(line)
				}
			}
		})
	}
	t.Run("leaves the rest", func(t *testing.T) {
		var got bytes.Buffer
		h := slog.NewTextHandler(&got, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})
		log := slog.New(RedactSecrets(RedactSecrets(h))).With("a", 1).WithGroup("").WithGroup("g")
		log.Info("message", "b", []string{"x", "y"}, "c", secretText("z"), "d", uint8(3), "e", nil, slog.Group("f", "g", true))
		if want := "level=INFO msg=message a=1 g.b=\"[x y]\" g.c=z g.d=3 g.e=<nil> g.f.g=true\n"; got.String() != want {
			t.Errorf("%s, want %s", got.String(), want)
		}
	})
	t.Run("bounds a text", func(t *testing.T) {
		var got bytes.Buffer
		slog.New(RedactSecrets(slog.NewTextHandler(&got, nil))).Info(strings.Repeat("é", 1<<20))
		if got.Len() > 2*maxLogText {
			t.Errorf("%d bytes", got.Len())
		}
	})
}

// What a client sends as a secret is nowhere in the log, whatever becomes of the call.
func TestServersLogHasNoSecrets(t *testing.T) {
	var log syncBuffer
	s := Start(t, Config{Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	cc := dial(t, s)
	auth := pb.NewAuthServiceClient(cc)
	ctx := metadata.AppendToOutgoingContext(withDeadline(t),
		"authorization", "Digest s3cr3t-authorization", "cookie", "sid=s3cr3t-cookie", "x-request-id", "req-1")
	_, _ = auth.Login(ctx, &pb.LoginRequest{Username: "s3cr3t-name", Password: "s3cr3t-password"})
	_, _ = auth.ValidateToken(ctx, &pb.TokenRequest{Token: "s3cr3t-token"})
	_ = cc.Invoke(ctx, "/pkg.Service/token=s3cr3t-method", &pb.TokenRequest{}, &pb.TokenResponse{})
	silent, err := New(Config{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Shutdown(withDeadline(t))
	silent.chain = []stage{silent.recovered, silent.identified, silent.logged, silent.recovered, mapped} // none asks who calls
	for name, handler := range map[string]func(context.Context) error{
		"cause": func(context.Context) error { return errors.New("connect postgres://u:s3cr3t-dsn@db: refused") },
		"panic": func(context.Context) error { panic("Bearer s3cr3t-panic") },
	} {
		ctx := grpc.NewContextWithServerTransportStream(ctx, discardStream{})
		ctx = metadata.NewIncomingContext(ctx, metadata.Pairs("request-id", "id-of-"+name))
		c := &call{method: "/pkg.Service/Method", known: true, kind: kindUnary, caller: identity{UserID: "ada"}}
		wantStatus(t, silent.handle(ctx, c, handler), codes.Internal, "internal error")
	}
	got := log.String()
	if strings.Contains(got, "s3cr3t") {
		t.Error(got)
	}
	for _, want := range []string{
		`"request_id":"req-1"`, `"request_id":"id-of-panic"`, `"user":"ada"`, `"cause":"connect postgres://u:[redacted]@db: refused"`,
		`"panic":"Bearer [redacted]"`, `"received_bytes":`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("log lacks %s:\n%s", want, got)
		}
	}
}

func TestLogHasBytesAndMessages(t *testing.T) {
	var log syncBuffer
	s := Start(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	stream, err := pb.NewUserServiceClient(dial(t, s)).StreamUsers(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&pb.GetUserRequest{UserId: "99999"}); err != nil { // 2 + 5 bytes
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.NotFound {
		t.Fatal(err)
	}
	if want := "received_bytes=7 sent_bytes=0 received=1 sent=0"; !strings.Contains(log.String(), want) {
		t.Errorf("log lacks %s: %s", want, log.String())
	}
}
