package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/termtext"
)

// usageError is a command line that does not make sense.
type usageError struct {
	err     error
	command string // whose --help tells more
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// hinted is an error with advice on how to mend it.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }

func withHint(err error, hint string) error {
	if hint == "" {
		return err
	}
	return &hinted{err, hint}
}

// statusError is a call that ended with a status other than OK. Its command
// has shown it already where shown is true.
type statusError struct {
	status *status.Status
	shown  bool
}

func (e *statusError) Error() string {
	return invoke.CodeName(e.status.Code()) + ": " + e.status.Message()
}

// exitError is an exit code with nothing left to say.
type exitError int

func (e exitError) Error() string { return "exit " + strconv.Itoa(int(e)) }

// interrupted is an error that came of SIGINT or SIGTERM.
type interrupted struct{ error }

func (e *interrupted) Unwrap() error { return e.error }

// The exit codes of `grpcx help exit-codes`.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitVerdict     = 3
	exitStatus      = 64 // plus the gRPC code
	exitInterrupted = 130
)

// exitCode maps an error to the process's exit code.
func exitCode(err error) int {
	var exit exitError
	var call *statusError
	var usage *usageError
	var config *dial.ConfigError
	var stopped *interrupted
	var dialled *dial.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &stopped):
		return exitInterrupted
	case errors.As(err, &usage), errors.As(err, &config):
		return exitUsage
	case errors.As(err, &call):
		return statusExit(call.status)
	case errors.As(err, &dialled) && dialled.Timeout, errors.Is(err, context.DeadlineExceeded):
		return exitStatus + int(deadlineExceeded)
	}
	return exitFailure
}

// report says on standard error what went wrong and returns the exit code.
func (p *program) report(err error) int {
	code := exitCode(err)
	var exit exitError
	var call *statusError
	switch {
	case err == nil, errors.As(err, &exit):
	case errors.As(err, &call) && call.shown:
	case code == exitInterrupted && errors.Is(err, context.Canceled):
		_, _ = io.WriteString(p.Err, "grpcx: interrupted\n")
	default:
		p.printError(p.Err, err)
	}
	p.narrator.total()
	return code
}

// printError writes err the way people read it: what failed, the line of
// input that it is about, and how to mend it.
func (p *program) printError(w io.Writer, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "grpcx: %s\n", termtext.Text(invoke.ErrorText(err)))
	var input *message.Error
	if errors.As(err, &input) && input.Snippet != "" {
		fmt.Fprintf(&b, "  %s\n  %s^\n", termtext.Line(input.Snippet), strings.Repeat(" ", input.Caret))
	}
	for _, hint := range hints(err) {
		fmt.Fprintf(&b, "hint: %s\n", termtext.Line(hint))
	}
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(&b, "See '%s --help'.\n", usage.command)
	}
	_, _ = io.WriteString(w, b.String())
}

// hints collects the advice that the errors in a chain carry.
func hints(err error) []string {
	var all []string
	var h *hinted
	if errors.As(err, &h) {
		all = append(all, h.hint)
	}
	var d *dial.Error
	if errors.As(err, &d) && d.Hint != "" {
		all = append(all, d.Hint)
	}
	if errors.Is(err, describe.ErrNoReflection) || strings.HasPrefix(err.Error(), "reflection: ") {
		switch status.Code(errors.Unwrap(err)) {
		case codes.Unauthenticated, codes.PermissionDenied:
			all = append(all, "reflection needs credentials too: give them by -H for reflection and the call, or by --reflect-header; "+
				"or give the schema with --proto FILE or --protoset FILE")
		default:
			all = append(all, "give the schema with --proto FILE or --protoset FILE")
		}
	}
	var name *describe.NameError
	if errors.As(err, &name) && len(all) == 0 && len(name.Matches)+len(name.Suggestions) == 0 {
		all = append(all, "`grpcx list ADDR` shows what there is")
	}
	if strings.Contains(err.Error(), "already defined at") {
		all = append(all, "give the folder that imports begin at with --import-path, so that each file has one name")
	}
	if strings.HasPrefix(err.Error(), "compile ") && errors.Is(err, fs.ErrNotExist) {
		all = append(all, "--import-path DIR says where imports are found; it may repeat")
	}
	var input *message.Error
	if errors.As(err, &input) && strings.HasSuffix(input.Msg, "got an array") {
		all = append(all, "several messages follow one another, without an array around them")
	}
	return all
}

// quote makes a name fit for a message.
func quote(s string) string { return strconv.Quote(s) }
