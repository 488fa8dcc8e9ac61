package suite

import (
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/google/cel-go/common/types"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/message"
)

// request is one message to be sent.
type request struct {
	node  *node
	md    protoreflect.MessageDescriptor
	types message.Resolver
	texts map[*node]*text // the strings that hold expressions
	wire  []byte          // of a message without expressions
	json  []byte          // of the same
}

// request checks data against the message that a method takes; nil for mistakes,
// which are noted.
func (c *compiler) request(n *node, md protoreflect.MessageDescriptor, sc *scope) *request {
	r := &request{node: n, md: md, types: c.schema.resolver, texts: map[*node]*text{}}
	if !c.texts(n, sc, r.texts) {
		return nil
	}
	w := jsonWriter{text: func(t *text, at shape) ([]byte, error) { return c.sample(t, at) }, texts: r.texts, types: r.types}
	before := len(c.list)
	for {
		out, err := w.write(n, shape{message: md})
		if err != nil {
			return nil
		}
		wire, err := decodeJSON(out, md, r.types)
		if err != nil && c.wrongData(err, &w, n) {
			continue
		}
		if len(c.list) > before {
			return nil
		}
		if len(r.texts) == 0 {
			r.wire, r.json = wire, out
		}
		return r
	}
}

// wrongData notes what is wrong with data, and leaves it out of what w writes. It
// reports whether there may be more.
func (c *compiler) wrongData(err error, w *jsonWriter, whole *node) bool {
	const most = 20
	e, ok := errors.AsType[*message.Error](err)
	if !ok {
		c.add(whole.at, "", "%v", err)
		return false
	}
	what := e.Msg
	if e.Path != "" {
		what = e.Path + ": " + what
	}
	at := w.origin(int(e.Offset), whole)
	known := w.wrong[at] || at == whole.at
	if len(w.wrong) == 0 || !known {
		c.add(at, e.Suggestion, "%s", what)
	}
	if w.wrong == nil {
		w.wrong = map[place]bool{}
	}
	w.wrong[at] = true
	return !known && len(w.wrong) < most
}

// texts compiles the strings within n that hold expressions, and those with an
// escaped ${.
func (c *compiler) texts(n *node, sc *scope, into map[*node]*text) bool {
	ok := true
	if n.kind == stringKind && hasDollar(n.text) {
		t := c.text(n, sc)
		if t == nil {
			return false
		}
		into[n] = t
	}
	for _, item := range n.items {
		ok = c.texts(item, sc, into) && ok
	}
	for _, f := range n.fields {
		ok = c.texts(f.value, sc, into) && ok
	}
	return ok
}

// encode gives the message as wire bytes, and as JSON.
func (r *request) encode(ctx context.Context, v *values) (wire, json []byte, err error) {
	if r.wire != nil {
		return r.wire, r.json, nil
	}
	w := jsonWriter{texts: r.texts, types: r.types, text: func(t *text, _ shape) ([]byte, error) {
		value, err := t.value(ctx, v)
		if err != nil {
			return nil, err
		}
		return appendValue(nil, value)
	}}
	out, err := w.write(r.node, shape{message: r.md})
	if err != nil {
		return nil, nil, err
	}
	wire, err = decodeJSON(out, r.md, r.types)
	if e, ok := errors.AsType[*message.Error](err); ok {
		return nil, out, &valueError{w.origin(int(e.Offset), r.node), e.Path, errors.New(e.Msg)}
	}
	return wire, out, err
}

func (r *request) uses() (names []string) {
	for _, t := range r.texts {
		names = append(names, t.uses()...)
	}
	return names
}

// shape is what the schema wants at a place of the data: a message, a field, an
// element of one. The zero shape is not known.
type shape struct {
	message protoreflect.MessageDescriptor
	field   protoreflect.FieldDescriptor
	element bool // of a list
}

// jsonWriter writes a node as JSON and remembers where each piece comes from.
type jsonWriter struct {
	texts map[*node]*text
	text  func(*text, shape) ([]byte, error) // what stands for an expression
	types message.Resolver
	wrong map[place]bool // keys, values and elements whose fields are left out
	out   []byte
	marks []mark
}

// mark says where the JSON from off on comes from.
type mark struct {
	off int
	at  place
}

func (w *jsonWriter) write(n *node, s shape) ([]byte, error) {
	w.out, w.marks = nil, nil
	err := w.node(n, s)
	return w.out, err
}

// origin is the place that the JSON at off comes from.
func (w *jsonWriter) origin(off int, whole *node) place {
	i := sort.Search(len(w.marks), func(i int) bool { return w.marks[i].off > off })
	if i == 0 {
		return whole.at
	}
	return w.marks[i-1].at
}

func (w *jsonWriter) node(n *node, s shape) error {
	w.marks = append(w.marks, mark{len(w.out), n.at})
	if t, ok := w.texts[n]; ok {
		out, err := w.text(t, s)
		w.out = append(w.out, out...)
		return err
	}
	switch n.kind {
	case listKind:
		w.out = append(w.out, '[')
		for i, item := range n.items {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			if err := w.node(item, s.item()); err != nil {
				return err
			}
		}
		w.out = append(w.out, ']')
	case mapKind:
		return w.mapping(n, s)
	default:
		w.out = appendJSON(w.out, n)
	}
	return nil
}

func (w *jsonWriter) mapping(n *node, s shape) error {
	s = s.unpacked(n, w.types)
	w.out = append(w.out, '{')
	first := true
	for _, f := range n.fields {
		if w.isWrong(f) {
			continue
		}
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		w.marks = append(w.marks, mark{len(w.out), f.key.at})
		w.out = append(appendString(w.out, f.key.text), ':')
		if err := w.node(f.value, s.entry(f.key.text)); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}

// isWrong reports whether a field is left out: one element of a list is enough, so
// that the others keep their numbers.
func (w *jsonWriter) isWrong(f field) bool {
	return w.wrong[f.key.at] || w.wrong[f.value.at] ||
		slices.ContainsFunc(f.value.items, func(item *node) bool { return w.wrong[item.at] })
}

// item is the shape of an element of a list.
func (s shape) item() shape {
	if s.field != nil && s.field.IsList() && !s.element {
		return shape{field: s.field, element: true}
	}
	return shape{}
}

// entry is the shape of a map's value: the field of a message, or a value of a
// field that is a map.
func (s shape) entry(key string) shape {
	if s.field != nil && s.field.IsMap() {
		return shape{field: s.field.MapValue()}
	}
	md := s.message
	if s.field != nil && (s.element || !s.field.IsList()) {
		md = s.field.Message()
	}
	if md == nil || isFreeForm(md.FullName()) {
		return shape{}
	}
	fd := md.Fields().ByJSONName(key)
	if fd == nil {
		fd = md.Fields().ByTextName(key)
	}
	if fd == nil {
		return shape{}
	}
	return shape{field: fd}
}

// unpacked is the shape of what an Any holds.
func (s shape) unpacked(n *node, types message.Resolver) shape {
	md := s.message
	if s.field != nil {
		md = s.field.Message()
	}
	if md == nil || md.FullName() != "google.protobuf.Any" {
		return s
	}
	if url := n.get("@type"); url != nil && types != nil {
		if mt, err := types.FindMessageByURL(url.text); err == nil {
			return shape{message: mt.Descriptor()}
		}
	}
	return shape{}
}

func isFreeForm(name protoreflect.FullName) bool {
	return slices.Contains([]protoreflect.FullName{
		"google.protobuf.Any", "google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue",
	}, name)
}

// sample is JSON that can stand where t does, so that the rest can be checked; a
// text whose type does not fit is noted.
func (c *compiler) sample(t *text, s shape) ([]byte, error) {
	typ := t.typ().typ
	if s.field == nil {
		if s.message != nil {
			return []byte("{}"), nil
		}
		return unknownSample(typ), nil
	}
	sample, fits := fieldSample(s.field, s.element, typ)
	if !fits && !isDyn(typ) && typ.Kind() != types.NullTypeKind {
		c.add(t.node.at, "", "%s: want %s, this is %s", s.field.Name(), wanted(s), typeName(typ))
	}
	return []byte(sample), nil
}

// unknownSample stands for a value where the schema says nothing.
func unknownSample(t *types.Type) []byte {
	switch t.Kind() {
	case types.StringKind, types.BytesKind, types.TimestampKind, types.DurationKind:
		return []byte(`""`)
	case types.IntKind, types.UintKind, types.DoubleKind:
		return []byte("0")
	case types.BoolKind:
		return []byte("false")
	}
	return []byte("null")
}
