package cli

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/spf13/cobra"
)

const deadlineExceeded = codes.DeadlineExceeded

// statusExit returns 64 plus the code, 66 (UNKNOWN) for codes that gRPC does
// not have, and 0 for OK. It never wraps.
func statusExit(st *status.Status) int {
	switch c := st.Code(); {
	case c == codes.OK:
		return exitOK
	case c > codes.Unauthenticated:
		return exitStatus + int(codes.Unknown)
	default:
		return exitStatus + int(c)
	}
}

func newExitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `  0    success
  1    local failure: no connection, no schema, bad input
  2    usage: an unknown flag, a missing argument
  3    verdict: a test or a threshold failed
  65   CANCELLED               73   FAILED_PRECONDITION
  66   UNKNOWN, and any code   74   ABORTED
       that gRPC has not       75   OUT_OF_RANGE
  67   INVALID_ARGUMENT        76   UNIMPLEMENTED
  68   DEADLINE_EXCEEDED       77   INTERNAL
  69   NOT_FOUND               78   UNAVAILABLE
  70   ALREADY_EXISTS          79   DATA_LOSS
  71   PERMISSION_DENIED       80   UNAUTHENTICATED
  72   RESOURCE_EXHAUSTED
  130  interrupted by SIGINT or SIGTERM

64+n is the gRPC status n that ended the call. 68 is also a time limit that ran
out before the call began. A batch exits with the code of its first failure.

grpcx health has the codes of grpc_health_probe:

  0    serving
  1    bad arguments
  2    cannot connect
  3    the call failed or timed out
  4    not serving`,
	}
}
