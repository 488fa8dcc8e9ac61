package testserver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/grpcx/grpcx/testserver/store"
)

// statusError is an error as the client sees it, with the cause that the client
// is not shown.
type statusError struct {
	status *status.Status
	cause  error
}

func (e *statusError) Error() string              { return e.status.String() }
func (e *statusError) GRPCStatus() *status.Status { return e.status }
func (e *statusError) Unwrap() error              { return e.cause }

// toStatus returns err as an error with a gRPC status. What the store says of a
// request is mapped with its details; a failure of the server is INTERNAL, and
// its text stays here.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err); ok {
		return e
	}
	if e, ok := errors.AsType[*store.Error](err); ok {
		return storeStatus(e)
	}
	if errors.Is(err, store.ErrUnavailable) {
		return &statusError{status: status.New(codes.Unavailable, "the store cannot be reached; try again"), cause: err}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err).Err()
	}
	return &statusError{status: status.New(codes.Internal, "internal error"), cause: err}
}

func storeStatus(e *store.Error) error {
	at := ""
	if e.Index >= 0 {
		at = fmt.Sprintf("entry %d: ", e.Index)
	}
	switch e.Code {
	case store.NotFound:
		return withDetails(codes.NotFound, at+fmt.Sprintf("%s %s not found", e.Kind, shorten(e.Name)), resource(e, "does not exist"))
	case store.AlreadyExists:
		return withDetails(codes.AlreadyExists, at+fmt.Sprintf("a %s with %s %s already exists", e.Kind, e.Unique, shorten(e.Name)),
			resource(e, "the "+e.Unique+" is in use, in this or another case"))
	case store.Invalid:
		return invalid(e)
	case store.Lagging:
		return status.Error(codes.ResourceExhausted, "the stream fell too far behind; begin it again")
	case store.Exhausted:
		return status.Error(codes.ResourceExhausted, e.Error())
	}
	return &statusError{status: status.New(codes.Internal, "internal error"), cause: e}
}

func resource(e *store.Error, description string) *errdetails.ResourceInfo {
	return &errdetails.ResourceInfo{ResourceType: resourceType(e.Kind), ResourceName: shorten(e.Name), Description: description}
}

// resourceType is the name of the message that describes such a resource.
func resourceType(kind string) string {
	if kind == "" {
		return ""
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

// invalid returns INVALID_ARGUMENT with all the fields of e.
func invalid(e *store.Error) error {
	details := &errdetails.BadRequest{}
	for _, f := range e.Fields {
		name := f.Field
		if e.Index >= 0 {
			name = fmt.Sprintf("requests[%d].%s", e.Index, name)
		}
		details.FieldViolations = append(details.FieldViolations,
			&errdetails.BadRequest_FieldViolation{Field: name, Description: f.Reason})
	}
	return withDetails(codes.InvalidArgument, e.Error(), details)
}

// invalidField returns INVALID_ARGUMENT about one field.
func invalidField(kind, field, reason string) error {
	return invalid(&store.Error{
		Code: store.Invalid, Kind: kind, Index: -1,
		Fields: []store.FieldError{{Field: field, Reason: reason}},
	})
}

// retryAfter returns RESOURCE_EXHAUSTED with the time after which to try again.
func retryAfter(message string, delay time.Duration) error {
	return withDetails(codes.ResourceExhausted, message, &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
}

func withDetails(code codes.Code, message string, detail protoadapt.MessageV1) error {
	st := status.New(code, message)
	detailed, err := st.WithDetails(detail)
	if err != nil {
		return st.Err()
	}
	return detailed.Err()
}

// shorten keeps a client's text from overflowing a status, which travels in a header.
func shorten(s string) string {
	const limit = 256
	for i := range s {
		if i >= limit {
			return s[:i] + "..."
		}
	}
	return s
}
