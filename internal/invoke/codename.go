package invoke

import (
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// CodeNames are the names that the gRPC specification gives to its codes, by number.
func CodeNames() []string {
	return []string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
		"ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
		"ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
		"UNAUTHENTICATED",
	}
}

// CodeName is the name of c, such as NOT_FOUND; a code that gRPC does not have is
// UNKNOWN.
func CodeName(c codes.Code) string {
	names := CodeNames()
	if int(c) >= len(names) {
		return names[codes.Unknown]
	}
	return names[c]
}

// ErrorText is err's text, with a gRPC status in it as CODE: MESSAGE.
func ErrorText(err error) string {
	type withStatus interface {
		error
		GRPCStatus() *status.Status
	}
	failed, ok := errors.AsType[withStatus](err)
	if !ok {
		return err.Error()
	}
	s := failed.GRPCStatus()
	return strings.Replace(err.Error(), s.Err().Error(), CodeName(s.Code())+": "+s.Message(), 1)
}
