package invoke

import "google.golang.org/grpc/codes"

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
