// Command grpcx calls, explores, watches and tests gRPC services.
package main

import (
	"os"
	"runtime/debug"

	"github.com/grpcx/grpcx/internal/cli"
)

// version is set by the release build.
var version string

func main() { os.Exit(cli.Main(os.Args[1:], cli.System(), buildVersion())) }

// buildVersion returns the release's version, or the one of the module that
// `go install` built.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
