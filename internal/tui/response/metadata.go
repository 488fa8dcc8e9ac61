package response

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/metadata"

	"github.com/grpcx/grpcx/internal/termtext"
)

const maxValue = 16 << 10 // bytes of one metadata value that are shown

func (m *Model) metadataLines() []line {
	s := &m.snap
	sent := m.options.Secret
	if sent == nil {
		sent = func(string) bool { return true }
	}
	received := m.options.Secret
	if received == nil {
		received = func(string) bool { return false }
	}
	lines := section(nil, "request metadata", m.call.Metadata(), sent)
	missing := "none"
	if !s.State.Over() {
		missing = "not yet"
	}
	if s.Header == nil && !s.State.Over() {
		lines = append(lines, line{}, line{"header", titleLine}, line{"  " + missing, dimLine})
	} else {
		lines = section(append(lines, line{}), "header", s.Header, received)
	}
	if !s.State.Over() {
		return append(lines, line{}, line{"trailer", titleLine}, line{"  " + missing, dimLine})
	}
	return section(append(lines, line{}), "trailer", s.Trailer, received)
}

// section appends metadata under a title, keys in order.
func section(lines []line, title string, md metadata.MD, secret func(string) bool) []line {
	lines = append(lines, line{title, titleLine})
	if len(md) == 0 {
		return append(lines, line{"  none", dimLine})
	}
	for _, key := range slices.Sorted(maps.Keys(md)) {
		for _, value := range md[key] {
			lines = append(lines, line{"  " + termtext.Line(key) + ": " + shownValue(key, value, secret), plainLine})
		}
	}
	return lines
}

// shownValue is a value as it may be shown: text as it is, bytes as text where they
// are some, and in hexadecimal.
func shownValue(key, value string, secret func(string) bool) string {
	if secret(key) {
		return "***"
	}
	more := ""
	if n := len(value); n > maxValue {
		value, more = value[:maxValue], fmt.Sprintf("… (%s)", size(int64(n)))
	}
	if !strings.HasSuffix(key, "-bin") {
		return termtext.Line(value) + more
	}
	shown := hex.EncodeToString([]byte(value)) + more
	if value != "" && utf8.ValidString(value) && termtext.Line(value) == value {
		shown = value + more + "  (" + shown + ")"
	}
	return shown
}
