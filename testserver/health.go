package testserver

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// healthServer is grpc.health.v1.Health.
type healthServer struct {
	healthpb.UnimplementedHealthServer
	board   *board
	running context.Context
}

func (h *healthServer) Check(_ context.Context, req *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	st, ok := h.board.status(req.GetService())
	if !ok {
		return nil, status.Errorf(codes.NotFound, "unknown service %q", shorten(req.GetService()))
	}
	return &healthpb.HealthCheckResponse{Status: st}, nil
}

func (h *healthServer) List(context.Context, *healthpb.HealthListRequest) (*healthpb.HealthListResponse, error) {
	resp := &healthpb.HealthListResponse{Statuses: map[string]*healthpb.HealthCheckResponse{}}
	for name, st := range h.board.statuses() {
		resp.Statuses[name] = &healthpb.HealthCheckResponse{Status: st}
	}
	return resp, nil
}

func (h *healthServer) Watch(req *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	return watchHealth(stream.Context(), h.running, h.board, req.GetService(), func(st servingStatus) error {
		return stream.Send(&healthpb.HealthCheckResponse{Status: st})
	})
}

// legacyHealthServer is userservice.HealthCheck, whose statuses have the numbers
// of the standard ones.
type legacyHealthServer struct {
	pb.UnimplementedHealthCheckServer
	board   *board
	running context.Context
}

func (h *legacyHealthServer) Check(context.Context, *emptypb.Empty) (*pb.HealthCheckResponse, error) {
	st, _ := h.board.status("")
	return &pb.HealthCheckResponse{Status: pb.HealthCheckResponse_ServingStatus(st)}, nil
}

func (h *legacyHealthServer) Watch(req *pb.HealthCheckRequest, stream grpc.ServerStreamingServer[pb.HealthCheckResponse]) error {
	return watchHealth(stream.Context(), h.running, h.board, req.GetService(), func(st servingStatus) error {
		return stream.Send(&pb.HealthCheckResponse{Status: pb.HealthCheckResponse_ServingStatus(st)})
	})
}

// watchHealth sends the statuses of a service until ctx ends or the server stops.
func watchHealth(ctx, running context.Context, b *board, service string, send func(servingStatus) error) error {
	ctx, cancel := untilStop(ctx, running)
	defer cancel()
	w := b.watch(service)
	defer b.unwatch(w)
	for {
		st, err := b.next(ctx, w)
		if err != nil {
			return err
		}
		if err := send(st); err != nil {
			return err
		}
	}
}
