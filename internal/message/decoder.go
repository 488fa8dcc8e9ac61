package message

import (
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Decoder reads the messages of one type from a source. It is not for
// concurrent use.
type Decoder struct {
	next func() ([]byte, error)
	err  error
}

// NewDecoder makes a decoder of messages of type md. It reads from r no
// further than the next message needs, and does not close it.
//
// With Array, a top-level array is taken as the messages in it, unless md is
// itself written as an array (google.protobuf.ListValue and Value).
func NewDecoder(r io.Reader, md protoreflect.MessageDescriptor, o DecodeOptions) *Decoder {
	o.Types = noTypes(o.Types)
	o.MaxBytes = orDefault(o.MaxBytes, defaultMaxBytes)
	o.MaxDepth = orDefault(o.MaxDepth, defaultMaxDepth)
	if err := checkType(md); err != nil {
		return &Decoder{err: err}
	}
	switch o.Format {
	case JSON, "":
		return &Decoder{next: newJSONDecoder(newSource(r, o.MaxBytes), md, o).next}
	case Text:
		return &Decoder{next: (&textDecoder{source: newSource(r, o.MaxBytes), md: md, o: o}).next}
	case YAML:
		return &Decoder{next: newYAMLDecoder(r, md, o).next}
	case Binary:
		return &Decoder{next: (&binaryDecoder{source: newSource(r, o.MaxBytes), md: md, o: o}).next}
	}
	return &Decoder{err: fmt.Errorf("input format %q: want json, text, yaml or binary", o.Format)}
}

// Next returns the wire bytes of the next message, which are the caller's; io.EOF
// ends the messages. What is wrong with the input is an *Error. After any error
// Next returns it again.
func (d *Decoder) Next() ([]byte, error) {
	if d.err != nil {
		return nil, d.err
	}
	wire, err := d.next()
	if err != nil {
		d.err = err
		return nil, err
	}
	return wire, nil
}

// jsonDecoder reads concatenated JSON values.
type jsonDecoder struct {
	parser
	md    protoreflect.MessageDescriptor
	name  string
	array bool
	state arrayState
	place func(e *Error) // completes an error; nil: from the source
}

// arrayState is where a jsonDecoder stands in a top-level array.
type arrayState uint8

const (
	outside arrayState = iota
	atFirst            // after the opening bracket
	between            // after an element
)

func newJSONDecoder(s source, md protoreflect.MessageDescriptor, o DecodeOptions) *jsonDecoder {
	d := &jsonDecoder{md: md, name: o.Name, array: o.Array}
	d.parser = parser{lexer: lexer{source: s}, types: o.Types, discard: o.AllowUnknown, maxDepth: o.MaxDepth}
	if known := d.plans.of(md).known; known == listType || known == valueType {
		d.array = false
	}
	return d
}

func (d *jsonDecoder) next() ([]byte, error) {
	wire, err := d.message()
	var e *Error
	if errors.As(err, &e) {
		e.Source = d.name
		e.Path = e.path()
		if d.place != nil {
			d.place(e)
		} else {
			e.locate(d.base, d.buf, e.off)
		}
	}
	return wire, err
}

func (d *jsonDecoder) message() ([]byte, error) {
	if err := d.advance(); err != nil {
		return nil, err
	}
	m := dynamicpb.NewMessage(d.md)
	if err := d.parser.message(m, d.plans.of(d.md)); err != nil {
		return nil, err
	}
	if d.state == atFirst {
		d.state = between
	}
	wire, err := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, &Error{Msg: reason(err), off: d.start, err: err}
	}
	return wire, nil
}

// advance moves to the first byte of the next message.
func (d *jsonDecoder) advance() error {
	d.byteOrderMark()
	for {
		c := d.nextMessage()
		if d.ended() {
			if d.failed() == nil && d.state == outside {
				return io.EOF
			}
			return d.cut("an array of messages")
		}
		switch {
		case d.state == outside && d.array && c == '[':
			d.state = atFirst
			d.pos++
			continue
		case d.state != outside && c == ']':
			d.state = outside
			d.pos++
			continue
		case d.state == between && c != ',':
			return d.unexpected(`"," or "]"`, "an array of messages")
		case d.state == between:
			d.pos++
			if c = d.nextMessage(); c == ']' || d.ended() {
				return d.unexpected(wantValue, "an array of messages")
			}
		}
		return nil
	}
}

// byteOrderMark skips the mark that some editors put before UTF-8.
func (d *jsonDecoder) byteOrderMark() {
	if d.base.off > 0 || d.pos > 0 || !d.have(1) || d.buf[0] != 0xef {
		return
	}
	if d.have(3) && d.buf[1] == 0xbb && d.buf[2] == 0xbf {
		d.pos = 3
	}
}
