package message

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Encoder writes messages of one type. It is not for concurrent use.
type Encoder struct {
	md     protoreflect.MessageDescriptor
	o      EncodeOptions
	err    error // of the options or the type
	json   printer
	second bool // not the first message
	loss   Loss
}

// NewEncoder makes an encoder of messages of type md.
func NewEncoder(md protoreflect.MessageDescriptor, o EncodeOptions) *Encoder {
	o.Types = noTypes(o.Types)
	o.MaxDepth = orDefault(o.MaxDepth, defaultMaxDepth)
	o.MaxBytes = min(orDefault(o.MaxBytes, DefaultMaxOutput), math.MaxInt/2)
	if o.Format == "" || o.Format == JSONL {
		o.Format = JSON
	}
	e := &Encoder{md: md, o: o}
	e.json = printer{
		types: o.Types, maxDepth: o.MaxDepth, defaults: o.EmitDefaults,
		indent: o.Format == Pretty, color: o.Format == Pretty && o.Color,
		margin: o.Format == YAML,
	}
	e.json.plans.protoNames = o.ProtoNames
	switch o.Format {
	case JSON, Pretty, Text, YAML, Binary:
		if o.Format != Binary {
			e.err = checkType(md)
		}
	default:
		e.err = fmt.Errorf("output format %q: want pretty, json, jsonl, text, yaml or binary", o.Format)
	}
	return e
}

// Append appends one message to dst, given as wire bytes, in the encoder's
// format: JSON ends in a line break; text and YAML messages after the first are
// preceded by a separator; binary ones by their length. Wire bytes that do not
// parse, that nest deeper than MaxDepth, or whose text would be longer than
// MaxBytes (ErrTooLong), are an error, except for Binary, which takes any. Missing
// required fields and invalid UTF-8 are not: see Loss.
func (e *Encoder) Append(dst, wire []byte) ([]byte, error) {
	e.loss = Loss{}
	if e.err != nil {
		return dst, e.err
	}
	if e.o.Format == Binary {
		return protowire.AppendBytes(dst, wire), nil
	}
	m, err := e.message(wire)
	if err != nil {
		return dst, err
	}
	before := len(dst)
	switch e.o.Format {
	case Text:
		dst, err = e.appendText(dst, m)
	case YAML:
		dst, err = e.appendYAML(dst, m)
	default:
		dst, err = e.appendJSON(dst, m)
		dst = append(dst, '\n')
	}
	if err != nil {
		return dst[:before], err
	}
	e.second = true
	return dst, nil
}

// Loss tells what the last Append or Value did not say.
func (e *Encoder) Loss() Loss { return e.loss }

// message parses wire bytes.
func (e *Encoder) message(wire []byte) (protoreflect.Message, error) {
	m, strings, err := unmarshal(dynamicpb.NewMessageType(e.md), wire, e.o.Types)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", e.md.FullName(), err)
	}
	e.loss.Strings += strings
	return m, nil
}

func (e *Encoder) appendJSON(dst []byte, m protoreflect.Message) ([]byte, error) {
	p := &e.json
	p.out, p.level, p.depth, p.anys, p.loss = dst, 0, 0, 0, &e.loss
	p.limit, p.end = e.o.MaxBytes, len(dst)+e.o.MaxBytes
	p.stack = p.stack[:0]
	err := p.message(m, p.plans.of(m.Descriptor()))
	dst, p.out = p.out, nil
	if err != nil {
		return dst, fmt.Errorf("write %s: %w", e.md.FullName(), err)
	}
	return dst, nil
}

// ErrTooLong reports a message whose text would be longer than MaxBytes.
var ErrTooLong = errors.New("the text is too long")

func tooLong(limit int) error { return fmt.Errorf("%w: more than %d bytes", ErrTooLong, limit) }

// unmarshal parses wire bytes whatever required fields they lack, and counts
// the strings whose invalid UTF-8 had to be replaced.
func unmarshal(mt protoreflect.MessageType, wire []byte, types Resolver) (protoreflect.Message, int, error) {
	o := proto.UnmarshalOptions{AllowPartial: true, Resolver: types}
	m := mt.New()
	err := o.Unmarshal(wire, m.Interface())
	if err == nil {
		return m, 0, nil
	}
	repaired, strings := repairUTF8(wire, mt.Descriptor(), types)
	if strings == 0 {
		return nil, 0, err
	}
	m = mt.New()
	if err := o.Unmarshal(repaired, m.Interface()); err != nil {
		return nil, 0, err
	}
	return m, strings, nil
}
