package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/health"
	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/termtext"
)

// healthLines writes a line for each report: for people, or a JSON object.
type healthLines struct {
	out    io.Writer
	json   bool
	colour bool
	width  int // of the status
	timed  bool
}

// newHealthLines makes the lines for reports that are all there; nil is for
// reports to come, which have their time on the line.
func newHealthLines(o *healthOptions, reports []health.Report) *healthLines {
	l := &healthLines{out: o.Out, json: o.format != "pretty", colour: o.colour(o.OutTerminal), timed: reports == nil}
	if reports == nil {
		l.width = len(health.ServiceUnknown.String())
	}
	for _, r := range reports {
		l.width = max(l.width, len(r.Status.String()))
	}
	return l
}

// healthEvent is a report in JSON.
type healthEvent struct {
	Time    string       `json:"time,omitempty"`
	Service string       `json:"service"`
	Status  string       `json:"status"`
	Error   *healthCause `json:"error,omitempty"`
}

// healthCause is why a service could not be asked; Code and Name are missing
// where that is no gRPC status.
type healthCause struct {
	Code    uint32 `json:"code,omitempty"`
	Name    string `json:"name,omitempty"`
	Message string `json:"message"`
}

const healthTime = "2006-01-02T15:04:05.000Z07:00"

// report writes one report with a single Write.
func (l *healthLines) report(r health.Report) error {
	var clock string
	if l.timed {
		clock = r.Time.Format(healthTime)
	}
	if l.json {
		return (&events{out: l.out}).write(healthEvent{
			Time: clock, Service: r.Service, Status: r.Status.String(), Error: healthReason(r.Err),
		})
	}
	var b strings.Builder
	if clock != "" {
		b.WriteString(clock + "  ")
	}
	b.WriteString(healthStatus(r.Status, l.width, l.colour))
	b.WriteString("  " + healthName(r.Service))
	if r.Err != nil {
		b.WriteString(": " + healthWhy(r.Err))
	}
	b.WriteByte('\n')
	if _, err := io.WriteString(l.out, b.String()); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// healthStatus pads the name of s, and colours it.
func healthStatus(s health.Status, width int, colour bool) string {
	text := fmt.Sprintf("%-*s", width, s)
	if !colour {
		return text
	}
	code := "31" // red
	switch s {
	case health.Serving:
		code = "32" // green
	case health.Unknown, health.ServiceUnknown:
		code = "33" // yellow
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// healthName is how people read the name of a service.
func healthName(service string) string {
	if service == "" {
		return "(server)"
	}
	return termtext.Line(service)
}

// maxWhy bounds what a server may say on a line, in bytes.
const maxWhy = 300

// healthWhy tells err on one line.
func healthWhy(err error) string {
	reason := healthReason(err)
	text := reason.Message
	if reason.Name != "" {
		text = reason.Name
		if reason.Message != "" {
			text += ": " + reason.Message
		}
	}
	if len(text) > maxWhy {
		text = strings.ToValidUTF8(text[:maxWhy], "") + "..."
	}
	return termtext.Line(text)
}

func healthReason(err error) *healthCause {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		return &healthCause{Message: err.Error()}
	}
	return &healthCause{Code: uint32(st.Code()), Name: invoke.CodeName(st.Code()), Message: healthMessage(st)}
}

// healthMessage returns the message of st. For a failed connection it is the
// cause alone, without grpc-go's wrapping.
func healthMessage(st *status.Status) string {
	text := strings.ToValidUTF8(st.Message(), "\ufffd")
	if st.Code() != codes.Unavailable {
		return text
	}
	if _, cause, found := strings.Cut(text, "Error while dialing: "); found {
		return strings.TrimSuffix(cause, `"`)
	}
	return text
}

// advise writes the remedies that are known for failures, each once.
func (c *checkup) advise(reports []health.Report) {
	var given []string
	for _, r := range reports {
		for _, hint := range c.remedies(r.Err) {
			if len(given) == 0 || given[len(given)-1] != hint {
				given = append(given, hint)
				_, _ = fmt.Fprintf(c.Err, "hint: %s\n", termtext.Line(hint))
			}
		}
	}
}

func (c *checkup) remedies(err error) []string {
	var dialled *dial.Error
	if errors.As(err, &dialled) {
		return hints(err)
	}
	st, ok := status.FromError(err)
	if !ok || err == nil {
		return nil
	}
	hint := statusHint(st)
	switch {
	case st.Code() == codes.Unimplemented && !strings.Contains(hint, "web server"):
		hint = fmt.Sprintf("the server does not have %s; --service-api NAME asks another health service", c.api)
	case st.Code() == codes.DeadlineExceeded && strings.HasPrefix(st.Message(), "no answer within "+time.Duration(c.timeout).String()):
		hint = "--timeout allows more time"
	}
	if hint == "" {
		return nil
	}
	return []string{hint}
}
