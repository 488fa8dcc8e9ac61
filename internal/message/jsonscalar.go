package message

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// describe names what a field's single value is, for errors.
func (f *field) describe() string {
	switch {
	case f.message():
		return string(f.fd.Message().FullName())
	case f.kind == protoreflect.EnumKind:
		return string(f.fd.Enum().FullName())
	}
	return f.kind.String()
}

// scalar reads one value of a field that holds no messages. The value is not
// valid when an unknown enum value was skipped.
func (p *parser) scalar(f *field) (protoreflect.Value, error) {
	c := p.next()
	switch f.kind {
	case protoreflect.StringKind:
		if c != '"' {
			return protoreflect.Value{}, p.mismatch("string")
		}
		s, err := p.str()
		return protoreflect.ValueOfString(string(s)), err
	case protoreflect.BoolKind:
		return p.boolean(c)
	case protoreflect.BytesKind:
		return p.base64(c)
	case protoreflect.EnumKind:
		return p.enum(f, c)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return p.float(f.kind, c)
	}
	return p.integer(f.kind, c)
}

func (p *parser) boolean(c byte) (protoreflect.Value, error) {
	switch c {
	case 't':
		return protoreflect.ValueOfBool(true), p.literal("true")
	case 'f':
		return protoreflect.ValueOfBool(false), p.literal("false")
	}
	return protoreflect.Value{}, p.mismatch("true or false")
}

// base64 reads bytes in the standard or the URL alphabet, padded or not.
func (p *parser) base64(c byte) (protoreflect.Value, error) {
	if c != '"' {
		return protoreflect.Value{}, p.mismatch("bytes as a base64 string")
	}
	at := p.pos
	s, err := p.str()
	if err != nil {
		return protoreflect.Value{}, err
	}
	b, err := decodeBase64(s)
	if err != nil {
		return protoreflect.Value{}, p.errorf(at, "want bytes as a base64 string, got %s: %v", quote(string(s)), err)
	}
	return protoreflect.ValueOfBytes(b), nil
}

func decodeBase64(s []byte) ([]byte, error) {
	enc := base64.StdEncoding
	for _, c := range s {
		if c == '-' || c == '_' {
			enc = base64.URLEncoding
			break
		}
	}
	if len(s)%4 != 0 {
		enc = enc.WithPadding(base64.NoPadding)
	}
	b := make([]byte, enc.DecodedLen(len(s)))
	n, err := enc.Decode(b, s)
	var corrupt base64.CorruptInputError
	if errors.As(err, &corrupt) {
		return nil, errors.New("invalid at byte " + strconv.FormatInt(int64(corrupt), 10))
	}
	return b[:n], err
}

func (p *parser) enum(f *field, c byte) (protoreflect.Value, error) {
	at := p.pos
	switch {
	case c == '"':
		s, err := p.str()
		if err != nil {
			return protoreflect.Value{}, err
		}
		if n, ok := p.enumNumbers(f.fd.Enum())[string(s)]; ok {
			return protoreflect.ValueOfEnum(n), nil
		}
		if p.discard {
			return protoreflect.Value{}, nil
		}
		return protoreflect.Value{}, p.unknownEnum(f.fd.Enum(), string(s), at)
	case c == '-' || c-'0' <= 9:
		w, err := p.number()
		if err != nil {
			return protoreflect.Value{}, err
		}
		n, err := parseInt(w, 32)
		if err != nil {
			return protoreflect.Value{}, p.errorf(at, "want a name or number of %s, got number %s: %v", f.describe(), clip(string(w)), err)
		}
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n)), nil
	case c == 'n' && f.null:
		return protoreflect.ValueOfEnum(0), p.literal("null")
	}
	return protoreflect.Value{}, p.mismatch("a name or number of " + f.describe())
}

func (p *parser) unknownEnum(ed protoreflect.EnumDescriptor, name string, at int) error {
	e := &Error{Msg: "unknown " + string(ed.Name()) + " " + quote(name), off: at}
	values := ed.Values()
	e.Suggestion = Nearest(name, func(yield func(string) bool) {
		for i := range values.Len() {
			if !yield(string(values.Get(i).Name())) {
				return
			}
		}
	})
	if e.Suggestion == "" && values.Len() > 0 {
		e.Msg += "; it has " + someNames(values)
	}
	return e
}

// someNames lists an enum's first names.
func someNames(values protoreflect.EnumValueDescriptors) string {
	const most = 8
	s := ""
	for i := range min(values.Len(), most) {
		if i > 0 {
			s += ", "
		}
		s += string(values.Get(i).Name())
	}
	if values.Len() > most {
		s += ", …"
	}
	return s
}

// digits reads a number, bare or quoted, into the scratch-free word that it is.
func (p *parser) digits(kind protoreflect.Kind, c byte) ([]byte, error) {
	if c != '"' {
		if c != '-' && c-'0' > 9 {
			return nil, p.mismatch(kind.String())
		}
		return p.number()
	}
	at := p.pos
	s, err := p.str()
	if err == nil && !validNumber(s) {
		err = p.errorf(at, "want %s, got string %s", kind, quote(string(s)))
	}
	return s, err
}

func (p *parser) integer(kind protoreflect.Kind, c byte) (protoreflect.Value, error) {
	at := p.pos
	w, err := p.digits(kind, c)
	if err != nil {
		return protoreflect.Value{}, err
	}
	var v protoreflect.Value
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		var n int64
		n, err = parseInt(w, 32)
		v = protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		var n int64
		n, err = parseInt(w, 64)
		v = protoreflect.ValueOfInt64(n)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		var n uint64
		n, err = parseUint(w, 32)
		v = protoreflect.ValueOfUint32(uint32(n))
	default:
		var n uint64
		n, err = parseUint(w, 64)
		v = protoreflect.ValueOfUint64(n)
	}
	if err != nil {
		return protoreflect.Value{}, p.errorf(at, "want %s, got number %s: %v", kind, clip(string(w)), err)
	}
	return v, nil
}

func (p *parser) float(kind protoreflect.Kind, c byte) (protoreflect.Value, error) {
	at := p.pos
	size := 64
	if kind == protoreflect.FloatKind {
		size = 32
	}
	var n float64
	var w []byte
	var err error
	if c == '"' {
		if w, err = p.str(); err != nil {
			return protoreflect.Value{}, err
		}
		switch {
		case string(w) == "NaN":
			n = math.NaN()
		case string(w) == "Infinity":
			n = math.Inf(1)
		case string(w) == "-Infinity":
			n = math.Inf(-1)
		case validNumber(w):
			n, err = strconv.ParseFloat(string(w), size)
		default:
			return protoreflect.Value{}, p.errorf(at, "want %s, got string %s", kind, quote(string(w)))
		}
	} else {
		if w, err = p.digits(kind, c); err != nil {
			return protoreflect.Value{}, err
		}
		n, err = strconv.ParseFloat(string(w), size)
	}
	if err != nil {
		return protoreflect.Value{}, p.errorf(at, "want %s, got number %s: out of range", kind, clip(string(w)))
	}
	if size == 32 {
		return protoreflect.ValueOfFloat32(float32(n)), nil
	}
	return protoreflect.ValueOfFloat64(n), nil
}

// mapKey reads a map key of an integral, boolean or string kind from a
// member's name.
func mapKey(kind protoreflect.Kind, name string) (protoreflect.MapKey, bool) {
	var v protoreflect.Value
	var err error
	switch kind {
	case protoreflect.StringKind:
		v = protoreflect.ValueOfString(name)
	case protoreflect.BoolKind:
		if name != "true" && name != "false" {
			return protoreflect.MapKey{}, false
		}
		v = protoreflect.ValueOfBool(name == "true")
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		var n int64
		n, err = strconv.ParseInt(name, 10, 32)
		v = protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		var n int64
		n, err = strconv.ParseInt(name, 10, 64)
		v = protoreflect.ValueOfInt64(n)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		var n uint64
		n, err = strconv.ParseUint(name, 10, 32)
		v = protoreflect.ValueOfUint32(uint32(n))
	default:
		var n uint64
		n, err = strconv.ParseUint(name, 10, 64)
		v = protoreflect.ValueOfUint64(n)
	}
	return v.MapKey(), err == nil
}
