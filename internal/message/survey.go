package message

import (
	"errors"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// textAnys hides the types of Any messages that prototext is not to open: all
// of them when they are nested too deeply, else those whose URL it would write
// as it is but not read back, for example one with control characters.
type textAnys struct {
	Resolver
	closed bool
}

func (t textAnys) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	if t.closed || !plainURL(url) {
		return nil, errHidden
	}
	return t.Resolver.FindMessageByURL(url)
}

var errHidden = errors.New("an Any that is not opened")

// plainURL reports whether url is names and dots between slashes.
func plainURL(url string) bool {
	for part := range strings.FieldsFuncSeq(url, func(r rune) bool { return r == '/' || r == '.' }) {
		for i := range len(part) {
			c := part[i]
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && (c != '-' || i == 0) {
				return false
			}
		}
	}
	last := byte('/')
	for i := range len(url) {
		c := url[i]
		if separator := c == '/' || c == '.'; separator && (last == '/' || last == '.') {
			return false
		}
		last = c
	}
	return last != '/' && last != '.'
}

// survey goes through a message before others do that bound nothing.
type survey struct {
	types   Resolver
	limit   int
	maxText int
	deepest int
	text    int // bytes of text format, about; no further than maxText
	anys    int // deepest nesting of Any messages
	unknown int // fields
	open    int // Any messages around
}

func (s *survey) message(m protoreflect.Message, depth int) {
	s.deepest = max(s.deepest, depth)
	if depth > s.limit || s.text > s.maxText {
		return
	}
	for b := m.GetUnknown(); len(b) > 0; {
		_, _, n := protowire.ConsumeField(b)
		if n < 0 {
			break
		}
		s.unknown++
		b = b[n:]
	}
	if wellKnownOf(m.Descriptor()) == anyType {
		s.any(m, depth)
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap():
			key, value := fd.MapKey(), fd.MapValue()
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				s.line(fd, depth)
				s.value(key, k.Value(), depth+1)
				return s.value(value, v, depth+1)
			})
		case fd.IsList():
			for i := range v.List().Len() {
				if !s.value(fd, v.List().Get(i), depth) {
					break
				}
			}
		default:
			s.value(fd, v, depth)
		}
		return s.text <= s.maxText
	})
}

// value goes through a field of a message at depth, and reports whether there may
// be more.
func (s *survey) value(fd protoreflect.FieldDescriptor, v protoreflect.Value, depth int) bool {
	s.line(fd, depth)
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		s.message(v.Message(), depth+1)
	case protoreflect.StringKind:
		s.text += len(v.String())
	case protoreflect.BytesKind:
		s.text += len(v.Bytes())
	case protoreflect.EnumKind:
		if value := fd.Enum().Values().ByNumber(v.Enum()); value != nil {
			s.text += len(value.Name())
		}
	}
	return s.text <= s.maxText
}

// line counts what stands around a value: indentation, the field's name, a colon,
// a blank and a line break.
func (s *survey) line(fd protoreflect.FieldDescriptor, depth int) {
	s.text += 2*min(depth, deepText) + len(fd.TextName()) + 3
}

func (s *survey) any(m protoreflect.Message, depth int) {
	s.open++
	defer func() { s.open-- }()
	s.anys = max(s.anys, s.open)
	if s.open > maxAnys {
		return
	}
	fields := m.Descriptor().Fields()
	mt, err := s.types.FindMessageByURL(m.Get(fields.ByNumber(1)).String())
	if err != nil || mt == nil {
		return
	}
	inner := mt.New()
	o := proto.UnmarshalOptions{AllowPartial: true, Resolver: s.types}
	if o.Unmarshal(m.Get(fields.ByNumber(2)).Bytes(), inner.Interface()) == nil {
		s.message(inner, depth+1)
	}
}
