package response

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/ansi"
	"google.golang.org/grpc"

	tea "charm.land/bubbletea/v2"

	"github.com/grpcx/grpcx/testserver/proto/userservice"
)

var update = flag.Bool("update", false, "write the golden frames")

// scenes are what a call looks like, under names of files in testdata.
var scenes = map[string]func(t *testing.T, m *Model, cc *grpc.ClientConn){
	"unary": func(t *testing.T, m *Model, cc *grpc.ClientConn) {
		start(t, m, cc, "GetUser", &userservice.GetUserRequest{UserId: "u-001"})
		settle(m, time.Second)
	},
	"client-stream": func(t *testing.T, m *Model, cc *grpc.ClientConn) {
		call := start(t, m, cc, "BatchCreateUsers", &userservice.CreateUserRequest{Name: "Ada"}, &userservice.CreateUserRequest{Name: "Grace"})
		call.CloseSend()
		settle(m, time.Second)
		m.Back()
	},
	"streaming": func(t *testing.T, m *Model, cc *grpc.ClientConn) {
		call := start(t, m, cc, "StreamUsers", &userservice.GetUserRequest{UserId: "first"})
		settle(m, time.Second)
		_ = call.Send(encode(t, &userservice.GetUserRequest{UserId: "second"}))
		settle(m, time.Second)
	},
	"paused": func(t *testing.T, m *Model, cc *grpc.ClientConn) {
		start(t, m, cc, "ListUsers", &userservice.ListUsersRequest{Limit: 1000})
		settle(m, 102*time.Millisecond)
		m.View(78, 12, true)
		m.Up()
		m.Up()
		settle(m, 200*time.Millisecond)
	},
	"held": func(t *testing.T, m *Model, cc *grpc.ClientConn) {
		call := start(t, m, cc, "StreamUsers", &userservice.GetUserRequest{UserId: "first"})
		settle(m, 100*time.Millisecond)
		m.Hold()
		_ = call.Send(encode(t, &userservice.GetUserRequest{UserId: "second"}))
		settle(m, 100*time.Millisecond)
	},
	"half-closed": func(t *testing.T, m *Model, cc *grpc.ClientConn) {
		requests := &userservice.GetUserRequest{UserId: "u"}
		call := start(t, m, cc, "StreamUsers", requests, requests, requests, requests, requests, requests)
		call.CloseSend()
		settle(m, 12*time.Millisecond)
	},
	"cancelled": func(t *testing.T, m *Model, cc *grpc.ClientConn) {
		call := start(t, m, cc, "ListUsers", &userservice.ListUsersRequest{Limit: 1000})
		settle(m, 12*time.Millisecond)
		call.Cancel()
		settle(m, time.Second)
	},
	"search": func(t *testing.T, m *Model, cc *grpc.ClientConn) {
		start(t, m, cc, "GetUser", &userservice.GetUserRequest{UserId: "u-001"})
		settle(m, time.Second)
		m.View(78, 12, true)
		m.Search()
		for _, r := range "ada" {
			m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
		m.NextMatch()
	},
	"hex": func(t *testing.T, m *Model, cc *grpc.ClientConn) {
		start(t, m, cc, "GetUser", &userservice.GetUserRequest{UserId: "u-001"})
		settle(m, time.Second)
		m.ToggleHex()
	},
	"error": func(t *testing.T, m *Model, cc *grpc.ClientConn) {
		start(t, m, cc, "GetUser", &userservice.GetUserRequest{})
		settle(m, time.Second)
	},
	"metadata": func(t *testing.T, m *Model, cc *grpc.ClientConn) {
		start(t, m, cc, "GetUser", &userservice.GetUserRequest{UserId: "u-001"})
		settle(m, time.Second)
		m.NextTab()
	},
	"timing": func(t *testing.T, m *Model, cc *grpc.ClientConn) {
		start(t, m, cc, "ListUsers", &userservice.ListUsersRequest{Limit: 20})
		settle(m, time.Second)
		m.PrevTab()
	},
}

func TestGolden(t *testing.T) {
	sizes := []struct{ width, height int }{{38, 7}, {78, 12}, {118, 40}}
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
				secret := func(key string) bool { return key == "authorization" || key == "set-cookie" }
				m := New(Options{Secret: secret})
				scene(t, m, cc)
				synctest.Wait()
				for _, size := range sizes {
					frame := m.View(size.width, size.height, true)
					checkFrame(t, frame, size.width, size.height, false)
					fmt.Fprintf(&got, "%dx%d %s %s\n%s\n\n", size.width, size.height, m.Title(), m.Tabs(size.width-20), trimmed(frame))
					// With colours it is the same text.
					m.SetStyles(colours())
					styled := m.View(size.width, size.height, true)
					checkFrame(t, styled, size.width, size.height, true)
					if ansi.Strip(styled) != frame || styled == frame {
						t.Errorf("with colours, the frame reads\n%s\ninstead of\n%s", ansi.Strip(styled), frame)
					}
					m.SetStyles(Styles{})
				}
				if strings.Contains(got.String(), "sesame") || strings.Contains(got.String(), "crumbs") {
					t.Error("a secret is shown")
				}
			})
			compare(t, filepath.Join("testdata", name+".txt"), got.String())
		})
	}
}

// trimmed is a frame without the blanks at the ends of lines.
func trimmed(frame string) string {
	lines := strings.Split(frame, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it); got\n%s", path, got)
	}
}
