package message

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// closedAnys hides the types of Any messages.
type closedAnys struct{ Resolver }

func (c closedAnys) FindMessageByURL(string) (protoreflect.MessageType, error) {
	return nil, errClosed
}

var errClosed = errors.New("Any messages nested too deeply")

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
