package suite

import (
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// object is a message as a value of an expression.
type object struct {
	schema  *schema
	message protoreflect.Message
}

func (o *object) Type() ref.Type { return messageType(o.message.Descriptor()) }

func (o *object) Value() any { return o.message }

func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	if reflect.TypeOf(o.message).AssignableTo(t) {
		return o.message, nil
	}
	return nil, fmt.Errorf("%s is not a %v", o.message.Descriptor().FullName(), t)
}

func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return messageType(o.message.Descriptor())
	}
	return types.NewErr("%s is not a %s", o.message.Descriptor().FullName(), t.TypeName())
}

func (o *object) Equal(other ref.Val) ref.Val {
	m, ok := other.Value().(protoreflect.Message)
	return types.Bool(ok && sameMessage(o.message, m))
}

// sameMessage compares messages, of different targets too.
func sameMessage(a, b protoreflect.Message) bool {
	if a.Descriptor() == b.Descriptor() {
		return proto.Equal(a.Interface(), b.Interface())
	}
	if a.Descriptor().FullName() != b.Descriptor().FullName() {
		return false
	}
	wire, err := proto.Marshal(b.Interface())
	if err != nil {
		return false
	}
	c := dynamicpb.NewMessage(a.Descriptor())
	return proto.Unmarshal(wire, c) == nil && proto.Equal(a.Interface(), c)
}

// Get gives a field where the checker does not know the message's type.
func (o *object) Get(index ref.Val) ref.Val {
	fd, err := o.find(index)
	if err != nil {
		return err
	}
	return o.schema.field(o.message, fd)
}

func (o *object) IsSet(index ref.Val) ref.Val {
	fd, err := o.find(index)
	if err != nil {
		return err
	}
	return types.Bool(o.message.Has(fd))
}

func (o *object) find(index ref.Val) (protoreflect.FieldDescriptor, ref.Val) {
	name, ok := index.(types.String)
	if !ok {
		return nil, types.MaybeNoSuchOverloadErr(index)
	}
	fd := o.message.Descriptor().Fields().ByName(protoreflect.Name(name))
	if fd == nil {
		return nil, types.NewErr("%s has no field %q", o.message.Descriptor().FullName(), string(name))
	}
	return fd, nil
}

// field is the value of a field of m.
func (s *schema) field(m protoreflect.Message, fd protoreflect.FieldDescriptor) ref.Val {
	switch v := m.Get(fd); {
	case fd.IsList():
		return s.list(v.List(), fd)
	case fd.IsMap():
		return s.mapping(v.Map(), fd)
	case fd.Message() != nil && !m.Has(fd) && isNullable(fd.Message().FullName()):
		return types.NullValue
	default:
		return s.singular(v, fd)
	}
}

// isNullable tells the messages that are null where they are not set.
func isNullable(name protoreflect.FullName) bool {
	switch name {
	case "google.protobuf.Any", "google.protobuf.Value":
		return true
	}
	return isWrapper(name)
}

func isWrapper(name protoreflect.FullName) bool {
	switch name {
	case "google.protobuf.BoolValue", "google.protobuf.BytesValue", "google.protobuf.DoubleValue",
		"google.protobuf.FloatValue", "google.protobuf.Int32Value", "google.protobuf.Int64Value",
		"google.protobuf.StringValue", "google.protobuf.UInt32Value", "google.protobuf.UInt64Value":
		return true
	}
	return false
}

func (s *schema) list(l protoreflect.List, fd protoreflect.FieldDescriptor) ref.Val {
	out := make([]ref.Val, l.Len())
	for i := range out {
		out[i] = s.singular(l.Get(i), fd)
	}
	return types.NewRefValList(s, out)
}

func (s *schema) mapping(m protoreflect.Map, fd protoreflect.FieldDescriptor) ref.Val {
	out := make(map[ref.Val]ref.Val, m.Len())
	m.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		out[s.singular(k.Value(), fd.MapKey())] = s.singular(v, fd.MapValue())
		return true
	})
	return types.NewRefValMap(s, out)
}

func (s *schema) singular(v protoreflect.Value, fd protoreflect.FieldDescriptor) ref.Val {
	switch x := v.Interface().(type) {
	case bool:
		return types.Bool(x)
	case int32:
		return types.Int(x)
	case int64:
		return types.Int(x)
	case uint32:
		return types.Uint(x)
	case uint64:
		return types.Uint(x)
	case float32:
		return types.Double(x)
	case float64:
		return types.Double(x)
	case string:
		return types.String(x)
	case []byte:
		return types.Bytes(x)
	case protoreflect.EnumNumber:
		return types.String(enumName(fd.Enum(), x))
	case protoreflect.Message:
		return s.message(x)
	}
	return types.NewErr("%s has no value", fd.FullName())
}

// enumName is the name of an enum's value, its number if it has none.
func enumName(ed protoreflect.EnumDescriptor, n protoreflect.EnumNumber) string {
	if v := ed.Values().ByNumber(n); v != nil {
		return string(v.Name())
	}
	return strconv.Itoa(int(n))
}

// message is m as a value: a well-known message is what it stands for.
func (s *schema) message(m protoreflect.Message) ref.Val {
	fields := m.Descriptor().Fields()
	switch name := m.Descriptor().FullName(); name {
	case "google.protobuf.Timestamp":
		return types.Timestamp{Time: time.Unix(integer(m, 1), integer(m, 2)).UTC()}
	case "google.protobuf.Duration":
		return types.Duration{Duration: saturated(integer(m, 1), integer(m, 2))}
	case "google.protobuf.Any":
		return s.unpacked(m)
	case "google.protobuf.Struct", "google.protobuf.ListValue":
		if fields.Len() == 1 {
			return s.field(m, fields.Get(0))
		}
	case "google.protobuf.Value":
		return s.jsonValue(m)
	default:
		if isWrapper(name) && fields.Len() == 1 {
			return s.field(m, fields.Get(0))
		}
	}
	return &object{s, m}
}

// integer is an integer field of m by its number, 0 if m has no such field.
func integer(m protoreflect.Message, n protoreflect.FieldNumber) int64 {
	fd := m.Descriptor().Fields().ByNumber(n)
	if fd == nil {
		return 0
	}
	switch v := m.Get(fd).Interface().(type) {
	case int64:
		return v
	case int32:
		return int64(v)
	}
	return 0
}

// saturated is the duration of seconds and nanoseconds, the longest that Go has
// for one that is longer.
func saturated(seconds, nanos int64) time.Duration {
	switch {
	case seconds > math.MaxInt64/int64(time.Second)-1:
		return math.MaxInt64
	case seconds < math.MinInt64/int64(time.Second)+1:
		return math.MinInt64
	}
	return time.Duration(seconds)*time.Second + time.Duration(nanos)
}

// unpacked is the message in an Any; one of unknown type is an error.
func (s *schema) unpacked(m protoreflect.Message) ref.Val {
	fields := m.Descriptor().Fields()
	url, value := fields.ByNumber(1), fields.ByNumber(2)
	if url == nil || value == nil || url.Kind() != protoreflect.StringKind || value.Kind() != protoreflect.BytesKind {
		return &object{s, m}
	}
	if m.Get(url).String() == "" {
		return types.NullValue
	}
	return s.any(m.Get(url).String(), m.Get(value).Bytes())
}

// any is the message that an Any holds.
func (s *schema) any(url string, wire []byte) ref.Val {
	mt, err := s.resolver.FindMessageByURL(url)
	if err != nil {
		return types.NewErr("the type of Any %q is not known", url)
	}
	inner := dynamicpb.NewMessage(mt.Descriptor())
	if err := (proto.UnmarshalOptions{AllowPartial: true, Resolver: s.resolver, RecursionLimit: maxDepth}).Unmarshal(wire, inner); err != nil {
		return types.NewErr("Any does not hold a %q", url)
	}
	return s.message(inner)
}

func (s *schema) jsonValue(m protoreflect.Message) ref.Val {
	if m.Descriptor().Oneofs().Len() == 0 {
		return &object{s, m}
	}
	fd := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
	if fd == nil || fd.Kind() == protoreflect.EnumKind {
		return types.NullValue
	}
	return s.field(m, fd)
}

// setField sets a field of m to the value of an expression.
func setField(m protoreflect.Message, fd protoreflect.FieldDescriptor, v ref.Val) error {
	text, err := appendValue(nil, v)
	if err != nil {
		return err
	}
	if v.Type() == types.NullType {
		return nil
	}
	// The JSON mapping says which values a field of each type takes.
	whole := append(append([]byte("{"), appendString(nil, string(fd.Name()))...), ':')
	whole = append(append(whole, text...), '}')
	wire, err := decodeJSON(whole, m.Descriptor(), nil)
	if err != nil {
		return err
	}
	return proto.UnmarshalOptions{Merge: true, AllowPartial: true}.Unmarshal(wire, m.Interface())
}

// appendValue writes the value of an expression as JSON, in the form that the
// protobuf JSON mapping has for it.
func appendValue(dst []byte, v ref.Val) ([]byte, error) {
	switch x := v.(type) {
	case types.Null:
		return append(dst, "null"...), nil
	case types.Bool:
		return strconv.AppendBool(dst, bool(x)), nil
	case types.Int:
		return strconv.AppendInt(dst, int64(x), 10), nil
	case types.Uint:
		return strconv.AppendUint(dst, uint64(x), 10), nil
	case types.Double:
		return appendNumber(dst, jsonFloat(float64(x))), nil
	case types.String:
		return appendString(dst, string(x)), nil
	case types.Bytes:
		return appendString(dst, base64.StdEncoding.EncodeToString(x)), nil
	case types.Timestamp:
		return appendString(dst, x.UTC().Format(time.RFC3339Nano)), nil
	case types.Duration:
		return appendString(dst, seconds(x.Duration)), nil
	case *object:
		return encodeJSON(dst, x)
	case traits.Mapper:
		return appendMapping(dst, x)
	case traits.Lister:
		return appendListing(dst, x)
	case *types.Err:
		return dst, x
	}
	return dst, fmt.Errorf("a value of type %s cannot be written as JSON", v.Type().TypeName())
}

// seconds writes a duration as the JSON mapping has it: 1.5s.
func seconds(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign = "-"
	}
	whole, nanos := d/time.Second, d%time.Second
	return fmt.Sprintf("%s%d.%09ds", sign, max(whole, -whole), max(nanos, -nanos))
}

func appendListing(dst []byte, l traits.Lister) ([]byte, error) {
	dst = append(dst, '[')
	first := true
	var err error
	for it := l.Iterator(); it.HasNext() == types.True; {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if dst, err = appendValue(dst, it.Next()); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// appendMapping writes a map, its keys in order.
func appendMapping(dst []byte, m traits.Mapper) ([]byte, error) {
	type pair struct {
		key   string
		value ref.Val
	}
	var pairs []pair
	for it := m.Iterator(); it.HasNext() == types.True; {
		k := it.Next()
		pairs = append(pairs, pair{fmt.Sprint(k.Value()), m.Get(k)})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	dst = append(dst, '{')
	var err error
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, p.key), ':')
		if dst, err = appendValue(dst, p.value); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}
