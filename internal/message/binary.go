package message

import (
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// binaryDecoder reads messages that are each preceded by their length.
type binaryDecoder struct {
	source
	md protoreflect.MessageDescriptor
	o  DecodeOptions
	n  int   // messages read
	at int64 // where the message begins in the source
}

func (d *binaryDecoder) next() ([]byte, error) {
	d.begin()
	d.at = d.base.off + int64(d.start)
	length, n := uint64(0), 0
	for {
		if !d.have(d.start + n + 1) {
			if n == 0 && d.failed() == nil {
				return nil, io.EOF
			}
			return nil, d.cut("is cut short in its length")
		}
		n++
		if d.buf[d.start+n-1] < 0x80 {
			break
		}
		if n == 10 {
			return nil, d.errorf("has no valid length: more than 10 bytes", nil)
		}
	}
	length, n = protowire.ConsumeVarint(d.buf[d.start : d.start+n])
	if n < 0 {
		return nil, d.errorf("has no valid length", protowire.ParseError(n))
	}
	if length > uint64(d.o.MaxBytes) {
		return nil, d.errorf(fmt.Sprintf("is %d bytes long, longer than %d", length, d.o.MaxBytes), nil)
	}
	d.pos += n
	d.start = d.pos
	end := d.pos + int(length)
	if !d.have(end) {
		return nil, d.cut(fmt.Sprintf("is cut short: %d of %d bytes", len(d.buf)-d.pos, length))
	}
	wire := slices.Clone(d.buf[d.pos:end])
	d.pos = end
	m := dynamicpb.NewMessage(d.md)
	if err := (proto.UnmarshalOptions{Resolver: d.o.Types}).Unmarshal(wire, m); err != nil {
		return nil, d.errorf(fmt.Sprintf("is no valid %s: %v", d.md.FullName(), reason(err)), err)
	}
	d.n++
	if wire == nil {
		wire = []byte{}
	}
	return wire, nil
}

func (d *binaryDecoder) cut(what string) error {
	if err := d.failed(); err != nil {
		return d.errorf("cannot be read: "+reason(err), err)
	}
	return d.errorf(what, io.ErrUnexpectedEOF)
}

func (d *binaryDecoder) errorf(what string, err error) error {
	return &Error{
		Source: d.o.Name, Offset: d.at, err: err,
		Msg: fmt.Sprintf("message %d at byte offset %d %s", d.n+1, d.at, what),
	}
}
