package response

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/grpcx/grpcx/internal/tui/traffic"
	"github.com/grpcx/grpcx/testserver"
	"github.com/grpcx/grpcx/testserver/proto/userservice"
)

// await ticks until the frame has all of this.
func await(t *testing.T, m *Model, texts ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		m.Tick()
		frame := m.View(78, 22, true)
		checkFrame(t, frame, 78, 22, false)
		missing := ""
		for _, text := range texts {
			if !strings.Contains(frame, text) {
				missing = text
			}
		}
		if missing == "" {
			return frame
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%q is not shown:\n%s", missing, frame)
		}
	}
}

func TestReferenceServer(t *testing.T) {
	server := testserver.Start(t, testserver.Config{})
	cc, err := grpc.NewClient(server.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close() })
	m := New(Options{})
	show := func(t *testing.T, name protoreflect.Name, request proto.Message) *traffic.Call {
		o := traffic.Options{Method: method(name)}
		if request != nil {
			o.Requests = [][]byte{encode(t, request)}
		}
		call := traffic.Start(t.Context(), cc, o)
		t.Cleanup(func() {
			call.Cancel()
			<-call.Ended()
		})
		m.SetCall(call, protoregistry.GlobalTypes)
		return call
	}
	t.Run("an error with every bad field, then the fixed request", func(t *testing.T) {
		show(t, "CreateUser", &userservice.CreateUserRequest{Email: "nobody", Age: -1})
		await(t, m, "✗ INVALID_ARGUMENT", "google.rpc.BadRequest", "  name ", "  email ", "hint: ")
		show(t, "CreateUser", &userservice.CreateUserRequest{Name: "Ada", Email: "ada@example.com"})
		await(t, m, "✓ OK", `"name": "Ada"`, `"status": "ACTIVE"`)
		m.SetTab(Metadata)
		await(t, m, "server-version: ", "request-id: ", "response-time: ")
	})
	t.Run("requests sent one by one", func(t *testing.T) {
		show(t, "CreateMultipleUsers", nil)
		call := m.Call()
		for _, name := range []string{"Grace", "Barbara"} {
			if err := call.Send(encode(t, &userservice.CreateUserRequest{Name: name, Email: name + "@example.com"})); err != nil {
				t.Fatal(err)
			}
		}
		await(t, m, "● streaming", "→2", ">→   2", `"name":"Barbara"`)
		call.CloseSend()
		await(t, m, "✓ OK", `"createdCount": 2`)
	})
	t.Run("a watch, cancelled", func(t *testing.T) {
		call := show(t, "WatchUser", &userservice.WatchUserRequest{})
		await(t, m, ">←   ", `"eventType":"initial"`)
		call.Cancel()
		await(t, m, "■ cancelled by you")
	})
}
