package response

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/termtext"
	"github.com/grpcx/grpcx/internal/tui/traffic"
)

// detail is one message in full.
type detail struct {
	document
	beside bool // it has a pane of its own
	open   bool // it takes the keys
	hex    bool
	of     detailKey
}

// detailKey is what the text was made from.
type detailKey struct {
	index, columns int
	budget         int
	types          uint64
	valid          bool
}

// What is shown of a message: in full is one that nobody needs to save.
const (
	detailBudget = 96 << 10  // characters of JSON; made in less than 5 ms
	followBudget = 16 << 10  // of JSON that changes under the reader's eyes
	valueBudget  = 64 << 10  // of one string
	hexBudget    = 256 << 10 // bytes
)

// drawDetail returns height rows of the selected message.
func (m *Model) drawDetail(width, height int) []string {
	m.loadDetail(width)
	return m.detail.draw(&m.paints, width, height)
}

// loadDetail makes the text of the selected message, unless it is there.
func (m *Model) loadDetail(width int) {
	key := detailKey{index: m.list.selected, budget: detailBudget, types: m.types.generation.Load(), valid: true}
	if m.follow {
		key.budget = followBudget
	}
	d := &m.detail
	if d.hex {
		key.columns = hexColumns(width)
	}
	if d.of == key {
		return
	}
	if d.of.index != key.index {
		d.top = 0
	}
	d.of = key
	var lines []line
	if m.call != nil {
		if e, ok := m.call.Entry(key.index); ok {
			lines = m.detailLines(e, key)
		}
	}
	d.set(lines)
}

func (m *Model) detailLines(e traffic.Entry, key detailKey) []line {
	if m.detail.hex {
		return hexLines(e.Wire, key.columns)
	}
	text, cut, err := m.pretty(e, key.budget, min(key.budget, valueBudget))
	if err != nil {
		return append([]line{{err.Error(), errorLine}}, hexLines(e.Wire, 16)...)
	}
	var lines []line
	if cut {
		lines = append(lines, line{fmt.Sprintf("in part: the message has %s; save it to see all", size(int64(len(e.Wire)))), warnLine})
	}
	for s := range strings.SplitSeq(text, "\n") {
		lines = append(lines, line{s, jsonLine})
	}
	loss := m.encoder(e.Direction, message.Pretty).Loss()
	for _, l := range []struct {
		n    int
		what string
	}{
		{loss.Unknown, "fields that the type does not have are not shown"},
		{loss.Strings, "strings are not UTF-8; what is wrong is shown as \ufffd"},
		{loss.Opaque, "Any messages are of unknown type, shown as base64"},
	} {
		if l.n > 0 {
			lines = append(lines, line{fmt.Sprintf("%d %s", l.n, l.what), warnLine})
		}
	}
	return lines
}

// pretty is a message as indented JSON, within a budget of characters. Its error is
// safe for a terminal.
func (m *Model) pretty(e traffic.Entry, budget, perValue int) (text string, cut bool, err error) {
	md := m.call.MessageType(e.Direction)
	wire, cut := excerptOf(md, m.types, e.Wire, budget, perValue)
	b, err := m.encoder(e.Direction, message.Pretty).Append(nil, wire)
	if err != nil {
		return "", false, invalid(md, err)
	}
	return strings.TrimSuffix(string(b), "\n"), cut, nil
}

// invalid says that bytes are no message of this type.
func invalid(md protoreflect.MessageDescriptor, err error) error {
	return errors.New(termtext.Line(fmt.Sprintf("not a valid %s: %v", md.FullName(), err)))
}

// hexColumns is how many bytes stand in a line of this width.
func hexColumns(width int) int {
	for _, n := range []int{16, 8} {
		if width >= 10+4*n {
			return n
		}
	}
	return 4
}

// hexLines shows bytes as numbers and as ASCII.
func hexLines(b []byte, columns int) []line {
	lines := make([]line, 0, min(len(b), hexBudget)/columns+2)
	if len(b) > hexBudget {
		lines = append(lines, line{fmt.Sprintf("in part: the message has %s", size(int64(len(b)))), warnLine})
		b = b[:hexBudget]
	}
	var s strings.Builder
	for at := 0; at < len(b); at += columns {
		s.Reset()
		part := b[at:min(at+columns, len(b))]
		fmt.Fprintf(&s, "%06x  % -*x  ", at, 3*columns-1, part)
		for _, c := range part {
			if c < 0x20 || c > 0x7e {
				c = '.'
			}
			s.WriteByte(c)
		}
		lines = append(lines, line{s.String(), plainLine})
	}
	if len(b) == 0 {
		lines = append(lines, line{"no bytes", dimLine})
	}
	return lines
}

// DetailTitle names the message that is shown in full, "" for none.
func (m *Model) DetailTitle() string {
	if m.call == nil {
		return ""
	}
	e, ok := m.call.Entry(m.list.selected)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s %d  %s  %s  %s", arrow(e.Direction), e.Number, seconds(e.At), size(int64(len(e.Wire))),
		termtext.Line(string(m.call.MessageType(e.Direction).FullName())))
}
