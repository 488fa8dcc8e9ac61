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
	deepest int
	anys    int // deepest nesting of Any messages
	unknown int // fields
	open    int // Any messages around
}

func (s *survey) message(m protoreflect.Message, depth int) {
	s.deepest = max(s.deepest, depth)
	if depth > s.limit {
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
		case fd.IsMap() && fd.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				s.message(v.Message(), depth+1)
				return true
			})
		case fd.IsMap() || fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				s.message(v.List().Get(i).Message(), depth+1)
			}
		default:
			s.message(v.Message(), depth+1)
		}
		return true
	})
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
