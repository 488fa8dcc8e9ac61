// Package health asks a server whether its services serve, by the gRPC health
// protocol (https://github.com/grpc/grpc/blob/master/doc/health-checking.md) or
// a service of the same shape: once ([Client.Check], [Client.List]), at every
// change ([Client.Watch]), or until they do ([Client.Wait]).
package health

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// The services that answer.
const (
	// Standard is the service of the health protocol.
	Standard = "grpc.health.v1.Health"
	// Legacy is the older service of the reference system. Its Check knows the
	// server as a whole only.
	Legacy = "userservice.HealthCheck"
)

// DefaultTimeout is grpc_health_probe's limit for a check.
const DefaultTimeout = time.Second

// Status is the state of a service.
type Status int

// What a server says of a service, numbered as on the wire, and below zero
// what is seen from here.
const (
	Unknown        Status = 0
	Serving        Status = 1
	NotServing     Status = 2
	ServiceUnknown Status = 3 // the server has no such service, or not yet

	Unreachable Status = -1 // there is no connection
	Failed      Status = -2 // there is one, and the question failed
)

// String returns the name that the protocol gives s, such as "NOT_SERVING".
func (s Status) String() string {
	switch s {
	case Unknown:
		return "UNKNOWN"
	case Serving:
		return "SERVING"
	case NotServing:
		return "NOT_SERVING"
	case ServiceUnknown:
		return "SERVICE_UNKNOWN"
	case Unreachable:
		return "UNREACHABLE"
	case Failed:
		return "FAILED"
	}
	return fmt.Sprintf("Status(%d)", int(s))
}

// fromWire takes a value that the protocol does not have for UNKNOWN.
func fromWire(s healthpb.HealthCheckResponse_ServingStatus) Status {
	if s < 0 || s > healthpb.HealthCheckResponse_SERVICE_UNKNOWN {
		return Unknown
	}
	return Status(s)
}

// Client asks one server. Its methods may be called at once. The metadata of
// their contexts goes with every request.
type Client struct {
	// Conn reconnects by itself; [ConnectParams] says how soon it should.
	Conn grpc.ClientConnInterface
	// API is the full name of the service that answers; "" means Standard.
	API string
	// Timeout bounds each check, and the first answer to a watch; 0 means
	// DefaultTimeout.
	Timeout time.Duration
}

func (c *Client) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return DefaultTimeout
}

func (c *Client) path(method string) string {
	if c.API == "" {
		return "/" + Standard + "/" + method
	}
	return "/" + c.API + "/" + method
}

// Check asks once for a service, "" being the server as a whole. A service
// that the server does not know is ServiceUnknown; an error is the status of
// the failed call.
func (c *Client) Check(ctx context.Context, service string) (Status, error) {
	if c.API == Legacy && service != "" {
		return c.first(ctx, service)
	}
	ctx, limit, cancel := c.limited(ctx)
	defer cancel()
	var resp healthpb.HealthCheckResponse
	err := c.Conn.Invoke(ctx, c.path("Check"), &healthpb.HealthCheckRequest{Service: service}, &resp)
	switch {
	case status.Code(err) == codes.NotFound:
		return ServiceUnknown, nil
	case err != nil:
		return Failed, explain(ctx, limit, err)
	}
	return fromWire(resp.GetStatus()), nil
}

// List returns the status of every service that the server has one for. Older
// servers lack it: codes.Unimplemented.
func (c *Client) List(ctx context.Context) (map[string]Status, error) {
	ctx, limit, cancel := c.limited(ctx)
	defer cancel()
	var resp healthpb.HealthListResponse
	if err := c.Conn.Invoke(ctx, c.path("List"), &healthpb.HealthListRequest{}, &resp); err != nil {
		return nil, explain(ctx, limit, err)
	}
	statuses := make(map[string]Status, len(resp.GetStatuses()))
	for service, st := range resp.GetStatuses() {
		statuses[service] = fromWire(st.GetStatus())
	}
	return statuses, nil
}

// first is the check of an API whose Check does not take a service: the first
// answer to a watch.
func (c *Client) first(ctx context.Context, service string) (Status, error) {
	ctx, limit, cancel := c.limited(ctx)
	defer cancel()
	stream, err := c.open(ctx, service)
	if err != nil {
		return Failed, explain(ctx, limit, err)
	}
	var resp healthpb.HealthCheckResponse
	if err := stream.RecvMsg(&resp); err != nil {
		return Failed, explain(ctx, limit, ended(err))
	}
	return fromWire(resp.GetStatus()), nil
}

// limited bounds a check by the timeout, and by what ctx leaves of it.
func (c *Client) limited(ctx context.Context) (limited context.Context, limit time.Duration, cancel context.CancelFunc) {
	limit = c.timeout()
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline).Round(time.Millisecond))
	}
	limited, cancel = context.WithTimeout(ctx, limit)
	return limited, limit, cancel
}

// explain says in plain words that the limit, which ctx has, ran out.
func explain(ctx context.Context, limit time.Duration, err error) error {
	settle(ctx, err)
	if status.Code(err) == codes.DeadlineExceeded && ctx.Err() != nil {
		return status.Errorf(codes.DeadlineExceeded, "no answer within %v", limit)
	}
	return err
}
