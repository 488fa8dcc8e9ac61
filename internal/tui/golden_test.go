package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/testserver"
)

var sizes = []struct {
	name          string
	width, height int
}{{"80x24", 80, 24}, {"160x45", 160, 45}, {"40x10", 40, 10}}

// named is a configuration that reaches the server under an address that does not
// change from run to run.
func named(t testing.TB, server *testserver.Server) Config {
	cfg := config(t, "127.0.0.1:50051")
	cfg.Environment = "local"
	cfg.Connect = func(ctx context.Context, target Target) (*Session, error) {
		target.Address = server.Addr()
		session, err := connectPlain(ctx, target)
		if session != nil {
			session.Health = func(ctx context.Context, service string, report func(Health)) error {
				if strings.HasPrefix(service, "grpc.") {
					report(Health{State: "SERVICE_UNKNOWN", Reached: true, Unknown: true})
				} else {
					report(Health{State: "SERVING", Serving: true, Reached: true})
				}
				<-ctx.Done()
				return nil
			}
		}
		return session, err
	}
	return cfg
}

func TestFrames(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	for _, size := range sizes {
		t.Run(size.name, func(t *testing.T) {
			s := newTerminal(t, named(t, server), size.width, size.height)
			s.see("chat.ChatService")
			s.see("SERVING")
			s.until("all methods", func() bool { return s.m.tree.loaded == len(s.m.tree.services) })
			s.golden("services-" + size.name)
			s.press("H")
			for _, health := range s.m.watched.services {
				s.until("the health of "+health.name, func() bool { return health.told != "" })
			}
			s.golden("health-" + size.name)
			s.press("esc")
			s.press("/")
			s.write("crea")
			s.golden("search-" + size.name)
			s.press("esc")
			s.open("ListUsers")
			s.until("a valid text", func() bool { return strings.HasPrefix(s.m.editor.Status(), "✓") })
			s.golden("request-" + size.name)
			s.replace(`{"limit": "many"}`)
			s.until("a problem", func() bool { return s.m.editor.Problem() != nil })
			s.golden("problem-" + size.name)
			s.replace(`{"limit": -1}`)
			s.press("ctrl+s")
			s.until("the end", func() bool { return !s.m.running() && !s.m.ticking })
			s.golden("error-" + size.name)
			s.press("f1")
			s.golden("help-" + size.name)
			s.press("esc", "1", "esc")
			s.open("FullDuplexCall")
			s.replace(`{"responseParameters": [{"size": 3}, {"size": 5}, {"size": 8}]}`)
			s.press("ctrl+s", "ctrl+d")
			s.until("the end", func() bool { return !s.m.running() && !s.m.ticking })
			s.press("tab", "down", "up")
			s.golden("stream-" + size.name)
			s.press("3")
			s.press("esc", "f2")
			s.write("copy")
			s.golden("palette-" + size.name)
		})
	}
}

func TestStateFrames(t *testing.T) {
	for _, tc := range []struct {
		name    string
		session *Session
		err     error
		hint    string
	}{
		{"refused", nil, errors.New("connect 127.0.0.1:50051: connection refused"), "start the server, or try another port"},
		{"no-reflection", &Session{Transport: "plaintext", Close: func() {}},
			fmt.Errorf("%w: %w", describe.ErrNoReflection, status.Error(codes.Unimplemented, "unknown service grpc.reflection.v1alpha.ServerReflection")), ""},
		{"credentials", &Session{Transport: "plaintext", Close: func() {}},
			fmt.Errorf("reflection: %w", status.Error(codes.Unauthenticated, "who is there?")), ""},
		{"not-grpc", &Session{Transport: "plaintext", Close: func() {}},
			fmt.Errorf("%w: %w", describe.ErrNoReflection, status.Error(codes.Unimplemented, "unexpected HTTP status code received from server: 404 (Not Found)")), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := config(t, "127.0.0.1:50051")
			cfg.Connect = func(context.Context, Target) (*Session, error) { return tc.session, tc.err }
			cfg.Hint = func(error) string { return tc.hint }
			s := newTerminal(t, cfg, 80, 24)
			s.until("the verdict", func() bool { return s.m.link.state != connecting })
			s.look()
			s.golden(tc.name + "-80x24")
		})
	}
}

// What no two runs agree on: what follows a verdict, and the times of messages.
var (
	verdictRest = regexp.MustCompile(`(✓ OK +←\d+ →\d+|✗ [A-Z_]+:)[^║│]*`)
	messageTime = regexp.MustCompile(`\d\.\d{3}s`)
)

func timeless(line string) string {
	line = verdictRest.ReplaceAllStringFunc(line, func(found string) string {
		return fit(verdictRest.FindStringSubmatch(found)[1], ansi.StringWidth(found))
	})
	return messageTime.ReplaceAllString(line, "0.000s")
}

func (s *terminal) golden(name string) {
	s.t.Helper()
	s.look()
	var lines []string
	for line := range strings.SplitSeq(s.frame, "\n") {
		lines = append(lines, strings.TrimRight(timeless(line), " "))
	}
	got := strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", name+".txt")
	if update() {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestNoColor holds what is written without colour to attributes of text alone.
func TestNoColor(t *testing.T) {
	s := reference(t, 100, 30)
	s.open("CreateUser")
	s.press("ctrl+s")
	s.until("the end", func() bool { return !s.m.running() && !s.m.ticking })
	colours := regexp.MustCompile(`\x1b\[([0-9;:]*)m`)
	for _, key := range []string{"1", "2", "3", "f1", "esc", "f2", "esc"} {
		s.press(key)
		var out bytes.Buffer
		w := &colorprofile.Writer{Forward: &out, Profile: colorprofile.Ascii}
		if _, err := w.WriteString(s.m.View().Content); err != nil {
			t.Fatal(err)
		}
		for _, found := range colours.FindAllStringSubmatch(out.String(), -1) {
			for code := range strings.SplitSeq(found[1], ";") {
				if len(code) == 2 && strings.ContainsAny(code[:1], "349") || len(code) == 3 {
					t.Fatalf("a colour: %q", found[0])
				}
			}
		}
		if text := ansi16(s.m.View()); text != "" {
			t.Fatalf("a colour that is not one of the sixteen: %q", text)
		}
	}
}

// ansi16 gives the first escape of a view that asks for more than sixteen colours.
func ansi16(v tea.View) string {
	return regexp.MustCompile(`\x1b\[[0-9;]*[34]8[;:][0-9;:]*m`).FindString(v.Content)
}

// TestNoReflection leads from a server without reflection to a call, by files.
func TestNoReflection(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	proto := filepath.Join(t.TempDir(), "hea\u202elth.proto")
	source := "syntax = \"proto3\";\npackage grpc.health.v1;\nmessage HealthCheckRequest { string service = 1; }\n" +
		"message HealthCheckResponse { enum S { UNKNOWN = 0; SERVING = 1; } S status = 1; }\n" +
		"service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }\n"
	if err := os.WriteFile(proto, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(proto))
	cfg := config(t, server.Addr())
	cfg.Connect = func(ctx context.Context, target Target) (*Session, error) {
		if len(target.Files) > 0 {
			return connectPlain(ctx, target)
		}
		cc, err := grpc.NewClient(target.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		return &Session{Conn: cc, Close: func() { _ = cc.Close() }}, fmt.Errorf("%w: no", describe.ErrNoReflection)
	}
	s := newTerminal(t, cfg, 80, 24)
	s.see("does not support")
	s.press("enter")
	s.see(`hea\u202elth.proto`)
	s.press("enter")
	s.see("grpc.health.v1.Health")
	s.open("Check")
	s.press("ctrl+s")
	s.see(`"status": "SERVING"`)
}

// TestDocumentedFrames holds the screens in documents to the golden ones.
func TestDocumentedFrames(t *testing.T) {
	place := regexp.MustCompile("(?s)(<!-- frame: ([a-z0-9-]+) -->\n```\n).*?(```\n)")
	for _, path := range []string{"../../docs/tui.md", "../../README.md"} {
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !place.Match(old) {
			t.Errorf("%s shows no screen", path)
		}
		now := place.ReplaceAllFunc(old, func(found []byte) []byte {
			parts := place.FindSubmatch(found)
			frame, err := os.ReadFile(filepath.Join("testdata", string(parts[2])+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			return bytes.Join([][]byte{parts[1], frame, parts[3]}, nil)
		})
		if update() {
			if err := os.WriteFile(path, now, 0o644); err != nil {
				t.Fatal(err)
			}
		} else if !bytes.Equal(old, now) {
			t.Errorf("%s does not show the screens as they are; make frames writes them", path)
		}
	}
}
