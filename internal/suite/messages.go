package suite

import (
	"fmt"
	"iter"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// messageList is msgs in expressions: messages as they came, decoded when they are
// asked for. One that only counts has no messages.
type messageList struct {
	schema *schema
	md     protoreflect.MessageDescriptor
	wire   [][]byte
	count  int
}

func (l *messageList) at(i int) ref.Val {
	if i >= len(l.wire) {
		return types.NewErr("message %d was not kept", i)
	}
	m, err := l.schema.decodeWire(l.md, l.wire[i])
	if err != nil {
		return types.NewErr("message %d is not a %s", i, l.md.FullName())
	}
	return l.schema.message(m)
}

// all is the list with every message decoded.
func (l *messageList) all() traits.Lister {
	out := make([]ref.Val, l.count)
	for i := range out {
		out[i] = l.at(i)
	}
	return types.NewRefValList(l.schema, out)
}

func (l *messageList) Size() ref.Val { return types.Int(l.count) }

func (l *messageList) Get(index ref.Val) ref.Val {
	i, err := types.IndexOrError(index)
	if err != nil {
		return types.ValOrErr(index, "%v", err)
	}
	if i < 0 || i >= l.count {
		return types.NewErr("index out of bounds: %d of %d messages", i, l.count)
	}
	return l.at(i)
}

func (l *messageList) Iterator() traits.Iterator { return &messageIterator{ref.Val(nil), l, 0} }

func (l *messageList) Add(other ref.Val) ref.Val { return l.all().Add(other) }

func (l *messageList) Contains(v ref.Val) ref.Val { return l.all().Contains(v) }

func (l *messageList) Equal(other ref.Val) ref.Val { return l.all().Equal(other) }

func (l *messageList) Type() ref.Type { return types.ListType }

func (l *messageList) Value() any { return l.all().Value() }

func (l *messageList) ConvertToNative(t reflect.Type) (any, error) { return l.all().ConvertToNative(t) }

func (l *messageList) ConvertToType(t ref.Type) ref.Val { return l.all().ConvertToType(t) }

// messageIterator goes over a messageList. It is no value of its own.
type messageIterator struct {
	ref.Val
	list *messageList
	next int
}

func (it *messageIterator) HasNext() ref.Val { return types.Bool(it.next < it.list.count) }

func (it *messageIterator) Next() ref.Val {
	it.next++
	return it.list.at(it.next - 1)
}

// fieldsOf are the fields of m that are set.
func fieldsOf(m protoreflect.Message) iter.Seq[protoreflect.FieldDescriptor] {
	return func(yield func(protoreflect.FieldDescriptor) bool) {
		m.Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool { return yield(fd) })
	}
}

// keptBytes is the most that the responses of one call that have to be kept come to.
const keptBytes = 64 << 20

// errTooMuch reports responses that are too many to be kept.
var errTooMuch = fmt.Errorf("the responses come to more than %d MiB, and all of them have to be kept: "+
	"expect how many there are, or receive them one at a time by stream", keptBytes>>20)
