package message

import (
	"errors"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// parser reads JSON into messages.
type parser struct {
	lexer
	plans
	types    Resolver
	discard  bool // skip what is unknown
	maxDepth int
	depth    int
	partial  int      // of how many Any messages we are inside: there, required fields may be missing
	seen     []uint64 // a stack of bit sets: which fields and oneofs each open message has had
}

// message reads one JSON value into m, which is empty.
func (p *parser) message(m protoreflect.Message, pl *plan) error {
	if p.depth >= p.maxDepth {
		return p.tooDeep(p.maxDepth)
	}
	p.depth++
	defer func() { p.depth-- }()
	if pl.known != ordinary && pl.known != emptyType {
		return p.wellKnown(m, pl)
	}
	return p.object(m, pl, false)
}

// object reads the members of a message. In an Any, "@type" is no field.
func (p *parser) object(m protoreflect.Message, pl *plan, inAny bool) error {
	if p.next() != '{' {
		return p.mismatch("an object (" + string(pl.desc.FullName()) + ")")
	}
	if isMessageSet(pl.desc) {
		return p.errorf(p.pos, "%s: message_set_wire_format is not supported", pl.desc.FullName())
	}
	start := p.pos
	p.pos++
	base := len(p.seen)
	for range pl.words {
		p.seen = append(p.seen, 0)
	}
	o := open{m: m, pl: pl, base: base, inAny: inAny}
	for first := true; ; first = false {
		done, err := p.member(first)
		if err != nil {
			return err
		}
		if done {
			break
		}
		if err := p.field(&o); err != nil {
			return err
		}
	}
	p.seen = p.seen[:base]
	if p.partial == 0 {
		for _, f := range pl.required {
			if !m.Has(f.fd) {
				return p.errorf(start, "missing required field %s", quote(f.fd.JSONName()))
			}
		}
	}
	return nil
}

// open is a message whose members are being read.
type open struct {
	m          protoreflect.Message
	pl         *plan
	base       int // of its bit set in parser.seen
	inAny      bool
	typed      bool // "@type" was met
	extensions []protoreflect.FieldNumber
}

// field reads one member of o.
func (p *parser) field(o *open) error {
	at := p.pos
	name, err := p.str()
	if err != nil {
		return err
	}
	if o.inAny && string(name) == "@type" {
		return p.typeMember(o, at)
	}
	if o.inAny && string(name) == "@value" {
		return errRawAny
	}
	f, err := p.lookup(o, name, at)
	if err != nil {
		return err
	}
	if f == nil && !p.discard {
		return p.unknownField(o.pl, string(name), at)
	}
	end := p.pos
	if err := p.colon(); err != nil {
		return err
	}
	c := p.next()
	switch {
	case f == nil:
		err = p.skip(p.depth, p.maxDepth)
	case c == 'n' && !f.value && !f.null:
		err = p.literal("null")
	default:
		err = p.present(o, f, at)
	}
	if err != nil {
		return within(err, memberStep(p.raw(at, end)))
	}
	return nil
}

// raw gives the text of the string token buf[from:to] without its quotes.
func (p *parser) raw(from, to int) string { return string(p.buf[from+1 : to-1]) }

// present reads the value, not null, of the field whose name stands at at.
func (p *parser) present(o *open, f *field, at int) error {
	switch {
	case f.list:
		return p.list(o.m.Mutable(f.fd).List(), f)
	case f.mapped:
		return p.entries(o.m.Mutable(f.fd).Map(), f)
	}
	if f.oneof >= 0 && p.mark(o.base, f.oneof) {
		return &Error{Msg: "another member of oneof " + string(f.fd.ContainingOneof().Name()) + " is already set", off: at}
	}
	if f.message() {
		return p.message(o.m.Mutable(f.fd).Message(), p.sub(f))
	}
	v, err := p.scalar(f)
	if err != nil {
		return err
	}
	if v.IsValid() {
		o.m.Set(f.fd, v)
	}
	return nil
}

// mark sets a bit of the set at base and reports whether it was set before.
func (p *parser) mark(base, bit int) bool {
	w := &p.seen[base+bit/64]
	had := *w&(1<<(bit%64)) != 0
	*w |= 1 << (bit % 64)
	return had
}

// lookup finds the field of o that name names, nil for none, and refuses a
// field that it has had.
func (p *parser) lookup(o *open, name []byte, at int) (*field, error) {
	f := o.pl.names[string(name)]
	if n := len(name); n > 1 && name[0] == '[' && name[n-1] == ']' && o.pl.known != emptyType {
		return p.extensionField(o, string(name), at)
	}
	if f != nil && p.mark(o.base, f.bit) {
		return nil, p.duplicate(string(name), f.fd, at)
	}
	return f, nil
}

func (p *parser) duplicate(name string, fd protoreflect.FieldDescriptor, at int) error {
	if other := string(fd.Name()); other != name && fd.JSONName() == name {
		return p.errorf(at, "duplicate field %s (%s is the same field)", quote(name), quote(other))
	} else if other := fd.JSONName(); other != name {
		return p.errorf(at, "duplicate field %s (%s is the same field)", quote(name), quote(other))
	}
	return p.errorf(at, "duplicate field %s", quote(name))
}

// extensionField finds the extension that a name in brackets names.
func (p *parser) extensionField(o *open, name string, at int) (*field, error) {
	full := protoreflect.FullName(name[1 : len(name)-1])
	xt, err := p.types.FindExtensionByName(full)
	if err != nil || xt == nil {
		if err != nil && !isNotFound(err) {
			return nil, &Error{Msg: "find extension " + quote(string(full)) + ": " + reason(err), off: at, err: err}
		}
		return nil, nil
	}
	xd := xt.TypeDescriptor()
	if !o.pl.desc.ExtensionRanges().Has(xd.Number()) || xd.ContainingMessage().FullName() != o.pl.desc.FullName() {
		return nil, p.errorf(at, "%s does not extend %s", quote(string(full)), o.pl.desc.FullName())
	}
	for _, n := range o.extensions {
		if n == xd.Number() {
			return nil, p.errorf(at, "duplicate field %s", quote(name))
		}
	}
	o.extensions = append(o.extensions, xd.Number())
	return p.extension(xd), nil
}

// unknownField makes the error for a name that pl does not have.
func (p *parser) unknownField(pl *plan, name string, at int) error {
	e := &Error{Msg: "unknown field " + quote(name), off: at}
	e.Suggestion = Nearest(name, func(yield func(string) bool) {
		for i := range pl.fields {
			fd := pl.fields[i].fd
			if !yield(fd.JSONName()) || !yield(fd.TextName()) {
				return
			}
		}
	})
	if e.Suggestion == "" {
		e.Msg += " in " + string(pl.desc.FullName())
	}
	return e
}

func isNotFound(err error) bool { return errors.Is(err, protoregistry.NotFound) }
