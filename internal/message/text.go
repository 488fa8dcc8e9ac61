package message

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// recordSeparator stands between messages of text, as in grpcurl.
const recordSeparator = 0x1e

// emptyText stands for a message without fields, whose text is empty.
const emptyText = "# empty message\n"

// textDecoder reads messages in the protobuf text format, separated by
// recordSeparator. White space after the last separator is no message.
type textDecoder struct {
	source
	md   protoreflect.MessageDescriptor
	o    DecodeOptions
	done bool
}

func (d *textDecoder) next() ([]byte, error) {
	if d.done {
		return nil, io.EOF
	}
	d.begin()
	chunk, err := d.chunk()
	if err != nil {
		return nil, err
	}
	if d.done && len(bytes.TrimSpace(chunk)) == 0 {
		return nil, io.EOF
	}
	m := dynamicpb.NewMessage(d.md)
	err = guard(func() error {
		return prototext.UnmarshalOptions{
			DiscardUnknown: d.o.AllowUnknown, Resolver: d.o.Types, RecursionLimit: d.o.MaxDepth,
		}.Unmarshal(chunk, m)
	})
	if err != nil {
		return nil, d.located(err, chunk)
	}
	wire, err := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, &Error{Source: d.o.Name, Msg: reason(err), err: err}
	}
	return wire, nil
}

// chunk reads up to the next separator or the end, and past it.
func (d *textDecoder) chunk() ([]byte, error) {
	for i := d.start; ; {
		if n := bytes.IndexByte(d.buf[i:], recordSeparator); n >= 0 {
			d.pos = i + n + 1
			return d.buf[d.start : i+n], nil
		}
		i = len(d.buf)
		if d.more() {
			continue
		}
		if err := d.failed(); err != nil {
			var e *Error
			err = d.readError(err)
			if errors.As(err, &e) {
				e.Source = d.o.Name
				e.locate(d.base, d.buf, e.off)
			}
			return nil, err
		}
		d.done = true
		d.pos = len(d.buf)
		return d.buf[d.start:], nil
	}
}

// located turns an error of prototext, which names line and column of the
// chunk, into ours.
func (d *textDecoder) located(err error, chunk []byte) error {
	line, col, msg := splitTextError(err)
	e := &Error{Source: d.o.Name, Msg: msg, err: err}
	if line == 0 {
		return e
	}
	off := d.start
	for ; line > 1; line-- {
		n := bytes.IndexByte(d.buf[off:], '\n')
		if n < 0 {
			break
		}
		off += n + 1
	}
	for ; col > 1 && off < d.start+len(chunk); col-- {
		_, size := utf8.DecodeRune(d.buf[off:])
		off += size
	}
	e.locate(d.base, d.buf, off)
	return e
}

// splitTextError takes "proto: (line 1:2): message" and "proto: syntax error
// (line 1:2): message" apart. The line is 0 for an error without place.
func splitTextError(err error) (line, col int, msg string) {
	msg = reason(err)
	head, tail, found := strings.Cut(msg, "(line ")
	if !found || head != "" && head != "syntax error " {
		return 0, 0, msg
	}
	at, rest, found := strings.Cut(tail, "): ")
	l, c, colon := strings.Cut(at, ":")
	line, err1 := strconv.Atoi(l)
	col, err2 := strconv.Atoi(c)
	if !found || !colon || err1 != nil || err2 != nil {
		return 0, 0, msg
	}
	return line, col, rest
}

// visible escapes what a terminal would act on.
func visible(s string) string {
	var b strings.Builder
	appendVisible(&b, []byte(s))
	return b.String()
}

// guard turns a panic of use into an error: prototext trusts every type called
// google.protobuf.Any to have the fields of one, but a server may say otherwise.
func guard(use func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the schema has a false google.protobuf.Any: %v", r)
		}
	}()
	return use()
}

// deepText is the depth from which on text is written on one line: the size
// of indentation grows with the square of the depth.
const deepText = maxIndent

// appendText writes m in the protobuf text format, as prototext does but for
// its random spaces.
func (e *Encoder) appendText(dst []byte, m protoreflect.Message) ([]byte, error) {
	s := survey{types: e.o.Types, limit: e.o.MaxDepth, maxText: e.o.MaxBytes}
	s.message(m, 1)
	if s.deepest > e.o.MaxDepth {
		return dst, fmt.Errorf("write %s: nested deeper than %d messages", e.md.FullName(), e.o.MaxDepth)
	}
	if s.text > s.maxText {
		return dst, fmt.Errorf("write %s: %w", e.md.FullName(), tooLong(s.maxText))
	}
	e.loss.Unknown += s.unknown
	o := prototext.MarshalOptions{Multiline: s.deepest <= deepText, AllowPartial: true,
		Resolver: textAnys{e.o.Types, s.anys > maxAnys}}
	var text []byte
	err := guard(func() (err error) {
		text, err = o.Marshal(m.Interface())
		return err
	})
	if err != nil {
		return dst, fmt.Errorf("write %s: %w", e.md.FullName(), err)
	}
	if e.second {
		dst = append(dst, recordSeparator, '\n')
	}
	if len(text) == 0 {
		return append(dst, emptyText...), nil
	}
	dst = appendStableText(dst, text)
	if !o.Multiline {
		dst = append(dst, '\n')
	}
	return dst, nil
}

// appendStableText copies text with single spaces outside of strings, but for
// indentation, and with escapes in strings for what a terminal would act on.
func appendStableText(dst, text []byte) []byte {
	quoted, indent := false, true
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case quoted && c == '\\':
			dst = append(dst, c, text[i+1])
			i += 2
			continue
		case c == '"':
			quoted = !quoted
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(text[i:])
			if needsEscape(r) {
				dst = appendTextEscape(dst, r)
			} else {
				dst = append(dst, text[i:i+size]...)
			}
			i += size
			indent = false
			continue
		case !quoted && c == ' ' && !indent && dst[len(dst)-1] == ' ':
			i++
			continue
		}
		dst = append(dst, c)
		indent = c == '\n' || indent && c == ' '
		i++
	}
	return dst
}

// appendTextEscape writes r as \uXXXX or \UXXXXXXXX.
func appendTextEscape(dst []byte, r rune) []byte {
	if r <= 0xffff {
		return appendEscape(dst, r)
	}
	return fmt.Appendf(dst, `\U%08x`, r)
}
