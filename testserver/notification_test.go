package testserver

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	notificationpb "github.com/grpcx/grpcx/testserver/proto/notification"
)

// newsClient publishes and subscribes on one server.
type newsClient struct {
	notificationpb.NotificationServiceClient
	t testing.TB
}

func newsOn(t testing.TB, s *Server) newsClient {
	return newsClient{notificationpb.NewNotificationServiceClient(dial(t, s)), t}
}

// subscription is a Subscribe stream of a test.
type subscription struct {
	grpc.ServerStreamingClient[notificationpb.Notification]
	t      testing.TB
	cancel context.CancelFunc
}

// subscribe subscribes, and returns once that is in force.
func (c newsClient) subscribe(user string, topics ...string) subscription {
	c.t.Helper()
	ctx, cancel := context.WithCancel(withDeadline(c.t))
	c.t.Cleanup(cancel)
	stream, err := c.Subscribe(ctx, &notificationpb.SubscribeRequest{UserId: user, Topics: topics})
	if err != nil {
		c.t.Fatal(err)
	}
	sub := subscription{stream, c.t, cancel}
	if n := sub.next(); n.GetType() != "SUBSCRIPTION" || n.GetId() != "subscription-confirmation" || n.GetTimestamp() == nil {
		c.t.Fatalf("first notification %v", n)
	}
	return sub
}

func (s subscription) next() *notificationpb.Notification {
	s.t.Helper()
	n, err := s.Recv()
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// hears receives notifications and compares their messages.
func (s subscription) hears(want ...string) {
	s.t.Helper()
	for _, w := range want {
		if n := s.next(); n.GetMessage() != w {
			s.t.Fatalf("notification %v, want %s", n, w)
		}
	}
}

func (c newsClient) publish(topic, message string, want int32) string {
	c.t.Helper()
	resp, err := c.Publish(withDeadline(c.t), &notificationpb.PublishRequest{Topic: topic, Message: message})
	if err != nil || resp.GetDelivered() != want || resp.GetId() == "" {
		c.t.Fatalf("%v, %v, want it delivered to %d", resp, err, want)
	}
	return resp.GetId()
}

func TestNotifications(t *testing.T) {
	c := newsOn(t, Start(t, Config{}))
	c.publish("news", "nobody listens", 0)
	all, news, nobody := c.subscribe("ada"), c.subscribe("bob", "news", "user:bob"), c.subscribe("", "other")
	resp, err := c.Publish(withDeadline(t), &notificationpb.PublishRequest{
		Topic: "news", Type: "INFO", Message: "one", Data: map[string]string{"k": "v"},
	})
	if err != nil || resp.GetDelivered() != 2 {
		t.Fatal(resp, err)
	}
	for user, sub := range map[string]subscription{"ada": all, "bob": news} {
		got := sub.next()
		want := &notificationpb.Notification{
			Id: resp.GetId(), Type: "INFO", UserId: user, Message: "one", Topic: "news", Data: map[string]string{"k": "v"},
		}
		if d := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(want, "timestamp")); d != "" {
			t.Error("-want +got\n" + d)
		}
		if at := got.GetTimestamp().AsTime(); time.Since(at) > time.Minute {
			t.Errorf("published at %v", at)
		}
	}
	if id := c.publish("user:bob", "for Bob alone", 1); id <= resp.GetId() {
		t.Errorf("id %s after %s", id, resp.GetId())
	}
	c.publish("News", "topics are exact", 1)
	c.publish("other", "two", 2)
	news.hears("for Bob alone")
	all.hears("topics are exact", "two")
	if n := nobody.next(); n.GetMessage() != "two" || n.GetUserId() != "anonymous" || n.GetType() != "NOTIFICATION" {
		t.Errorf("%v", n)
	}

	t.Run("every bad field at once", func(t *testing.T) {
		_, err := c.Publish(withDeadline(t), &notificationpb.PublishRequest{Message: "\x00", Data: map[string]string{"": "v"}})
		if got := strings.Join(violations(t, err), " "); got != "topic message data" {
			t.Error(got)
		}
		_, err = c.Publish(withDeadline(t), &notificationpb.PublishRequest{Topic: "news", Type: "SUBSCRIPTION"})
		if got := strings.Join(violations(t, err), " "); got != "type" {
			t.Error(got)
		}
		if got := strings.Join(violations(t, c.refused(t, "\n", "")), " "); got != "user_id topics" {
			t.Error(got)
		}
	})
	t.Run("the topic of another user", func(t *testing.T) {
		wantStatus(t, c.refused(t, "ada", "user:bob"), codes.PermissionDenied, "topic user:bob is of another user")
	})
	t.Run("a subscription that ended does not count", func(t *testing.T) {
		all.cancel()
		for {
			resp, err := c.Publish(withDeadline(t), &notificationpb.PublishRequest{Topic: "news", Message: "more"})
			if err != nil {
				t.Fatal(err)
			}
			if resp.GetDelivered() == 1 {
				break
			}
		}
	})
}

// refused subscribes and returns the error.
func (c newsClient) refused(t *testing.T, user string, topics ...string) error {
	t.Helper()
	stream, err := c.Subscribe(withDeadline(t), &notificationpb.SubscribeRequest{UserId: user, Topics: topics})
	if err == nil {
		_, err = stream.Recv()
	}
	return err
}

func TestNotificationsAcrossNodes(t *testing.T) {
	t.Parallel()
	onNodes(t, 2, Config{}, func(t *testing.T, nodes []*Server) {
		const publishers, each = 8, 10
		clients := []newsClient{newsOn(t, nodes[0]), newsOn(t, nodes[1])}
		heard := make(chan string, 10)
		for i := range cap(heard) {
			sub := clients[i%2].subscribe(fmt.Sprint(i), "a")
			go func() {
				var ids strings.Builder
				for range publishers * each {
					n, err := sub.Recv()
					if err != nil {
						t.Error(err)
						break
					}
					ids.WriteString(n.GetId() + " ")
				}
				heard <- ids.String()
			}()
		}
		var wg sync.WaitGroup
		for i := range publishers {
			wg.Go(func() {
				for range each {
					clients[i%2].publish("a", "x", int32(cap(heard)))
				}
			})
		}
		wg.Wait()
		first := <-heard
		for range cap(heard) - 1 {
			if got := <-heard; got != first {
				t.Errorf("one heard %s\nanother %s", got, first)
			}
		}
	})
}

func TestStuckSubscriber(t *testing.T) {
	t.Parallel()
	s := Start(t, Config{stuck: 200 * time.Millisecond})
	c := newsOn(t, s)
	other := c.subscribe("ada")
	stuck := newsClient{notificationpb.NewNotificationServiceClient(stuckReader(t, s)), t}.subscribe("bob")
	text := strings.Repeat("x", 8<<10)
	for delivered := int32(2); delivered == 2; {
		resp, err := c.Publish(withDeadline(t), &notificationpb.PublishRequest{Topic: "a", Message: text})
		if err != nil {
			t.Fatal(err)
		}
		delivered = resp.GetDelivered()
		other.hears(text)
	}
	var err error
	for err == nil {
		_, err = stuck.Recv()
	}
	wantStatus(t, err, codes.ResourceExhausted, "fell too far behind")
}

func TestShutdownEndsSubscriptions(t *testing.T) {
	s := Start(t, Config{})
	sub := newsOn(t, s).subscribe("ada")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	_, err := sub.Recv()
	wantStatus(t, err, codes.Unavailable, "the server is shutting down")
}
