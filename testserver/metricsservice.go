package testserver

import (
	"io"

	"google.golang.org/grpc"

	pb "github.com/grpcx/grpcx/testserver/proto/telemetry"
)

// metricsServer is telemetry.MetricsService.
type metricsServer struct {
	pb.UnimplementedMetricsServiceServer
	clients *clientMetrics
}

func (m *metricsServer) RecordMetrics(stream grpc.ClientStreamingServer[pb.Metric, pb.RecordResponse]) error {
	for count := 0; ; count++ {
		metric, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&pb.RecordResponse{Count: int64(count)})
		}
		if err != nil {
			return err
		}
		if err := m.clients.record(count, metric); err != nil {
			return err
		}
	}
}
