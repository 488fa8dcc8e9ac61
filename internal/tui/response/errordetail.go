package response

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/termtext"
)

// What is shown of the details of a status.
const (
	maxDetails     = 50
	maxDetailRows  = 200
	maxDetailBytes = 16 << 10 // of one without a form of its own
)

// errorDetail shows one detail of a status: those of google.rpc in a form of their
// own, the others as JSON, unknown ones as base64.
func (m *Model) errorDetail(detail *anypb.Any) []line {
	name := termtext.Line(cutText(string(detail.MessageName())))
	if name == "" {
		name = termtext.Line(cutText(detail.GetTypeUrl()))
	}
	lines := []line{{name, titleLine}}
	if rows, ok := knownDetail(detail); ok {
		return append(lines, table(rows)...)
	}
	return append(lines, m.otherDetail(detail)...)
}

// knownDetail returns the rows of a detail of google.rpc.
func knownDetail(detail *anypb.Any) (rows [][2]string, ok bool) {
	known, err := detail.UnmarshalNew()
	if err != nil {
		return nil, false
	}
	switch d := known.(type) {
	case *errdetails.BadRequest:
		for _, v := range d.GetFieldViolations() {
			rows = append(rows, [2]string{v.GetField(), withReason(v.GetDescription(), v.GetReason())})
		}
	case *errdetails.PreconditionFailure:
		for _, v := range d.GetViolations() {
			rows = append(rows, [2]string{v.GetType() + " " + v.GetSubject(), v.GetDescription()})
		}
	case *errdetails.QuotaFailure:
		for _, v := range d.GetViolations() {
			rows = append(rows, [2]string{v.GetSubject(), v.GetDescription()})
		}
	case *errdetails.ErrorInfo:
		rows = append(rows, [2]string{"reason", d.GetReason()}, [2]string{"domain", d.GetDomain()})
		for _, key := range slices.Sorted(maps.Keys(d.GetMetadata())) {
			rows = append(rows, [2]string{key, d.GetMetadata()[key]})
		}
	case *errdetails.RetryInfo:
		rows = append(rows, [2]string{"retry after", d.GetRetryDelay().AsDuration().String()})
	case *errdetails.ResourceInfo:
		rows = append(rows, [2]string{"type", d.GetResourceType()}, [2]string{"name", d.GetResourceName()},
			[2]string{"owner", d.GetOwner()}, [2]string{"description", d.GetDescription()})
	case *errdetails.RequestInfo:
		rows = append(rows, [2]string{"request", d.GetRequestId()}, [2]string{"serving data", d.GetServingData()})
	case *errdetails.Help:
		for _, l := range d.GetLinks() {
			rows = append(rows, [2]string{l.GetDescription(), l.GetUrl()})
		}
	case *errdetails.LocalizedMessage:
		rows = append(rows, [2]string{d.GetLocale(), d.GetMessage()})
	case *errdetails.DebugInfo:
		rows = append(rows, [2]string{"detail", d.GetDetail()})
		for i, entry := range d.GetStackEntries() {
			rows = append(rows, [2]string{fmt.Sprintf("stack %d", i), entry})
		}
	default:
		return nil, false
	}
	return rows, true
}

func withReason(description, reason string) string {
	if reason == "" {
		return description
	}
	return description + " (" + reason + ")"
}

// table lays rows out in two columns, without those that have no value.
func table(rows [][2]string) []line {
	var lines []line
	total := len(rows)
	rows = rows[:min(total, maxDetailRows)]
	width := 0
	for i := range rows {
		for j := range rows[i] {
			rows[i][j] = termtext.Line(cutText(rows[i][j]))
		}
		_, cells := prefix(rows[i][0], 30)
		width = max(width, cells)
	}
	for _, r := range rows {
		if r[1] != "" {
			lines = append(lines, line{"  " + pad(r[0], width) + "  " + r[1], plainLine})
		} else if r[0] != "" && total > 1 {
			lines = append(lines, line{"  " + pad(r[0], width) + "  –", dimLine})
		}
	}
	if total > len(rows) {
		lines = append(lines, line{fmt.Sprintf("  %d more", total-len(rows)), warnLine})
	}
	return lines
}

// cutText bounds one value of a detail.
func cutText(s string) string {
	if len(s) > maxDetailBytes {
		return s[:maxDetailBytes] + "…"
	}
	return s
}

// otherDetail is a detail as JSON if its type is known.
func (m *Model) otherDetail(detail *anypb.Any) []line {
	md := detail.ProtoReflect().Descriptor()
	if wire, err := proto.Marshal(detail); err == nil {
		part, cut := excerptOf(md, m.types, wire, maxDetailBytes, maxDetailBytes)
		text, err := message.NewEncoder(md, message.EncodeOptions{Format: message.Pretty, Types: m.types}).Append(nil, part)
		if err == nil {
			var lines []line
			for s := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n") {
				lines = append(lines, line{"  " + s, jsonLine})
			}
			if cut {
				lines = append(lines, line{"  in part: the detail has " + size(int64(len(detail.GetValue()))), warnLine})
			}
			return lines
		}
	}
	value := detail.GetValue()
	return []line{
		{"  " + termtext.Line(cutText(detail.GetTypeUrl())), plainLine},
		{"  " + base64.StdEncoding.EncodeToString(value[:min(len(value), maxDetailBytes)]), plainLine},
	}
}
