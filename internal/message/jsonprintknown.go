package message

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// invalid counts a string of invalid UTF-8, which protobuf-go lets pass in
// some fields.
func (p *printer) invalid(s string) {
	if !utf8.ValidString(s) {
		p.loss.Strings++
	}
}

// wellKnown writes the special form of a well-known type, or the fields of a
// message that has none.
func (p *printer) wellKnown(m protoreflect.Message, pl *plan) error {
	switch pl.known {
	case anyType:
		return p.any(m, pl)
	case structType:
		f := &pl.fields[0]
		return p.entries(f, m.Get(f.fd).Map())
	case listType:
		f := &pl.fields[0]
		return p.list(f, m.Get(f.fd).List())
	case valueType:
		return p.anyValue(m, pl)
	case wrapperType:
		f := &pl.fields[0]
		return p.single(f, m.Get(f.fd))
	}
	s, ok := knownString(m, pl)
	if !ok {
		p.loss.Odd++
		return p.plain(m, pl)
	}
	p.str(s)
	return nil
}

// plain writes the fields of m without asking for its special form. Its
// unknown fields have been counted.
func (p *printer) plain(m protoreflect.Message, pl *plan) error {
	n := p.loss.Unknown
	err := p.object(m, pl, "")
	p.loss.Unknown = n
	return err
}

// knownString gives the form of a Timestamp, Duration or FieldMask, if its
// value has one.
func knownString(m protoreflect.Message, pl *plan) (string, bool) {
	fields := pl.desc.Fields()
	if pl.known == fieldMaskType {
		return fieldMaskString(m.Get(fields.ByNumber(1)).List())
	}
	seconds, nanos := m.Get(fields.ByNumber(1)).Int(), m.Get(fields.ByNumber(2)).Int()
	if pl.known == timestampType {
		if seconds < minTimestamp || seconds > maxTimestamp || nanos < 0 || nanos > 999999999 {
			return "", false
		}
		t := time.Unix(seconds, nanos).UTC()
		return trimNanos(t.Format("2006-01-02T15:04:05.000000000")) + "Z", true
	}
	if seconds < -maxDuration || seconds > maxDuration || nanos < -999999999 || nanos > 999999999 ||
		seconds > 0 && nanos < 0 || seconds < 0 && nanos > 0 {
		return "", false
	}
	sign := ""
	if seconds < 0 || nanos < 0 {
		sign, seconds, nanos = "-", -seconds, -nanos
	}
	return trimNanos(fmt.Sprintf("%s%d.%09d", sign, seconds, nanos)) + "s", true
}

// trimNanos leaves 0, 3, 6 or 9 digits of a second.
func trimNanos(s string) string {
	s = strings.TrimSuffix(s, "000")
	s = strings.TrimSuffix(s, "000")
	return strings.TrimSuffix(s, ".000")
}

func fieldMaskString(paths protoreflect.List) (string, bool) {
	var b strings.Builder
	for i := range paths.Len() {
		path := paths.Get(i).String()
		camel := camelCase(path)
		if !protoreflect.FullName(path).IsValid() || snakeCase(camel) != path {
			return "", false
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(camel)
	}
	return b.String(), true
}

// anyValue writes what a google.protobuf.Value holds, null when it holds
// nothing.
func (p *printer) anyValue(m protoreflect.Message, pl *plan) error {
	fd := m.WhichOneof(pl.desc.Oneofs().Get(0))
	if fd == nil {
		p.loss.Odd++
		p.word(colorNull, "null")
		return nil
	}
	f, v := &pl.fields[fd.Index()], m.Get(fd)
	switch fd.Number() {
	case valueNull:
		p.word(colorNull, "null")
		return nil
	case valueNumber:
		if n := v.Float(); n-n != 0 { // NaN or infinite: reads back as a string
			p.loss.Odd++
		}
	case valueStruct, valueList:
		sub, inner := p.sub(f), v.Message()
		if sub.known != ordinary {
			p.unknown(inner)
			return p.wellKnown(inner, sub)
		}
	}
	return p.single(f, v)
}

// maxAnys bounds how deeply Any messages are opened inside each other: each
// level parses all that is in it again.
const maxAnys = 32

// any writes an Any with its content, or with its bytes when they cannot be
// shown as what they are.
func (p *printer) any(m protoreflect.Message, pl *plan) error {
	fields := pl.desc.Fields()
	url := m.Get(fields.ByNumber(1)).String()
	content := m.Get(fields.ByNumber(2)).Bytes()
	if url == "" && len(content) == 0 {
		p.out = append(p.out, '{', '}')
		return nil
	}
	p.invalid(url)
	inner, sub := p.content(url, content)
	if inner == nil {
		p.loss.Opaque++
		p.pair(url, `"@value":`)
		p.base64(content)
		p.close('}', false)
		return nil
	}
	if p.depth >= p.maxDepth {
		return fmt.Errorf("nested deeper than %d messages", p.maxDepth)
	}
	p.depth++
	p.anys++
	var err error
	if sub.known == ordinary || sub.known == emptyType {
		err = p.object(inner, sub, url)
	} else {
		p.pair(url, `"value":`)
		p.unknown(inner)
		err = p.wellKnown(inner, sub)
		p.close('}', false)
	}
	p.anys--
	p.depth--
	return err
}

// pair begins the object of an Any, up to the value of its second member.
func (p *printer) pair(url, key string) {
	p.open('{')
	p.item(true)
	p.key([]byte(`"@type":`))
	p.str(url)
	p.item(false)
	p.key([]byte(key))
}

// content parses what an Any holds. It gives nil when that is of unknown type,
// does not parse, or has no form that could be read back.
func (p *printer) content(url string, content []byte) (protoreflect.Message, *plan) {
	if url == "" || p.anys >= maxAnys || !utf8.ValidString(url) {
		return nil, nil
	}
	mt, err := p.types.FindMessageByURL(url)
	if err != nil || mt == nil || mt.Descriptor().IsPlaceholder() || isMessageSet(mt.Descriptor()) {
		return nil, nil
	}
	m, strings, err := unmarshal(mt, content, p.types)
	if err != nil || !m.IsValid() {
		return nil, nil
	}
	pl := p.plans.of(mt.Descriptor())
	switch pl.known {
	case timestampType, durationType, fieldMaskType:
		if _, ok := knownString(m, pl); !ok {
			return nil, nil
		}
	case ordinary:
		if pl.names["@type"] != nil || pl.names["@value"] != nil { // by a json_name
			return nil, nil
		}
	}
	p.loss.Strings += strings
	return m, pl
}
