package response

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/testserver/proto/userservice"
)

// slow is a resolver that answers when it is let.
type slow struct {
	message.Resolver
	let   chan struct{}
	asked int
}

func (s *slow) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	s.asked++
	<-s.let
	return s.Resolver.FindMessageByURL(url)
}

func TestLazyTypes(t *testing.T) {
	t.Run("a detail is shown better when its type is found", func(t *testing.T) {
		inBubble(t, func(t *testing.T, cc *grpc.ClientConn) {
			types := &slow{Resolver: protoregistry.GlobalTypes, let: make(chan struct{})}
			woken := 0
			m := New(Options{Wake: func() { woken++ }})
			call := start(t, m, cc, "GetUser", &userservice.GetUserRequest{})
			m.SetCall(call, types)
			settle(m, time.Second)
			if frame := m.View(78, 40, true); !strings.Contains(frame, `"@value": "Ch9`) {
				t.Errorf("before:\n%s", frame)
			}
			close(types.let)
			settle(m, time.Second)
			if frame := m.View(78, 40, true); woken != 1 || !strings.Contains(frame, `"userId": "a detail of a type of one's own"`) || !strings.Contains(frame, `"@value": "CAE="`) {
				t.Errorf("after %d wake-ups:\n%s", woken, frame)
			}
			if m.View(70, 40, true); types.asked != 2 {
				t.Errorf("asked %d times", types.asked)
			}
		})
	})
	t.Run("a server cannot make it ask without end", func(t *testing.T) {
		inBubble(t, func(t *testing.T, _ *grpc.ClientConn) {
			types := &slow{Resolver: protoregistry.GlobalTypes, let: make(chan struct{})}
			l := newLazyTypes(types, nil)
			for n := range 5 * maxQuestions {
				if _, err := l.FindMessageByURL(fmt.Sprintf("x/unknown.M%d", n)); err == nil {
					t.Fatal("found")
				}
			}
			synctest.Wait()
			if n := len(l.answers); n != maxQuestions {
				t.Errorf("%d questions", n)
			}
			l.stop()
			close(types.let)
			synctest.Wait()
			if types.asked != 1 {
				t.Errorf("asked %d times after the stop", types.asked)
			}
		})
	})
	t.Run("extensions and names", func(t *testing.T) {
		inBubble(t, func(t *testing.T, _ *grpc.ClientConn) {
			l := newLazyTypes(protoregistry.GlobalTypes, nil)
			ask := func() (found int) {
				if _, err := l.FindMessageByName("userservice.User"); err == nil {
					found++
				}
				if _, err := l.FindExtensionByName("no.such"); err == nil {
					found++
				}
				if _, err := l.FindExtensionByNumber("userservice.User", 100); err == nil {
					found++
				}
				return found
			}
			if n := ask(); n != 0 {
				t.Errorf("%d found at once", n)
			}
			synctest.Wait()
			if n := ask(); n != 1 {
				t.Errorf("%d found", n)
			}
		})
	})
}
