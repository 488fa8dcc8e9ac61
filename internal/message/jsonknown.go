package message

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Ranges of google.protobuf.Timestamp and Duration, in seconds.
const (
	minTimestamp = -62135596800 // 0001-01-01T00:00:00Z
	maxTimestamp = 253402300799 // 9999-12-31T23:59:59Z
	maxDuration  = 315576000000 // 10,000 years
)

// wellKnown reads the special form of a well-known type into m.
func (p *parser) wellKnown(m protoreflect.Message, pl *plan) error {
	switch pl.known {
	case anyType:
		return p.any(m)
	case timestampType:
		return p.secondsAndNanos(m, "a timestamp like \"2006-01-02T15:04:05Z\"", parseTimestamp)
	case durationType:
		return p.secondsAndNanos(m, "a duration like \"1.5s\"", parseDuration)
	case fieldMaskType:
		return p.fieldMask(m, pl)
	case structType:
		f := &pl.fields[0]
		return p.entries(m.Mutable(f.fd).Map(), f)
	case listType:
		f := &pl.fields[0]
		return p.list(m.Mutable(f.fd).List(), f)
	case valueType:
		return p.anyValue(m, pl)
	case emptyType:
		return p.object(m, pl, false)
	}
	f := &pl.fields[0]
	v, err := p.scalar(f)
	if err == nil {
		m.Set(f.fd, v)
	}
	return err
}

// secondsAndNanos reads a Timestamp or Duration.
func (p *parser) secondsAndNanos(m protoreflect.Message, want string, parse func(string) (int64, int32, error)) error {
	if p.next() != '"' {
		return p.mismatch(want)
	}
	at := p.pos
	s, err := p.str()
	if err != nil {
		return err
	}
	seconds, nanos, err := parse(string(s))
	if err != nil {
		return p.errorf(at, "want %s, got string %s: %v", want, quote(string(s)), err)
	}
	fields := m.Descriptor().Fields()
	if seconds != 0 {
		m.Set(fields.ByNumber(1), protoreflect.ValueOfInt64(seconds))
	}
	if nanos != 0 {
		m.Set(fields.ByNumber(2), protoreflect.ValueOfInt32(nanos))
	}
	return nil
}

// parseTimestamp reads RFC 3339 with up to nine digits of a second and any
// zone, all in upper case.
func parseTimestamp(s string) (int64, int32, error) {
	const shape = "0000-00-00T00:00:00"
	if len(s) <= len(shape) {
		return 0, 0, errors.New("not in RFC 3339")
	}
	for i := range len(shape) {
		if isDigit := s[i]-'0' <= 9; shape[i] == '0' != isDigit || !isDigit && shape[i] != s[i] {
			return 0, 0, errors.New("not in RFC 3339")
		}
	}
	if zone := s[len(shape):]; zone[0] == '.' {
		digits := strings.IndexAny(zone, "Z+-") - 1
		if digits < 1 || digits > 9 {
			return 0, 0, errors.New("want 1 to 9 digits of a second, then a zone")
		}
	} else if zone[0] == ',' {
		return 0, 0, errors.New("not in RFC 3339")
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		var pe *time.ParseError
		if errors.As(err, &pe) && strings.Contains(pe.Message, "out of range") {
			return 0, 0, errors.New(strings.TrimPrefix(pe.Message, ": "))
		}
		return 0, 0, errors.New("not in RFC 3339")
	}
	if t.Unix() < minTimestamp || t.Unix() > maxTimestamp {
		return 0, 0, errors.New("out of range: the years are 0001 to 9999")
	}
	return t.Unix(), int32(t.Nanosecond()), nil
}

// parseDuration reads seconds with a sign, a fraction of up to nine digits and
// the suffix s: 1s, -1.5s, +.5s, 2.s.
func parseDuration(s string) (int64, int32, error) {
	number, found := strings.CutSuffix(s, "s")
	if !found {
		return 0, 0, errors.New(`want the suffix "s"`)
	}
	sign := int64(1)
	switch {
	case strings.HasPrefix(number, "-"):
		sign, number = -1, number[1:]
	case strings.HasPrefix(number, "+"):
		number = number[1:]
	}
	whole, frac, _ := strings.Cut(number, ".")
	if whole+frac == "" || !allDigits(whole) || !allDigits(frac) || len(whole) > 1 && whole[0] == '0' {
		return 0, 0, errors.New("not a number of seconds")
	}
	if len(frac) > 9 {
		return 0, 0, errors.New("want at most 9 digits of a second")
	}
	var seconds, nanos int64
	var err error
	if whole != "" {
		if seconds, err = strconv.ParseInt(whole, 10, 64); err != nil || seconds > maxDuration {
			return 0, 0, errors.New("out of range: at most 315576000000 seconds either way")
		}
	}
	for i := range 9 {
		nanos *= 10
		if i < len(frac) {
			nanos += int64(frac[i] - '0')
		}
	}
	return sign * seconds, int32(sign * nanos), nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}

// fieldMask reads paths in lowerCamelCase, separated by commas.
func (p *parser) fieldMask(m protoreflect.Message, pl *plan) error {
	if p.next() != '"' {
		return p.mismatch("a field mask like \"user.displayName,email\"")
	}
	at := p.pos
	s, err := p.str()
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(s))
	if text == "" {
		return nil
	}
	paths := m.Mutable(pl.fields[0].fd).List()
	for path := range strings.SplitSeq(text, ",") {
		snake := snakeCase(path)
		switch {
		case strings.Contains(path, "_"):
			e := &Error{Msg: "field mask path " + quote(path) + " must be in lowerCamelCase", off: at}
			if camel := camelCase(path); snakeCase(camel) == path {
				e.Suggestion = camel
			}
			return e
		case !protoreflect.FullName(snake).IsValid():
			return p.errorf(at, "invalid field mask path %s", quote(path))
		}
		paths.Append(protoreflect.ValueOfString(snake))
	}
	return nil
}

// snakeCase turns a field mask's path from its JSON form to field names.
func snakeCase(s string) string {
	b := make([]byte, 0, len(s)+4)
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			b = append(b, '_')
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return string(b)
}

// camelCase is the inverse of snakeCase, where there is one.
func camelCase(s string) string {
	b := make([]byte, 0, len(s))
	upper := false
	for i := range len(s) {
		c := s[i]
		if c == '_' {
			upper = true
			continue
		}
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper = false
		b = append(b, c)
	}
	return string(b)
}

// anyValue reads a google.protobuf.Value, which any JSON value is.
func (p *parser) anyValue(m protoreflect.Message, pl *plan) error {
	fields := pl.desc.Fields()
	switch c := p.next(); {
	case c == 'n':
		m.Set(fields.ByNumber(valueNull), protoreflect.ValueOfEnum(0))
		return p.literal("null")
	case c == 't', c == 'f':
		v, err := p.boolean(c)
		m.Set(fields.ByNumber(valueBool), v)
		return err
	case c == '-', c-'0' <= 9:
		v, err := p.float(protoreflect.DoubleKind, c)
		if err == nil {
			m.Set(fields.ByNumber(valueNumber), v)
		}
		return err
	case c == '"':
		s, err := p.str()
		m.Set(fields.ByNumber(valueString), protoreflect.ValueOfString(string(s)))
		return err
	case c == '{', c == '[':
		n := protoreflect.FieldNumber(valueStruct)
		if c == '[' {
			n = valueList
		}
		f := &pl.fields[fields.ByNumber(n).Index()]
		sub, inner := p.sub(f), m.Mutable(f.fd).Message()
		if sub.known == ordinary {
			return p.message(inner, sub)
		}
		return p.wellKnown(inner, sub)
	}
	return p.mismatch("a value")
}
