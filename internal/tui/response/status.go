package response

import (
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/termtext"
	"github.com/grpcx/grpcx/internal/tui/traffic"
)

const maxText = 64 << 10 // bytes of a status message that are shown

func (m *Model) statusLines() []line {
	s := &m.snap
	if !s.State.Over() {
		return []line{{"the call is not over: " + s.State.String(), dimLine}}
	}
	if s.Err != nil {
		lines := []line{{"the call failed here, not at the server", errorLine}}
		return append(lines, textLines("", s.Err.Error(), plainLine)...)
	}
	st := s.Status
	k := errorLine
	if st.Code() == codes.OK {
		k = okLine
	}
	lines := []line{{fmt.Sprintf("%s (%d)", invoke.CodeName(st.Code()), uint32(st.Code())), k}}
	if s.State == traffic.CancelledByYou {
		return append(lines, line{"cancelled by you", plainLine})
	}
	if st.Message() != "" {
		lines = append(lines, textLines("", st.Message(), plainLine)...)
	}
	if hint := hint(st); hint != "" {
		lines = append(lines, line{"hint: " + hint, dimLine})
	}
	details := st.Proto().GetDetails()
	for i, detail := range details {
		if i == maxDetails {
			lines = append(lines, line{}, line{fmt.Sprintf("%d more details", len(details)-i), warnLine})
			break
		}
		lines = append(append(lines, line{}), m.errorDetail(detail)...)
	}
	return lines
}

// textLines is a stranger's text as lines, cut where it is too long.
func textLines(indent, text string, k kind) []line {
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	var lines []line
	for s := range strings.SplitSeq(termtext.Text(text), "\n") {
		lines = append(lines, line{indent + termtext.Line(s), k})
	}
	return lines
}

// hint says in a line what a status usually means, "" for OK.
func hint(st *status.Status) string {
	text := st.Message()
	switch st.Code() {
	case codes.Canceled:
		return "the server or a proxy gave up the call, or its own caller did"
	case codes.Unknown:
		return "the server failed without saying how: an error without a code, or one of an HTTP proxy"
	case codes.InvalidArgument:
		return "the request itself is wrong, whatever the server's state: change it"
	case codes.DeadlineExceeded:
		return "time ran out; the server may still have done the work: give it more, or look first"
	case codes.NotFound:
		return "what the request names is not there"
	case codes.AlreadyExists:
		return "what the request would create is there already"
	case codes.PermissionDenied:
		return "the server knows who calls, and does not allow it"
	case codes.ResourceExhausted:
		if strings.Contains(text, "larger than max") {
			return "a message is larger than one side takes"
		}
		return "a quota or a rate limit: wait, and call less often"
	case codes.FailedPrecondition:
		return "the state of the system does not allow this now: change that first"
	case codes.Aborted:
		return "a conflict with another call: read again, then try again"
	case codes.OutOfRange:
		return "the request goes past the end of what there is"
	case codes.Unimplemented:
		if strings.Contains(text, "unexpected HTTP status code") || strings.Contains(text, "404") {
			return "this looks like a web server or a proxy, not a gRPC server: is it the right port?"
		}
		return "the server does not have this method: it may be older or newer than the schema"
	case codes.Internal:
		return "a fault in the server, or between it and here: its log knows more"
	case codes.Unavailable:
		return "the server cannot be reached or is going away: reconnect, then try again"
	case codes.DataLoss:
		return "data is lost or damaged for good"
	case codes.Unauthenticated:
		return "the server does not know who calls: send credentials, or newer ones"
	}
	return ""
}
