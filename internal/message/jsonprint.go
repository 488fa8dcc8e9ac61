package message

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// printer writes messages as JSON: members in the order of declaration, then
// extensions by name, entries of maps by key.
type printer struct {
	plans
	types    Resolver
	maxDepth int
	defaults bool
	indent   bool
	color    bool
	margin   bool // somebody else will indent the text; the limit counts that
	limit    int  // of the text, in bytes

	out   []byte
	end   int // length of out that reaches the limit
	level int // of objects and arrays around
	depth int // of messages around
	anys  int // of Any messages around
	stack []member
	loss  *Loss
}

type member struct {
	f *field
	v protoreflect.Value // not valid: null
}

// maxIndent bounds the levels that are indented further than the one around
// them: the size of a deep message is not to grow with the square of its depth.
const maxIndent = 40

const spaces = "                                                                                "

// open begins an object or array.
func (p *printer) open(c byte) {
	p.out = append(p.out, c)
	p.level++
}

// item begins a member or element.
func (p *printer) item(first bool) {
	if !first {
		p.out = append(p.out, ',')
	}
	p.line()
}

func (p *printer) line() {
	switch margin := 2 * min(p.level, maxIndent); {
	case p.indent:
		p.out = append(p.out, '\n')
		p.out = append(p.out, spaces[:margin]...)
	case p.margin:
		p.end -= margin + len("- ")
	}
}

// full is the error of text that is too long, nil before. It is asked for after
// each of many values.
func (p *printer) full() error {
	if len(p.out) > p.end {
		return tooLong(p.limit)
	}
	return nil
}

// close ends an object or array.
func (p *printer) close(c byte, empty bool) {
	p.level--
	if !empty {
		p.line()
	}
	p.out = append(p.out, c)
}

// ANSI colours, as jq has them by default.
const (
	colorKey    = "\x1b[34;1m"
	colorString = "\x1b[32m"
	colorNumber = "\x1b[36m"
	colorBool   = "\x1b[33m"
	colorNull   = "\x1b[90m"
	colorOff    = "\x1b[0m"
)

func (p *printer) colored(color string) {
	if p.color {
		p.out = append(p.out, color...)
	}
}

// key writes a member's name, given with its colon.
func (p *printer) key(name []byte) {
	p.colored(colorKey)
	p.out = append(p.out, name[:len(name)-1]...)
	p.colored(colorOff)
	p.out = append(p.out, ':')
	if p.indent {
		p.out = append(p.out, ' ')
	}
}

func (p *printer) word(color, word string) {
	p.colored(color)
	p.out = append(p.out, word...)
	p.colored(colorOff)
}

func (p *printer) str(s string) {
	p.colored(colorString)
	p.out = appendJSONString(p.out, s)
	p.colored(colorOff)
}

// message writes one message.
func (p *printer) message(m protoreflect.Message, pl *plan) error {
	if p.depth >= p.maxDepth {
		return fmt.Errorf("nested deeper than %d messages", p.maxDepth)
	}
	p.depth++
	var err error
	if pl.known != ordinary && pl.known != emptyType {
		p.unknown(m)
		err = p.wellKnown(m, pl)
	} else {
		err = p.object(m, pl, "")
	}
	p.depth--
	return err
}

// object writes the members of a message, after "@type" in an Any.
func (p *printer) object(m protoreflect.Message, pl *plan, url string) error {
	p.unknown(m)
	base := len(p.stack)
	p.collect(m, pl)
	end := len(p.stack)
	p.open('{')
	empty := true
	if url != "" {
		p.item(true)
		p.key([]byte(`"@type":`))
		p.str(url)
		empty = false
	}
	for i := base; i < end; i++ {
		p.item(empty)
		empty = false
		f, v := p.stack[i].f, p.stack[i].v
		p.key(f.key)
		if err := p.value(f, v); err != nil {
			return err
		}
		if err := p.full(); err != nil {
			return err
		}
	}
	p.stack = p.stack[:base]
	p.close('}', empty)
	return nil
}

// unknown counts the fields of m that its type does not have.
func (p *printer) unknown(m protoreflect.Message) {
	for b := m.GetUnknown(); len(b) > 0; {
		_, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return
		}
		p.loss.Unknown++
		b = b[n:]
	}
}

// fewFields is the number of fields up to which asking for each is cheaper than
// sorting those that are set.
const fewFields = 32

// collect pushes the members of m on the stack, in order.
func (p *printer) collect(m protoreflect.Message, pl *plan) {
	base := len(p.stack)
	if !pl.extensible && (len(pl.fields) <= fewFields || p.defaults) {
		for i := range pl.fields {
			f := &pl.fields[i]
			if m.Has(f.fd) {
				p.stack = append(p.stack, member{f, m.Get(f.fd)})
			} else if p.defaults {
				p.unset(m, f)
			}
		}
		return
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		f := (*field)(nil)
		if fd.IsExtension() {
			f = p.extension(fd)
		} else {
			f = &pl.fields[fd.Index()]
		}
		p.stack = append(p.stack, member{f, v})
		return true
	})
	if p.defaults {
		for i := range pl.fields {
			if f := &pl.fields[i]; !m.Has(f.fd) {
				p.unset(m, f)
			}
		}
	}
	slices.SortFunc(p.stack[base:], func(a, b member) int {
		switch {
		case a.f.bit >= 0 && b.f.bit >= 0:
			return a.f.bit - b.f.bit
		case a.f.bit < 0 && b.f.bit < 0:
			return cmp.Compare(a.f.fd.FullName(), b.f.fd.FullName())
		}
		return b.f.bit - a.f.bit // extensions, which have -1, come last
	})
}

// unset pushes the default of a field that is not set, if it is to be written.
func (p *printer) unset(m protoreflect.Message, f *field) {
	switch {
	case f.oneof >= 0:
	case f.presence:
		p.stack = append(p.stack, member{f: f})
	default:
		p.stack = append(p.stack, member{f, m.Get(f.fd)})
	}
}

// value writes the value of a field.
func (p *printer) value(f *field, v protoreflect.Value) error {
	switch {
	case !v.IsValid():
		p.word(colorNull, "null")
		return nil
	case f.list:
		return p.list(f, v.List())
	case f.mapped:
		return p.entries(f, v.Map())
	}
	return p.single(f, v)
}

func (p *printer) list(f *field, list protoreflect.List) error {
	p.open('[')
	n := list.Len()
	for i := range n {
		p.item(i == 0)
		if err := p.single(f, list.Get(i)); err != nil {
			return err
		}
		if err := p.full(); err != nil {
			return err
		}
	}
	p.close(']', n == 0)
	return nil
}

func (p *printer) entries(f *field, entries protoreflect.Map) error {
	keys := make([]protoreflect.MapKey, 0, entries.Len())
	entries.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	sortKeys(f.mapKey.kind, keys)
	p.open('{')
	var name []byte
	for i, k := range keys {
		p.item(i == 0)
		key := k.String()
		p.invalid(key)
		name = append(appendJSONString(name[:0], key), ':')
		p.key(name)
		if err := p.single(f.mapValue, entries.Get(k)); err != nil {
			return err
		}
		if err := p.full(); err != nil {
			return err
		}
	}
	p.close('}', len(keys) == 0)
	return nil
}

// sortKeys puts false before true, numbers in ascending and strings in
// bytewise order.
func sortKeys(kind protoreflect.Kind, keys []protoreflect.MapKey) {
	slices.SortFunc(keys, func(a, b protoreflect.MapKey) int {
		switch kind {
		case protoreflect.StringKind:
			return cmp.Compare(a.String(), b.String())
		case protoreflect.BoolKind:
			switch {
			case a.Bool() == b.Bool():
				return 0
			case b.Bool():
				return -1
			}
			return 1
		case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind,
			protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
			return cmp.Compare(a.Int(), b.Int())
		}
		return cmp.Compare(a.Uint(), b.Uint())
	})
}
