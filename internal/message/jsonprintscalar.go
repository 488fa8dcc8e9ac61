package message

import (
	"encoding/base64"
	"math"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// single writes a value that is neither list nor map.
func (p *printer) single(f *field, v protoreflect.Value) error {
	switch f.kind {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return p.message(v.Message(), p.sub(f))
	case protoreflect.StringKind:
		s := v.String()
		p.invalid(s)
		p.str(s)
	case protoreflect.BytesKind:
		p.base64(v.Bytes())
	case protoreflect.BoolKind:
		p.word(colorBool, strconv.FormatBool(v.Bool()))
	case protoreflect.EnumKind:
		p.enum(f, v.Enum())
	case protoreflect.FloatKind:
		p.float(v.Float(), 32)
	case protoreflect.DoubleKind:
		p.float(v.Float(), 64)
	default:
		p.integer(f.kind, v)
	}
	return nil
}

func (p *printer) base64(b []byte) {
	p.colored(colorString)
	p.out = append(p.out, '"')
	p.out = base64.StdEncoding.AppendEncode(p.out, b)
	p.out = append(p.out, '"')
	p.colored(colorOff)
}

func (p *printer) enum(f *field, n protoreflect.EnumNumber) {
	if f.null {
		p.word(colorNull, "null")
		return
	}
	if v := f.fd.Enum().Values().ByNumber(n); v != nil {
		p.str(string(v.Name()))
		return
	}
	p.colored(colorNumber)
	p.out = strconv.AppendInt(p.out, int64(n), 10)
	p.colored(colorOff)
}

// integer writes 32 bits as a number and 64 as a string.
func (p *printer) integer(kind protoreflect.Kind, v protoreflect.Value) {
	p.colored(colorNumber)
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		p.out = strconv.AppendInt(p.out, v.Int(), 10)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		p.out = strconv.AppendUint(p.out, v.Uint(), 10)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		p.out = append(p.out, '"')
		p.out = strconv.AppendInt(p.out, v.Int(), 10)
		p.out = append(p.out, '"')
	default:
		p.out = append(p.out, '"')
		p.out = strconv.AppendUint(p.out, v.Uint(), 10)
		p.out = append(p.out, '"')
	}
	p.colored(colorOff)
}

// float writes the shortest number that reads back as n.
func (p *printer) float(n float64, bits int) {
	switch {
	case math.IsNaN(n):
		p.str("NaN")
		return
	case math.IsInf(n, 1):
		p.str("Infinity")
		return
	case math.IsInf(n, -1):
		p.str("-Infinity")
		return
	}
	p.colored(colorNumber)
	format := byte('f')
	if abs := math.Abs(n); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	p.out = strconv.AppendFloat(p.out, n, format, -1, bits)
	if l := len(p.out); format == 'e' && p.out[l-4] == 'e' && p.out[l-3] == '-' && p.out[l-2] == '0' {
		p.out[l-2] = p.out[l-1] // e-09 to e-9
		p.out = p.out[:l-1]
	}
	p.colored(colorOff)
}
