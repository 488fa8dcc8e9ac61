package testserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"

	"google.golang.org/grpc"

	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
	"github.com/grpcx/grpcx/testserver/store"
)

const (
	historyOnJoin    = 20 // messages that a stream of a room begins with
	defaultRooms     = 10
	defaultHistory   = 50
	maxRoomsPerChat  = 50
	defaultRoom      = "default" // of a JOIN that names none
	defaultNameStart = "User-"   // of the name of somebody who gives none; the id follows
)

// chatServer is chat.ChatService.
type chatServer struct {
	chatpb.UnimplementedChatServiceServer
	store    *store.Store
	presence *presence
	rooms    *tails[*roomEntry]
	running  context.Context
}

func newChatServer(running context.Context, cfg Config, s *store.Store, p *presence, log *slog.Logger) *chatServer {
	rooms := newTails(log, cfg.stuck, func(room string) source[*roomEntry] { return roomSource{store: s, room: room} })
	return &chatServer{store: s, presence: p, rooms: rooms, running: running}
}

func (s *chatServer) CreateRoom(ctx context.Context, req *chatpb.CreateRoomRequest) (*chatpb.Room, error) {
	user, err := actsAs(ctx, req.GetCreatedBy())
	if err != nil {
		return nil, err
	}
	r, err := s.store.CreateRoom(ctx, store.Room{Name: req.GetName(), Description: req.GetDescription(), CreatedBy: user})
	if err != nil {
		return nil, err
	}
	return roomProto(r), nil
}

func (s *chatServer) ListRooms(ctx context.Context, req *chatpb.ListRoomsRequest) (*chatpb.ListRoomsResponse, error) {
	bad := badLimit(req.GetLimit())
	if req.GetOffset() < 0 {
		bad = append(bad, store.FieldError{Field: "offset", Reason: "must not be negative"})
	}
	if len(bad) > 0 {
		return nil, invalidRequest(bad)
	}
	rooms, total, err := s.store.Rooms(ctx, int(cmp.Or(req.GetLimit(), defaultRooms)), int64(req.GetOffset()))
	if err != nil {
		return nil, err
	}
	resp := &chatpb.ListRoomsResponse{TotalCount: int32(min(total, math.MaxInt32))}
	for _, r := range rooms {
		resp.Rooms = append(resp.Rooms, roomProto(r))
	}
	return resp, nil
}

func (s *chatServer) SendMessage(ctx context.Context, req *chatpb.SendMessageRequest) (*chatpb.SendMessageResponse, error) {
	user, err := actsAs(ctx, req.GetUserId())
	if err != nil {
		return nil, err
	}
	m, err := s.store.Send(ctx, req.GetRoomId(), user, "", req.GetContent())
	if isNotMember(err) {
		return &chatpb.SendMessageResponse{Error: fmt.Sprintf("User %s not in room %s", user, req.GetRoomId())}, nil
	}
	if err != nil {
		return nil, err
	}
	return &chatpb.SendMessageResponse{MessageId: m.ID, Success: true}, nil
}

func (s *chatServer) LeaveRoom(ctx context.Context, req *chatpb.LeaveRoomRequest) (*chatpb.LeaveRoomResponse, error) {
	user, err := actsAs(ctx, req.GetUserId())
	if err != nil {
		return nil, err
	}
	was, err := s.store.RemoveMember(ctx, req.GetRoomId(), user)
	if err != nil {
		return nil, err
	}
	return &chatpb.LeaveRoomResponse{Success: was}, nil
}

func (s *chatServer) GetRoomHistory(ctx context.Context, req *chatpb.GetRoomHistoryRequest) (*chatpb.GetRoomHistoryResponse, error) {
	bad := badLimit(req.GetLimit())
	if e, ok := errors.AsType[*store.Error](store.ValidateHistory(req.GetRoomId(), req.GetBeforeMessageId())); ok {
		bad = append(bad, e.Fields...)
	}
	if len(bad) > 0 {
		return nil, invalidRequest(bad)
	}
	messages, more, err := s.store.History(ctx, req.GetRoomId(), req.GetBeforeMessageId(), int(cmp.Or(req.GetLimit(), defaultHistory)))
	if err != nil {
		return nil, err
	}
	resp := &chatpb.GetRoomHistoryResponse{HasMore: more}
	for _, m := range messages {
		resp.Messages = append(resp.Messages, messageProto(m))
	}
	return resp, nil
}

func (s *chatServer) JoinRoom(req *chatpb.JoinRoomRequest, stream grpc.ServerStreamingServer[chatpb.ChatMessage]) error {
	ctx, cancel := untilStop(stream.Context(), s.running)
	defer cancel()
	user, err := actsAs(ctx, req.GetUserId())
	if err != nil {
		return err
	}
	seat, err := s.join(ctx, req.GetRoomId(), user, req.GetUsername(), historyOnJoin)
	if err != nil {
		return err
	}
	defer seat.close()
	// The header tells that the membership is in force.
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	return seat.deliver(func(e *roomEntry) error {
		if e.message == nil {
			return nil
		}
		return stream.Send(e.message)
	})
}

// isNotMember tells whether somebody is not in the room that they talk to.
func isNotMember(err error) bool {
	e, ok := errors.AsType[*store.Error](err)
	return ok && e.Code == store.NotFound && e.Kind == "member"
}

func badLimit(limit int32) []store.FieldError {
	if limit >= 0 && limit <= maxPageLimit {
		return nil
	}
	return []store.FieldError{{Field: "limit", Reason: "must be from 1 to 1000, or 0 for the default"}}
}

func invalidRequest(bad []store.FieldError) error {
	return invalid(&store.Error{Code: store.Invalid, Kind: "request", Fields: bad, Index: -1})
}
