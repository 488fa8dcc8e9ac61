package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/termtext"
)

// printStatus writes a status other than OK for people: the code and message,
// a line for each detail, and a hint where one is known. number is the call's
// place in a batch, 0 outside of one.
func printStatus(w io.Writer, number int, st *status.Status, types message.Resolver) {
	var b strings.Builder
	b.WriteString("grpcx: ")
	if number > 0 {
		fmt.Fprintf(&b, "request %d: ", number)
	}
	b.WriteString(codeLabel(st.Code()))
	if st.Message() != "" {
		fmt.Fprintf(&b, ": %s", termtext.Text(st.Message()))
	}
	b.WriteByte('\n')
	for _, detail := range st.Proto().GetDetails() {
		for _, line := range detailLines(detail, types) {
			fmt.Fprintf(&b, "  %s\n", termtext.Line(line))
		}
	}
	if hint := statusHint(st); hint != "" {
		fmt.Fprintf(&b, "hint: %s\n", termtext.Line(hint))
	}
	_, _ = io.WriteString(w, b.String())
}

// codeLabel is codeName, with the number of a code that gRPC does not have.
func codeLabel(c codes.Code) string {
	if c > codes.Unauthenticated {
		return fmt.Sprintf("%s (code %d)", invoke.CodeName(c), uint32(c))
	}
	return invoke.CodeName(c)
}

// detailLines renders one error detail: the well-known ones of google.rpc in
// words, any other as JSON.
func detailLines(detail *anypb.Any, types message.Resolver) []string {
	known, err := detail.UnmarshalNew()
	if err != nil {
		return []string{detailJSON(detail, types)}
	}
	switch d := known.(type) {
	case *errdetails.BadRequest:
		return each(d.GetFieldViolations(), func(v *errdetails.BadRequest_FieldViolation) string {
			return v.GetField() + ": " + v.GetDescription()
		})
	case *errdetails.PreconditionFailure:
		return each(d.GetViolations(), func(v *errdetails.PreconditionFailure_Violation) string {
			return v.GetType() + " " + v.GetSubject() + ": " + v.GetDescription()
		})
	case *errdetails.QuotaFailure:
		return each(d.GetViolations(), func(v *errdetails.QuotaFailure_Violation) string {
			return v.GetSubject() + ": " + v.GetDescription()
		})
	case *errdetails.Help:
		return each(d.GetLinks(), func(l *errdetails.Help_Link) string {
			return "help: " + l.GetDescription() + " " + l.GetUrl()
		})
	case *errdetails.ResourceInfo:
		line := fmt.Sprintf("resource: %s %q", d.GetResourceType(), d.GetResourceName())
		if d.GetOwner() != "" {
			line += " of " + d.GetOwner()
		}
		if d.GetDescription() != "" {
			line += ": " + d.GetDescription()
		}
		return []string{line}
	case *errdetails.ErrorInfo:
		line := "reason: " + d.GetReason() + " (" + d.GetDomain() + ")"
		for k, v := range d.GetMetadata() {
			line += " " + k + "=" + v
		}
		return []string{line}
	case *errdetails.RetryInfo:
		return []string{"retry after: " + d.GetRetryDelay().AsDuration().String()}
	case *errdetails.RequestInfo:
		return []string{"request: " + d.GetRequestId()}
	case *errdetails.LocalizedMessage:
		return []string{d.GetLocale() + ": " + d.GetMessage()}
	case *errdetails.DebugInfo:
		return append([]string{"debug: " + d.GetDetail()}, d.GetStackEntries()...)
	}
	return []string{detailJSON(detail, types)}
}

func each[T any](all []T, line func(T) string) []string {
	lines := make([]string, len(all))
	for i, v := range all {
		lines[i] = line(v)
	}
	return lines
}

// detailJSON renders any detail as JSON. One of unknown type keeps its bytes.
func detailJSON(detail *anypb.Any, types message.Resolver) string {
	encoder := message.NewEncoder(detail.ProtoReflect().Descriptor(), message.EncodeOptions{Format: message.JSON, Types: types})
	wire, err := proto.Marshal(detail)
	if err == nil {
		var text []byte
		if text, err = encoder.Append(nil, wire); err == nil {
			return strings.TrimSuffix(string(text), "\n")
		}
	}
	return fmt.Sprintf("%s: %v", detail.GetTypeUrl(), err)
}

// statusJSON renders st as a google.rpc.Status in JSON, one line.
func statusJSON(st *status.Status, types message.Resolver) (string, error) {
	p := st.Proto()
	wire, err := proto.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encode status: %w", err)
	}
	encoder := message.NewEncoder(p.ProtoReflect().Descriptor(), message.EncodeOptions{Format: message.JSON, Types: types})
	text, err := encoder.Append(nil, wire)
	if err != nil {
		return "", fmt.Errorf("encode status: %w", err)
	}
	return strings.TrimSuffix(string(text), "\n"), nil
}

// statusHint says what can be done about st, "" where nothing is known.
func statusHint(st *status.Status) string {
	for _, detail := range st.Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			return fmt.Sprintf("try again in %v", retry.GetRetryDelay().AsDuration().Round(time.Millisecond))
		}
	}
	text := st.Message()
	switch st.Code() {
	case codes.Unauthenticated:
		if strings.Contains(text, "password") {
			return ""
		}
		return "send credentials: -H 'authorization: Bearer TOKEN'"
	case codes.ResourceExhausted:
		if strings.Contains(text, "received message larger than max") {
			return "--max-msg-sz BYTES allows larger responses"
		}
		if strings.Contains(text, message.ErrTooLong.Error()) {
			return "--max-msg-sz BYTES allows 64 times as many bytes of text; -o binary any"
		}
	case codes.Unimplemented:
		if strings.Contains(text, "grpc-encoding") {
			return "the server does not take compressed requests; drop --compress"
		}
		if strings.Contains(text, "unexpected HTTP status code") || strings.Contains(text, "404") {
			return "this looks like a web server or a proxy, not a gRPC server; is it the right port?"
		}
		return "the server does not have this method; `grpcx list ADDR SERVICE` shows what it has"
	}
	return ""
}
