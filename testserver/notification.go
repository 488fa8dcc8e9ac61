package testserver

import (
	"cmp"
	"context"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationpb "github.com/grpcx/grpcx/testserver/proto/notification"
	"github.com/grpcx/grpcx/testserver/store"
)

const (
	// typeSubscription is the type of the confirmation that begins a subscription.
	typeSubscription = "SUBSCRIPTION"
	confirmationID   = "subscription-confirmation"
)

// notificationServer is notification.NotificationService.
type notificationServer struct {
	notificationpb.UnimplementedNotificationServiceServer
	store    *store.Store
	presence *presence
	tails    *tails[*newsEntry]
	running  context.Context
}

func newNotificationServer(running context.Context, cfg Config, s *store.Store, p *presence, log *slog.Logger) *notificationServer {
	return &notificationServer{
		store: s, presence: p, running: running,
		tails: newTails(log, cfg.stuck, func(string) source[*newsEntry] { return newsSource{store: s} }),
	}
}

func (s *notificationServer) Publish(ctx context.Context, req *notificationpb.PublishRequest) (*notificationpb.PublishResponse, error) {
	if req.GetType() == typeSubscription {
		return nil, invalidField("notification", "type", "is the server's own")
	}
	n, wanted, err := s.store.Publish(ctx, store.Notification{
		Topic: req.GetTopic(), Type: cmp.Or(req.GetType(), "NOTIFICATION"), Message: req.GetMessage(), Data: req.GetData(),
	})
	if err != nil {
		return nil, err
	}
	return &notificationpb.PublishResponse{Id: n.ID, Delivered: int32(wanted)}, nil
}

func (s *notificationServer) Subscribe(req *notificationpb.SubscribeRequest, stream grpc.ServerStreamingServer[notificationpb.Notification]) error {
	ctx, cancel := untilStop(stream.Context(), s.running)
	defer cancel()
	user, err := actsAs(ctx, req.GetUserId())
	if err != nil {
		return err
	}
	sub := store.Subscription{ID: newStream(), UserID: cmp.Or(user, anonymous), Topics: req.GetTopics()}
	for _, topic := range sub.Topics {
		if owner := store.TopicUser(topic); owner != "" && owner != sub.UserID {
			return status.Errorf(codes.PermissionDenied, "topic %s is of another user", shorten(topic))
		}
	}
	stay, err := s.presence.enter(ctx)
	if err != nil {
		return err
	}
	defer s.presence.exit(ctx, stay, func(ctx context.Context) error { return s.store.Unsubscribe(ctx, sub.ID) })
	sub.Node = stay.node
	after, err := s.store.Subscribe(ctx, sub)
	if err != nil {
		return s.presence.judge(stay, err)
	}
	defer context.AfterFunc(stay.ctx, func() { interrupt(ctx, context.Cause(stay.ctx)) })()
	tail := s.tails.acquire("")
	defer s.tails.release(tail)
	reader := tail.read(after, func(err error) { interrupt(ctx, err) })
	defer reader.close()
	if err := stream.Send(&notificationpb.Notification{
		Id: confirmationID, Type: typeSubscription, Timestamp: timestamppb.Now(), UserId: sub.UserID,
		Message: "Successfully subscribed to notifications",
	}); err != nil {
		return err
	}
	return reader.deliver(ctx, func(e *newsEntry) error {
		if !sub.Wants(e.Topic) {
			return nil
		}
		return stream.Send(&notificationpb.Notification{
			Id: e.ID, Type: e.Type, Timestamp: timestamppb.New(e.At), UserId: sub.UserID,
			Message: e.Message, Data: e.Data, Topic: e.Topic,
		})
	})
}

// newsEntry is a notification in the log of all of them.
type newsEntry struct {
	store.Notification
	bytes int
}

func (e *newsEntry) number() int64 { return e.Seq }
func (e *newsEntry) size() int     { return e.bytes }

// newsSource is the log of all notifications.
type newsSource struct{ store *store.Store }

func (s newsSource) follow(ctx context.Context) (int64, func(context.Context) ([]*newsEntry, error), error) {
	feed, err := s.store.FollowNotifications(ctx)
	if err != nil {
		return 0, nil, err
	}
	return feed.Last(), func(ctx context.Context) ([]*newsEntry, error) {
		news, err := feed.Next(ctx)
		return newNewsEntries(news), err
	}, nil
}

func (s newsSource) after(ctx context.Context, number int64) ([]*newsEntry, error) {
	news, err := s.store.NotificationsAfter(ctx, number)
	return newNewsEntries(news), err
}

func newNewsEntries(news []store.Notification) []*newsEntry {
	entries := make([]*newsEntry, len(news))
	for i, n := range news {
		e := &newsEntry{Notification: n, bytes: entryBytes + len(n.Message) + len(n.Topic) + len(n.Type)}
		for k, v := range n.Data {
			e.bytes += len(k) + len(v)
		}
		entries[i] = e
	}
	return entries
}
